"""Rows in the order in which they stand in the server's file, beside the source's in theirs.

Rows that came one after another stand so, and are compared at a fraction of the cost of looking each up. Where they do
not stand so, this gives up, and they are compared in another way: the order decides about time only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from strongroom.load.verify.asking import Answer
from strongroom.load.verify.keyed import Keyed
from strongroom.load.verify.rows import Piece

_FIRST = "(0,0)"
_ROWS, _BYTES = 1000, 1 << 20
"""Of a question, about."""
_PLACE = re.compile(r"\(([0-9]+),[0-9]+\)")


class Heap:
    """The rows of one table between two places of its file, and those of the source that must be they."""

    def __init__(self, found: Keyed, blocks: int, first: str | None, beyond: str | None) -> None:
        """Compare with ``found``, which keeps count; the file has so many blocks."""
        self._found = found
        self._first, self._beyond = first or _FIRST, beyond
        self._last = blocks if beyond is None else _block_of(beyond)
        self._step = 1

    def compare(self, low: int | None, high: int | None) -> bool:
        """Compare all rows of both sides; False where they do not stand in one order, and nothing is known."""
        found = self._found
        pieces = found.reader.read(low, high)
        for answer in self._ask_all():
            if not answer.count:
                continue
            found.reader.size = answer.count
            piece = next(pieces, None)
            if piece is None or not self._compare_piece(piece, answer):
                return False
        found.reader.size = 1
        return next(pieces, None) is None

    def _compare_piece(self, piece: Piece, answer: Answer) -> bool:
        found = self._found
        if found.pair.key and found.are_beside(piece, answer):
            found.compare_piece(piece, answer)
            return True
        if found.pair.key or not found.are_same(piece, answer):
            return False
        found.count_same(len(piece.addresses))
        return True

    def _ask_all(self) -> Iterator[Answer]:
        """Yield the rows block by block, so many at a time as are about a thousand."""
        at, block = self._first, _block_of(self._first)
        while True:
            block += self._step
            is_last = block > self._last
            answer = self._found.asking.ask_heap(at, self._beyond if is_last else f"({block},0)")
            yield answer
            if is_last:
                return
            at = f"({block},0)"
            fitting = min(self._step * _ROWS // max(answer.count, 1), self._step * _BYTES // max(answer.size, 1))
            self._step = max(1, min(2 * self._step, fitting))


def _block_of(place: str) -> int:
    found = _PLACE.fullmatch(place)
    return int(found[1]) if found is not None else 0
