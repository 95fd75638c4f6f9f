"""Fingerprints: every storage class and every bit tells, the order of rows and chunks does not."""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.errors import ConfigurationError
from strongroom.sqlite.connection import RawText
from strongroom.sqlite.fingerprint import (
    Fingerprint,
    Value,
    encode_value,
    fingerprint_rows,
    fingerprint_table,
    hash_row,
)

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.binary(max_size=8),
    st.binary(max_size=8).map(RawText),
)
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=8)

# Pairwise different, however alike they look.
LOOK_ALIKES: list[Value] = [
    None, 0, 1, -1, 0.0, -0.0, 1.0, math.nextafter(1.0, 2.0), math.inf, -math.inf, math.nan,
    2**63 - 1, float(2**63), -(2**63), -float(2**63),
    RawText(b""), RawText(b"0"), RawText(b"1"), RawText(b"1.0"), RawText(b"a"), RawText(b"A"), RawText(b"a "),
    RawText(b"a\0"), RawText(b"a\0b"), RawText(b"\xff"), RawText("�".encode()), RawText(b"NULL"),
    b"", b"0", b"1", b"a", b"a\0", b"\xff", struct.pack(">q", 1), struct.pack(">d", 1.0),
]  # fmt: skip


def type_of(value: Value) -> str:
    """Name a value's storage class and its bits, without the code under test."""
    if isinstance(value, float):
        return f"REAL {struct.pack('<d', value).hex()}"
    return f"{type(value).__name__} {value!r}"


def open_filled(rows: Sequence[Sequence[Value]]) -> sqlite3.Connection:
    """Open a table of two typeless columns and a generated one."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute('CREATE TABLE "odd ""name" (a, "order" BLOB, twice AS (a || a))')
    for row in rows:
        holes = ", ".join("CAST(? AS TEXT)" if isinstance(value, RawText) else "?" for value in row)
        plain = [bytes(value) if isinstance(value, RawText) else value for value in row]
        connection.execute(f'INSERT INTO "odd ""name" VALUES ({holes})', plain)
    return connection


def as_stored(value: Value) -> Value:
    return None if isinstance(value, float) and math.isnan(value) else value


def test_no_two_values_share_an_encoding() -> None:
    assert len({encode_value(value) for value in LOOK_ALIKES}) == len(LOOK_ALIKES)
    assert len({hash_row([value]) for value in LOOK_ALIKES}) == len(LOOK_ALIKES)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (None, "4e 0000000000000000"),
        (1, "49 0000000000000008 0000000000000001"),
        (-1, "49 0000000000000008 ffffffffffffffff"),
        (1.0, "52 0000000000000008 3ff0000000000000"),
        (-0.0, "52 0000000000000008 8000000000000000"),
        ("é", "54 0000000000000002 c3a9"),
        (RawText(b"\xff"), "54 0000000000000001 ff"),
        (b"\xff", "42 0000000000000001 ff"),
    ],
)
def test_the_encoding_stays_what_manifests_were_written_with(value: Value, encoded: str) -> None:
    assert encode_value(value) == bytes.fromhex(encoded)


def test_a_known_row_keeps_its_hash() -> None:
    row: list[Value] = [None, 1, 1.0, "é", b"\xff"]
    assert f"{hash_row(row):032x}" == "a54081addf316f3f0864f2b39905603f"


def test_text_reads_the_same_as_str_and_as_raw_bytes() -> None:
    assert encode_value("grün\0") == encode_value(RawText("grün\0".encode()))
    assert encode_value("\udcff") == encode_value(RawText(b"\xff"))


@given(VALUES, VALUES)
def test_two_values_have_one_encoding_only_when_they_are_one(left: Value, right: Value) -> None:
    assert (encode_value(left) == encode_value(right)) == (type_of(left) == type_of(right))


@given(st.lists(VALUES, max_size=5), st.lists(VALUES, max_size=5))
def test_the_borders_between_cells_count(left: list[Value], right: list[Value]) -> None:
    same = [type_of(value) for value in left] == [type_of(value) for value in right]
    assert (hash_row(left) == hash_row(right)) == same


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 8))
def test_order_and_chunks_do_not_count(rows: list[tuple[Value, Value]], random: object, cut: int) -> None:
    shuffled = sorted(rows, key=lambda _: random.random())  # type: ignore[attr-defined]
    whole = fingerprint_rows(rows)
    assert fingerprint_rows(shuffled) == whole
    assert fingerprint_rows(shuffled[:cut]) + fingerprint_rows(shuffled[cut:]) == whole


@given(ROWS, st.tuples(VALUES, VALUES))
def test_a_pair_of_duplicates_does_not_cancel_out(rows: list[tuple[Value, Value]], row: tuple[Value, Value]) -> None:
    found = {fingerprint_rows([*rows, *[row] * times]) for times in range(4)}
    assert len(found) == 4


@given(ROWS)
def test_a_table_has_the_fingerprint_of_its_rows(rows: list[tuple[Value, Value]]) -> None:
    stored = [[as_stored(value) for value in row] for row in rows]
    connection = open_filled(rows)
    try:
        assert fingerprint_table(connection, 'odd "name') == fingerprint_rows(stored)
        assert connection.text_factory is str
    finally:
        connection.close()


def test_every_storage_class_survives_the_way_through_sqlite() -> None:
    rows = [(value, None) for value in LOOK_ALIKES]
    connection = open_filled(rows)
    try:
        wanted = fingerprint_rows([(as_stored(value), None) for value in LOOK_ALIKES])
        assert fingerprint_table(connection, 'odd "name') == wanted
    finally:
        connection.close()


def test_an_attached_table_is_read_whatever_text_factory_is_set() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.execute("ATTACH ':memory:' AS \"a b\"")
        connection.execute('CREATE TABLE "a b".t (x TEXT)')
        connection.execute("INSERT INTO \"a b\".t VALUES ('é')")
        connection.text_factory = RawText
        assert fingerprint_table(connection, "t", "a b") == fingerprint_rows([["é"]])
        assert connection.text_factory is RawText
    finally:
        connection.close()


def test_hidden_columns_of_a_virtual_table_are_left_out() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(body)")
        connection.execute("INSERT INTO t VALUES ('one')")
        assert fingerprint_table(connection, "t") == fingerprint_rows([["one"]])
    finally:
        connection.close()


def test_a_missing_table_is_no_empty_table() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        with pytest.raises(ConfigurationError, match="there is no such table"):
            fingerprint_table(connection, "nothing")
        assert connection.text_factory is str
    finally:
        connection.close()


def test_the_sum_wraps_and_nothing_is_the_neutral_element() -> None:
    top = Fingerprint(rows=1, total=2**128 - 1)
    assert top + Fingerprint(rows=1, total=2) == Fingerprint(rows=2, total=1)
    assert top + Fingerprint() == top
    assert str(Fingerprint(rows=2, total=255)) == "2:000000000000000000000000000000ff"
