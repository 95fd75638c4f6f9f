"""The statements that read and write one column in SQLite; a value is in none of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from strongroom.core.quoting import literal, quote, quote_all
from strongroom.keys.columns.envelope import MARK
from strongroom.keys.columns.formats import BINARY_STARTS, TEXT_STARTS
from strongroom.rotate.columns.model import Position, Work
from strongroom.rotate.columns.sqlite_table import SqliteTable

_LONGEST_HEAD = 280
"""Characters: more than the mark and the longest id of a key have."""


def begins(column: str, head: str) -> str:
    """Return the condition that what stands in a column, text or bytes, begins with a head, however texts are kept."""
    start = f"substr({column}, 1, {len(head)})"
    return f"({start} IS {literal(head)} OR {start} IS x'{head.encode().hex()}')"


def may_be_cipher(column: str) -> str:
    """Return the condition that what stands in a column may be ciphertext of whatever format."""
    texts = " OR ".join(f"substr({column}, 1, {len(head)}) = {literal(head)} COLLATE BINARY" for head in TEXT_STARTS)
    contents = " OR ".join(f"substr({column}, 1, {len(head)}) = x'{head.hex()}'" for head in BINARY_STARTS)
    return f"(typeof({column}) = 'text' AND ({texts}) OR typeof({column}) = 'blob' AND ({contents}))"


def count_heads(table: str, column: str) -> str:
    """Count rows by how they begin: NULL, what stands in ours as the key's id (text or bytes), 0 for the rest."""
    start = f"substr({column}, {len(MARK) + 1}, {_LONGEST_HEAD})"
    end = f"CASE typeof({column}) WHEN 'blob' THEN instr({start}, x'3a') ELSE instr({start}, ':') END"
    key = f"coalesce(substr({start}, 1, max({end} - 1, 0)), '')"
    return (
        f"SELECT CASE WHEN {column} IS NULL THEN NULL WHEN {begins(column, MARK)} THEN {key} ELSE 0 END, "
        f"count(*) FROM {table} GROUP BY 1"
    )


def read_heads(found: Iterable[tuple[str | bytes | int | None, int]]) -> dict[str | None, int]:
    """Return what was counted: by None for NULL, by the key's id behind a :, by an empty text for the rest."""
    heads: dict[str | None, int] = {}
    for start, count in found:
        key = start.decode("latin-1") if isinstance(start, bytes) else start
        head = f":{key}" if isinstance(key, str) else None if key is None else ""
        heads[head] = heads.get(head, 0) + count
    return heads


@dataclass(frozen=True)
class Statements:
    """The statements about one column for one work; ``head`` is what the values begin with that decide it."""

    table: SqliteTable
    work: Work
    head: str

    @cached_property
    def due(self) -> str:
        """The condition under which a row may have to be changed."""
        sign = "" if self.work in (Work.DECRYPT, Work.CHECK) else "NOT "
        return f"{self._column} IS NOT NULL AND {sign}{begins(self._column, self.head)}"

    @cached_property
    def _column(self) -> str:
        return quote(self.table.column)

    @cached_property
    def _table(self) -> str:
        return f"main.{quote(self.table.name)}"

    @cached_property
    def _order(self) -> tuple[str, ...]:
        return self.table.order or (str(self.table.rowid),)

    @cached_property
    def _row(self) -> str:
        return f"{quote_all((*self._order, *self.table.keys))}, {self._column}"

    def read(self, behind: Position | None) -> str:
        """Read rows that are due behind a position, with where they stand, their key and what they hold.

        Parameters: the position, texts in it as bytes.
        """
        marks = ", ".join("CAST(? AS TEXT)" if isinstance(part, str) else "?" for part in behind or ())
        after = f" AND ({quote_all(self._order)}) > ({marks})" if marks else ""
        return f"SELECT {self._row} FROM {self._table} WHERE {self.due}{after} ORDER BY {quote_all(self._order)}"

    @cached_property
    def write(self) -> str:
        """Write what a row is to hold where it holds what was read.

        Parameters: what is to be written, where it stands, its key, what was read and its kind.
        """
        return f"UPDATE {self._table} SET {self._column} = ? WHERE {self._found}"

    @cached_property
    def _found(self) -> str:
        places = [f"{quote(name)} = ?" for name in self._order]
        keys = [f"{quote(name)} COLLATE BINARY IS ?" for name in self.table.keys]
        value = [f"{self._column} COLLATE BINARY IS ?", f"typeof({self._column}) = ?"]
        return " AND ".join([*places, *keys, *value])

    @cached_property
    def find(self) -> str:
        """Tell whether a row holds a value. Parameters: where it stands, its key, the value and its kind."""
        return f"SELECT 1 FROM {self._table} WHERE {self._found}"

    @cached_property
    def count_due(self) -> str:
        """Count the rows that may have to be changed."""
        return f"SELECT count(*) FROM {self._table} WHERE {self.due}"

    @cached_property
    def extremes(self) -> tuple[str, str]:
        """Read the longest, and the shortest value that may have to be changed."""
        text = f"SELECT {self._row} FROM {self._table} WHERE {self.due} ORDER BY length({self._column})"
        return f"{text} DESC LIMIT 1", f"{text} ASC LIMIT 1"

    @cached_property
    def heads(self) -> str:
        """Count rows by how they begin."""
        return count_heads(self._table, self._column)

    @cached_property
    def candidates(self) -> str:
        """Read the values that may be of another format."""
        it = f"NOT {begins(self._column, MARK)} AND {may_be_cipher(self._column)}"
        return f"SELECT {self._column} FROM {self._table} WHERE {it}"
