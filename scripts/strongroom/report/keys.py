"""Single keys from a terminal, which is put back as it was whatever happens."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_ESCAPE = b"\x1b"
_SEQUENCE_SECONDS = 0.05
"""What follows so soon is part of one key: an arrow, say, or a letter beyond ASCII."""
_LOOK_SECONDS = 0.25
"""How long a signal goes unheeded at most that comes just before we begin to wait, and so ends no wait."""
_LENGTHS = ((0xF0, 4), (0xE0, 3), (0xC0, 2))
"""Bytes of a character, by how its first one begins in UTF-8."""


class Keys(Protocol):
    """Where keys come from: a terminal, or the list of a test."""

    def read(self) -> str:
        """Wait for a key; empty where none will come any more."""


class Keyboard:
    """The keys of the terminal at a descriptor."""

    def __init__(self, descriptor: int) -> None:
        """Read from there."""
        self._descriptor = descriptor

    def read(self) -> str:
        """Return the next key: a character, or what an arrow or the like sends as a whole."""
        key = self._take(1)
        more = 16 if key == _ESCAPE else _count_more(key[0]) if key else 0
        if more and select.select([self._descriptor], [], [], _SEQUENCE_SECONDS)[0]:
            key += self._take(more)
        return key.decode(errors="replace")

    def _take(self, count: int) -> bytes:
        while not select.select([self._descriptor], [], [], _LOOK_SECONDS)[0]:
            continue
        try:
            return os.read(self._descriptor, count)
        except OSError:  # the terminal is gone
            return b""


def _count_more(first: int) -> int:
    return next((length - 1 for start, length in _LENGTHS if first >= start), 0)


@contextmanager
def open_keyboard() -> Iterator[Keyboard]:
    """Let keys come one by one and unseen; Ctrl-C still interrupts."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    resumed = signal.signal(signal.SIGCONT, lambda *_: tty.setcbreak(descriptor))  # after Ctrl-Z and fg
    try:
        tty.setcbreak(descriptor)
        yield Keyboard(descriptor)
    finally:
        signal.signal(signal.SIGCONT, resumed)
        termios.tcsetattr(descriptor, termios.TCSANOW, before)  # waits for nobody to read what was shown


def is_terminal() -> bool:
    """Tell whether a person can be asked: keys come from a terminal, and what is shown goes to one."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_confirmed(question: str) -> bool:
    """Ask a question that only ``y`` answers with yes."""
    with open_keyboard() as keys:
        sys.stdout.write(question)
        sys.stdout.flush()
        answer = keys.read()
    sys.stdout.write((answer if answer.isprintable() else "") + "\n")
    return answer in ("y", "Y")
