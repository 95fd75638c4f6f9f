"""What a column and its table are like in SQLite, and what of that stands in the way. Read-only."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import GuardError
from strongroom.core.quoting import fold
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.schema import Column, Index, Schema, Table, read_schema

_HOLDING = ("", "any", "text", "blob")
"""What a column of a STRICT table may be declared as to hold text or bytes, whatever it held before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteTable:
    """A table with a column that can be changed."""

    name: str
    column: str
    rowid: str | None
    """A name of the rowid, by which rows are in order; None: they are in the order of their primary key."""
    keys: tuple[str, ...]
    """The columns of the primary key, in the order in which ``system.yaml`` names them."""
    order: tuple[str, ...]
    """The columns by which rows are in order where there is no rowid."""
    as_bytes: bool
    """Whether ciphertext stands in it as bytes."""
    holds_any: bool
    """Whether it takes every kind of value."""
    has_triggers: bool
    is_write_ahead: bool


def look_at_table(connection: Connection, entry: ColumnEntry) -> SqliteTable:
    """Return a table whose column may be changed. Raises GuardError."""
    subject = f"column {entry.place}: {entry.table}.{entry.column}"
    schema = read_schema(connection)
    table = schema.find(entry.table)
    if table is None or table.kind != "table":
        what = "there is no such table" if table is None else "its table is virtual"
        raise GuardError(subject, what, "correct columns: in system.yaml")
    for name in (*entry.primary_key, entry.column):
        if fold(name) not in table.by_name:
            raise GuardError(subject, f"there is no column {name}", "correct columns: in system.yaml")
    column = table.by_name[fold(entry.column)]
    _refuse_column(subject, schema, table, column)
    keys = tuple(table.by_name[fold(name)].name for name in entry.primary_key)
    if not table.is_unique(keys) or not _is_whole_key(table, keys):
        fact = f"({', '.join(keys)}) is not what keeps the rows of its table unique"
        raise GuardError(subject, fact, "name the columns of the primary key in system.yaml")
    if table.rowid is None and not table.without_rowid:
        fact = "its table has columns that hide every name of the rowid"
        raise GuardError(subject, fact, "rename one of rowid, _rowid_, oid")
    return SqliteTable(
        name=table.name,
        column=column.name,
        rowid=table.rowid,
        keys=keys,
        order=() if table.rowid is not None else table.primary_key,
        as_bytes=column.affinity == "BLOB" and fold(column.declared) != "any",
        holds_any=not (table.strict and fold(column.declared) != "any"),
        is_write_ahead=schema.journal_mode == "wal",
        has_triggers=any(fold(owner) == fold(table.name) for owner, _ in schema.triggers.values()),
    )


def _is_whole_key(table: Table, keys: tuple[str, ...]) -> bool:
    """Tell whether every column of a key is needed to tell rows apart."""
    return all(not table.is_unique(tuple(other for other in keys if other != key)) for key in keys) or len(keys) == 1


def _refuse_column(subject: str, schema: Schema, table: Table, column: Column) -> None:
    if column.generated:
        raise GuardError(subject, "is generated", "encrypt what it is made of")
    if column.pk:
        raise GuardError(subject, "is part of the primary key", "no two ciphertexts are equal: make another key")
    if table.strict and fold(column.declared) not in _HOLDING:
        fact = f"is {column.declared} of a STRICT table, which holds no ciphertext"
        raise GuardError(subject, fact, "make it TEXT or BLOB")
    way = "no two ciphertexts are equal: take it off first; look values up by a keyed hash in a column of its own"
    unique = next((index for index in table.indexes if index.unique and _uses(index, column)), None)
    if unique is not None:
        raise GuardError(subject, f"is unique ({unique.name})", way)
    name, held = fold(column.name), fold(table.name)
    for key in schema.foreign_keys:
        is_child = fold(key.table) == held and name in map(fold, key.columns)
        if is_child or (fold(key.parent) == held and name in map(fold, key.parent_columns)):
            raise GuardError(subject, f"is part of a foreign key of {key.table}", way)


def _uses(index: Index, column: Column) -> bool:
    """Tell whether an index has a column among its parts, or expressions or a condition in which it may be."""
    is_asked = index.partial and fold(column.name) in fold(index.sql or "")
    return is_asked or not index.columns or fold(column.name) in map(fold, index.columns)
