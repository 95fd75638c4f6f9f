"""Stop when asked: SIGTERM and SIGINT unwind a task wherever it is, so that it can tidy up."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from strongroom.core.errors import ExitCode

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_SECONDS = 0.01


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGINT unwind the stack, so that ``finally`` runs, and never be lost on the way.

    A SIGINT that is ignored, or that somebody else handles, is left alone. Raises SystemExit and KeyboardInterrupt.
    """
    request = _StopRequest()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}
    hook = sys.unraisablehook
    try:
        signal.signal(signal.SIGTERM, request)
    except ValueError:  # not the main thread: its owner has the handlers
        yield
        return
    try:
        sys.unraisablehook = request.pass_over
        if previous[signal.SIGINT] is signal.default_int_handler:
            signal.signal(signal.SIGINT, request)
        yield
    except Exception as error:
        if request.came:  # SQLite tells what is raised in a callback as an error of its own
            raise request.answer() from error
        raise
    else:
        if request.came:  # nothing came of it, or something that was not meant: a difference that is none
            raise request.answer()
    finally:
        request.end()
        for number, handler in previous.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook


class _StopRequest:
    """Raises what stops the program wherever it is, and again a moment later where nothing came of it.

    Python ignores what is raised in a finalizer, and SQLite makes another error of what a callback raises.
    """

    def __init__(self) -> None:
        self.came: int | None = None
        self._is_over = False
        self._show = sys.unraisablehook

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        is_heeded = self.came and sys.exception() is not None  # somebody tidies up
        self.came = self.came or number
        if not self._is_over:
            signal.signal(signal.SIGALRM, self)
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        if not is_heeded:
            raise self.answer()

    def answer(self) -> BaseException:
        """Give what ends the program, by the signal that came first."""
        return KeyboardInterrupt() if self.came == signal.SIGINT else SystemExit(ExitCode.TERMINATED)

    def pass_over(self, unraisable: UnraisableHookArgs, /) -> None:
        """Say nothing of what Python could not raise if it is ours: it is raised again."""
        if not self.came or not isinstance(unraisable.exc_value, type(self.answer())):
            self._show(unraisable)

    def end(self) -> None:
        """Ask no more: an alarm that finds no handler any more would end the process."""
        self._is_over = True  # first: one that is on its way sets no other
        if self.came:
            signal.setitimer(signal.ITIMER_REAL, 0)
