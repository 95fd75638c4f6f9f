"""What a SQLite database is made of: tables, columns, indexes, views and triggers, as observed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from strongroom.core.quoting import dotted, fold, literal, quote
from strongroom.sqlite.connection import Connection

_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_NOT_CODE = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)""", re.DOTALL)
_AUTOINCREMENT = re.compile(r"\bAUTOINCREMENT\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column; ``affinity`` is SQLite's reading of the declared type."""

    name: str
    declared: str
    not_null: bool
    default: str | None
    pk: int
    generated: bool
    strict: bool = False
    """Whether its table is STRICT, where ANY means no conversion at all."""

    @property
    def affinity(self) -> str:
        """TEXT, NUMERIC, INTEGER, REAL or BLOB (https://sqlite.org/datatype3.html, section 3.1)."""
        declared = fold(self.declared)
        if self.strict and declared == "any":
            return "BLOB"
        if "int" in declared:
            return "INTEGER"
        if any(word in declared for word in ("char", "clob", "text")):
            return "TEXT"
        if not declared or "blob" in declared:
            return "BLOB"
        if any(word in declared for word in ("real", "floa", "doub")):
            return "REAL"
        return "NUMERIC"


@dataclass(frozen=True, kw_only=True)
class Index:
    """One index. ``sql`` is None for those that constraints make."""

    name: str
    sql: str | None
    unique: bool
    partial: bool
    origin: str = "c"
    """What made it: ``c`` CREATE INDEX, ``u`` UNIQUE, ``pk`` PRIMARY KEY (https://sqlite.org/pragma.html#pragma_index_list)."""
    parts: tuple[tuple[str | None, bool, str], ...]
    """Per key part: column (None for an expression), descending, collation."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns; empty when a part is an expression."""
        names = tuple(name for name, _, _ in self.parts if name is not None)
        return names if len(names) == len(self.parts) else ()


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table that holds rows of its own."""

    name: str
    sql: str
    kind: str
    """``table`` or ``virtual``."""
    without_rowid: bool
    strict: bool
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """Return the columns that can be written: all but the generated ones."""
        return tuple(column for column in self.columns if not column.generated)

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """Return columns by name, as SQLite compares names."""
        return {fold(column.name): column for column in self.columns}

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """Return the primary key's columns in key order."""
        keyed = sorted((column.pk, column.name) for column in self.columns if column.pk)
        return tuple(name for _, name in keyed)

    @cached_property
    def integer_key(self) -> str | None:
        """Return the column that is the rowid itself, if any: a primary key that needs no index."""
        if self.without_rowid or self.kind != "table" or len(self.primary_key) != 1:
            return None
        return None if any(index.origin == "pk" for index in self.indexes) else self.primary_key[0]

    @cached_property
    def rowid(self) -> str | None:
        """Return a name by which the rowid can be read, if the table has one."""
        if self.without_rowid:
            return None
        if self.integer_key is not None:
            return self.integer_key
        return next((name for name in _ROWID_NAMES if name not in self.by_name), None)

    @property
    def autoincrement(self) -> bool:
        """Tell whether ids are never used twice."""
        return self.integer_key is not None and _AUTOINCREMENT.search(_NOT_CODE.sub(" ", self.sql)) is not None

    def is_unique(self, columns: tuple[str, ...]) -> bool:
        """Tell whether a constraint keeps ``columns`` unique (NULLs aside)."""
        wanted = {fold(name) for name in columns}
        if wanted and wanted >= {fold(name) for name in self.primary_key} and self.primary_key:
            return True
        return any(
            index.unique
            and not index.partial
            and index.columns
            and {fold(name) for name in index.columns} <= wanted
            and all(collation.upper() == "BINARY" for _, _, collation in index.parts)
            for index in self.indexes
        )


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """One declared key: whose columns hold which columns of which table."""

    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    """Empty where the primary key is meant."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What one database declares."""

    tables: Mapping[str, Table]
    foreign_keys: tuple[ForeignKey, ...]
    views: Mapping[str, str]
    triggers: Mapping[str, tuple[str, str]]
    """Trigger name to (table, SQL)."""
    user_version: int
    application_id: int
    journal_mode: str
    """As the connection sees it: an immutable snapshot of a WAL database says ``delete``."""
    encoding: str

    def find(self, name: str) -> Table | None:
        """Return a table by its name, in any case, as SQLite compares names."""
        if name in self.tables:
            return self.tables[name]
        return next((table for key, table in self.tables.items() if fold(key) == fold(name)), None)


def read_schema(connection: Connection, name: str = "main") -> Schema:
    """Read what the database attached as ``name`` declares. Shadow and internal tables are left out."""
    listed = connection.execute("SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = ?", (name,))
    declared = {row[0]: row[1:] for row in listed}
    objects = connection.execute(f"SELECT type, name, tbl_name, sql FROM {quote(name)}.sqlite_master").fetchall()
    tables: dict[str, Table] = {}
    for kind, table, _, sql in objects:
        if kind != "table" or table.startswith("sqlite_") or declared.get(table, ("shadow",))[0] == "shadow":
            continue
        tables[table] = _read_table(connection, name, table, sql or "", declared[table])
    return Schema(
        tables=tables,
        foreign_keys=tuple(key for table in tables for key in _read_foreign_keys(connection, name, table)),
        views={view: sql for kind, view, _, sql in objects if kind == "view"},
        triggers={trigger: (table, sql) for kind, trigger, table, sql in objects if kind == "trigger"},
        user_version=_pragma_int(connection, name, "user_version"),
        application_id=_pragma_int(connection, name, "application_id"),
        journal_mode=str(connection.execute(f"PRAGMA {quote(name)}.journal_mode").fetchone()[0]),
        encoding=str(connection.execute("PRAGMA encoding").fetchone()[0]),
    )


def _read_foreign_keys(connection: Connection, schema: str, table: str) -> list[ForeignKey]:
    rows = connection.execute(f"PRAGMA {quote(schema)}.foreign_key_list({literal(table)})").fetchall()
    keys: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, _, parent, column, held, *_ in sorted(rows, key=lambda row: (row[0], row[1])):
        keys.setdefault(number, []).append((parent, column, held))
    return [
        ForeignKey(
            table=table,
            columns=tuple(column for _, column, _ in parts),
            parent=parts[0][0],
            parent_columns=tuple(held for _, _, held in parts if held is not None),
        )
        for parts in keys.values()
    ]


def _pragma_int(connection: Connection, name: str, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {quote(name)}.{pragma}").fetchone()[0])


def _read_table(connection: Connection, schema: str, table: str, sql: str, listed: tuple[str, int, int]) -> Table:
    kind, without_rowid, strict = listed
    columns = connection.execute(f"PRAGMA {quote(schema)}.table_xinfo({literal(table)})").fetchall()
    indexes = connection.execute(f"PRAGMA {quote(schema)}.index_list({literal(table)})").fetchall()
    sources = dict(
        connection.execute(
            f"SELECT name, sql FROM {quote(schema)}.sqlite_master WHERE type = 'index' AND tbl_name = ?",
            (table,),
        )
    )
    return Table(
        name=table,
        sql=sql,
        kind=kind,
        without_rowid=bool(without_rowid),
        strict=bool(strict),
        columns=tuple(
            Column(
                name=row[1],
                declared=row[2],
                not_null=bool(row[3]),
                default=row[4],
                pk=row[5],
                generated=row[6] in (2, 3),
                strict=bool(strict),
            )
            for row in columns
            if row[6] != 1
        ),
        indexes=tuple(
            Index(
                name=row[1],
                sql=sources.get(row[1]),
                unique=bool(row[2]),
                partial=bool(row[4]),
                origin=str(row[3]),
                parts=_read_parts(connection, schema, row[1]),
            )
            for row in sorted(indexes, key=lambda row: str(row[1]))
        ),
    )


def _read_parts(connection: Connection, schema: str, index: str) -> tuple[tuple[str | None, bool, str], ...]:
    rows = connection.execute(f"PRAGMA {quote(schema)}.index_xinfo({literal(index)})").fetchall()
    return tuple((row[2], bool(row[3]), str(row[4])) for row in rows if row[5])


def count_rows(connection: Connection, table: str, schema: str = "main") -> int:
    """Count the rows of one table."""
    return int(connection.execute(f"SELECT count(*) FROM {dotted(schema, table)}").fetchone()[0])


def read_sequence(connection: Connection, table: str, schema: str = "main") -> int:
    """Return the AUTOINCREMENT high-water mark of a table; 0 when there is none."""
    if not connection.execute(f"SELECT 1 FROM {quote(schema)}.sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        return 0
    row = connection.execute(
        f"SELECT max(CAST(seq AS INTEGER)) FROM {quote(schema)}.sqlite_sequence WHERE name = ?", (table,)
    ).fetchone()
    return int(row[0] or 0)
