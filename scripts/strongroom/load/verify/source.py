"""What the copy of a SQLite database declares, as SQLite itself reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from strongroom.core.quoting import dotted, fold, quote
from strongroom.sqlite.connection import Connection

_ROWIDS = ("rowid", "_rowid_", "oid")
_HIDDEN, _GENERATED = 1, (2, 3)
BINARY = "BINARY"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceColumn:
    """One column that can be read."""

    name: str
    affinity: str
    is_not_null: bool
    is_generated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIndex:
    """One index; a column of None is an expression."""

    name: str
    columns: tuple[str | None, ...]
    collations: tuple[str, ...]
    is_unique: bool
    is_partial: bool

    @property
    def plain(self) -> tuple[str, ...]:
        """Return its columns, where it has nothing but columns and holds every row; else nothing."""
        return tuple(name for name in self.columns if name) if None not in self.columns and not self.is_partial else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKey:
    """One foreign key; its parent's columns are written out where it names none."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """One table, ordinary or virtual."""

    name: str
    columns: tuple[SourceColumn, ...]
    primary_key: tuple[str, ...]
    alias: str | None
    """The column that is the rowid."""
    rowid: str | None
    """A name by which the rowid can be asked for; None where there is none, or the name is taken."""
    is_virtual: bool
    indexes: tuple[SourceIndex, ...]
    foreign_keys: tuple[SourceKey, ...]
    mark: int
    """The highest id that AUTOINCREMENT ever gave."""

    def find(self, name: str) -> SourceColumn | None:
        """Return a column by its name, in any case of letters."""
        return next((column for column in self.columns if fold(column.name) == fold(name)), None)

    def uniques(self) -> list[frozenset[str]]:
        """Return the sets of columns (folded) in which no two rows agree, NULL aside."""
        found = [frozenset(map(fold, index.plain)) for index in self.indexes if index.is_unique and index.plain]
        return found + ([frozenset([fold(self.alias)])] if self.alias else [])


def read_source(connection: Connection) -> dict[str, SourceTable]:
    """Return the tables by folded name; shadow tables and SQLite's own are none."""
    listed = connection.execute("PRAGMA main.table_list").fetchall()
    kinds = {fold(row[1]): row for row in listed if row[2] in ("table", "virtual")}
    marks = _read_marks(connection)
    found = {}
    for folded, row in sorted(kinds.items()):
        if not folded.startswith("sqlite_"):
            table = _read_table(connection, row[1], is_virtual=row[2] == "virtual", is_without_rowid=bool(row[4]))
            found[folded] = replace(table, mark=marks.get(folded, 0))
    return {folded: _with_parents(table, found) for folded, table in found.items()}


def choose_affinity(declared: str) -> str:
    """Return a column's affinity. https://sqlite.org/datatype3.html, 3.1."""
    word = declared.upper()
    if "INT" in word:
        return "INTEGER"
    if any(part in word for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in word or not word:
        return "BLOB"
    return "REAL" if any(part in word for part in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def _read_table(connection: Connection, name: str, *, is_virtual: bool, is_without_rowid: bool) -> SourceTable:
    rows = [row for row in connection.execute(f"PRAGMA main.table_xinfo({quote(name)})") if row[6] != _HIDDEN]
    columns = tuple(
        SourceColumn(
            name=row[1],
            affinity="BLOB" if is_virtual else choose_affinity(row[2] or ""),
            is_not_null=bool(row[3]),
            is_generated=row[6] in _GENERATED,
        )
        for row in rows
    )
    keys = tuple(row[1] for row in sorted((row for row in rows if row[5]), key=lambda row: row[5]))
    alias = None if is_virtual or is_without_rowid else _find_alias(connection, name, rows, keys)
    taken = {fold(row[1]) for row in rows}
    free = next((own for own in _ROWIDS if own not in taken), None)
    return SourceTable(
        name=name,
        columns=columns,
        primary_key=keys,
        alias=alias,
        rowid=None if is_without_rowid else free or alias,
        is_virtual=is_virtual,
        indexes=_read_indexes(connection, name),
        foreign_keys=_read_keys(connection, name),
        mark=0,
    )


def _find_alias(connection: Connection, table: str, rows: Sequence[tuple], keys: tuple[str, ...]) -> str | None:  # type: ignore[type-arg]
    """Return the column that is the rowid: INTEGER, alone in its key, and the key has no index of its own."""
    if len(keys) != 1 or next(row[2] for row in rows if row[5]).upper() != "INTEGER":
        return None
    has_index = any(row[3] == "pk" for row in connection.execute(f"PRAGMA main.index_list({quote(table)})"))
    return None if has_index else keys[0]


def _read_indexes(connection: Connection, table: str) -> tuple[SourceIndex, ...]:
    found = []
    for _, name, is_unique, _, is_partial in connection.execute(f"PRAGMA main.index_list({quote(table)})").fetchall():
        parts = [row for row in connection.execute(f"PRAGMA main.index_xinfo({quote(name)})") if row[5]]
        found.append(
            SourceIndex(
                name=name,
                columns=tuple(row[2] for row in parts),
                collations=tuple(str(row[4]).upper() for row in parts),
                is_unique=bool(is_unique),
                is_partial=bool(is_partial),
            )
        )
    return tuple(sorted(found, key=lambda index: index.name))


def _read_keys(connection: Connection, table: str) -> tuple[SourceKey, ...]:
    keys: dict[int, list[tuple[str, str, str | None]]] = {}
    for row in connection.execute(f"PRAGMA main.foreign_key_list({quote(table)})"):
        keys.setdefault(row[0], []).append((row[2], row[3], row[4]))
    return tuple(
        SourceKey(
            columns=tuple(part[1] for part in parts),
            parent=parts[0][0],
            parent_columns=tuple(part[2] for part in parts if part[2] is not None),
        )
        for parts in keys.values()
    )


def _read_marks(connection: Connection) -> dict[str, int]:
    if not connection.execute("SELECT count(*) FROM main.sqlite_master WHERE name = 'sqlite_sequence'").fetchone()[0]:
        return {}
    return {
        fold(name): mark
        for name, mark in connection.execute("SELECT name, seq FROM main.sqlite_sequence")
        if isinstance(name, str) and isinstance(mark, int)
    }


def _with_parents(table: SourceTable, tables: dict[str, SourceTable]) -> SourceTable:
    """Write out the columns of parents that a foreign key means without naming them: its primary key."""
    keys = []
    for key in table.foreign_keys:
        parent = tables.get(fold(key.parent))
        means = key.parent_columns or (parent.primary_key if parent is not None else ())
        keys.append(SourceKey(columns=key.columns, parent=key.parent, parent_columns=means))
    return replace(table, foreign_keys=tuple(keys))


def count_rows(connection: Connection, table: str) -> int:
    """Return how many rows a table has."""
    return int(connection.execute(f"SELECT count(*) FROM {dotted('main', table)}").fetchone()[0])


def has_null_in_key(connection: Connection, table: SourceTable) -> bool:
    """Tell whether a PRIMARY KEY holds NULL, which SQLite lets in where nothing says NOT NULL. Read-only."""
    columns = [column for column in map(table.find, table.primary_key) if column is not None]
    asked = [f"{quote(column.name)} IS NULL" for column in columns if not column.is_not_null]
    if not asked or columns[0].name == table.alias:
        return False
    statement = f"SELECT 1 FROM {dotted('main', table.name)} WHERE {' OR '.join(asked)} LIMIT 1"
    return connection.execute(statement).fetchone() is not None
