"""What fits which type, and what it becomes: the paper's table, line by line."""

from __future__ import annotations

import math
import struct
from datetime import UTC
from typing import Any

import pytest

from strongroom.load.verify.kinds import Kind
from strongroom.load.verify.server_values import make_server_reader
from strongroom.load.verify.unfit import UnfitError
from strongroom.load.verify.values import Times, Value, encode_same, is_same_value, make_reader, pack_double


def kind(name: str, **more: Any) -> Kind:
    return Kind(name=name, shown=name, **more)


def read(of: Kind, value: Value) -> Any:
    return make_reader(of, Times(zone=UTC, find_unit=lambda: "s"))(value)


TEXT, BIGINT, DOUBLE, REAL, BOOLEAN = kind("text"), kind("int8"), kind("float8"), kind("float4"), kind("bool")
MONEY = kind("numeric", precision=5, scale=2)
STATE = kind("enum", labels=("open", "closed"))
DIGITS = "1234567890123456789012"
"""More than a double holds."""
HEX = "0b5c4ea17f3d4b129e0a3d8c6f1a2b4c"


@pytest.mark.parametrize(
    ("of", "value", "same"),
    [
        (TEXT, "a ", "a "),
        (TEXT, "", ""),
        (kind("varchar", length=3), "äöü", "äöü"),
        (kind("text", takes_numbers=True), -5, "-5"),
        (kind("text", takes_numbers=True), 1e16, "1e+16"),
        (kind("text", takes_numbers=True), math.inf, "inf"),
        (kind("text", takes_numbers=True), "5.0", "5.0"),
        (kind("int2"), -32768, -32768),
        (kind("int4"), 2**31 - 1, 2**31 - 1),
        (BIGINT, -(2**63), -(2**63)),
        (DOUBLE, 0.1, struct.pack(">d", 0.1)),
        (DOUBLE, -0.0, struct.pack(">d", -0.0)),
        (DOUBLE, math.inf, struct.pack(">d", math.inf)),
        (DOUBLE, 2**53, struct.pack(">d", 2.0**53)),
        (REAL, 0.5, struct.pack(">d", 0.5)),
        (REAL, -math.inf, struct.pack(">d", -math.inf)),
        (kind("numeric"), 0.1, "1e-1"),
        (kind("numeric"), "-001.10", "-11e-1"),
        (kind("numeric"), 10**18, "1e18"),
        (MONEY, "999.99", "99999e-2"),
        (MONEY, "1.500", "15e-1"),
        (BOOLEAN, 1, 1),
        (BOOLEAN, "FALSE", 0),
        (kind("jsonb"), 1, ["\x001e0"]),
        (kind("jsonb"), 2.5, ["\x0025e-1"]),
        (kind("jsonb"), "null", [None]),
        (kind("timestamptz"), "1970-01-01", 0),
        (kind("timestamptz"), 5, 5_000_000),
        (kind("timestamp"), "1970-01-01 00:00:01", 1_000_000),
        (kind("date"), "1970-01-01", "1970-01-01"),
        (kind("uuid"), "0B5C4EA1-7F3D-4B12-9E0A-3D8C6F1A2B4C", HEX),
        (kind("uuid"), HEX.upper(), HEX),
        (kind("uuid"), bytes.fromhex(HEX), HEX),
        (kind("bytea"), b"", b""),
        (STATE, "open", "open"),
        (kind("array", element=BIGINT), "[1, null, true]", (1, None, 1)),
        (kind("array", element=BOOLEAN), "[true, 0]", (1, 0)),
        (kind("array", element=TEXT), "[]", ()),
        (kind("array", element=DOUBLE), "[1, 2.5]", (pack_double(1.0), pack_double(2.5))),
        (kind("array", element=DOUBLE), f"[0.{DIGITS}]", (pack_double(float(f"0.{DIGITS}")),)),
        (kind("array", element=kind("numeric")), f"[0.{DIGITS}, {DIGITS}]", (f"{DIGITS}e-22", f"{DIGITS}e0")),
        (kind("array", element=kind("numeric")), f'["-0.{DIGITS}", 1E+2, -0.0]', (f"-{DIGITS}e-22", "1e2", "0")),
        (kind("array", element=kind("numeric")), "[1e400, true]", ("1e400", "1e0")),
        (kind("array", element=MONEY), "[1.50, 0.1e1]", ("15e-1", "1e0")),
        (
            kind("array", element=kind("jsonb")),
            f"[0.{DIGITS}, 1e400, true]",
            ([f"\0{DIGITS}e-22"], ["\x001e400"], ["\x001e0"]),
        ),
        (kind("array", element=kind("json")), f'["0.{DIGITS}", "null", null]', ([f"\0{DIGITS}e-22"], [None], None)),
    ],
)
def test_a_value_becomes(of: Kind, value: Value, same: Any) -> None:
    assert read(of, value) == same


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (TEXT, 5),
        (TEXT, b"a"),
        (TEXT, "a\0b"),
        (TEXT, "\udcff"),
        (kind("varchar", length=3), "abcd"),
        (kind("text", takes_numbers=True), b"5"),
        (kind("int2"), 32768),
        (kind("int4"), -(2**31) - 1),
        (BIGINT, 2**63),
        (BIGINT, 1.0),
        (BIGINT, "1"),
        (DOUBLE, 2**53 + 1),
        (DOUBLE, "0.5"),
        (REAL, 0.1),
        (REAL, 1e300),
        (kind("numeric"), math.inf),
        (kind("numeric"), "1e5"),
        (kind("numeric"), "+1"),
        (kind("numeric"), "1."),
        (kind("numeric"), ".5"),
        (kind("numeric"), " 1"),
        (kind("numeric"), "\u0661"),
        (kind("numeric"), b"1"),
        (MONEY, "1.001"),
        (MONEY, "1000"),
        (MONEY, 1e-3),
        (BOOLEAN, 2),
        (BOOLEAN, 1.0),
        (BOOLEAN, "yes"),
        (BOOLEAN, " true"),
        (kind("jsonb"), math.inf),
        (kind("jsonb"), b"{}"),
        (kind("jsonb"), "{"),
        (kind("timestamptz"), b"1970-01-01"),
        (kind("timestamptz"), "yesterday"),
        (kind("timestamp"), "1970-01-01Z"),
        (kind("timestamp"), 0),
        (kind("date"), "1970-01-01 00:00"),
        (kind("uuid"), "{" + HEX + "}"),
        (kind("uuid"), "0b5c4ea17f3d-4b12-9e0a-3d8c6f1a2b4c"),
        (kind("uuid"), b"short"),
        (kind("bytea"), "text"),
        (STATE, "Open"),
        (STATE, 1),
        (kind("array", element=BIGINT), "[1.0]"),
        (kind("array", element=DOUBLE), "[1e400]"),
        (kind("array", element=MONEY), "[1.234]"),
        (kind("array", element=kind("numeric")), '["1e5"]'),
        (kind("array", element=kind("numeric")), "[1e1001]"),
        (kind("array", element=TEXT), "[1]"),
        (kind("array", element=TEXT), "{a,b}"),
        (kind("array", element=BOOLEAN), '["yes"]'),
        (kind(""), "anything"),
    ],
)
def test_a_value_does_not_fit(of: Kind, value: Value) -> None:
    with pytest.raises(UnfitError):
        read(of, value)


