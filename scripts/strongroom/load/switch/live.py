"""What a live schema holds that the one that is to take its place lacks: by whole rows, and by key.

The server compares, in one statement for each table: texts and bytes by byte, JSON by value, numbers by value, floating
point by its bits, NULL as equal to NULL. What it cannot tell counts as lacking, never the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strongroom.core.quoting import dotted, quote
from strongroom.load.rows.jobs import ADDRESS
from strongroom.load.stage.columns import ServerColumn, read_columns
from strongroom.postgres.connection import Connection

_BY_VALUE = frozenset({
    "bool", "int2", "int4", "int8", "numeric", "bytea", "uuid", "date", "time", "timestamp", "timestamptz", "jsonb",
})  # fmt: skip
"""Types whose ``=`` is the equality that is meant."""
_TEXTS = frozenset({"text", "varchar"})
_FLOATS = {"float4": "float4send", "float8": "float8send"}
_KINDS = """
    SELECT c.relname, c.relkind::text FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition"""
_KEYS = """
    SELECT c.relname, array_agg(a.attname::text ORDER BY a.attname),
           array_agg(a.attcollation::bigint ORDER BY a.attname) FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
    LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
    WHERE n.nspname = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY c.relname, i.indexrelid, i.indisprimary
    HAVING bool_and(a.attnotnull AND coalesce(o.collisdeterministic, true))
    ORDER BY c.relname, i.indisprimary DESC, count(*), i.indexrelid"""
_TODAY = "to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') || '%'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """Rows of a live table that the other schema lacks."""

    rows: int
    kept_key: int = 0
    """Those of them whose key is there, with other values."""

    def __add__(self, other: Alone) -> Alone:
        """Count both."""
        return Alone(rows=self.rows + other.rows, kept_key=self.kept_key + other.kept_key)

    def __str__(self) -> str:
        """Say so."""
        return f"{self.rows} rows" + (f" ({self.kept_key} of them with other values there)" if self.kept_key else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as far as its rows are compared."""

    schema: str
    name: str
    is_parted: bool
    columns: Mapping[str, ServerColumn]
    keys: Mapping[tuple[str, ...], Sequence[int]]
    """Columns that are unique, and never NULL, in the order of their names, to their collations; the primary first."""

    @property
    def source(self) -> str:
        """Return it as it stands after FROM: without tables that inherit from it, but for its partitions."""
        name = dotted(self.schema, self.name)
        return name if self.is_parted else f"ONLY {name}"


def read_tables(connection: Connection, schema: str) -> dict[str, Table]:
    """Return the tables of a schema by name; nothing where it is not there. Read-only."""
    columns, keys = read_columns(connection, schema), dict[str, dict[tuple[str, ...], Sequence[int]]]()
    for table, names, collations in connection.execute(_KEYS, (schema,)).fetchall():
        keys.setdefault(table, {}).setdefault(tuple(names), collations)
    return {
        name: Table(
            schema=schema,
            name=name,
            is_parted=kind == "p",
            columns={column.name: column for column in columns.get(name, ()) if column.name != ADDRESS},
            keys=keys.get(name, {}),
        )
        for name, kind in connection.execute(_KINDS, (schema,)).fetchall()
    }


def find_alone(connection: Connection, live: str, staged: str, *, fresh: str | None = None) -> dict[str, Alone]:
    """Return what the tables of a live schema hold that a staged one lacks; nothing where it is not there. Read-only.

    Rows of a ``fresh`` schema, as its files make them, do not count; there, today's date stands for any moment.
    """
    staged_tables = read_tables(connection, staged)
    fresh_tables = {} if fresh is None else read_tables(connection, fresh)
    found = dict[str, Alone]()
    for name, table in read_tables(connection, live).items():
        if _holds_rows(connection, table):
            others = {"s": staged_tables.get(name), "f": fresh_tables.get(name)}
            asked = _ask(table, {alias: other for alias, other in others.items() if other is not None})
            found[name] = _count(connection, asked)
    return {name: alone for name, alone in found.items() if alone.rows}


def find_late(connection: Connection, live: str, staged: str, age: int) -> dict[str, Alone]:
    """Return, quickly, what of the last so many transactions a live schema holds that a staged one lacks. Read-only.

    One pass over the live tables, and a look into the index of a staged one for each row that is so new; where there
    is none, such rows count as lacking. Within a transaction that has a number of its own.
    """
    beside = read_tables(connection, staged)
    found = dict[str, Alone]()
    for name, table in read_tables(connection, live).items():
        recent = f"pg_catalog.age(l.xmin) <= {age}"
        rows = _count(connection, f"SELECT count(*), 0 FROM {table.source} l WHERE {recent}")
        other = beside.get(name)
        key = None if other is None else choose_key([table, other])
        if rows.rows and other is not None and key is not None and is_plain_key(key, [table, other]):
            with connection.transaction(force_rollback=True):  # of the settings
                connection.execute("SET LOCAL enable_hashjoin = off")
                connection.execute("SET LOCAL enable_mergejoin = off")
                rows = _count(connection, f"{_ask(table, {'s': other})} AND {recent}")
        found[name] = rows
    return {name: late for name, late in found.items() if late.rows}


def _count(connection: Connection, asked: str) -> Alone:
    rows, kept_key = connection.execute(asked.encode()).fetchone() or (0, 0)
    return Alone(rows=rows, kept_key=kept_key)


def holds_rows(connection: Connection, schema: str) -> bool:
    """Tell whether a table of a schema holds a row. Read-only."""
    return any(_holds_rows(connection, table) for table in read_tables(connection, schema).values())


