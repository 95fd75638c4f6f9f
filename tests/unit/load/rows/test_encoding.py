"""A row that does not fit is noted and left out; those beside it are packed one by one, to the same bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from strongroom.load.convert import Reading
from strongroom.load.rows.encoding import Encoder
from strongroom.load.rows.jobs import ADDRESS, ColumnJob, TableJob
from strongroom.load.rows.ledger import Entry
from strongroom.load.stage.columns import ServerType
from strongroom.sqlite.database import Database

LARGE = 1 << 20
LEAST = -(2**63)
ROWS: list[tuple[object, ...]] = [(3, 1, "a"), (LEAST, 7, None), (5, -2, "ü")]
PACKED = (
    ((4, struct.pack(">i", 1)), (1, b"a"), (8, struct.pack(">q", 3))),
    ((4, struct.pack(">i", 7)), (-1, b""), (8, struct.pack(">q", LEAST))),
    ((4, struct.pack(">i", -2)), (2, b"\xc3\xbc"), (8, struct.pack(">q", 5))),
)


def pack(fields: int) -> bytes:
    """Pack the first fields of each row as the server's manual says of COPY: their number, each size, each value."""
    return b"".join(
        struct.pack(">h", fields) + b"".join(struct.pack(">i", size) + data for size, data in row[:fields])
        for row in PACKED
    )


def make(*, keeps_address: bool = False, kind: str = "text") -> Encoder:
    number = ColumnJob(source="n", into="num", type=ServerType(name="int4"), reading=Reading(), not_null=True)
    text = ColumnJob(source="v", into="val", type=ServerType(name=kind), reading=Reading(), not_null=False)
    nowhere = Database(Path("nowhere"))
    job = TableJob(
        target="core", table="t", into="t", schema="core_staged", columns=(number, text), kept=("id", "n", "v"),
        address="id", key=(), snapshot=nowhere, ledger=nowhere, size=1, row_size=1, keeps_address=keeps_address,
    )  # fmt: skip
    return Encoder(job)


def join(encoder: Encoder, rows: Sequence[tuple[object, ...]]) -> bytes:
    return b"".join(encoder.encode(list(rows)))


@pytest.mark.parametrize("keeps_address", [False, True])
def test_rows_beside_one_that_does_not_fit_are_packed_as_without_it(keeps_address: bool) -> None:
    encoder = make(keeps_address=keeps_address)
    assert encoder.names == ["num", "val", *([ADDRESS] if keeps_address else [])]
    assert join(encoder, ROWS) == pack(2 + keeps_address)
    assert encoder.entries == []
    bad = [(8, "one", "b"), (9, None, "c"), (10, 1, b"\0")]
    assert join(encoder, [*ROWS[:1], *bad[:2], *ROWS[1:], *bad[2:]]) == pack(2 + keeps_address)
    assert encoder.entries == [
        Entry(address=8, reason="n holds TEXT, which a whole number does not take", rule="n"),
        Entry(address=9, reason="n is NULL, and the column is NOT NULL", rule="n"),
        Entry(address=10, reason="v holds BLOB, which text does not take", rule="v"),
    ]


def test_of_a_row_its_first_column_that_does_not_fit_is_noted() -> None:
    encoder = make()
    assert join(encoder, [(1, "one", b"\0")]) == b""
    assert [entry.rule for entry in encoder.entries] == ["n"]


@pytest.mark.parametrize(("size", "whole"), [(LARGE - 1, True), (LARGE, False)])
def test_large_fields_are_handed_on_by_themselves(size: int, whole: bool) -> None:
    encoder, text = make(), "x" * size
    pieces = list(encoder.encode([(1, 1, text), (2, 2, "b")]))
    assert (len(pieces) == 1) is whole
    assert (text.encode() in pieces) is not whole
    assert b"".join(pieces) == join(make(), [(1, 1, text)]) + join(make(), [(2, 2, "b")])


def test_no_rows_are_no_bytes() -> None:
    assert list(make().encode([])) == []


def test_a_type_that_nothing_packs_is_a_bug_that_names_the_column() -> None:
    with pytest.raises(ValueError, match=r"core\.t\.v: nothing packs money"):
        make(kind="money")
