"""Which version of a key opens a SQLCipher file: the active one, as a rule, or another while that is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import WrongKeyError
from strongroom.keys import ProvidedKeys, State
from strongroom.keys.provided import SEPARATOR
from strongroom.sqlite.connection import connect_live, open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.messages import translated

BUSY_SECONDS = 5.0
"""So long what an application holds is waited for at a time."""
_GONE = (State.DELETED, State.GONE)


@contextmanager
def held_database(path: Path, key: str | None, keys: ProvidedKeys) -> Iterator[Database]:
    """Give the handle of a file that a key encrypts (None: it is plain), and hold the version that opens it meanwhile.

    The bundled library works on it, plain or not. Raises WrongKeyError where no version does, what opening raises, and
    the errors of ``keys.errors``.
    """
    if key is None:
        _roll_back(Database(path, Engine.BUNDLED))
        yield Database(path, Engine.BUNDLED)
        return
    for name in _list_names(key, keys):
        with hold_needed(keys, (name,)):
            database = Database(path, Engine.BUNDLED, name)
            if _opens(database):
                yield database
                return
    raise WrongKeyError(path, f"is opened by no version of key {key}", "name the key under which it was encrypted")


def _opens(database: Database) -> bool:
    try:
        _roll_back(database)
        with open_source(database, timeout=BUSY_SECONDS):
            return True
    except WrongKeyError:
        return False


def _roll_back(database: Database) -> None:
    """Let a write that was interrupted be undone, as by any application that opens the file: who only reads cannot."""
    journal = database.beside("-journal")
    if journal.is_file() and journal.stat().st_size:
        with translated(database), closing(connect_live(database, seconds=BUSY_SECONDS)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _list_names(key: str, keys: ProvidedKeys) -> Iterator[str]:
    yield key
    versions = [one.version for one in keys.list_versions(key) if one.state not in _GONE]
    yield from (f"{key}{SEPARATOR}{version}" for version in reversed(versions))
