"""The journal of publish: what is swapped for what, and where that is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.files import COMPANIONS
from strongroom.sqlite.database import Database

Checkpoint = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """One file to put live."""

    staged: str
    """Relative to the run's folder."""
    live: str
    """Relative to the target directory."""
    mark: str
    """Of the staged file (``database.read_mark``)."""
    aliases: tuple[str, ...] = ()
    """Old names to link to the live file; in a journal, those that this run makes."""
    had: bool = False
    """Whether a file was live before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run publishes to. Journals hold relative paths only, so that a moved tree acts on itself."""

    target: Path
    folder: Path
    """The run's folder: the journal, the staged and the previous files are in it."""
    engine: Engine = Engine.SYSTEM

    @property
    def journal(self) -> Path:
        """Where the intent is written."""
        return self.folder / "publish.json"

    def live(self, swap: Swap) -> Path:
        """Return the file that applications open."""
        return self.target / swap.live

    def database(self, swap: Swap) -> Database:
        """Return the handle of what applications open."""
        return Database(self.live(swap), self.engine)

    def staged(self, swap: Swap) -> Path:
        """Return the file that was built."""
        return self.folder / swap.staged

    def previous(self, swap: Swap) -> Path:
        """Return where the file that was live is kept; may not exist."""
        return self.folder / "previous" / swap.live


def read_swaps(intent: dict[str, object]) -> list[Swap]:
    """Read the swaps that a journal names."""
    found = intent.get("swaps", [])
    return [Swap(**{**entry, "aliases": tuple(entry["aliases"])}) for entry in found]  # type: ignore[attr-defined]


def read_modes(intent: dict[str, object]) -> dict[str, int]:
    """Read the permissions that the sources had."""
    found = intent.get("modes", {})
    return found if isinstance(found, dict) else {}


def drop_companions(live: Path) -> None:
    """Remove the journals beside a file that is being replaced: they are of the old one."""
    for suffix in COMPANIONS:
        live.with_name(live.name + suffix).unlink(missing_ok=True)


def change_mode(path: Path, mode: int | None) -> None:
    """Change a source's permissions where the file system lets us; nothing depends on it."""
    if mode is not None and path.is_file() and os.access(path, os.R_OK):
        try:
            path.chmod(mode)
        except OSError:
            return
