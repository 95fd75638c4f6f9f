"""Ask again where that can help: a provider that is busy or just away; never one that said no."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from strongroom.keys.errors import ProviderBusyError

_TRIES = 3
_FIRST_SECONDS, _MOST_SECONDS = 0.2, 2.0
Answer = TypeVar("Answer")


def ask_again(ask: Callable[[], Answer]) -> Answer:
    """Return what ``ask`` returns; where it raises ProviderBusyError, try it three times in all."""
    wait = wait_exponential_jitter(multiplier=_FIRST_SECONDS, max=_MOST_SECONDS, jitter=_FIRST_SECONDS)
    retrying = Retrying(
        stop=stop_after_attempt(_TRIES), wait=wait, retry=retry_if_exception_type(ProviderBusyError), reraise=True
    )
    return retrying(ask)
