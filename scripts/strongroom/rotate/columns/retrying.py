"""Do a batch again where what went wrong may pass: a connection that was cut, a deadlock, a database that is busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from strongroom.core.errors import UnreachableError

TRIES = 8
_FIRST_SECONDS, _MOST_SECONDS = 0.05, 3.0
PATIENCE = 30.0
"""Seconds that rows may be held by others before a command gives up on them."""
Answer = TypeVar("Answer")


def try_again(do: Callable[[], Answer], passing: type[Exception]) -> Answer:
    """Return what ``do`` returns; where it raises what may pass, try it eight times in all (about eight seconds)."""
    wait = wait_exponential_jitter(multiplier=_FIRST_SECONDS, max=_MOST_SECONDS, jitter=_FIRST_SECONDS)
    retrying = Retrying(stop=stop_after_attempt(TRIES), wait=wait, retry=retry_if_exception_type(passing), reraise=True)
    return retrying(do)


class Patience:
    """Waits for rows that others hold, a little longer each time; it ends, and begins anew once something was done."""

    def __init__(self) -> None:
        """Begin with the first wait."""
        self._since: float | None = None
        self._pause = _FIRST_SECONDS

    def renew(self) -> None:
        """Begin anew, with the next wait."""
        self._since, self._pause = None, _FIRST_SECONDS

    def wait(self, subject: str, find_holder: Callable[[], str]) -> None:
        """Wait a moment. Raises UnreachableError, naming who holds the rows, where it was long enough."""
        self._since = time.monotonic() if self._since is None else self._since
        if time.monotonic() - self._since > PATIENCE:
            hint = "end what it does (pg_terminate_backend, if nobody answers for it), then run the same command again"
            raise UnreachableError(subject, f"has rows that {find_holder()} holds locked", hint)
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, _MOST_SECONDS)
