"""The rows of a source's table that do not wait, in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.load.verify.kinds import FLOATS, INTEGERS
from strongroom.load.verify.pairing import Cell, Pair
from strongroom.load.verify.values import Value, decode_text
from strongroom.load.verify.wires import LONGEST
from strongroom.sqlite.connection import Connection

ADDRESS = "_strongroom_address"
"""What a row's address is called; so is a column of staged tables whose rows go into others, and none of a source."""
AWAY = "('quarantined', 'superseded')"
"""Dispositions of rows that do not stand."""
_NUMBER, _BYTES = -1, b"\xff"
"""In place of a long value, where no such value would be taken for the column's own: the one for texts and bytes."""
_MOST, _FIRST = 1000, 64
_BUDGET = 1 << 20
"""Bytes of a piece."""
_LEAST, _LAST = -(1 << 63), (1 << 63) - 1
"""Of rowids."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows: their addresses, and their values column by column."""

    addresses: Sequence[int]
    columns: Sequence[Sequence[Any]]


class Reader:
    """Reads the rows that stand, by the ledger, which is attached where it has entries."""

    def __init__(self, connection: Connection, pair: Pair) -> None:
        """Read the table of a pair."""
        self._connection = connection
        self._pair = pair
        self.size = _FIRST
        """How many rows come next."""

    def fit(self, rows: int, size: int) -> None:
        """Choose how many rows come next: some had so many bytes."""
        self.size = max(1, min(_MOST, 2 * self.size, _BUDGET * rows // max(size, 1)))

    def read(self, low: int | None, high: int | None) -> Iterator[Piece]:
        """Yield the rows from the rowid ``low`` on and before ``high``; ``fit`` may be called between."""
        return self._seek(low, high) if can_seek(self._pair) else self._read_through()

    def _seek(self, low: int | None, high: int | None) -> Iterator[Piece]:
        rowid = quote(str(self._pair.rowid))
        before = "" if high is None else f" AND t.{rowid} < {high}"
        statement = (
            f"SELECT t.{rowid}{_select(self._pair)} FROM {dotted('main', self._pair.source)} AS t "
            f"WHERE t.{rowid} >= ?{before}{_standing(self._pair, f't.{rowid}')} ORDER BY t.{rowid} LIMIT ?"
        )
        at = _LEAST if low is None else low
        while rows := self._fetch(statement, (at, self.size)):
            yield _turn(rows, self._pair.alias)
            if rows[-1][0] == _LAST:
                return
            at = rows[-1][0] + 1

    def _fetch(self, statement: str, values: tuple[int, int]) -> list[tuple[Any, ...]]:
        """Fetch rows as the library reads texts fastest; where one is no UTF-8, as they are."""
        self._connection.text_factory = str
        try:
            return self._connection.execute(statement, values).fetchall()
        except self._connection.OperationalError:
            self._connection.text_factory = decode_text
            return self._connection.execute(statement, values).fetchall()

    def _read_through(self) -> Iterator[Piece]:
        self._connection.text_factory = decode_text
        rows = self._connection.execute(
            f"SELECT * FROM ({select_numbered(self._pair, _list(self._pair))}) AS t "
            f"WHERE true{_standing(self._pair, f't.{ADDRESS}')}"
        )
        while found := rows.fetchmany(self.size):
            yield _turn(found, None)

    def fetch_long(self, address: int, cell: Cell, value: Value) -> Value:
        """Return a value itself where ``value`` may only stand for it."""
        if not may_stand_for_another(self._pair, cell, value):
            return value
        self._connection.text_factory = decode_text
        held: Value = self._connection.execute(
            f"SELECT {quote(cell.source)} FROM {dotted('main', self._pair.source)} "
            f"WHERE {quote(str(self._pair.rowid))} = ?",
            (address,),
        ).fetchone()[0]
        return held

    def fetch_bytes(self, address: int, cell: Cell) -> tuple[str, bytes]:
        """Return the storage class of a value, in small letters, and its bytes."""
        self._connection.text_factory = decode_text
        name = quote(cell.source)
        kind, content = self._connection.execute(
            f"SELECT typeof({name}), CAST({name} AS BLOB) FROM {dotted('main', self._pair.source)} "
            f"WHERE {quote(str(self._pair.rowid))} = ?",
            (address,),
        ).fetchone()
        return kind, content or b""


def may_stand_for_another(pair: Pair, cell: Cell, value: Value) -> bool:
    """Tell whether a value that was read may stand for a long one."""
    return can_seek(pair) and _is_guarded(cell) and value in (_NUMBER, _BYTES)


def can_seek(pair: Pair) -> bool:
    """Tell whether the rows from a rowid on are found without looking at those before."""
    return pair.rowid is not None and not pair.is_virtual


def select_numbered(pair: Pair, columns: str) -> str:
    """Return the statement that gives every row with its address: its rowid, or its number in the key's order."""
    if pair.rowid is not None:
        address = quote(pair.rowid)
    else:
        order = f"ORDER BY {quote_all(pair.order)}" if pair.order else ""
        address = f"row_number() OVER ({order})"
    return f"SELECT {address} AS {ADDRESS}, {columns} FROM {dotted('main', pair.source)}"


def _list(pair: Pair) -> str:
    return quote_all(cell.source for cell in pair.cells)


def _standing(pair: Pair, address: str) -> str:
    if pair.kept is None:
        return ""
    return (
        f" AND NOT EXISTS (SELECT 1 FROM {dotted('ledger', pair.kept)} AS l "
        f"WHERE l._rowid = {address} AND l._disposition IN {AWAY})"
    )


def _select(pair: Pair) -> str:
    """Return the cells, each behind a comma, without the one that is the rowid."""
    return "".join(
        f", {_guard(cell, f't.{quote(cell.source)}')}" for place, cell in enumerate(pair.cells) if place != pair.alias
    )


def _guard(cell: Cell, name: str) -> str:
    if not _is_guarded(cell):
        return name
    test = "" if cell.affinity == "TEXT" else f"typeof({name}) IN ('text', 'blob') AND "
    instead = "x'ff'" if cell.kind.name in (*INTEGERS, *FLOATS, "bool") else str(_NUMBER)
    return f"CASE WHEN {test}length({name}) > {LONGEST} THEN {instead} ELSE {name} END"


def _is_guarded(cell: Cell) -> bool:
    return cell.affinity not in ("INTEGER", "REAL")


def _turn(rows: list[tuple[Any, ...]], alias: int | None) -> Piece:
    addresses, *columns = zip(*rows, strict=True)
    if alias is not None:
        columns.insert(alias, addresses)
    return Piece(addresses, columns)
