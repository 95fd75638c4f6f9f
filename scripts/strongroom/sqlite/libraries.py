"""The two SQLite libraries: Python's own, and SQLCipher's, which is loaded when it is first needed.

A process opens a live file with one of them only: POSIX locks belong to the process, so that either would undo
the other's, and take the shared memory of a write-ahead log from under its feet.
"""

from __future__ import annotations

import sqlite3
import sys
from functools import cache
from typing import Any

from strongroom.core.engines import Engine
from strongroom.core.errors import VersionError

Connection = sqlite3.Connection
"""Of either library: sqlcipher3 is made after Python's module and brings no types of its own."""
_BUNDLED = "sqlcipher3.dbapi2"


def load_library(engine: Engine) -> Any:
    """Return the module of a library. Raises VersionError when the bundled one cannot encrypt."""
    return sqlite3 if engine is Engine.SYSTEM else _load_bundled()


@cache
def _load_bundled() -> Any:
    from sqlcipher3 import dbapi2  # type: ignore[import-untyped]  # noqa: PLC0415  # few commands need it

    connection = dbapi2.connect(":memory:")
    try:
        # For the whole process: what it logs goes to stderr, and is said again in our words.
        connection.execute("PRAGMA cipher_log_level = NONE")
        if not connection.execute("PRAGMA cipher_version").fetchone():
            raise VersionError("sqlcipher3", "is built without SQLCipher", "install the locked requirements again")
    finally:
        connection.close()
    return dbapi2


def library_errors() -> tuple[type[sqlite3.Error], ...]:
    """Return the classes of what SQLite can raise here: the two libraries' are strangers to each other.

    Where a connection is at hand, ``connection.Error`` names its own.
    """
    bundled: Any = sys.modules.get(_BUNDLED)
    return (sqlite3.Error,) if bundled is None else (sqlite3.Error, bundled.Error)


def library_of(connection: Connection) -> Engine:
    """Return the library that a connection was opened with."""
    return Engine.SYSTEM if type(connection).__module__ == sqlite3.__name__ else Engine.BUNDLED


def read_library_version(engine: Engine) -> str:
    """Return the version of a library's SQLite."""
    return str(load_library(engine).sqlite_version)
