"""Rows that have one key after conversion, and what rows refer to: what the ledger may say of one that waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.core.quoting import dotted, fold, quote
from strongroom.load.verify.asking import Asking
from strongroom.load.verify.key_parts import KeyPart, unpack_double
from strongroom.load.verify.kinds import FLOATS
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.parts import Both
from strongroom.load.verify.reading import Reading
from strongroom.load.verify.rows import ADDRESS, select_numbered
from strongroom.load.verify.server import ServerIndex
from strongroom.load.verify.unfit import UnfitError
from strongroom.load.verify.values import Same, Value, decode_text
from strongroom.sqlite.connection import Connection

_SPACE = " "
_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@dataclass(slots=True)
class Rivals:
    """The keys of one table."""

    connection: Connection
    both: Both
    pair: Pair
    reading: Reading
    asking: Asking

    def try_winner(self, winner: int, own: dict[str, Value]) -> str:
        """Return what is wrong with a row that is said to have another's key and to stand; nothing where it is so."""
        theirs = self._fetch(winner)
        if theirs is None:
            return f"and row {winner}, which is said to have its key, is not in the source"
        if self._is_away(winner):
            return f"and row {winner}, which is said to have its key, does not stand itself"
        if any(self._collide(index, own, theirs) for index in self._list_uniques()):
            return ""
        return f"and row {winner}, which is said to have its key, has another"

    def has_live_rival(self, own: dict[str, Value]) -> bool:
        """Tell whether a row of the server has one of the row's keys, as far as their columns are known."""
        return any(self._has_live_rival(index, own) for index in self._list_uniques())

    def _has_live_rival(self, index: ServerIndex, own: dict[str, Value]) -> bool:
        parts = []
        for place, how, collation in self._list_parts(index):
            value = None if place is None else self._read(place, own)
            if place is None or (value is None and not index.knows_null):
                return False
            parts.append(KeyPart(place=place, how=how, collation=collation, value=value))
        return not parts or self.asking.has_key(parts)

    def _list_uniques(self) -> list[ServerIndex]:
        return [index for index in self.both.tables_of(self.pair)[1].indexes if index.is_unique]

    def _collide(self, index: ServerIndex, own: dict[str, Value], theirs: dict[str, Value]) -> bool:
        """Tell whether two rows are one to an index, as far as its columns, and what folds them, are known."""
        for place, how, collation in self._list_parts(index):
            if place is None:
                return False
            mine, other = self._read(place, own), self._read(place, theirs)
            has_null = mine is None or other is None
            if (has_null and not index.knows_null) or not self._are_one(
                place, _fold(how, mine), _fold(how, other), collation
            ):
                return False
        return True

    def _list_parts(self, index: ServerIndex) -> Iterator[tuple[int | None, str, str]]:
        """Yield the places of an index's columns (None: of no column of the source), and what makes them one."""
        for name, folded, collation in zip(index.columns, index.folded, index.collations, strict=True):
            if name is not None or folded:
                how, _, inner = folded.partition(" ")
                places = (place for place, cell in enumerate(self.pair.cells) if cell.into == (name or inner))
                yield next(places, None), how, collation

    def _are_one(self, place: int, one: Same, other: Same, collation: str) -> bool:
        """Tell whether two values are one to an index: both zeros are, and different texts under some collations."""
        if one is None or other is None or one == other:
            return bool(one == other)
        if self.pair.cells[place].kind.name in FLOATS:
            return unpack_double(one) == unpack_double(other)
        return bool(collation) and self.asking.are_one(one, other, collation)

    def _read(self, place: int, row: dict[str, Value]) -> Same:
        try:
            return self.reading.read_source(place, row[fold(self.pair.cells[place].source)])
        except UnfitError:
            return None

    def _fetch(self, address: int) -> dict[str, Value] | None:
        names = [cell.source for cell in self.pair.cells]
        whole = select_numbered(self.pair, ", ".join(map(quote, names)))
        self.connection.text_factory = decode_text
        row = self.connection.execute(f"SELECT * FROM ({whole}) WHERE {ADDRESS} = ?", (address,)).fetchone()
        return None if row is None else dict(zip(map(fold, names), row[1:], strict=True))

    def _is_away(self, address: int) -> bool:
        found = self.connection.execute(
            f"SELECT 1 FROM {dotted('ledger', str(self.pair.kept))} "
            "WHERE _rowid = ? AND _disposition IN ('quarantined', 'superseded') "
            "AND _rule NOT IN ('reference', 'server')",  # these wait for what was found out later
            (address,),
        ).fetchone()
        return found is not None


def _fold(how: str, value: Same) -> Same:
    """Do what an index's expression does that stands for one of SQLite's collations."""
    if not how or not isinstance(value, str):
        return value
    if how == "casefold":
        return value.casefold()
    return value.translate(_UPPER) if how == "lower" else value.rstrip(_SPACE)
