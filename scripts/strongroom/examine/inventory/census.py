"""Count the cells of a table by storage class, and what is awkward about them, in one scan.

The scan runs inside SQLite; only texts are shown to Python, as bytes, because SQLite does not
validate them.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence

from strongroom.core.quoting import quote
from strongroom.examine.inventory.model import ColumnFacts
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.schema import Column, Table

_COLUMNS_PER_SCAN = 60  # SQLite allows 127 arguments to a function, and 2,000 columns in a result
MOST_COMPARED = 1000  # GROUP BY takes 2,000 terms, and a column is two
_PIECE = 1 << 20
_EXTREME = "({0} = 9223372036854775807 OR {0} = -9223372036854775808)"
_COUNTS = (
    "count({0})",
    "count(*) FILTER (WHERE typeof({0}) = 'real')",
    "count(*) FILTER (WHERE typeof({0}) = 'text')",
    "count(*) FILTER (WHERE typeof({0}) = 'blob')",
    "count(*) FILTER (WHERE typeof({0}) = 'real' AND abs({0}) = 9e999)",
    f"count(*) FILTER (WHERE typeof({{0}}) = 'integer' AND {_EXTREME})",
    "coalesce(max(length({0})) FILTER (WHERE typeof({0}) = 'blob'), 0)",
)
_TEXTS = "CASE typeof({0}) WHEN 'text' THEN CAST({0} AS BLOB) END"


class _TextCensus:
    """An SQL aggregate over texts as bytes: per argument [empty, with_nul, invalid, digits, largest]."""

    def __init__(self) -> None:
        self._tallies: list[list[int]] = []

    def step(self, *cells: bytes | None) -> None:
        """Look at one row; written for speed, since it sees every text there is."""
        if not self._tallies:
            self._tallies = [[0] * 5 for _ in cells]
        for tally, cell in zip(self._tallies, cells, strict=True):
            if cell is None:
                continue
            length = len(cell)
            if length > tally[4]:  # noqa: PLR1730  max() costs a call per cell
                tally[4] = length
            if not cell.isascii():
                tally[2] += not is_valid(cell, "utf-8")
            elif not length:
                tally[0] += 1
            elif cell.isdigit():
                tally[3] += 1
            if b"\0" in cell:
                tally[1] += 1

    def finalize(self) -> str:
        """Return the tallies."""
        return json.dumps(self._tallies)


class _WideTextCensus(_TextCensus):
    """The same for databases whose texts are stored as UTF-16, where every ASCII letter has a NUL byte."""

    encoding = ""

    def step(self, *cells: bytes | None) -> None:
        """Look at one row."""
        super().step(*(None for _ in cells))
        for tally, cell in zip(self._tallies, cells, strict=True):
            if cell is None:
                continue
            text = cell.decode(self.encoding, "replace")
            tally[0] += not text
            tally[1] += "\0" in text
            tally[2] += not is_valid(cell, self.encoding)
            tally[3] += text.isascii() and text.isdigit()
            tally[4] = max(tally[4], len(cell))


class _LittleEndian(_WideTextCensus):
    encoding = "utf-16-le"


class _BigEndian(_WideTextCensus):
    encoding = "utf-16-be"


_CENSUS: dict[str, type[_TextCensus]] = {
    "UTF-8": _TextCensus,
    "UTF-16le": _LittleEndian,
    "UTF-16be": _BigEndian,
}


def is_valid(cell: bytes, encoding: str) -> bool:
    """Tell whether bytes are text in an encoding; a large cell is looked at piece by piece."""
    try:
        if len(cell) <= _PIECE:
            cell.decode(encoding)
            return True
        decoder = codecs.getincrementaldecoder(encoding)()
        view = memoryview(cell)
        for start in range(0, len(view), _PIECE):
            decoder.decode(view[start : start + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def teach_text_census(connection: Connection, encoding: str) -> None:
    """Give a connection the aggregate that ``take_census`` uses; ``encoding`` is the database's."""
    connection.create_aggregate("strongroom_text_census", -1, _CENSUS[encoding])  # type: ignore[arg-type]  # typeshed knows no aggregate of many arguments


