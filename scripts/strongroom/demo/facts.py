"""What makes a legacy table awkward as a whole: odd keys, duplicates, gaps, an operator's additions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from strongroom.core.quoting import literal, quote, quote_all
from strongroom.demo.tables import Table

OPERATOR_COLUMN = 'operator\'s "own" note'
Place = Callable[[sqlite3.Connection], tuple[str, str]]
"""Plants one fact; returns its name and its words."""


def count_rows(connection: sqlite3.Connection, table: Table) -> int:
    """Count the rows of a table."""
    found: int = connection.execute(f"SELECT count(*) FROM {quote(table.name)}").fetchone()[0]
    return found


def _copy_row(connection: sqlite3.Connection, table: Table, key: str, value: str, offset: int) -> None:
    others = quote_all(column.name for column in table.columns if column.name != key)
    connection.execute(
        f"INSERT INTO {quote(table.name)} ({quote(key)}{', ' * bool(others)}{others}) "
        f"SELECT {value}{', ' * bool(others)}{others} FROM {quote(table.name)} "
        f"WHERE {quote(key)} IS NOT NULL ORDER BY rowid LIMIT 1 OFFSET "
        f"min({offset}, (SELECT count(*) - 1 FROM {quote(table.name)}))"
    )


@dataclass(frozen=True, slots=True)
class OddKeys:
    """Rows under keys that look like none, or like another."""

    table: Table
    name: str
    keys: tuple[str, ...]
    words: str

    def __call__(self, connection: sqlite3.Connection) -> tuple[str, str]:
        """Plant it."""
        for number, key in enumerate(self.keys):
            _copy_row(connection, self.table, self.table.loose_key or "", key, 7 + number)
        return self.name, f"{self.table.label}.{self.table.loose_key} {self.words}"


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The first rows of a table without any key, once more."""

    table: Table

    def __call__(self, connection: sqlite3.Connection) -> tuple[str, str]:
        """Plant it."""
        columns, table = quote_all(column.name for column in self.table.columns), quote(self.table.name)
        connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} LIMIT 10")
        return "duplicates", f"{self.table.label} has no key, and its first 10 rows twice"


@dataclass(frozen=True, slots=True)
class Gaps:
    """Ids that were deleted, the highest among them."""

    table: Table

    def __call__(self, connection: sqlite3.Connection) -> tuple[str, str]:
        """Plant it."""
        table, key = quote(self.table.name), quote(self.table.rowid_alias or "rowid")
        connection.execute(f"DELETE FROM {table} WHERE {key} % 10 = 0 OR {key} > (SELECT max({key}) - 3 FROM {table})")
        return "gaps", f"{self.table.label} lacks every tenth id and the last three; sqlite_sequence is ahead"


@dataclass(frozen=True, slots=True)
class Operator:
    """A column, an index, a view, a trigger and a user_version that the application knows nothing of."""

    table: Table

    def __call__(self, connection: sqlite3.Connection) -> tuple[str, str]:
        """Plant it."""
        table, column = quote(self.table.name), quote(OPERATOR_COLUMN)
        text = next(quote(found.name) for found in self.table.columns if found.affinity == "TEXT")
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")
        connection.execute(f"UPDATE {table} SET {column} = 'seen ✓ by \"ops\"' WHERE rowid % 3 = 0")
        connection.execute(f"CREATE INDEX operator_index ON {table} ({column}, {text})")
        connection.execute(
            f'CREATE VIEW "operator\'s view" AS SELECT {text}, {column} FROM {table} WHERE {column} IS NOT NULL'
        )
        connection.execute(
            f"CREATE TRIGGER operator_trigger AFTER UPDATE OF {text} ON {table} BEGIN "
            f"UPDATE {table} SET {column} = {literal('changed')} WHERE rowid = new.rowid; END"
        )
        connection.execute("PRAGMA user_version = 7")
        words = f"has a column {OPERATOR_COLUMN}, an index, a view and a trigger, its file user_version 7"
        return "operator", f"{self.table.label} {words}"
