"""The statements that read and write one column in SQLite; a value is in none of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from strongroom.core.quoting import literal, quote, quote_all
from strongroom.keys.columns.envelope import MARK
from strongroom.keys.columns.formats import BINARY_STARTS, TEXT_STARTS
from strongroom.rotate.columns.model import Work
from strongroom.rotate.columns.sqlite_table import SqliteTable

_LONGEST_HEAD = 280
"""Characters: more than the mark and the longest id of a key have."""


def begins(column: str, head: str | bytes, sign: str = "IS") -> str:
    """Return the condition that what stands in a column, text or bytes, begins with a head."""
    content = head if isinstance(head, bytes) else head.encode()
    return f"CAST(substr({column}, 1, {len(content)}) AS BLOB) {sign} x'{content.hex()}'"


def may_be_cipher(column: str) -> str:
    """Return the condition that what stands in a column may be ciphertext of whatever format."""
    texts = " OR ".join(f"substr({column}, 1, {len(head)}) = {literal(head)} COLLATE BINARY" for head in TEXT_STARTS)
    contents = " OR ".join(f"substr({column}, 1, {len(head)}) = x'{head.hex()}'" for head in BINARY_STARTS)
    return f"(typeof({column}) = 'text' AND ({texts}) OR typeof({column}) = 'blob' AND ({contents}))"


def count_heads(table: str, column: str) -> str:
    """Count rows by how they begin: NULL, the id of the key in what is ours behind a :, an empty text for the rest."""
    start = f"CAST(CAST(substr({column}, 5, {_LONGEST_HEAD}) AS BLOB) AS TEXT)"
    key = f"substr({start}, 1, max(instr({start}, ':') - 1, 0))"
    return (
        f"SELECT CASE WHEN {column} IS NULL THEN NULL WHEN {begins(column, MARK)} THEN ':' || {key} ELSE '' END, "
        f"count(*) FROM {table} GROUP BY 1"
    )


@dataclass(frozen=True)
class Statements:
    """The statements about one column for one work; ``head`` is what the values begin with that decide it."""

    table: SqliteTable
    work: Work
    head: str

    @cached_property
    def due(self) -> str:
        """The condition under which a row may have to be changed."""
        sign = "IS" if self.work in (Work.DECRYPT, Work.CHECK) else "IS NOT"
        return f"{self._column} IS NOT NULL AND {begins(self._column, self.head, sign)}"

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

    def read(self, *, is_first: bool) -> str:
        """Read rows that are due behind a position, with where they stand, their key and what they hold."""
        marks = ", ".join("?" * len(self._order))
        after = "" if is_first else f" AND ({quote_all(self._order)}) > ({marks})"
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
        it = f"NOT ({begins(self._column, MARK)}) AND {may_be_cipher(self._column)}"
        return f"SELECT {self._column} FROM {self._table} WHERE {it}"
