"""What SQLite complains of, in our words and with the exit code that fits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from strongroom.core.errors import DamagedSourceError, GuardError, NoSpaceError, StrongroomError, UnreachableError


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's complaints about ``path`` into ours, with the exit code that fits."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain_error(path, error) from error


_Explanation = tuple[type[StrongroomError], str, str]
_UNREACHABLE: _Explanation = (UnreachableError, "{}", "check permissions, mounts and who holds it open")
_EXPLANATIONS: Mapping[int, _Explanation] = {
    sqlite3.SQLITE_NOTADB: (
        DamagedSourceError,
        "is not a database (or is encrypted)",
        "look at the file, or take it out of the plan",
    ),
    sqlite3.SQLITE_CORRUPT: (
        DamagedSourceError,
        "is damaged ({})",
        "restore it from a backup, or save what is left with inventory.recover, then run again",
    ),
    sqlite3.SQLITE_READONLY_ROLLBACK: (
        DamagedSourceError,
        "was left in the middle of a write (its -journal must be rolled back first)",
        "let its application open it once, then run again",
    ),
    sqlite3.SQLITE_FULL: (
        NoSpaceError,
        "the disk is full",
        "free some space, then run the same command again",
    ),
    sqlite3.SQLITE_CANTOPEN: _UNREACHABLE,
    sqlite3.SQLITE_BUSY: _UNREACHABLE,
    sqlite3.SQLITE_LOCKED: _UNREACHABLE,
    sqlite3.SQLITE_READONLY: _UNREACHABLE,
    sqlite3.SQLITE_PERM: _UNREACHABLE,
    sqlite3.SQLITE_IOERR: _UNREACHABLE,
}


def explain_error(path: Path, error: sqlite3.Error) -> StrongroomError:
    """Say in our words what SQLite said about ``path``."""
    code = getattr(error, "sqlite_errorcode", 0)
    text = str(error)
    known = _EXPLANATIONS.get(code) or _EXPLANATIONS.get(code & 0xFF)
    if known is not None:
        kind, fact, hint = known
        return kind(path, fact.format(text), hint)
    if text.startswith("no such module"):
        fact = f"has a virtual table that this SQLite cannot read ({text})"
        return GuardError(path, fact, "drop or move that table")
    return StrongroomError(path, text)
