"""Some tables of a database, as a database of their own: a proven copy without the others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from strongroom.core.quoting import fold, quote
from strongroom.load.request import source_of
from strongroom.sqlite.connection import Connection, open_kept, open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.prover import Prover
from strongroom.sqlite.schema import Column, Schema, Table, read_schema
from strongroom.sqlite.snapshot import take_snapshot

_MAY_CHANGE = re.compile(r"^current_|\(", re.IGNORECASE)
"""Defaults that are not one value."""
_COMPANIONS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """What came along, and what did not."""

    database: Database
    left: tuple[str, ...]
    """Tables that stayed behind."""
    empty: tuple[str, ...]
    """Columns (``table.column``) that nobody asked for and that hold NULL or their default only: they stayed behind."""
    strange: tuple[str, ...]
    """Columns that nobody asked for and that hold something of their own."""


def read_columns(original: Database) -> dict[str, Collection[str]]:
    """Return the tables of a live database that hold rows of their own, with their columns. Read-only.

    Raises UnreachableError, DamagedSourceError, KeyMissingError.
    """
    with open_source(original) as connection:
        tables = read_schema(connection).tables
    return {name: [column.name for column in table.columns] for name, table in tables.items()}


def take_excerpt(
    original: Database,
    excerpt: Database,
    columns: Mapping[str, Collection[str]],
    prover: Prover | None,
) -> Excerpt:
    """Copy a live database, and drop from the copy all tables but those of ``columns``, in any case of letters.

    ``columns`` names the columns that their rows have a place for; of others those without a value of their own are
    dropped, and those with one stay. Raises what a snapshot raises.
    """
    for suffix in _COMPANIONS:
        excerpt.beside(suffix).unlink(missing_ok=True)
    take_snapshot(source_of("excerpt", excerpt.path.name, excerpt.key), original, excerpt, prover)
    wanted = {fold(name): {fold(column) for column in known} for name, known in columns.items()}
    with open_kept(excerpt) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        connection.execute("PRAGMA foreign_keys = OFF")  # else a table that is dropped takes rows along
        connection.execute("BEGIN IMMEDIATE")
        left = _drop_others(connection, read_schema(connection), wanted)
        others = list(_list_others(read_schema(connection), wanted))
        empty = [(table, column) for table, column in others if _is_empty(connection, table, column)]
        for table, column in empty:
            _drop_column(connection, table, column)
        connection.execute("COMMIT")
    return Excerpt(
        database=excerpt,
        left=left,
        empty=tuple(f"{table.name}.{column.name}" for table, column in empty),
        strange=tuple(f"{table.name}.{column.name}" for table, column in others if (table, column) not in empty),
    )


def _drop_others(connection: Connection, schema: Schema, wanted: Collection[str]) -> tuple[str, ...]:
    for name in schema.triggers:
        connection.execute(f"DROP TRIGGER {quote(name)}")
    for name in schema.views:
        connection.execute(f"DROP VIEW {quote(name)}")
    others = sorted((table for name, table in schema.tables.items() if fold(name) not in wanted), key=_virtual_first)
    for table in others:
        connection.execute(f"DROP TABLE {quote(table.name)}")
    return tuple(sorted(table.name for table in others))


def _virtual_first(table: Table) -> tuple[bool, str]:
    return table.kind != "virtual", table.name


def _list_others(schema: Schema, wanted: Mapping[str, Collection[str]]) -> Iterator[tuple[Table, Column]]:
    for table in schema.tables.values():
        known = wanted[fold(table.name)]
        yield from ((table, column) for column in table.columns if fold(column.name) not in known)


def _is_empty(connection: Connection, table: Table, column: Column) -> bool:
    name = quote(column.name)
    constant = column.default is not None and not _MAY_CHANGE.search(column.default)
    other = f"AND {name} IS NOT ({column.default})" if constant else ""
    asked = f"SELECT 1 FROM {quote(table.name)} WHERE {name} IS NOT NULL {other} LIMIT 1"
    return not column.pk and connection.execute(asked).fetchone() is None


def _drop_column(connection: Connection, table: Table, column: Column) -> None:
    for index in table.indexes:
        if index.sql is not None:  # it may be of the column
            connection.execute(f"DROP INDEX IF EXISTS {quote(index.name)}")
    connection.execute(f"ALTER TABLE {quote(table.name)} DROP COLUMN {quote(column.name)}")
