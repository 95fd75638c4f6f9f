"""Some tables of a database, as a database of their own: a proven copy without the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from strongroom.core.quoting import fold, quote
from strongroom.load.request import source_of
from strongroom.sqlite.connection import Connection, open_kept, open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.prover import Prover
from strongroom.sqlite.schema import Schema, Table, read_schema
from strongroom.sqlite.snapshot import take_snapshot

_COMPANIONS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """What came along, and what did not."""

    database: Database
    left: tuple[str, ...]
    """Tables that stayed behind."""
    empty: tuple[str, ...]
    """Columns (``table.column``) that nobody asked for and that hold NULL only: they stayed behind."""


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
    columns: dict[str, Collection[str]],
    prover: Prover | None,
) -> Excerpt:
    """Copy a live database, and drop from the copy all tables but those of ``columns``, in any case of letters.

    ``columns`` names the columns that their rows have a place for; of others those without a value are dropped, and
    those with one stay, for who loads them to refuse. Raises what a snapshot raises.
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
        empty = tuple(_drop_empty(connection, read_schema(connection), wanted))
        connection.execute("COMMIT")
    return Excerpt(database=excerpt, left=left, empty=empty)


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


def _drop_empty(connection: Connection, schema: Schema, wanted: dict[str, set[str]]) -> Iterator[str]:
    for table in schema.tables.values():
        for column in table.columns:
            name = quote(column.name)
            if fold(column.name) in wanted[fold(table.name)] or column.generated or column.pk:
                continue
            asked = f"SELECT 1 FROM {quote(table.name)} WHERE {name} IS NOT NULL LIMIT 1"
            if connection.execute(asked).fetchone() is not None:
                continue
            for index in table.indexes:
                if index.sql is not None:
                    connection.execute(f"DROP INDEX IF EXISTS {quote(index.name)}")
            connection.execute(f"ALTER TABLE {quote(table.name)} DROP COLUMN {name}")
            yield f"{table.name}.{column.name}"
