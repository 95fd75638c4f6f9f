"""Every type takes what the paper says and nothing else, and packs it as psycopg's own readers understand it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import adapt, pq

from strongroom.load.convert import Field, Packer, Reading, UnfitError, choose_packer, write_packer
from strongroom.load.stage.columns import ServerType
from tests.unit.load.convert.cases import KINDS, LABELS, Kind, name_kinds

NAMES = {
    "smallint": "int2", "integer": "int4", "bigint": "int8", "double precision": "float8", "real": "float4",
    "boolean": "bool", "state": "enum",
}  # fmt: skip
HEADER = 4
SHORT = 8
"""Values of so many characters may stand in a sentence by chance."""


def find_type(declared: str) -> ServerType:
    """Return a type as the catalogue has it."""
    if declared.endswith("[]"):
        inner = find_type(declared.removesuffix("[]"))
        return ServerType(name="array", element=inner, oid=psycopg.postgres.types[inner.name].oid)
    plain, *limits = re.findall(r"[a-z ]+|-?\d+", declared)
    numbers = [int(one) for one in limits]
    modifier = -1
    if plain == "varchar" and numbers:
        modifier = numbers[0] + HEADER
    elif numbers:
        precision, scale = numbers
        modifier = ((precision << 16) | (scale & 0x7FF)) + HEADER
    labels = LABELS if plain == "state" else ()
    return ServerType(name=NAMES.get(plain, plain), modifier=modifier, labels=labels)


def find_packer(kind: Kind) -> Packer:
    packer = choose_packer(find_type(kind.declared), kind.reading)
    assert packer is not None
    return packer


def understand(declared: str, data: bytes, form: pq.Format) -> Any:
    """Return what psycopg reads of a value in one of the server's formats."""
    plain = re.sub(r"\(.*\)", "", declared.removesuffix("[]"))
    if plain == "state":
        return data.decode()
    if plain == "jsonb":
        held = data.removeprefix(b"\x01") if form == pq.Format.BINARY else data
        return json.loads(held, parse_float=Decimal, parse_int=Decimal)
    known = psycopg.postgres.types[NAMES.get(plain, plain)]
    oid = known.array_oid if declared.endswith("[]") else known.oid
    return adapt.Transformer().get_loader(oid, form).load(data)


def same(declared: str, value: Any) -> Any:
    """Return what tells the two zeros apart, and leaves out in which zone an instant is shown."""
    if isinstance(value, float):
        return struct.pack(">f" if declared == "real" else ">d", value)
    if declared.endswith("[]"):
        return [same(declared.removesuffix("[]"), one) for one in value]
    return value.timestamp() if isinstance(value, datetime) and value.tzinfo else value


@pytest.mark.parametrize("kind", KINDS, ids=name_kinds())
def test_what_fits_becomes_what_the_paper_says(kind: Kind) -> None:
    packer = find_packer(kind)
    for value, written in kind.takes:
        if kind.declared.startswith(("date", "timestamp")) and not "0002" < written.strip('{"')[:4] < "9999":
            continue  # beyond what Python's own times reach in every zone; the server reads them in another test
        found = understand(kind.declared, packer.pack(value), pq.Format.BINARY)
        meant = understand(kind.declared, written.encode(), pq.Format.TEXT)
        assert same(kind.declared, found) == same(kind.declared, meant), (value, written)


@pytest.mark.parametrize("declared", ["json[]", "jsonb[]"])
def test_numbers_in_arrays_of_json_keep_their_digits(declared: str) -> None:
    packer = choose_packer(find_type(declared), Reading())
    assert packer is not None
    packed = packer.pack("[0.1234567890123456789, 1.50, 1e400]")
    assert all(written in packed for written in (b"0.1234567890123456789", b"1.50", b"1E+400"))
    for value in ("[1e1001]", '["a"]'):
        with pytest.raises(UnfitError):
            packer.pack(value)


@pytest.mark.parametrize("kind", KINDS, ids=name_kinds())
def test_many_at_once_are_packed_as_one_by_one(kind: Kind) -> None:
    packer = find_packer(kind)
    values = [value for value, _ in kind.takes]
    for many in (values, values * 2, [*values, None], [None, *values], [None], [None, None]):
        assert read_column(packer, many) == [None if value is None else packer.pack(value) for value in many]
    assert read_column(packer, values, not_null=True) == [packer.pack(value) for value in values]
    with pytest.raises(UnfitError):
        read_column(packer, [*values, None], not_null=True)


def test_many_columns_of_all_kinds_stand_in_their_order() -> None:
    for kinds in (KINDS, KINDS[::-1], KINDS * 2):
        packers = [find_packer(kind) for kind in kinds]
        fields = [Field(packer=packer, not_null=number % 3 == 0) for number, packer in enumerate(packers)]
        row = [None if number % 3 == 1 else kind.takes[0][0] for number, kind in enumerate(kinds)]
        found = b"".join(write_packer(fields, with_address=True)([(7, *row), (-7, *row)]))
        wanted = [None if value is None else packer.pack(value) for packer, value in zip(packers, row, strict=True)]
        rows = list(read_rows(found))
        assert rows == [[*wanted, struct.pack(">q", 7)], [*wanted, struct.pack(">q", -7)]]


@pytest.mark.parametrize("kind", KINDS, ids=name_kinds())
def test_what_does_not_fit_is_refused_alone_and_among_others(kind: Kind) -> None:
    packer = find_packer(kind)
    good = [value for value, _ in kind.takes]
    for value in kind.refuses:
        with pytest.raises(UnfitError) as found:
            packer.pack(value)
        assert f"{found.value}" == f"{found.value}".replace(str(value) if len(str(value)) > SHORT else "\0", "")
        for many in ([value], [*good, value], [None, value], [value, *good]):
            with pytest.raises(UnfitError):
                packer.pack_all(many)


def read_column(packer: Packer, values: Sequence[Any], *, not_null: bool = False) -> list[bytes | None]:
    """Pack rows of one column, and read them as COPY does."""
    pack = write_packer([Field(packer=packer, not_null=not_null)], with_address=False)
    rows = list(read_rows(b"".join(pack([(number, value) for number, value in enumerate(values)]))))
    assert all(len(row) == 1 for row in rows)
    return [row[0] for row in rows]


def read_rows(data: bytes) -> Iterator[list[bytes | None]]:
    at = 0
    while at < len(data):
        (count,) = struct.unpack_from(">h", data, at)
        at += 2
        row: list[bytes | None] = []
        for _ in range(count):
            (size,) = struct.unpack_from(">i", data, at)
            at += 4
            row.append(None if size < 0 else data[at : at + size])
            at += max(size, 0)
        yield row
    assert at == len(data)


def test_a_type_of_which_the_paper_says_nothing_is_packed_by_nothing() -> None:
    for name in ("money", "bpchar", "int4range", "interval", "xml", "inet", "oid", "time"):
        assert choose_packer(ServerType(name=name), Reading()) is None
        array = ServerType(name="array", element=ServerType(name=name), oid=1)
        assert choose_packer(array, Reading()) is None
