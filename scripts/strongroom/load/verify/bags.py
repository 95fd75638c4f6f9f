"""Rows that nothing names, compared as bags: how often each stands counts, where it stands does not.

Both sides are added up, row hash by row hash, in some thousand sums. Equal sums are equal bags; of those that differ
the rows are counted one by one, so many sums at a time as there is room for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from strongroom.core.progress import add_rows
from strongroom.load.verify.asking import Asking
from strongroom.load.verify.describing import Describing
from strongroom.load.verify.faults import Faults
from strongroom.load.verify.longs import Longs
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.reading import Reading
from strongroom.load.verify.rows import Reader, may_stand_for_another
from strongroom.load.verify.unfit import UnfitError
from strongroom.load.verify.values import Same, Value, encode_same
from strongroom.load.verify.wires import LONGEST, TOO_LONG

_SUMS = 4096
_AT_ONCE = 200_000
"""Rows of both sides that are counted one by one at a time."""
_BLOCKS = 64
"""Of a table in the server, looked at in one question."""
_BYTES = 16
_EVERY_ROW = 1 << 63
_CELL = 4
_LONG = b"\xff\xff\xff\xfe"
"""Before the hash of a long value."""
_AT_PLACE = "t.tableoid = %s::text::oid AND t.ctid = %s::text::tid"


@dataclass(slots=True)
class _Side:
    sums: list[int] = field(default_factory=lambda: [0] * _SUMS)
    counts: list[int] = field(default_factory=lambda: [0] * _SUMS)

    def add(self, digest: bytes) -> None:
        number = int.from_bytes(digest, "big")
        self.sums[number % _SUMS] += number
        self.counts[number % _SUMS] += 1


@dataclass(slots=True)
class Bags:
    """The comparison of one table."""

    pair: Pair
    reader: Reader
    asking: Asking
    reading: Reading
    describing: Describing
    faults: Faults
    block_size: int
    blocks: int
    """Of the table in the server, when it was opened."""
    shares: bool
    told: int = 0
    """Rows that somebody told of already."""
    standing: int = 0
    matched: int = 0
    _unfit: int = 0

    def compare(self) -> None:
        """Compare all rows of both sides; with ``shares`` the server may have others."""
        source, server = _Side(), _Side()
        for _, digest in self._hash_source(self.faults.add):
            source.add(digest)
        self.told = _EVERY_ROW
        for digest in self._hash_server():
            server.add(digest)
        self.standing = sum(source.counts) + self._unfit
        odd = [
            place
            for place in range(_SUMS)
            if (source.sums[place], source.counts[place]) != (server.sums[place], server.counts[place])
        ]
        self.matched = sum(source.counts)
        for group in _group(odd, [one + other for one, other in zip(source.counts, server.counts, strict=True)]):
            self._count_one_by_one(group)

    def _count_one_by_one(self, group: set[int]) -> None:
        left: dict[bytes, list[int]] = {}
        for address, digest in self._hash_source(lambda _: None):
            if int.from_bytes(digest, "big") % _SUMS in group:
                left.setdefault(digest, []).append(address)
        more: dict[bytes, int] = {}
        for digest in self._hash_server():
            if int.from_bytes(digest, "big") % _SUMS in group:
                addresses = left.get(digest)
                if addresses:
                    addresses.pop()
                else:
                    more[digest] = more.get(digest, 0) + 1
        missing = sorted(address for addresses in left.values() for address in addresses)
        self.matched -= len(missing)
        for address in missing:
            self.faults.add(f"row {address} stands in the source, does not wait, and is not in PostgreSQL")
        for digest, count in {} if self.shares else sorted(more.items()):
            for _ in range(count):
                told = self.describing.tell_row(digest)
                self.faults.add(f"{told} stands in PostgreSQL only, or once more than in the source")

    def _hash_source(self, say: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
        self._unfit = 0
        for piece in self.reader.read(None, None):
            size = 0
            for row, address in enumerate(piece.addresses):
                encoded = self._encode_source(address, [column[row] for column in piece.columns], say)
                if encoded is None:
                    self._unfit += 1
                else:
                    size += len(encoded)
                    yield address, _hash(encoded)
            self.reader.fit(len(piece.addresses), size)
            add_rows(max(0, len(piece.addresses) - self.told))
            self.told = max(0, self.told - len(piece.addresses))

    def _encode_source(self, address: int, values: Sequence[Value], say: Callable[[str], None]) -> bytes | None:
        cells = []
        for place, value in enumerate(values):
            try:
                cells.append(self._encode_value(address, place, value))
            except UnfitError as error:
                name = self.pair.cells[place].source
                told = self.describing.tell_source(name, value)
                say(f"row {address}: {name} is {told}, which {error}, and the row does not wait")
                return None
        return b"".join(cells)

    def _encode_value(self, address: int, place: int, value: Value) -> bytes:
        cell = self.pair.cells[place]
        if may_stand_for_another(self.pair, cell, value):
            found = self._longs.hash_source(address, place)
            if found is not None:
                return _LONG + found
        return _encode(self.reading.read_source(place, self.reader.fetch_long(address, cell, value)))

    @property
    def _longs(self) -> Longs:
        return Longs(self.pair, self.reader, self.asking, self.reading)

    def _hash_server(self) -> Iterator[bytes]:
        for first in range(0, self.blocks + 1, _BLOCKS):
            beyond = None if first + _BLOCKS > self.blocks else first + _BLOCKS
            answer, places = self.asking.ask_blocks(first, beyond, self.block_size)
            held = answer.take_apart(self.pair.cells)
            for row in range(answer.count):
                yield _hash(
                    b"".join(self._encode_item(column, items[row], places[row]) for column, items in enumerate(held))
                )

    def _encode_item(self, column: int, item: Any, place: str) -> bytes:
        if item is TOO_LONG:
            found = self._longs.hash_server(column, _AT_PLACE, place.split(" "))
            if found is not None:
                return _LONG + found
            item = self.asking.ask_value(column, _AT_PLACE, place.split(" "))
        return _encode(self.reading.read_server(column, item))


def _encode(same: Same) -> bytes:
    """Return bytes of which no other row's cells are made."""
    if same is None:
        return b"\xff" * _CELL
    held = encode_same(same)
    if len(held) > LONGEST:
        return _LONG + hashlib.sha256(held).digest()
    return len(held).to_bytes(_CELL, "big") + held


def _hash(encoded: bytes) -> bytes:
    return hashlib.blake2b(encoded, digest_size=_BYTES).digest()


def _group(places: Sequence[int], counts: Sequence[int]) -> Iterator[set[int]]:
    """Put sums together whose rows are counted at one time."""
    group: set[int] = set()
    rows = 0
    for place in places:
        if group and rows + counts[place] > _AT_ONCE:
            yield group
            group, rows = set(), 0
        group.add(place)
        rows += counts[place]
    if group:
        yield group