def _holds_rows(connection: Connection, table: Table) -> bool:
    asked = f"SELECT EXISTS (SELECT FROM {table.source})"
    return connection.execute(asked.encode()).fetchone() == (True,)


def _ask(table: Table, others: Mapping[str, Table]) -> str:
    """Return the question for rows of a table that stand in none of others, and for those with a key in the staged.

    ``others`` are known by their aliases: ``s`` the staged one, ``f`` what files made.
    """
    key = choose_key([table, *others.values()])
    if not others:
        return f"SELECT count(*), 0 FROM {table.source} l"
    if key is None:
        return _ask_by_row(table, others)
    joined, lacking = [], []
    for alias, other in others.items():
        same = " AND ".join(" = ".join(_pair_key(table, other, alias, name, key)) for name in key)
        joined.append(f"LEFT JOIN {other.source} {alias} ON {same}")
        lacking.append(f"({' OR '.join([f'{alias}.ctid IS NULL', *_differ(table, other, alias, key)])})")
    there = "s.ctid IS NOT NULL" if "s" in others else "false"
    return f"""
        SELECT count(*), count(*) FILTER (WHERE {there}) FROM {table.source} l {" ".join(joined)}
        WHERE {" AND ".join(lacking)}"""


def choose_key(tables: Sequence[Table]) -> tuple[str, ...] | None:
    """Return columns that are a key of all tables: the primary one of the first, if it is one."""
    common = (key for key in tables[0].keys if all(key in other.keys for other in tables[1:]))
    return next(common, None)


def is_plain_key(key: Sequence[str], tables: Sequence[Table]) -> bool:
    """Tell whether ``=`` of the columns themselves is the equality that is meant, so that an index serves."""
    one, two = tables
    kinds = {one.columns[name].type.name for name in key}
    is_same = all(_is_of_one_type(name, tables) for name in key)
    return is_same and kinds <= _BY_VALUE | _TEXTS and one.keys[tuple(key)] == two.keys[tuple(key)]


def _pair_key(table: Table, other: Table, alias: str, name: str, key: Sequence[str]) -> tuple[str, str]:
    """Return how a key's column is written on both sides."""
    if is_plain_key(key, [table, other]):
        return f"l.{quote(name)}", f"{alias}.{quote(name)}"
    return _pair(table, other, alias, name)


def _differ(table: Table, other: Table, alias: str, key: Sequence[str]) -> Iterator[str]:
    """Yield the conditions under which a row's values are not those of the row with its key."""
    for name in table.columns:
        if name not in key:
            differs = " IS DISTINCT FROM ".join(_pair(table, other, alias, name))
            is_moment = alias == "f" and name in other.columns
            value = f"coalesce({alias}.{quote(name)}::text, '')"
            yield f"({differs} AND {value} NOT LIKE {_TODAY})" if is_moment else differs


def _pair(table: Table, other: Table, alias: str, name: str) -> tuple[str, str]:
    return pair_columns((table, "l"), (other, alias), name)


def pair_columns(one: tuple[Table, str], other: tuple[Table, str], name: str) -> tuple[str, str]:
    """Return how a column of two tables, each with its alias, is written to be compared."""
    as_text = not _is_of_one_type(name, (one[0], other[0]))
    return write_column(*one, name, as_text=as_text), write_column(*other, name, as_text=as_text)


def _ask_by_row(table: Table, others: Mapping[str, Table]) -> str:
    """Return the question for a table without a key: equal rows count as often as they are there."""
    every = (table, *others.values())
    texts = [not _is_of_one_type(name, every) for name in table.columns]
    names = [f"c{number}" for number, _ in enumerate(texts)] or ["NULL"]

    def list_columns(one: Table) -> str:
        written = (write_column(one, "l", name, as_text=text) for name, text in zip(table.columns, texts, strict=True))
        return ", ".join(f"{value} AS c{number}" for number, value in enumerate(written)) or "NULL"

    parts = [f"SELECT 1 AS side, {list_columns(table)} FROM {table.source} l"]
    parts += [f"SELECT -1, {list_columns(other)} FROM {other.source} l" for other in others.values()]
    return f"""
        SELECT coalesce(sum(alone), 0)::bigint, 0 FROM (
            SELECT sum(side) AS alone FROM ({" UNION ALL ".join(parts)}) every
            GROUP BY {", ".join(names)} HAVING sum(side) > 0) lacking"""


def _is_of_one_type(name: str, tables: Sequence[Table]) -> bool:
    """Tell whether a column is there in all tables, and of one type."""
    kinds = [table.columns[name].type for table in tables if name in table.columns]
    is_everywhere = len(kinds) == len(tables)
    return is_everywhere and len({(kind.name, kind.element and kind.element.name) for kind in kinds}) == 1


def write_column(table: Table, alias: str, name: str, *, as_text: bool = False) -> str:
    """Return how a column is written so that ``=`` tells what is meant; a table that lacks it holds NULL there."""
    column = table.columns.get(name)
    if column is None:
        return 'NULL::text COLLATE "C"'
    place = f"{alias}.{quote(name)}"
    if not as_text and column.type.name in _FLOATS:
        return f"pg_catalog.{_FLOATS[column.type.name]}({place})"
    element = column.type.element
    is_plain = column.type.name in _BY_VALUE or (element is not None and element.name in _BY_VALUE)
    return place if is_plain and not as_text else f'{place}::text COLLATE "C"'
