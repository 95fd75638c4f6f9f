"""How long work tells how far it is. The presentation layer implements it; tests need not."""

from __future__ import annotations

from typing import Protocol


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
