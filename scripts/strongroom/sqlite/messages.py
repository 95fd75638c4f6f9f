"""What SQLite complains of, in our words and with the exit code that fits."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from strongroom.core.engines import Engine
from strongroom.core.errors import (
    DamagedSourceError,
    GuardError,
    KeyMissingError,
    NoSpaceError,
    StrongroomError,
    UnreachableError,
    WrongKeyError,
)
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.libraries import library_errors


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """Turn SQLite's complaints about ``database`` into ours, with the exit code that fits."""
    try:
        yield
    except library_errors() as error:
        raise explain_error(database, error) from error


_TEXT_OF_CELL = re.compile(r" with text '.*", re.DOTALL)
"""What Python adds about TEXT that is no UTF-8: the cell itself."""
_APPLICATIONS_OWN = ("no such function", "unknown function", "no such collation sequence")
"""What SQLite says where a schema needs what an application registers with its connection."""
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


def explain_error(database: Database, error: sqlite3.Error) -> StrongroomError:
    """Say in our words what SQLite said about ``database``; its connection is closed by now."""
    code = _find_code(database, error)
    text = _TEXT_OF_CELL.sub("", str(error))
    if code & 0xFF == sqlite3.SQLITE_NOTADB and database.key is not None:
        return _explain_key(database)
    known = _EXPLANATIONS.get(code) or _EXPLANATIONS.get(code & 0xFF)
    if known is not None:
        kind, fact, hint = known
        return kind(database.path, fact.format(text), hint)
    if text.startswith(_APPLICATIONS_OWN):
        fact = f"has what only its application can do ({text})"
        return GuardError(database.path, fact, "drop the trigger, index or collation that needs it while this runs")
    if text.startswith("no such module"):
        fact = f"has a virtual table that this SQLite cannot read ({text})"
        return GuardError(database.path, fact, "drop or move that table")
    return StrongroomError(database.path, text)


def _find_code(database: Database, error: sqlite3.Error) -> int:
    """Return the error's code. The bundled library knows no extended ones: of these we need one."""
    code = int(getattr(error, "sqlite_errorcode", 0))
    if code == sqlite3.SQLITE_READONLY and database.engine is Engine.BUNDLED:
        journal = database.beside("-journal")
        if journal.is_file() and journal.stat().st_size:
            return sqlite3.SQLITE_READONLY_ROLLBACK
    return code


def _explain_key(database: Database) -> KeyMissingError:
    """Tell the causes apart for which SQLCipher has one code: the file is plain, or the key is another one."""
    if has_plain_header(database):
        fact, hint = f"is not encrypted, and has key {database.key}", "name no key for it, or encrypt it first"
        return KeyMissingError(database.path, fact, hint)
    fact, hint = f"is not opened by key {database.key}", "name the key under which it was encrypted"
    return WrongKeyError(database.path, fact, hint)
