"""What a value is, beside what SQLite itself says."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.consolidate.verify.instants import count_micro, read_instant, write_instant
from strongroom.consolidate.verify.json_text import find_id, replace_id
from strongroom.consolidate.verify.values import (
    Value,
    choose_affinity,
    decode_text,
    encode_key,
    encode_text,
    is_changed_by,
    is_literal,
    is_same,
    is_utf8,
    order_of,
    read_literal,
    store,
)

TYPES = (
    "",
    "TEXT",
    "VARCHAR(9)",
    "INTEGER",
    "BIGINT",
    "REAL",
    "DOUBLE",
    "NUMERIC",
    "DECIMAL(9,2)",
    "BLOB",
    "DATE",
    "CLOB",
)
NUMBERS = ("1", " 1 ", "+1", "-1.50", "1.", ".5", ".", "1e3", "1e", "0x10", "1_0", "", " ", "\t7\n", "9" * 20, "1\0",
           "é", "-0", "-0.0", "1e400", "9223372036854775807", "9223372036854775808", "inf", "nan")  # fmt: skip
ODD: list[Value] = [
    None, 0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 0.0, -0.0, 1.0, 0.1, 1e300, 2.0**53, 2.0**63, -(2.0**63), math.inf,
    -math.inf, "a", "A", "a ", "a\0b", "\udcff", b"", b"a", b"1", b"\xff\0", *NUMBERS,
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    st.binary(max_size=3),
    st.from_regex(r"[ \t]?[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{0,2})?[ ]?", fullmatch=True),
)


def bind(value: Value) -> tuple[str, object]:
    return ("CAST(? AS TEXT)", encode_text(value)) if isinstance(value, str) else ("?", value)


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.text_factory = decode_text
        for number, declared in enumerate(TYPES):
            opened.execute(f"CREATE TABLE t{number} (v {declared})")
        yield opened


def stored(connection: sqlite3.Connection, number: int, value: Value) -> Value:
    hole, given_value = bind(value)
    connection.execute(f"DELETE FROM t{number}")
    connection.execute(f"INSERT INTO t{number} VALUES ({hole})", (given_value,))
    found: Value = connection.execute(f"SELECT v FROM t{number}").fetchone()[0]
    return found


@given(value=VALUES, number=st.integers(0, len(TYPES) - 1))
def test_a_column_changes_what_sqlite_changes(connection: sqlite3.Connection, value: Value, number: int) -> None:
    affinity = choose_affinity(TYPES[number], is_strict=False)
    kept = stored(connection, number, value)
    assert is_changed_by(affinity, value) == (not is_same(kept, value)), (affinity, value, kept)
    if not (isinstance(value, float) and affinity == "TEXT"):  # SQLite's own digits
        assert is_same(store(affinity, value), kept), (affinity, value, kept)


@given(one=VALUES, other=VALUES)
def test_keys_are_one_where_sqlite_says_so(connection: sqlite3.Connection, one: Value, other: Value) -> None:
    holes, values = zip(bind(one), bind(other), strict=True)
    sql = f"WITH v (a, b) AS (SELECT {holes[0]}, {holes[1]}) SELECT +a = +b FROM v"
    equal = connection.execute(sql, values).fetchone()[0]
    keys = encode_key([one]), encode_key([other])
    assert (keys[0] is not None and keys[0] == keys[1]) == bool(equal)
    assert (None in keys) == (equal is None)


@given(st.lists(VALUES.filter(lambda value: value is not None), min_size=2, max_size=5))
def test_values_are_ordered_as_sqlite_orders_them(connection: sqlite3.Connection, values: list[Value]) -> None:
    assert [is_same(stored(connection, 0, value), value) for value in values]
    connection.execute("DELETE FROM t0")
    for value in values:
        hole, held = bind(value)
        connection.execute(f"INSERT INTO t0 VALUES ({hole})", (held,))
    right = [row[0] for row in connection.execute("SELECT v FROM t0 ORDER BY v, rowid")]
    assert [encode_key([value]) for value in sorted(values, key=order_of)] == [encode_key([value]) for value in right]


def test_values_that_look_alike_differ() -> None:
    alike: list[Value] = [None, "", b"", 0, 0.0, -0.0, "0", b"0", 1, 1.0, "1", "a", b"a", "A", "a "]
    for place, one in enumerate(alike):
        assert [is_same(one, other) for other in alike] == [other == place for other in range(len(alike))]


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    for held in (b"\xff", b"a\xed\xa0\x80", "é".encode(), b"\xc3"):
        text = decode_text(held)
        assert encode_text(text) == held
        assert is_utf8(text) == (held == "é".encode())


@pytest.mark.parametrize(
    "text", ["7", "-1", "+1", "1.5", "-.5", "5.", "1e3", "'x'", "'it''s'", "x'61'", "x''", "NULL", "TRUE", "false",
             '"dq"', '"a""b"', "''", "(7)", "('x')", "( -7 )", "9223372036854775808", "-9223372036854775808"]
)  # fmt: skip
def test_a_literal_default_is_what_sqlite_fills_in(text: str) -> None:
    with closing(sqlite3.connect(":memory:")) as opened:
        opened.execute(f"CREATE TABLE t (a, v DEFAULT {text})")
        opened.execute("INSERT INTO t (a) VALUES (1)")
        default = opened.execute("SELECT dflt_value FROM pragma_table_xinfo('t') WHERE name = 'v'").fetchone()[0]
        assert is_same(read_literal(default), opened.execute("SELECT v FROM t").fetchone()[0])
        assert is_literal(default)


@pytest.mark.parametrize(
    "text", ["CURRENT_TIMESTAMP", "1 + 2", "'a' || 'b'", '"a" || "b"', "random()", "word", "[x]", "`x`", "(7)", "0x10",
             "- 7", "-'7'", "x'6'", "", None]
)  # fmt: skip
def test_what_is_no_literal_fills_nothing_in(text: str | None) -> None:
    assert read_literal(text) is None
    assert not is_literal(text)


NOON = 1_717_243_200_000_000


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        ("2024-06-01T12:00:00Z", NOON), ("2024-06-01 12:00", NOON), (" 2024-06-01T14:00:00+02:00\n", NOON),
        ("2024-06-01T12:00:00.000001", NOON + 1), (b"2024-06-01T12:00:00", NOON), ("2024-06-01", NOON - 43_200_000_000),
        (1717243200, NOON), (1717243200000, NOON), (1717243200000000, NOON), (1717243200.5, NOON + 500_000),
        (-1, -1_000_000), (0.0000005, 0), (0.0000015, 2), ("soon", None), ("", None), (None, None), (b"\xff", None),
        ("2024-06-01\udcff", None), (math.inf, None), (1e300, None), (2**63 - 1, None),
        (2**63 - 2, 2**63 - 2), (1e19, None),
    ],
)  # fmt: skip
def test_an_instant_is_read_from_whatever_says_one(value: Value, micro: int | None) -> None:
    assert read_instant(value) == micro


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (1748736058, "auto", "2025-06-01T00:00:58Z"), (1748736058123, "auto", "2025-06-01T00:00:58.123000Z"),
        (1748736058123456, "auto", "2025-06-01T00:00:58.123456Z"), (58.5, "s", "1970-01-01T00:00:58.500000Z"),
        (1500, "ms", "1970-01-01T00:00:01.500000Z"), (-1, "s", "1969-12-31T23:59:59Z"), ("58", "s", "58"),
        (None, "s", None), (10**18, "s", 10**18), (-(10**18), "s", -(10**18)), (b"58", "s", b"58"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_an_instant(value: Value, unit: str, written: Value) -> None:
    assert is_same(write_instant(value, unit), written)


def test_microseconds_are_rounded_to_even() -> None:
    assert [count_micro(number, "us") for number in (0.5, 1.5, 2.5, -0.5)] == [0, 2, 2, 0]


DOCUMENTS = [
    ('{"x": 1.50, "who": "1",  "é": "\\u00e9"}', "$.who"), ('{"who": 2, "who": 1}', "$.who"),
    ('{"a":[1,{"b":5}, [7 , 8]]}', "$.a[1].b"), ('{"a":[1,{"b":5}, [7 , 8]]}', "$.a[#-1][0]"), ('{"a.b":5}', '$."a.b"'),
    ('{"a":{"b":true}}', "$.a.b"), ("[1]", "$.x"), ("no", "$.x"), ('{"a":1e5}', "$.a"), ('{"a":"q\\"z\\n"}', "$.a"),
    ('{"a":NaN}', "$.a"), ("[3, [4]]", "$[1][0]"), ("[3]", "$[1]"), ("{}", "$.a"),
    ('{"a":18446744073709551616}', "$.a"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path"), DOCUMENTS)
@pytest.mark.parametrize("value", [9, 'n"\t\x01é'])
def test_an_id_in_json_is_found_and_replaced_as_sqlite_does(text: str, path: str, value: int | str) -> None:
    found = find_id(text, path)
    with closing(sqlite3.connect(":memory:")) as opened:
        valid = opened.execute("SELECT json_valid(?)", (text,)).fetchone()[0]
        kind, held = (
            opened.execute("SELECT json_type(?, ?), json_extract(?, ?)", (text, path, text, path)).fetchone()
            if valid
            else (None, None)
        )
        is_id = kind in ("integer", "text") and isinstance(held, int | str)
        assert found == (held if is_id else None)
        if is_id:
            right = opened.execute("SELECT json_set(?, ?, ?)", (text, path, value)).fetchone()[0]
            assert replace_id(text, path, value) == right
