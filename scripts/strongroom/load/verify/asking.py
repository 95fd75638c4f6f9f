"""Questions to the server about the rows of one table: many at once, each of bounded size, all of one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from strongroom.load.verify.key_parts import KeyPart
from strongroom.load.verify.pairing import TEXTS, Cell, Pair
from strongroom.load.verify.wires import Items, select_inner, select_outer, take_apart
from strongroom.postgres.connection import Access, Connection, compose, identifier, keep_percent, open_postgres

_SETTINGS = ("jit", "enable_hashjoin", "enable_mergejoin", "synchronize_seqscans", "row_security")
"""What makes small questions slow, and what hides rows without a word, all of it off."""
_RANGES = 14_00_00
_LAST_BLOCK = (1 << 32) - 2
_AT_ONCE = 5000
_MOST_IN_BLOCK = 28
"""Bytes that a row takes at least of its block (24 of its header, 4 of its pointer)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of the server, column by column, each as the parts in which it was sent."""

    count: int
    columns: Sequence[Sequence[bytes | None]]
    """None in the place of no values at all."""

    @property
    def size(self) -> int:
        """Return how many bytes were sent."""
        return sum(len(part) for parts in self.columns for part in parts if part is not None)

    def take_apart(self, cells: Sequence[Cell]) -> list[Items]:
        """Return the values, column by column."""
        return [take_apart(cell, parts, self.count) for cell, parts in zip(cells, self.columns, strict=True)]


@contextmanager
def open_server(access: Access) -> Iterator[Connection]:
    """Connect to look at one moment of the server, read-only.

    Raises what ``open_postgres`` does, and GuardError where a policy hides rows from whoever is connected.
    """
    with open_postgres(access, is_read_only=True) as connection:
        for name in _SETTINGS:
            connection.execute("SELECT set_config(%s, 'off', false)", (name,))
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection


class Asking:
    """Asks for the rows of one table."""

    def __init__(self, connection: Connection, pair: Pair) -> None:
        """Ask for the server's side of a pair."""
        self._connection = connection
        self._pair = pair
        self._statements: dict[str, bytes] = {}
        self._widths = [len(select_outer(cell, "")) for cell in pair.cells]
        self._names: dict[str, Any] = {
            "rows": identifier(pair.schema, pair.table),
            **{f"c{place}": identifier("t", cell.into) for place, cell in enumerate(pair.cells)},
        }

    def ask_range(self, low: int, high: int, most: int) -> Answer:
        """Return the rows whose key lies from ``low`` to ``high``, in its order, ``most`` at most."""
        key = f"c{self._pair.key[0]}"
        where = f"FROM {{rows}} AS t WHERE {{{key}}} BETWEEN %s::int8 AND %s::int8 ORDER BY {{{key}}} LIMIT %s"
        return self._ask(where, (low, high, most))

    def ask_keys(self, keys: Sequence[Sequence[Any]]) -> Answer:
        """Return the rows of these keys (column by column), in their order; those that are not there are left out."""
        held = [self._pair.cells[place] for place in self._pair.key]
        given = ", ".join(f"%s::{_array_of(cell)}" for cell in held)
        named = ", ".join(f"k{place}" for place in range(len(held)))
        same = " AND ".join(self._equal(place, f"k.k{number}") for number, place in enumerate(self._pair.key))
        where = f"FROM unnest({given}) WITH ORDINALITY AS k ({named}, n) JOIN {{rows}} AS t ON {same} ORDER BY k.n"
        return self._ask(where, [list(column) for column in keys])

    def ask_heap(self, first: str, beyond: str | None) -> Answer:
        """Return the rows that stand in the table's file from one place on and before another, as they stand there."""
        where, values = _within(first, beyond)
        return self._ask(f"FROM {{rows}} AS t WHERE {where}", values)

    def ask_blocks(self, first: int, beyond: int | None, size: int) -> tuple[Answer, list[str]]:
        """Return the rows that stand in the blocks (of ``size`` bytes) from ``first`` on, and their places.

        A place is a table's number, which is another one in each partition, and where in its file a row stands.
        """
        if knows_ranges(self._connection):
            where, values = _within(f"({first},0)", None if beyond is None else f"({beyond},0)")
        else:
            where = (
                "t.ctid = ANY (ARRAY(SELECT format('(%%s,%%s)', b, o)::tid FROM generate_series(%s::int8, "
                "least(%s::int8, pg_relation_size(%s::regclass) / %s)) AS b, generate_series(1, %s::int8) AS o))"
            )
            table = identifier(self._pair.schema, self._pair.table).as_string(self._connection)
            values = [first, _LAST_BLOCK if beyond is None else beyond - 1, table, size, size // _MOST_IN_BLOCK]
        row = self._fetch(f"FROM {{rows}} AS t WHERE {where}", values, place="t.tableoid::text || ' ' || t.ctid::text")
        return self._split(row[:-1]), row[-1] or []

    def find_place(self, key: Sequence[Any]) -> str | None:
        """Return where in the table's file the row of a key stands."""
        condition, values = self.by_key(key)
        text = f"SELECT t.ctid::text FROM {{rows}} AS t WHERE {condition}"
        row = self._connection.execute(compose(text, **self._names), values).fetchone()
        return None if row is None else str(row[0])

    def ask_value(self, place: int, condition: str, values: Sequence[Any]) -> Any:
        """Return one value by itself, of the first row for which a condition of ours is true."""
        cell = self._pair.cells[place]
        held = select_inner(cell, f"c{place}")
        whole = held if cell.kind.name == "bytea" else f"convert_to({held}, 'UTF8')"
        text = f"SELECT {whole} FROM {{rows}} AS t WHERE {condition} LIMIT 1"
        row = self._connection.execute(compose(text, **self._names), values, binary=True).fetchone()
        found = None if row is None else row[0]
        return found if found is None or cell.kind.name == "bytea" else found.decode("utf-8", "surrogateescape")

    def ask_hash(self, place: int, condition: str, values: Sequence[Any]) -> bytes | None:
        """Return the SHA-256 of the bytes of one value (of text or bytea), of the first row that meets a condition."""
        cell = self._pair.cells[place]
        held = select_inner(cell, f"c{place}")
        whole = held if cell.kind.name == "bytea" else f"convert_to({held}, 'UTF8')"
        text = f"SELECT sha256({whole}) FROM {{rows}} AS t WHERE {condition} LIMIT 1"
        row = self._connection.execute(compose(text, **self._names), values, binary=True).fetchone()
        return None if row is None else row[0]

    def has_key(self, parts: Sequence[KeyPart]) -> bool:
        """Tell whether a row has these values, as an index compares them."""
        conditions, values = [], list[str]()
        for part in parts:
            text, value = part.compare(self._pair.cells[part.place])
            conditions.append(text)
            values += value
        text = f"SELECT 1 FROM {{rows}} AS t WHERE {' AND '.join(conditions)} LIMIT 1"
        return self._connection.execute(compose(text, **self._names), values).fetchone() is not None

    def are_one(self, one: str, other: str, collation: str) -> bool:
        """Tell whether two texts are one under a collation of the server, whose name the server wrote itself."""
        text = f"SELECT %s::text = %s::text COLLATE {collation.replace('%', '%%')}"
        return (self._connection.execute(text.encode(), (one, other)).fetchone() or (False,))[0] is True

    def read_keys(self) -> Iterator[tuple[Any, ...]]:
        """Yield the keys of all rows as they come, one by one, through a cursor of the server."""
        chosen = ", ".join(f"{{c{place}}}" for place in self._pair.key)
        with self._connection.cursor(name="keys") as cursor:
            cursor.itersize = _AT_ONCE
            yield from cursor.execute(compose(f"SELECT {chosen} FROM {{rows}} AS t", **self._names))

    def by_key(self, key: Sequence[Any]) -> tuple[str, list[Any]]:
        """Return the condition under which a row has a key, and its parameters."""
        found, values = [], list[Any]()
        for place, value in zip(self._pair.key, key, strict=True):
            cell = self._pair.cells[place]
            equal = self._equal(place, f"%s::{_array_of(cell).removesuffix('[]')}")
            found.append(equal)
            values += [value] * equal.count("%s")
        return " AND ".join(found), values

    def _equal(self, place: int, value: str) -> str:
        """Return the condition that a column of the key is a value: by the index, and for texts to the byte."""
        equal = f"{{c{place}}} = {value}"
        is_text = self._pair.cells[place].kind.name in TEXTS
        return f'{equal} AND {{c{place}}} COLLATE "C" = {value}' if is_text else equal

    def _ask(self, where: str, values: Sequence[Any]) -> Answer:
        return self._split(self._fetch(where, values))

    def _fetch(self, where: str, values: Sequence[Any], *, place: str = "") -> tuple[Any, ...]:
        statement = self._statements.get(where)
        if statement is None:
            statement = self._statements[where] = self._compose(where, place)
        return self._connection.execute(statement, values, binary=True, prepare=True).fetchone() or ()

    def _compose(self, where: str, place: str) -> bytes:
        cells = self._pair.cells
        inner = [f"{select_inner(cell, f'c{number}')} AS c{number}" for number, cell in enumerate(cells)]
        outer = [one for number, cell in enumerate(cells) for one in select_outer(cell, f"c{number}")]
        more, joined = ([f"{place} AS place"], ["array_agg(place)"]) if place else ([], [])
        text = (
            f"SELECT {', '.join(['count(*)', *outer, *joined])} FROM (SELECT {', '.join([*inner, *more])} {where}) AS s"
        )
        return keep_percent(compose(text, **self._names)).as_bytes(self._connection)

    def _split(self, row: Sequence[Any]) -> Answer:
        columns, at = [], 1
        for width in self._widths:
            columns.append(row[at : at + width])
            at += width
        return Answer(row[0], columns)


def knows_ranges(connection: Connection) -> bool:
    """Tell whether the server finds the rows between two places of a file without looking at the others."""
    return connection.info.server_version >= _RANGES


def _within(first: str, beyond: str | None) -> tuple[str, list[Any]]:
    if beyond is None:
        return "t.ctid >= %s::tid", [first]
    return "t.ctid >= %s::tid AND t.ctid < %s::tid", [first, beyond]


def _array_of(cell: Cell) -> str:
    if cell.kind.name == "bytea":
        return "bytea[]"
    return "text[]" if cell.kind.name in TEXTS else "int8[]"
