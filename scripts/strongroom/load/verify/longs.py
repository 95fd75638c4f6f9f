"""Values that are too long to go along with others: hashed one by one, so that few of them are held at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.load.verify.asking import Asking
from strongroom.load.verify.json_values import write_json_piecewise
from strongroom.load.verify.pairing import Cell, Pair
from strongroom.load.verify.reading import Reading
from strongroom.load.verify.rows import Reader, may_stand_for_another
from strongroom.load.verify.unfit import UnfitError
from strongroom.load.verify.values import Same, Value, encode_same

_CLASSES = {"text": "text", "varchar": "text", "bytea": "blob"}
"""What the bytes of these types are made of as they are."""


@dataclass(frozen=True, slots=True)
class Longs:
    """Hashes long values of one table, on both sides."""

    pair: Pair
    reader: Reader
    asking: Asking
    reading: Reading

    def is_same(self, address: int, place: int, value: Value, condition: str, key: Sequence[object]) -> bool:
        """Tell whether a value of the source is one that is long in the server; False where it may be, too."""
        if not may_stand_for_another(self.pair, self.pair.cells[place], value):
            return False
        mine = self.hash_source(address, place) or self._hash_read(address, place, value)
        return mine is not None and mine == (
            self.hash_server(place, condition, key) or self._hash_server_read(place, condition, key)
        )

    def hash_source(self, address: int, place: int) -> bytes | None:
        """Return the SHA-256 of a value whose bytes are what is compared; None for others."""
        cell = self.pair.cells[place]
        kind = None if cell.kind.takes_numbers else _CLASSES.get(cell.kind.name)
        if kind is None:
            return None
        held, content = self.reader.fetch_bytes(address, cell)
        return hashlib.sha256(content).digest() if held == kind else None

    def hash_server(self, place: int, condition: str, key: Sequence[object]) -> bytes | None:
        """Return the same of a value of the server, which is not sent."""
        return self.asking.ask_hash(place, condition, key) if self._is_plain(self.pair.cells[place]) else None

    def _is_plain(self, cell: Cell) -> bool:
        return cell.kind.name in _CLASSES and not cell.kind.takes_numbers

    def _hash_read(self, address: int, place: int, value: Value) -> bytes | None:
        try:
            return _hash(
                self.reading.read_source(place, self.reader.fetch_long(address, self.pair.cells[place], value))
            )
        except UnfitError:
            return None

    def _hash_server_read(self, place: int, condition: str, key: Sequence[object]) -> bytes:
        return _hash(self.reading.read_server(place, self.asking.ask_value(place, condition, key)))


def _hash(same: Same) -> bytes:
    if not isinstance(same, list):
        return hashlib.sha256(encode_same(same)).digest()
    found = hashlib.sha256()
    for piece in write_json_piecewise(same):
        found.update(piece)
    return found.digest()
