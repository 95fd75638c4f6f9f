"""How long work tells how far it is. The presentation layer implements it; tests need not."""

from __future__ import annotations

import multiprocessing
from typing import Protocol

_rows = multiprocessing.Value("Q", 0)
"""Shared with the workers, which are forked from this process."""


def add_rows(count: int) -> None:
    """Say that ``count`` more rows of the current step are done; workers may."""
    with _rows.get_lock():
        _rows.value += count


def take_rows() -> int:
    """Return the rows done since the step began."""
    return int(_rows.value)


def forget_rows() -> None:
    """Begin a step."""
    with _rows.get_lock():
        _rows.value = 0


class Progress(Protocol):
    """Told of steps as they begin and of bytes and rows as they are done."""

    def start(self, step: str, total: int) -> None:
        """Begin a step of ``total`` bytes (0: unknown)."""

    def update(self, done: int, rows: int) -> None:
        """Say how many bytes and rows of the step are done."""


class Silent:
    """Tells nobody."""

    def start(self, step: str, total: int) -> None:
        """Ignore the step."""

    def update(self, done: int, rows: int) -> None:
        """Ignore the advance."""