def test_a_number_of_an_unknown_unit_does_not_fit() -> None:
    with pytest.raises(UnfitError, match="unknown unit"):
        make_reader(kind("timestamptz"), Times())(5)


@pytest.mark.parametrize(
    ("of", "text", "value"),
    [
        (kind("numeric"), "1.50", "1.5"),
        (kind("jsonb"), '{"a": 1.0}', '{"a":1}'),
        (kind("timestamptz"), "2024-01-01 00:00:00.5+00", "2024-01-01T01:00:00.500+01:00"),
        (kind("timestamp"), "2024-01-01 00:00:00", "2024-01-01"),
        (kind("uuid"), "0b5c4ea1-7f3d-4b12-9e0a-3d8c6f1a2b4c", HEX),
        (kind("array", element=TEXT), '["a",null]', '["a", null]'),
        (kind("array", element=DOUBLE), '["0.1","-0"]', "[0.1, -0.0]"),
        (kind("array", element=REAL), '["0.5"]', "[0.5]"),
        (kind("array", element=BOOLEAN), '["true"]', "[1]"),
        (kind("array", element=kind("timestamptz")), '["2024-01-01 00:00:00+00"]', '["2024-01-01"]'),
    ],
)
def test_what_the_server_writes_is_what_the_source_means(of: Kind, text: str, value: Value) -> None:
    assert make_server_reader(of)(text) == read(of, value)


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (kind("numeric"), "NaN"),
        (kind("timestamptz"), "infinity"),
        (kind("timestamptz"), "0001-01-01 00:00:00+00 BC"),
        (kind("timestamp"), "10000-01-01 00:00:00"),
        (kind("array", element=TEXT), "[0:0]={a}"),
        (kind("array", element=TEXT), "{{a}}"),
    ],
)
def test_what_no_source_means_is_only_itself(of: Kind, text: str) -> None:
    assert make_server_reader(of)(text) == text


def test_values_of_sqlite_are_the_same_to_the_last_bit() -> None:
    assert is_same_value(0.5, 0.5)
    assert is_same_value(None, None)
    for one, other in ((1, 1.0), (1, True + 0.0), (0.0, -0.0), ("a", b"a"), (None, 0), ("", None)):
        assert not is_same_value(one, other)


def test_other_values_of_a_column_have_other_bytes() -> None:
    for values in ((1, 2), ("a", "b"), (b"a", b"b"), ([None], [False]), ((1, None), (1, 0)), ((), ("",))):
        assert len({encode_same(value) for value in values}) == len(values)
