"""The statements that read and write one column in PostgreSQL; a value is in none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.quoting import literal, quote
from strongroom.keys.columns.envelope import MARK
from strongroom.keys.columns.formats import BINARY_STARTS, TEXT_STARTS
from strongroom.rotate.columns.model import Work
from strongroom.rotate.columns.postgres_table import PostgresTable

_EXACT = ' COLLATE pg_catalog."C"'
_OURS = (MARK, MARK.encode())
_LONGEST_HEAD = 280
"""Characters: more than the mark and the longest id of a key have."""
_MOST_BYTES = 8_000_000
"""Of values that are read in one go, but for the last of them."""


def name(*parts: str) -> str:
    """Quote a name, or a dotted one, in a statement that goes with parameters."""
    return ".".join(quote(part).replace("%", "%%") for part in parts)


def begins(column: str, heads: Sequence[str | bytes], *, as_bytes: bool) -> str:
    """Return the condition that a column begins with one of several heads."""
    return f"({' OR '.join(_begins(column, head, as_bytes=as_bytes) for head in heads)})"


def _begins(column: str, head: str | bytes, *, as_bytes: bool, sign: str = "=") -> str:
    if as_bytes:
        content = head if isinstance(head, bytes) else head.encode()
        return f"pg_catalog.substr({column}, 1, {len(content)}) {sign} '\\x{content.hex()}'::pg_catalog.bytea"
    text = head if isinstance(head, str) else head.decode()
    spelt = literal(text).replace("%", "%%")
    return f'pg_catalog.substr({column}, 1, {len(text)}) COLLATE pg_catalog."C" {sign} {spelt}'


def count_heads(table: str, column: str, *, as_bytes: bool) -> str:
    """Count rows by how they begin: NULL, the id of the key in what is ours behind a :, an empty text for the rest."""
    mark, start = _begins(column, MARK, as_bytes=as_bytes), f"pg_catalog.substr({column}, 5, {_LONGEST_HEAD})"
    if as_bytes:
        start = f"pg_catalog.encode({start}, 'escape')"
    key = f"pg_catalog.left({start}, greatest(pg_catalog.strpos({start}{_EXACT}, ':') - 1, 0))"
    return (
        f"SELECT CASE WHEN {column} IS NULL THEN NULL WHEN {mark} THEN ':' || {key} ELSE '' END{_EXACT} AS head, "
        f"pg_catalog.count(*) FROM {table} GROUP BY 1"
    )


@dataclass(frozen=True)
class Statements:
    """The statements about one column for one work; ``head`` is what the values begin with that decide it."""

    entry: ColumnEntry
    table: PostgresTable
    work: Work
    head: str

    @cached_property
    def due(self) -> str:
        """The condition under which a row may have to be changed."""
        sign = "=" if self.work in (Work.DECRYPT, Work.CHECK) else "<>"
        it = _begins(self._column, self.head, as_bytes=self.table.as_bytes, sign=sign)
        return f"{self._column} IS NOT NULL AND {it}"

    @cached_property
    def _column(self) -> str:
        return name(self.entry.column)

    @cached_property
    def _table(self) -> str:
        return name(str(self.entry.postgres), self.entry.table)

    @cached_property
    def _keys(self) -> str:
        return ", ".join(map(name, self.table.keys))

    def read(self, *, is_first: bool) -> str:
        """Read rows that are due behind a position, up to so many and about so many bytes.

        Parameters: the position, and the limit.
        """
        after = "" if is_first else f" AND ({self._keys}) > ({', '.join(f'%s::{one}' for one in self.table.key_types)})"
        parts = [f"{name(key)} AS k{place}" for place, key in enumerate(self.table.keys)]
        order = ", ".join(f"k{place}" for place in range(len(parts)))
        inner = (
            f"SELECT {', '.join(parts)}, {self._column} AS v FROM {self._table} "
            f"WHERE {self.due}{after} ORDER BY {self._keys} LIMIT %s"
        )
        window = f"OVER (ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        summed = f"SELECT *, pg_catalog.sum(pg_catalog.octet_length(v)) {window} AS before FROM ({inner}) AS found"
        return (
            f"SELECT {order}, v FROM ({summed}) AS summed "
            f"WHERE before IS NULL OR before < {_MOST_BYTES} ORDER BY {order}"
        )

    @cached_property
    def hold(self) -> str:
        """Lock the rows that hold what was read, and name them by their number; those that others lock are passed over.

        Parameters: an array for each column of the key, and the SHA-256 of what was read, as servers log parameters.
        """
        value = f"t.{self._column}"
        content = value if self.table.as_bytes else f"pg_catalog.convert_to({value}, 'UTF8')"
        return (
            f"SELECT n.place FROM {self._table} AS t JOIN {self._spread('bytea')} WITH ORDINALITY "
            f"AS n({self._named}, digest, place) ON {self._joined} AND pg_catalog.sha256({content}) = n.digest "
            "FOR NO KEY UPDATE OF t SKIP LOCKED"
        )

    @cached_property
    def write(self) -> str:
        """Write to rows what they are to hold; say in how many that stands now, and how many were written.

        Parameters: an array for each column of the key, and what is to be written.
        """
        return (
            f"WITH written AS (UPDATE {self._table} AS t SET {self._column} = n.value FROM {self._arrays} "
            f"AS n({self._named}, value) WHERE {self._joined} RETURNING {self._same} AS is_kept) "
            "SELECT pg_catalog.count(*) FILTER (WHERE is_kept), pg_catalog.count(*) FROM written"
        )

    @cached_property
    def _arrays(self) -> str:
        return self._spread(self.table.type)

    def _spread(self, kind_of_value: str) -> str:
        return f"unnest({', '.join(f'%b::{kind}[]' for kind in (*self.table.key_types, kind_of_value))})"

    @cached_property
    def _named(self) -> str:
        return ", ".join(f"k{place}" for place in range(len(self.table.keys)))

    @cached_property
    def recount(self) -> str:
        """Count the rows that hold what was written. Parameters: the same."""
        return (
            f"SELECT pg_catalog.count(*) FROM {self._table} AS t JOIN {self._arrays} AS n({self._named}, value) "
            f"ON {self._joined} AND {self._same}"
        )

    @cached_property
    def _joined(self) -> str:
        """Rows by their keys; a collation may hold texts for equal that are not, so they are compared exactly, too."""
        parts = [(f"t.{name(key)}", f"n.k{place}") for place, key in enumerate(self.table.keys)]
        same = [f"{one} = {other}" for one, other in parts]
        exact = [
            f"{one}{_EXACT} = {other}"
            for (one, other), kind in zip(parts, self.table.key_types, strict=True)
            if kind == "text"
        ]
        return " AND ".join([*same, *exact])

    @cached_property
    def _same(self) -> str:
        return f"t.{self._column}{'' if self.table.as_bytes else _EXACT} = n.value"

    @cached_property
    def count_due(self) -> str:
        """Count the rows that may have to be changed."""
        return f"SELECT pg_catalog.count(*) FROM {self._table} WHERE {self.due}"

    @cached_property
    def extremes(self) -> str:
        """Read and lock the longest and the shortest value that may have to be changed."""
        values = f"SELECT {self._keys}, {self._column} FROM {self._table} WHERE {self.due}"
        size = f"pg_catalog.octet_length({self._column})"
        lock = "LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
        one, two = (f"({values} ORDER BY {size} {way} {lock})" for way in ("DESC", "ASC"))
        return f"WITH a AS MATERIALIZED {one}, b AS MATERIALIZED {two} SELECT * FROM a UNION ALL SELECT * FROM b"

    @cached_property
    def find_locker(self) -> str:
        """Return which transaction locks a row. Parameters: its position."""
        places = [f"{name(key)} = %s::{kind}" for key, kind in zip(self.table.keys, self.table.key_types, strict=True)]
        return f"SELECT xmax::text FROM {self._table} WHERE {' AND '.join(places)}"

    @cached_property
    def heads(self) -> str:
        """Count rows by how they begin."""
        return count_heads(self._table, self._column, as_bytes=self.table.as_bytes)

    @cached_property
    def candidates(self) -> str:
        """Read the values that may be of another format."""
        starts = [one for one in (BINARY_STARTS if self.table.as_bytes else TEXT_STARTS) if one not in _OURS]
        found = begins(self._column, starts, as_bytes=self.table.as_bytes)
        return f"SELECT {self._column} FROM {self._table} WHERE {found}"
