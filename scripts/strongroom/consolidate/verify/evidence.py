"""What the proof is given: paths and handles. Everything else it finds out by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.sqlite.database import Database, choose_engine
from strongroom.sqlite.keyring import SCRATCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A plan, copies of the sources, and what was made of them; may go into jobs."""

    plan: Path
    """The text; its schema files lie beside it."""
    snapshots: Mapping[str, Database]
    """Path of a source in the sources' directory to its copy: a document's file itself, or, under a key, the database
    that holds it. A source without one was not there."""
    targets: Mapping[str, Database]
    ledgers: Mapping[str, Database]
    archive: Database | None
    """What holds dropped tables."""
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""

    @property
    def is_secret(self) -> bool:
        """Tell whether anything is encrypted: then no cell is shown, and working files are encrypted too."""
        every = (*self.snapshots.values(), *self.targets.values(), *self.ledgers.values())
        return any(one.key is not None for one in every)

    def scratch(self, path: Path) -> Database:
        """Return the handle of a working file."""
        if self.is_secret:
            return Database(path, Engine.BUNDLED, SCRATCH)
        return Database(path, choose_engine([*self.snapshots.values(), *self.targets.values()]))


def identify(file: Path) -> tuple[int, ...]:
    """Return what changes whenever a file does: inode, size, and when its content and anything else changed (ns)."""
    seen = file.stat()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
