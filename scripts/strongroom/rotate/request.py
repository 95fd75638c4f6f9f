"""What a person asked for, and what the presentation passes in beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from strongroom.core.progress import Progress, Silent
from strongroom.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One change of one database, as asked for."""

    database: Path
    key: str
    """The name of the key: the one that it gets, or the one that it has."""
    new_key: str | None = None
    """The name of the key that it gets instead."""
    reason: str | None = None
    """Why it is to be plain."""
    dry_run: bool = False
    home: Path | None = None
    """The folder above it in which our own directory lies; None: its own."""
    is_locked: bool = False
    """Whether the caller holds the lock of that directory already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Clock, keys, progress, and the places where tests cut the power."""

    now: Callable[[], datetime]
    """The time, with its zone."""
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    """By the names that people and documents know them by."""
    progress: Progress = field(default_factory=Silent)
    checkpoint: Callable[[str], None] = lambda _: None

    def reach(self, step: str) -> None:
        """Say that a step is done, by its name."""
        self.checkpoint(step)
