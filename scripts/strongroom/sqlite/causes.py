"""Say what is the case with a database file that its key does not open as it should.

SQLCipher has one text for a wrong key, a plain file, a truncated one, an older format and somebody else's log: here
the file itself is looked at. Read-only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from strongroom.core.errors import DamagedSourceError, KeyMissingError, StrongroomError, VersionError
from strongroom.sqlite.connection import Connection, check_integrity, open_snapshot, open_source
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.formats import find_older_format, is_cut_off

_SECTOR = 512
"""Bytes: no page of SQLite's is smaller."""
_WAIT_SECONDS = 2.0
_RESTORE = "restore it from a backup, or save what is left with inventory.recover, then run again"


@contextmanager
def opened(database: Database) -> Iterator[Connection]:
    """Open a database read-only, and say what is wrong with the file where its key does not open it.

    Raises DamagedSourceError, KeyMissingError, UnreachableError, VersionError.
    """
    try:
        with open_source(database, timeout=_WAIT_SECONDS) as connection:
            yield connection
    except (DamagedSourceError, KeyMissingError) as error:
        raise find_cause(database, error) or error from error


def find_cause(database: Database, error: StrongroomError) -> StrongroomError | None:
    """Return what is the case with a file that cannot be read, where that is not what was said of it."""
    path = database.path
    if has_log(database) and can_be_read_alone(database):
        way = "move it away: it was written under another key, or belongs to another file"
        return DamagedSourceError(
            database.beside("-wal"), f"is not the log of {path.name}, which it makes unreadable", way
        )
    if path.stat().st_size % _SECTOR or is_cut_off(database):
        return DamagedSourceError(path, "is truncated: its last page is not whole, or pages are missing", _RESTORE)
    if isinstance(error, KeyMissingError) and not has_plain_header(database):
        version = find_older_format(database)
        if version is not None:
            fact = f"is in the format of SQLCipher {version}, opened by key {database.key}"
            return VersionError(
                path, fact, "let its application bring it to 4 with PRAGMA cipher_migrate, then run again"
            )
    return None


def has_log(database: Database) -> bool:
    """Tell whether a write-ahead log lies beside a database that holds something."""
    log = database.beside("-wal")
    return log.is_file() and log.stat().st_size > 0


def can_be_read_alone(database: Database) -> bool:
    """Tell whether a file is a database by itself, what lies beside it left aside."""
    try:
        with open_snapshot(database) as connection:
            return not check_integrity(connection, quick=True)
    except StrongroomError:
        return False
