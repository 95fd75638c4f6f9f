"""What is wrong with an encrypted database: its pages one by one, how they hang together, what rows refer to."""

from __future__ import annotations

from strongroom.sqlite.connection import Connection, check_integrity, open_snapshot, open_source
from strongroom.sqlite.database import Database

_MOST = 10
_ROWS = 1000


def find_damage(database: Database) -> tuple[str, ...]:
    """Return what is wrong with a database that its key opens; nothing when it is sound. Read-only.

    For one that nobody writes, and without a log. Raises what opening raises.
    """
    with open_source(database) as connection:
        return find_bad_pages(connection) or check_structure(connection)


def find_disorder(database: Database) -> tuple[str, ...]:
    """Return how the tables and indexes of a database do not hang together, each of their pages read. Read-only."""
    with open_source(database) as connection:
        return check_structure(connection)


def find_bad_pages_of(copy: Database) -> tuple[str, ...]:
    """Return the pages of a file that nothing writes which are not as SQLCipher wrote them. Read-only."""
    with open_snapshot(copy) as connection:
        return find_bad_pages(connection)


def find_bad_pages(connection: Connection) -> tuple[str, ...]:
    """Return the pages that are not as SQLCipher wrote them under this key; all pages of the file are read.

    Blind to a file that is cut between two pages, and to what stands in a log: it would say that all are bad.
    """
    return tuple(str(row[0]) for row in connection.execute("PRAGMA cipher_integrity_check").fetchmany(_MOST))


def check_structure(connection: Connection) -> tuple[str, ...]:
    """Return how tables and indexes do not hang together; pages that belong to none are not read."""
    try:
        return check_integrity(connection, quick=True)
    except connection.DatabaseError as error:
        return (str(error),)


def find_orphans(connection: Connection) -> dict[str, int]:
    """Return how many rows of each table refer to what is not there, by the foreign keys that it declares."""
    found: dict[str, int] = {}
    rows = connection.execute("PRAGMA main.foreign_key_check")
    while part := rows.fetchmany(_ROWS):
        for table, *_ in part:
            found[table] = found.get(table, 0) + 1
    return found
