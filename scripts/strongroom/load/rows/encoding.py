"""Turn rows of the source into the bytes of COPY, and note those that do not fit."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from strongroom.load.convert import Field, UnfitError, choose_packer, write_packer
from strongroom.load.rows.jobs import ADDRESS, ColumnJob, TableJob
from strongroom.load.rows.ledger import Entry
from strongroom.load.rows.reading import Piece

_LARGE = 1 << 20
"""Fields of this many bytes are handed on by themselves, and not copied together."""
_NULL = struct.pack(">i", -1)


class Encoder:
    """Packs the rows of one table; ``entries`` are those that fit no column."""

    def __init__(self, job: TableJob) -> None:
        """Choose what packs each column."""
        self._job = job
        self._fields = [_choose(job, column) for column in job.columns]
        self._pack = write_packer(self._fields, with_address=job.keeps_address)
        self.names = [*(column.into for column in job.columns), *([ADDRESS] if job.keeps_address else [])]
        """The server's columns, in the order in which fields come."""
        self.entries: list[Entry] = []

    def encode(self, rows: Piece) -> Iterator[bytes]:
        """Yield the bytes of the rows that fit."""
        if not rows:
            return
        try:
            pieces = self._pack(rows)
        except UnfitError:
            pieces = [piece for row in rows for piece in self._pack_row(row)]
        if max(map(len, pieces), default=0) < _LARGE:
            yield b"".join(pieces)
        else:
            yield from pieces

    def _pack_row(self, row: Sequence[object]) -> list[bytes]:
        """Return a row in pieces; nothing for one that does not fit, which is noted with its column."""
        pieces = [len(self.names).to_bytes(2, "big")]
        for column, field, value in zip(self._job.columns, self._fields, row[1:], strict=True):
            try:
                pieces += _pack_field(field, value)
            except UnfitError as error:
                entry = Entry(address=_address(row), reason=f"{column.source} {error}", rule=column.source)
                self.entries.append(entry)
                return []
        return [*pieces, struct.pack(">iq", 8, _address(row))] if self._job.keeps_address else pieces


def _pack_field(field: Field, value: object) -> tuple[bytes, bytes]:
    if value is not None:
        data = field.packer.pack(value)
        return struct.pack(">i", len(data)), data
    if field.not_null:
        raise UnfitError("is NULL, and the column is NOT NULL")
    return _NULL, b""


def _address(row: Sequence[object]) -> int:
    address = row[0]
    assert isinstance(address, int)  # noqa: S101  # for the type checker: it is SQLite's rowid, or a number of ours
    return address


def _choose(job: TableJob, column: ColumnJob) -> Field:
    found = choose_packer(column.type, column.reading)
    if found is None:
        raise ValueError(f"{job.name}.{column.source}: nothing packs {column.type.name}")
    return Field(packer=found, not_null=column.not_null)
