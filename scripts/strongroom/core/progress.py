"""How long work tells how far it is. The presentation layer implements it; tests need not."""

from __future__ import annotations

import mmap
from typing import Protocol

_BYTES = 8


class _Rows:
    """A counter for each process, in memory that all see.

    Each writes its own only, so that there is no lock: a process killed while it held one would leave every
    later reader waiting.
    """

    def __init__(self) -> None:
        """Count in this process only."""
        self.counters = _map_counters(1)
        self.mine = 0
        self.forgotten = 0


def _map_counters(count: int) -> memoryview:
    """Return so many zeros in memory that forked processes share; each is stored and loaded in one go."""
    return memoryview(mmap.mmap(-1, count * _BYTES)).cast("Q")


_rows = _Rows()


def share_rows(count: int) -> None:
    """Give ``count`` workers, about to be forked, a counter each; what was counted stays."""
    before = sum(_rows.counters)
    _rows.counters = _map_counters(count + 1)
    _rows.counters[0] = before


def count_as(number: int) -> None:
    """Count as the worker of this number, from 1, from now on."""
    _rows.mine = number


def add_rows(count: int) -> None:
    """Say that ``count`` more rows of the current step are done; workers may."""
    _rows.counters[_rows.mine] += count


def take_rows() -> int:
    """Return the rows done since the step began."""
    return sum(_rows.counters) - _rows.forgotten


def forget_rows() -> None:
    """Begin a step."""
    _rows.forgotten = sum(_rows.counters)


class Progress(Protocol):
    """Told of steps as they begin and of bytes and rows as they are done."""

    def begin(self, run: str) -> None:
        """Say which run it is, once it has an id."""

    def start(self, step: str, total: int) -> None:
        """Begin a step of ``total`` bytes (0: unknown)."""

    def update(self, done: int, rows: int) -> None:
        """Say how many bytes and rows of the step are done."""


class Silent:
    """Tells nobody."""

    def begin(self, run: str) -> None:
        """Ignore the run."""

    def start(self, step: str, total: int) -> None:
        """Ignore the step."""

    def update(self, done: int, rows: int) -> None:
        """Ignore the advance."""
