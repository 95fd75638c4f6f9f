"""The document of a change: written before what it says, so that whoever comes after a kill knows what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from strongroom.core.files import show_path
from strongroom.runs.documents import Document


class Work(StrEnum):
    """What is done to a database."""

    ENCRYPT = "encrypt"
    REKEY = "rekey"
    DECRYPT = "decrypt"


class Phase(StrEnum):
    """How far it is."""

    COPYING = "copying"
    """The database is what it was: whatever else there is may go."""
    CHANGING = "changing"
    """The database is the old one or the new one: which key opens it tells."""
    DONE = "done"
    REMOVED = "removed"
    """Done, and the original that was kept is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationDocument(Document):
    """``rotation.json``: what is done to which database, and how far that is. Names of keys, never keys."""

    kind: ClassVar[str] = "rotation"

    work: Work
    database: str
    """Relative to the folder in which our own directory lies."""
    key_before: str | None
    key_after: str | None
    phase: Phase
    tool: str
    began: datetime
    is_write_ahead: bool
    """Whether it was in WAL mode, which it is to be again."""
    ended: datetime | None = None
    reason: str | None = None
    """Why it was decrypted."""
    tables: int = 0
    rows: int = 0

    def name_keys(self) -> set[str | None]:
        """Return the names of the keys that it takes to finish this."""
        return {self.key_before, self.key_after}

    @property
    def is_open(self) -> bool:
        """Tell whether it was begun and not finished."""
        return self.phase in (Phase.COPYING, Phase.CHANGING)

    def name_both(self) -> str:
        """Return the names of the two keys, for people."""
        return " and ".join("no key" if name is None else f"key {name}" for name in (self.key_before, self.key_after))

    def describe(self, database: Path) -> str:
        """Return the command that finishes it."""
        flags = {
            Work.ENCRYPT: f"--key {self.key_after}",
            Work.DECRYPT: f"--key {self.key_before} --reason TEXT",
            Work.REKEY: f"--key {self.key_before} --new-key {self.key_after}",
        }
        return f"sqlcipher.{self.work} --database {show_path(database)} {flags[self.work]}"
