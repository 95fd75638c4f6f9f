"""Rows that both sides find by a key, piece by piece: whole columns, and where these differ, every cell.

``range``: the key is the rowid, and the server's rows between two of them are all there, so that what is too many is
found on the way. ``join``: the server looks the source's keys up; what is too many shows when rows are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from strongroom.core.progress import add_rows
from strongroom.load.verify.asking import Answer, Asking
from strongroom.load.verify.describing import Describing
from strongroom.load.verify.faults import Faults
from strongroom.load.verify.longs import Longs
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.reading import Reading
from strongroom.load.verify.rows import Piece, Reader
from strongroom.load.verify.unfit import UnfitError
from strongroom.load.verify.values import Same, Value
from strongroom.load.verify.wires import TOO_LONG, is_same_column, take_apart

_LEAST, _LAST = -(1 << 63), (1 << 63) - 1
_SPARE = 1000
"""Rows that a piece may have too many in the server and still be looked at one by one."""
_NO_KEY = object()


@dataclass(slots=True)
class Keyed:
    """The comparison of one table, or of a part of it."""

    pair: Pair
    reader: Reader
    asking: Asking
    reading: Reading
    describing: Describing
    faults: Faults
    standing: int = 0
    matched: int = 0
    present: int = 0
    """Rows of the source whose key the server has."""
    told: int = 0
    """Rows that somebody told of already."""

    def compare_range(self, low: int | None, high: int | None) -> None:
        """Compare all rows of both sides from the rowid ``low`` on and before ``high``."""
        at = _LEAST if low is None else low
        end = _LAST if high is None else high - 1
        for piece in self.reader.read(low, high):
            last = piece.addresses[-1]
            most = len(piece.addresses) + _SPARE
            self.compare_piece(piece, self.asking.ask_range(at, last, most), most)
            if last == _LAST:
                return
            at = last + 1
        if at <= end:
            nothing = Piece((), [() for _ in self.pair.cells])
            self.compare_piece(nothing, self.asking.ask_range(at, end, _SPARE), _SPARE)

    def compare_joined(self, low: int | None, high: int | None) -> None:
        """Compare the source's rows with those of their keys in the server."""
        for piece in self.reader.read(low, high):
            self.compare_piece(piece, self.asking.ask_keys(self._list_keys(piece)))

    def _list_keys(self, piece: Piece) -> list[list[Any]]:
        return [[self.reading.read_key(place, value) for value in piece.columns[place]] for place in self.pair.key]

    def compare_piece(self, piece: Piece, answer: Answer, most: int | None = None) -> None:
        """Compare some rows with what the server answered about them; ``most`` is what it was asked for at most."""
        count = len(piece.addresses)
        self.standing += count
        if self.are_beside(piece, answer):
            self._compare_columns(piece, answer)
        else:
            self._compare_rows(piece, answer)
        if most is not None and answer.count == most:
            self.faults.add(f"more rows than the source has stand in PostgreSQL ({_SPARE} and more at one place)")
        if count:
            self.reader.fit(count, answer.size)
        self._tell(count)

    def count_same(self, count: int) -> None:
        """Count rows that are the same."""
        self.standing += count
        self.matched += count
        self.present += count
        self._tell(count)

    def _tell(self, count: int) -> None:
        add_rows(max(0, count - self.told))
        self.told = max(0, self.told - count)

    def are_beside(self, piece: Piece, answer: Answer) -> bool:
        """Tell whether each row of a piece is beside the one of its key."""
        return len(piece.addresses) == answer.count and all(
            self._is_same(place, piece, answer) for place in self.pair.key
        )

    def are_same(self, piece: Piece, answer: Answer) -> bool:
        """Tell whether each row of a piece is beside one that is the same, cell by cell."""
        return len(piece.addresses) == answer.count and all(
            self._is_same(place, piece, answer)
            or self.reading.are_same(place, piece.columns[place], items)
            or all(map(partial(self._is_same_value, place), piece.columns[place], items))
            for place, cell in enumerate(self.pair.cells)
            for items in [take_apart(cell, answer.columns[place], answer.count)]
        )

    def _is_same(self, place: int, piece: Piece, answer: Answer) -> bool:
        return not piece.addresses or is_same_column(
            self.pair.cells[place], piece.columns[place], answer.columns[place]
        )

    def _compare_columns(self, piece: Piece, answer: Answer) -> None:
        """Compare rows of which each stands beside its own, column by column."""
        wrong: set[int] = set()
        for place, cell in enumerate(self.pair.cells):
            if self._is_same(place, piece, answer):
                continue
            items = take_apart(cell, answer.columns[place], answer.count)
            if self.reading.are_same(place, piece.columns[place], items):
                continue
            for row, (value, item) in enumerate(zip(piece.columns[place], items, strict=True)):
                if not self._is_same_value(place, value, item) and not self._is_same_after_all(place, row, piece, item):
                    wrong.add(row)
        self.matched += len(piece.addresses) - len(wrong)
        self.present += len(piece.addresses)

    def _is_same_value(self, place: int, value: Value, item: Any) -> bool:
        if item is TOO_LONG:
            return False
        try:
            return bool(self.reading.read_source(place, value) == self.reading.read_server(place, item))
        except UnfitError:
            return False

    def _is_same_after_all(self, place: int, row: int, piece: Piece, item: Any) -> bool:
        """Look at a cell again, at what is too long to go along too, and say what is wrong with it."""
        values = [column[row] for column in piece.columns]
        return self._is_same_cell(piece.addresses[row], place, values, item)

    def _compare_rows(self, piece: Piece, answer: Answer) -> None:
        """Look at every row by itself."""
        held = answer.take_apart(self.pair.cells)
        keys = zip(*(self._read_items(place, held) for place in self.pair.key), strict=True)
        places = {key: row for row, key in enumerate(keys)}
        for row, address in enumerate(piece.addresses):
            values = [column[row] for column in piece.columns]
            there = places.pop(self._key_of(values), None)
            if there is None:
                self.faults.add(f"row {address} stands in the source, does not wait, and is not in PostgreSQL")
                continue
            self.present += 1
            self.matched += self._is_same_row(address, values, [column[there] for column in held])
        for key in places:
            self.faults.add(f"{self.describing.tell_key(key)} stands in PostgreSQL only")

    def _read_items(self, place: int, held: Sequence[Sequence[Any]]) -> list[Same]:
        return [item if item is TOO_LONG else self.reading.read_server(place, item) for item in held[place]]

    def _key_of(self, values: Sequence[Value]) -> tuple[Any, ...]:
        return tuple(self._same_or(place, values[place]) for place in self.pair.key)

    def _same_or(self, place: int, value: Value) -> Any:
        try:
            return self.reading.read_source(place, value)
        except UnfitError:
            return _NO_KEY

    def _is_same_row(self, address: int, values: Sequence[Value], items: Sequence[Any]) -> bool:
        """Compare the cells of one row; tell whether all are the same."""
        found = [self._is_same_cell(address, place, values, item) for place, item in enumerate(items)]
        return all(found)

    def _is_same_cell(self, address: int, place: int, values: Sequence[Value], item: Any) -> bool:
        cell = self.pair.cells[place]
        if item is TOO_LONG and self._is_same_long(address, place, values):
            return True
        value = self.reader.fetch_long(address, cell, values[place])
        if item is TOO_LONG:
            item = self.asking.ask_value(place, *self.asking.by_key([values[key] for key in self.pair.key]))
        there = self.reading.read_server(place, item)
        try:
            same = self.reading.read_source(place, value)
        except UnfitError as error:
            told = f"{self.describing.tell_source(cell.source, value)} (which {error}, and the row does not wait)"
        else:
            if same == there:
                return True
            told = self.describing.tell_source(cell.source, value, same)
        self.faults.add(self.describing.tell_cell(address, cell, told, self.describing.tell_server(cell, there)))
        return False

    def _is_same_long(self, address: int, place: int, values: Sequence[Value]) -> bool:
        longs = Longs(self.pair, self.reader, self.asking, self.reading)
        key = [values[at] for at in self.pair.key]
        return bool(key) and longs.is_same(address, place, values[place], *self.asking.by_key(key))
