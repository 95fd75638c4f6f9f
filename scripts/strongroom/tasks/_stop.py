"""Stop when asked: SIGTERM unwinds a task wherever it is, so that it can tidy up."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from strongroom.core.errors import ExitCode

_AGAIN_SECONDS = 0.01


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that ``finally`` runs, instead of ending Python at once."""
    request = _StopRequest()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)}
    try:
        signal.signal(signal.SIGTERM, request)
    except ValueError:  # not the main thread: its owner has the handler
        yield
        return
    try:
        yield
    except Exception as error:
        if request.came:  # SQLite tells what is raised in a callback as an error of its own
            raise SystemExit(ExitCode.TERMINATED) from error
        raise
    else:
        if request.came:  # nothing came of it, or something that was not meant: a difference that is none
            raise SystemExit(ExitCode.TERMINATED)
    finally:
        request.end()
        for number, handler in previous.items():
            signal.signal(number, handler)


class _StopRequest:
    """Raises SystemExit wherever the program is, and again a moment later where nothing came of it.

    Python ignores what is raised in a finalizer, and SQLite makes another error of what a callback raises.
    """

    def __init__(self) -> None:
        self.came = False
        self._is_over = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        is_heeded = self.came and sys.exception() is not None  # somebody tidies up
        self.came = True
        if not self._is_over:
            signal.signal(signal.SIGALRM, self)
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        if not is_heeded:
            raise SystemExit(ExitCode.TERMINATED)

    def end(self) -> None:
        """Ask no more: an alarm that finds no handler any more would end the process."""
        self._is_over = True  # first: one that is on its way sets no other
        if self.came:
            signal.setitimer(signal.ITIMER_REAL, 0)
