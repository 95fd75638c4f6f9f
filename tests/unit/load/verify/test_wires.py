"""Whole columns, byte by byte: what is called the same is the same, whatever stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.load.verify.kinds import Kind
from strongroom.load.verify.pairing import Cell
from strongroom.load.verify.values import pack_double
from strongroom.load.verify.wires import LONGEST, TOO_LONG, is_same_column, select_outer, take_apart


def cell(name: str, affinity: str = "BLOB", *, is_nullable: bool = True) -> Cell:
    return Cell(
        source="c",
        affinity=affinity,
        into="c",
        kind=Kind(name=name, shown=name),
        is_nullable=is_nullable,
        zone="UTC",
        unit=None,
    )


def send(of: Cell, values: Sequence[Any]) -> list[bytes]:
    """Join values as the server does, which are its own."""
    nulls = bytes(value is None for value in values)
    name = of.kind.name
    if name == "bytea":
        sizes = b"".join((-1 if value is None else len(value)).to_bytes(4, "big", signed=True) for value in values)
        return [b"".join(value for value in values if value and len(value) <= LONGEST), sizes]
    if name == "int8":
        held = b"".join((value or 0).to_bytes(8, "big", signed=True) for value in values)
    elif name == "float8":
        held = b"".join(pack_double(0.0 if value is None else value) for value in values)
    elif name == "bool":
        held = bytes(bool(value) for value in values)
    else:
        return [b"\0".join(b"\xff" if value is None else value.encode() for value in values)]
    return [held, nulls] if of.is_nullable else [held]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
ODD = st.sampled_from(
    ["", "\0", "\x01", "\x01+00", "a\0b", "\udcff", "é", 0, 1, 0.0, -0.0, b"", b"\xff", None, 2**53 + 1]
)
VALUES = {
    "text": TEXTS | st.none(),
    "int8": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "float8": st.floats(allow_nan=False) | st.none(),
    "bool": st.sampled_from([0, 1, None]),
    "bytea": st.binary(max_size=6) | st.none(),
    "uuid": st.uuids().map(str) | st.none(),
}


@given(st.data(), st.sampled_from(sorted(VALUES)))
def test_what_was_sent_is_the_same_and_comes_apart(data: st.DataObject, name: str) -> None:
    of = cell(name)
    values = data.draw(st.lists(VALUES[name], min_size=1, max_size=6))
    parts = send(of, values)
    assert is_same_column(of, values, parts)
    items = take_apart(of, parts, len(values))
    wanted = [pack_double(value) if isinstance(value, float) else value for value in values]
    assert items == wanted
    assert len(parts) == len(select_outer(of, "c"))


@given(st.data(), st.sampled_from(sorted(VALUES)))
def test_nothing_else_is_called_the_same(data: st.DataObject, name: str) -> None:
    of = cell(name)
    there = data.draw(st.lists(VALUES[name], min_size=1, max_size=4))
    here: list[Any] = data.draw(st.lists(VALUES[name] | ODD, min_size=len(there), max_size=len(there)))
    if is_same_column(of, here, send(of, there)):
        assert [(type(value), value, str(value)) for value in map(_plain(name), here)] == [
            (type(value), value, str(value)) for value in map(_plain(name), there)
        ]


def _plain(name: str) -> Any:
    """Return what makes the same of values that mean the same in a column: UUIDs are folded."""

    def fold(value: Any) -> Any:
        if name == "uuid" and isinstance(value, str):
            return value.lower()
        return int(value) if name == "bool" and value is not None else value

    return fold


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (["2024-01-01 00:00:00", "2024-01-01T00:00:00.5"], ["2024-01-01 00:00:00+00", "2024-01-01 00:00:00.5+00"]),
        (["2024-01-01T00:00:00Z", None], ["2024-01-01 00:00:00+00", None]),
        (["2024-01-01T00:00:00.120000+00:00"], ["2024-01-01 00:00:00.12+00"]),
        ([None, "2024-01-01 00:00:00.000"], [None, "2024-01-01 00:00:00+00"]),
        (["2024-01-01 00:00:00.123456000"], ["2024-01-01 00:00:00.123456+00"]),
        ([None, None], [None, None]),
    ],
)
def test_instants_as_they_are_often_written(here: list[Any], there: list[Any]) -> None:
    of = cell("timestamptz")
    assert is_same_column(of, here, send(of, there))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (["2024-01-01 00:00:00."], ["2024-01-01 00:00:00+00"]),
        (["2024-01-01 00:00:00.1230000000"], ["2024-01-01 00:00:00.123+00"]),
        (["infinityZ", "2024-01-01 00:00:00Z"], ["infinity", "2024-01-01 00:00:00+00"]),
        (["2024-01-01 00:00:00Z", "infinity"], ["2024-01-01 00:00:00+00", "infinity"]),
        (["0001-01-01 00:00:00Z BC"], ["0001-01-01 00:00:00+00 BC"]),
        (["2024-01-01 00:00:00Z", "0001-01-01 00:00:00Z BC"], ["2024-01-01 00:00:00+00", "0001-01-01 00:00:00+00 BC"]),
        (["10000-01-01 00:00:00"], ["10000-01-01 00:00:00+00"]),
        (["2024-01-01 00:00:00+00"], ["2024-01-01 00:00:00+00"]),
        ([1704067200], ["2024-01-01 00:00:00+00"]),
        ([None], ["2024-01-01 00:00:00+00"]),
        (["2024-01-01 00:00:00"], [None]),
    ],
)
def test_instants_that_are_looked_at_one_by_one(here: list[Any], there: list[Any]) -> None:
    of = cell("timestamptz")
    assert not is_same_column(of, here, send(of, there))


@pytest.mark.parametrize("odd", ["infinity", "10000-01-01", "0044-03-15 BC", "2024-1-1"])
def test_days_that_only_the_server_knows(odd: str) -> None:
    of = cell("date")
    assert is_same_column(of, ["2024-01-01", None], send(of, ["2024-01-01", None]))
    assert not is_same_column(of, ["2024-01-01", odd], send(of, ["2024-01-01", odd]))


def test_an_integer_beyond_what_doubles_hold_is_not_the_double_beside_it() -> None:
    of = cell("float8")
    assert not is_same_column(of, [2**53 + 1], send(of, [2.0**53]))


def test_what_is_too_long_is_marked() -> None:
    long = b"x" * (LONGEST + 1)
    of = cell("bytea")
    assert take_apart(of, send(of, [b"a", long, None, b"b"]), 4) == [b"a", TOO_LONG, None, b"b"]
    assert not is_same_column(of, [long], send(of, [long]))
    assert take_apart(cell("text"), [b"a\0\xfe\0\xff"], 3) == ["a", TOO_LONG, None]


def test_nothing_comes_apart_into_nothing() -> None:
    for name in VALUES:
        assert take_apart(cell(name), [None, None], 0) == []


@pytest.mark.parametrize(
    ("name", "here", "there"),
    [
        ("text", ["\x01"], [None]),
        ("text", ["\x01", None], [None, None]),
        ("text", ["\x01", None], [None, "\x01"]),
        ("text", ["\udcff"], [None]),
        ("text", ["", None], [None, ""]),
        ("text", ["a\0b", "c"], ["a", "b"]),
        ("text", [b"a"], ["a"]),
        ("text", [b"a", None], ["a", None]),
        ("text", [5, None], ["5", None]),
        ("uuid", ["\x01"], [None]),
        ("timestamptz", ["\x01"], [None]),
        ("timestamptz", ["\x01Z"], [None]),
        ("timestamptz", ["2024-01-01 00:00:00", "\x01"], ["2024-01-01 00:00:00+00", None]),
        ("date", ["\x01"], [None]),
        ("int8", [0], [None]),
        ("int8", [None], [0]),
        ("int8", [0, None], [None, 0]),
        ("int8", [1.0], [1]),
        ("int8", ["1"], [1]),
        ("float8", [0.0], [None]),
        ("float8", [0.0], [-0.0]),
        ("bool", [0], [None]),
        ("bool", [2], [1]),
        ("bool", [1.0], [1]),
        ("bytea", [b""], [None]),
        ("bytea", [b"a", b"bc"], [b"ab", b"c"]),
        ("bytea", ["a"], [b"a"]),
    ],
)
def test_what_could_be_taken_for_something_else_is_not(name: str, here: list[Any], there: list[Any]) -> None:
    assert not is_same_column(cell(name), here, send(cell(name), there))
