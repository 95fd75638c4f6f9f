"""What a change, a check and a removal found, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.core.errors import ExitCode
from strongroom.rotate.records import Work


class Earlier(StrEnum):
    """What became of a change that was interrupted, before this one."""

    NONE = "none"
    FINISHED = "finished"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A database that is encrypted, decrypted or under another key now."""

    work: Work
    database: str
    key_before: str | None
    """The name of the key that opened it before; None: it was plain."""
    key_after: str | None
    """The name of the key that opens it; None: it is plain."""
    size: int
    """Bytes of the database now; of a dry run, before."""
    tables: int
    """Compared with what was there before, row for row; 0 where every page was kept as it was but for its key."""
    rows: int
    journal_mode: str
    kept: str | None
    """Where the file is that was there before; None where none is kept."""
    rotation: str | None
    """The id under which this is recorded; None for a dry run, and where nothing was done."""
    earlier: Earlier
    nothing_done: bool
    """It was so already."""
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    is_ok: bool | None
    """None where it could not be looked at; the detail says why."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found in an encrypted database."""

    database: str
    key: str
    """The name of the key that opens it."""
    size: int
    pages: int
    journal_mode: str
    checks: tuple[Check, ...]
    interrupted: str | None
    """The change that was begun and not finished."""
    exit: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The originals that are gone, or would be."""

    work: Work
    """What was done to the database when they were kept."""
    database: str
    removed: tuple[str, ...]
    size: int
    """Their bytes."""
    changes: tuple[str, ...]
    """What is another in the database than in the latest of them."""
    dry_run: bool
