"""What a database declares: its tables, their columns, keys and indexes, as SQLite itself reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom.consolidate.verify.values import choose_affinity
from strongroom.core.quoting import dotted, fold, quote
from strongroom.sqlite.connection import Connection

BINARY = "BINARY"
"""The collation under which TEXT is equal byte for byte."""
_OWN_NAMES = ("rowid", "_rowid_", "oid")
_MODULE = re.compile(r"\A\s*CREATE\s+VIRTUAL\s+TABLE\b.*?\bUSING\s+(\w+)", re.IGNORECASE | re.DOTALL)
_GENERATED = (2, 3)
_INVISIBLE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column that can be read."""

    name: str
    declared: str
    affinity: str
    default: str | None
    """As it is written."""
    is_generated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index; a column of its own of None is an expression."""

    name: str
    columns: tuple[str | None, ...]
    collations: tuple[str, ...]
    descending: tuple[bool, ...]
    is_unique: bool
    is_partial: bool
    is_of_key: bool
    """It is the primary key's."""
    sql: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A key that a table declares; ``parent_columns`` are None where it means the parent's primary key."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table, ordinary or virtual."""

    name: str
    sql: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    integer_key: str | None
    """The column that is the rowid."""
    rowid: str | None
    """A name by which the rowid can be asked for."""
    is_without_rowid: bool
    is_strict: bool
    module: str | None
    """What a virtual table is made of."""
    is_autoincrement: bool
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]

    @property
    def stored(self) -> tuple[Column, ...]:
        """Return the columns that do not compute themselves."""
        return tuple(column for column in self.columns if not column.is_generated)

    def find(self, name: str) -> Column | None:
        """Return the column of this name, in any case of letters."""
        wanted = fold(name)
        return next((column for column in self.columns if fold(column.name) == wanted), None)

    def place_of(self, name: str) -> int | None:
        """Return where among all columns one stands."""
        wanted = fold(name)
        return next((place for place, column in enumerate(self.columns) if fold(column.name) == wanted), None)

    @property
    def key_collations(self) -> tuple[str, ...]:
        """Return how each column of the primary key is compared there: it may say so beside the column."""
        index = next((index for index in self.indexes if index.is_of_key), None)
        said = {} if index is None else dict(zip(index.columns, index.collations, strict=True))
        return tuple(said.get(name, BINARY).upper() for name in self.primary_key)

    def has_unique(self, names: Sequence[str], collations: Sequence[str] = ()) -> bool:
        """Tell whether no two rows can be equal in these columns, NULL aside: under BINARY, or these collations."""
        held = dict.fromkeys(map(fold, names), BINARY) | dict(zip(map(fold, names), collations, strict=False))
        if self.integer_key is not None and fold(self.integer_key) in held:
            return True
        return any(
            index.is_unique
            and not index.is_partial
            and all(
                held.get(fold(name or "\0")) in (BINARY, collation.upper())
                for name, collation in zip(index.columns, index.collations, strict=True)
            )
            for index in self.indexes
        )

    def is_found_by(self, name: str) -> bool:
        """Tell whether rows are found by a column without reading the table."""
        wanted = fold(name)
        if self.integer_key is not None and fold(self.integer_key) == wanted:
            return True
        return any(not index.is_partial and fold(index.columns[0] or "\0") == wanted for index in self.indexes)


def read_tables(connection: Connection, schema: str = "main") -> dict[str, Table]:
    """Return the tables of a database in the catalogue's order, by folded name; shadow tables are none."""
    kinds = {row[1]: row for row in connection.execute(f"PRAGMA {quote(schema)}.table_list")}
    found = {}
    master = connection.execute(
        f"SELECT name, sql FROM {quote(schema)}.sqlite_master WHERE type = 'table' ORDER BY rowid"
    ).fetchall()
    for name, sql in master:
        kind = kinds.get(name)
        if kind is None or kind[2] not in ("table", "virtual") or fold(name).startswith("sqlite_"):
            continue
        found[fold(name)] = _read_table(connection, schema, name, sql or "", kind)
    return found


def read_stored(connection: Connection, schema: str = "main") -> list[Table]:
    """Return every table that stands in the file by itself: shadow tables and SQLite's statistics too, marks not."""
    kinds = connection.execute(f"PRAGMA {quote(schema)}.table_list").fetchall()
    master = dict(
        connection.execute(f"SELECT name, sql FROM {quote(schema)}.sqlite_master WHERE type = 'table'").fetchall()
    )
    return [
        _read_table(connection, schema, kind[1], master[kind[1]] or "", kind)
        for kind in sorted(kinds, key=lambda kind: str(kind[1]))
        if kind[2] in ("table", "shadow") and kind[1] in master and kind[1] != "sqlite_sequence"
    ]


