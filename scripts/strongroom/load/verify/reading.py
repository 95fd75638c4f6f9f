"""The readers of a table's columns: how each value of either side becomes what is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from strongroom.core.quoting import dotted, quote
from strongroom.load.verify.instants import detect_unit, read_zone
from strongroom.load.verify.json_values import may_be_deep, read_all_json
from strongroom.load.verify.pairing import Cell, Pair
from strongroom.load.verify.server_values import make_server_reader
from strongroom.load.verify.unfit import UnfitError
from strongroom.load.verify.values import Same, Times, Value, make_reader
from strongroom.sqlite.connection import Connection


class Reading:
    """Reads the values of one table."""

    def __init__(self, connection: Connection, pair: Pair) -> None:
        """Read the columns of a pair; ``connection`` is asked in which unit numbers are that mean instants."""
        self._cells = pair.cells
        self._readers = [make_reader(cell.kind, _time_of(connection, pair, cell)) for cell in pair.cells]
        self._server_readers = [make_server_reader(cell.kind) for cell in pair.cells]

    def read_source(self, place: int, value: Value) -> Same:
        """Return what a source's value becomes in its column. Raises UnfitError."""
        if value is not None:
            return self._readers[place](value)
        if not self._cells[place].is_nullable:
            raise UnfitError("is NULL, which the column does not take")
        return None

    def read_server(self, place: int, item: Any) -> Same:
        """Return what an item of the server means."""
        return None if item is None else self._server_readers[place](item)

    def are_same(self, place: int, values: Sequence[Any], items: Sequence[Any]) -> bool:
        """Tell whether all values of a column are those of the server, where that shows at once; False: look closer."""
        if self._cells[place].kind.name not in ("json", "jsonb"):
            return False
        if None in values or None in items:
            held = [(value, item) for value, item in zip(values, items, strict=True) if (value, item) != (None, None)]
            values, items = [value for value, _ in held], [item for _, item in held]
        try:
            return read_all_json(values) == read_all_json(items) and not may_be_deep(values)
        except (TypeError, UnfitError):  # something else than a text is among them
            return False

    def read_key(self, place: int, value: Value) -> Any:
        """Return a value as the server is asked for it; None where it fits no key."""
        try:
            return self.read_source(place, value)
        except UnfitError:
            return None


def _time_of(connection: Connection, pair: Pair, cell: Cell) -> Times:
    return Times(zone=read_zone(cell.zone), find_unit=_find_unit(connection, pair.source, cell))


def _find_unit(connection: Connection, table: str, cell: Cell) -> Callable[[], str | None]:
    @cache
    def find() -> str | None:
        if cell.unit is not None:
            return cell.unit
        name = quote(cell.source)
        least, most = connection.execute(
            f"SELECT min({name}), max({name}) FROM {dotted('main', table)} WHERE typeof({name}) IN ('integer', 'real')"
        ).fetchone()
        return None if least is None else detect_unit(least, most)

    return find
