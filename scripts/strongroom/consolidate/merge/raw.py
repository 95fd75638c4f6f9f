"""A source table as it is, with a number for every row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.binding import BoundInput
from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.sqlite.connection import Connection, attached


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An attached source table as it is. Expressions speak of it as ``s``."""

    table: str
    """What stands in FROM."""
    rid: str
    """The row's id."""


@contextmanager
def open_raw(connection: Connection, entry: BoundInput) -> Iterator[Raw]:
    """Attach an input's snapshot; a table without rowids is numbered in key order first."""
    with attached(connection, entry.database, "src"):
        name = entry.table.rowid
        if name is not None:
            yield Raw(table=dotted("src", entry.table.name), rid=f"s.{quote(name)}")
            return
        numbered = dotted("scratch", "numbered")
        _number_rows(connection, entry, numbered)
        try:
            yield Raw(table=numbered, rid="s._strongroom_row")
        finally:
            connection.execute(f"DROP TABLE {numbered}")


def find_collation(connection: Connection, table: str, column: str) -> str:
    """Return by which of SQLite's collations a column compares; ``table`` is what stands in FROM.

    A row of our own beside none of the table's takes the column's way.
    """
    own = f"SELECT {quote(column)} AS held FROM {table} WHERE 0 UNION ALL SELECT 'a'"
    any_case, any_end = connection.execute(f"SELECT held = 'A', held = 'a ' FROM ({own})").fetchone()
    return "NOCASE" if any_case else "RTRIM" if any_end else "BINARY"


def _number_rows(connection: Connection, entry: BoundInput, into: str) -> None:
    """Copy a table without a usable rowid and number its rows from 1 in key order; its key compares as it did."""
    source, key = dotted("src", entry.table.name), entry.table.primary_key
    names = [column.name for column in entry.table.columns]
    order = quote_all(key or names)
    declared = {column.name: f"{quote(column.name)} {column.affinity}" for column in entry.table.columns}
    declared |= {name: f"{declared[name]} COLLATE {find_collation(connection, source, name)}" for name in key}
    connection.execute(f"CREATE TABLE {into} (_strongroom_row INTEGER PRIMARY KEY, {', '.join(declared.values())})")
    connection.execute(
        f"INSERT INTO {into} SELECT row_number() OVER (ORDER BY {order}), {quote_all(names)} FROM {source}"
    )