def read_table(connection: Connection, name: str, schema: str = "main") -> Table | None:
    """Return one table, in any case of letters; None where it is not there."""
    kind = connection.execute(f"PRAGMA {quote(schema)}.table_list({quote(name)})").fetchone()
    if kind is None or kind[2] not in ("table", "virtual"):
        return None
    sql = connection.execute(
        f"SELECT name, sql FROM {quote(schema)}.sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", (name,)
    ).fetchone()
    return None if sql is None else _read_table(connection, schema, sql[0], sql[1] or "", kind)


def _read_table(
    connection: Connection, schema: str, name: str, sql: str, kind: tuple[str, str, str, int, int, int]
) -> Table:
    is_without_rowid, is_strict = bool(kind[4]), bool(kind[5])
    rows = connection.execute(f"PRAGMA {quote(schema)}.table_xinfo({quote(name)})").fetchall()
    columns = tuple(
        Column(
            name=row[1],
            declared=row[2] or "",
            affinity=choose_affinity(row[2] or "", is_strict=is_strict),
            default=row[4],
            is_generated=row[6] in _GENERATED,
        )
        for row in rows
        if row[6] != _INVISIBLE
    )
    keys = tuple(row[1] for row in sorted((row for row in rows if row[5]), key=lambda row: row[5]))
    indexes = _read_indexes(connection, schema, name)
    module = _MODULE.match(sql)
    is_alias = (
        len(keys) == 1
        and not is_without_rowid
        and not any(index.is_of_key for index in indexes)
        and next(row[2] for row in rows if row[5]).upper() == "INTEGER"
    )
    integer_key = keys[0] if is_alias else None
    if kind[2] == "virtual" and module is not None and module.group(1).lower().startswith("rtree"):
        integer_key = columns[0].name
    free = [own for own in _OWN_NAMES if own not in {fold(row[1]) for row in rows}]
    return Table(
        name=name,
        sql=sql,
        columns=columns,
        primary_key=(integer_key,) if integer_key is not None and not keys else keys,
        integer_key=integer_key,
        rowid=None if is_without_rowid else integer_key or (free[0] if free else None),
        is_without_rowid=is_without_rowid,
        is_strict=is_strict,
        module=module.group(1).lower() if kind[2] == "virtual" and module is not None else None,
        is_autoincrement=integer_key is not None and _is_autoincrement(sql),
        indexes=indexes,
        foreign_keys=_read_foreign_keys(connection, schema, name),
    )


def _is_autoincrement(sql: str) -> bool:
    """Look for the word outside of comments, texts and names."""
    bare = re.sub(
        r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\[[^\]]*\]|`(?:[^`]|``)*`""", " ", sql, flags=re.DOTALL
    )
    return re.search(r"\bAUTOINCREMENT\b", bare, re.IGNORECASE) is not None


def _read_indexes(connection: Connection, schema: str, table: str) -> tuple[Index, ...]:
    found = []
    texts = dict(
        connection.execute(
            f"SELECT name, sql FROM {quote(schema)}.sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,)
        ).fetchall()
    )
    for _, name, is_unique, origin, is_partial in connection.execute(
        f"PRAGMA {quote(schema)}.index_list({quote(table)})"
    ).fetchall():
        parts = [
            row for row in connection.execute(f"PRAGMA {quote(schema)}.index_xinfo({quote(name)})").fetchall() if row[5]
        ]
        found.append(
            Index(
                name=name,
                columns=tuple(row[2] for row in parts),
                collations=tuple(row[4] for row in parts),
                descending=tuple(bool(row[3]) for row in parts),
                is_unique=bool(is_unique),
                is_partial=bool(is_partial),
                is_of_key=origin == "pk",
                sql=texts.get(name),
            )
        )
    return tuple(sorted(found, key=lambda index: index.name))


def _read_foreign_keys(connection: Connection, schema: str, table: str) -> tuple[ForeignKey, ...]:
    keys: dict[int, list[tuple[str, str, str | None]]] = {}
    for row in connection.execute(f"PRAGMA {quote(schema)}.foreign_key_list({quote(table)})").fetchall():
        keys.setdefault(row[0], []).append((row[2], row[3], row[4]))
    found = []
    for parts in keys.values():
        theirs = [part[2] for part in parts]
        found.append(
            ForeignKey(
                columns=tuple(part[1] for part in parts),
                parent=parts[0][0],
                parent_columns=None if None in theirs else tuple(name or "" for name in theirs),
            )
        )
    return tuple(found)


def read_mark(connection: Connection, table: str, schema: str = "main") -> int:
    """Return the highest id that AUTOINCREMENT ever gave in a table; 0 for none."""
    has = connection.execute(
        f"SELECT count(*) FROM {quote(schema)}.sqlite_master WHERE name = 'sqlite_sequence'"
    ).fetchone()[0]
    if not has:
        return 0
    found = connection.execute(
        f"SELECT max(seq) FROM {dotted(schema, 'sqlite_sequence')} WHERE lower(name) = lower(?)", (table,)
    ).fetchone()[0]
    return found if isinstance(found, int) else 0


def find_table(tables: Mapping[str, Table], name: str) -> Table | None:
    """Return the table of this name, in any case of letters."""
    return tables.get(fold(name))