def take_census(connection: Connection, table: Table) -> tuple[ColumnFacts, ...]:
    """Count the cells of every stored column. Read-only; needs ``teach_text_census``."""
    counted: dict[str, dict[str, int]] = {}
    for columns in _pieces(table.stored):
        counted.update(_scan(connection, table.name, columns))
    return describe_columns(table, counted)


def describe_columns(table: Table, counted: dict[str, dict[str, int]]) -> tuple[ColumnFacts, ...]:
    """List the columns with the counts that there are."""
    return tuple(
        ColumnFacts(
            name=column.name,
            declared=column.declared,
            affinity=column.affinity,
            generated=column.generated,
            **counted.get(column.name, {}),
        )
        for column in table.columns
    )


def _pieces(columns: Sequence[Column]) -> Iterator[Sequence[Column]]:
    for start in range(0, len(columns), _COLUMNS_PER_SCAN):
        yield columns[start : start + _COLUMNS_PER_SCAN]


def _scan(connection: Connection, table: str, columns: Sequence[Column]) -> dict[str, dict[str, int]]:
    names = [quote(column.name) for column in columns]
    texts = ", ".join(_TEXTS.format(name) for name in names)
    counts = ", ".join(count.format(name) for name in names for count in _COUNTS)
    row = connection.execute(
        f"SELECT count(*), strongroom_text_census({texts}), {counts} FROM {quote(table)}"
    ).fetchone()
    tallies = json.loads(row[1] or "[]") or [[0] * 5] * len(columns)
    width = len(_COUNTS)
    return {
        column.name: _read_counts(row[0], row[2 + number * width : 2 + (number + 1) * width], tally)
        for number, (column, tally) in enumerate(zip(columns, tallies, strict=True))
    }


def _read_counts(rows: int, values: Sequence[int], tally: Sequence[int]) -> dict[str, int]:
    present, real, text, blob, infinite, extreme, largest_blob = values
    empty, with_nul, invalid, digits, largest_text = tally
    return {
        "null": rows - present,
        "integer": present - real - text - blob,
        "real": real,
        "text": text,
        "blob": blob,
        "infinite": infinite,
        "extreme": extreme,
        "empty": empty,
        "with_nul": with_nul,
        "invalid": invalid,
        "digits": digits,
        "largest": max(largest_text, largest_blob),
    }


def count_duplicates(connection: Connection, table: Table) -> int:
    """Count the rows that repeat an earlier row exactly, storage classes included. Read-only."""
    terms = ", ".join(f"typeof({quote(column.name)}), {quote(column.name)} COLLATE BINARY" for column in table.stored)
    row = connection.execute(
        f"SELECT coalesce(sum(copies - 1), 0)"
        f" FROM (SELECT count(*) AS copies FROM {quote(table.name)} GROUP BY {terms})"
    )
    return int(row.fetchone()[0])


def count_alike_keys(connection: Connection, table: Table, column: str) -> int:
    """Count the keys that differ from another one in case (A to Z) or surrounding spaces only. Read-only."""
    name = quote(column)
    row = connection.execute(
        f"SELECT coalesce(sum(copies), 0) FROM (SELECT count(*) AS copies FROM {quote(table.name)}"
        f" WHERE typeof({name}) = 'text' GROUP BY lower(trim({name})) COLLATE BINARY HAVING count(*) > 1)"
    )
    return int(row.fetchone()[0])


def count_foreign_key_violations(connection: Connection, table: Table) -> int:
    """Count the rows whose declared parent is not there. Read-only.

    Raises the library's own OperationalError when the declaration itself cannot be checked.
    """
    rows = connection.execute("SELECT count(*) FROM pragma_foreign_key_check(?)", (table.name,))
    return int(rows.fetchone()[0])
