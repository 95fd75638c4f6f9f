"""What watches encrypted columns is strict: a value that is lost, invented, moved or changed does not pass."""

from __future__ import annotations

import secrets
from uuid import UUID

import pytest

from tests.faults.column_case import compare
from tests.faults.column_oracle import Oracle, Value, name_key, say_context
from tests.faults.column_tables import TABLES, make_rows
from tests.faults.column_writers import decode, encode

ORACLE = Oracle({f"encryption@{number}": secrets.token_bytes(32) for number in (1, 2)})
ROW = ("users", "api_key", (7,))


@pytest.mark.parametrize("value", ["", "ü☂", b"", b"\x00:\xff", 7, -(2**63), 1.5, None])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_what_is_sealed_opens_in_its_own_place_alone(value: Value, as_bytes: bool) -> None:
    sealed = ORACLE.seal(value, "encryption@1", *ROW, as_bytes=as_bytes)
    assert ORACLE.open(sealed, *ROW) == value
    if sealed is None:
        return
    assert name_key(sealed) == "encryption@1"
    for elsewhere in (
        ("users", "api_key", (8,)),
        ("users", "api_key", ("7",)),
        ("users", "other", (7,)),
        ("u", *ROW[1:]),
    ):
        with pytest.raises(AssertionError, match="does not open"):
            ORACLE.open(sealed, *elsewhere)


def test_what_was_changed_or_is_under_another_key_does_not_open() -> None:
    sealed = str(ORACLE.seal("a value", "encryption@1", *ROW, as_bytes=False))
    with pytest.raises(AssertionError, match="does not open"):
        ORACLE.open(sealed.replace("@1", "@2"), *ROW)
    with pytest.raises(AssertionError, match="no key"):
        ORACLE.open(sealed.replace("@1", "@3"), *ROW)
    with pytest.raises(AssertionError, match="padded"):
        ORACLE.open(f"{sealed}==", *ROW)
    with pytest.raises(AssertionError, match="no ciphertext"):
        ORACLE.open("a plain:text:value", *ROW)


def test_a_row_that_is_lost_invented_or_another_is_said() -> None:
    rows = make_rows("one")
    lost, changed, *_ = rows
    other = ("users", (-1,))
    found = {name: value for name, value in rows.items() if name != lost} | {other: "x", changed: "another"}
    assert {line.partition(" is ")[2][:12] for line in compare(found, rows)} == {"lost", "invented", "'another', n"}
    assert compare(rows, dict(rows)) == []
    assert compare({lost: "7"}, {lost: 7}) != compare({lost: ""}, {lost: None}) != []


def test_what_writers_note_is_read_as_it_was_written() -> None:
    rows = make_rows("two")
    assert all(decode(encode(name, value)) == (name, value) for name, value in rows.items())
    assert {len(name[1]) for name in rows} == {1, 2}
    assert {type(value) for value in rows.values()} == {str, bytes, type(None)}
    assert len({table.make_key(number) for table in TABLES for number in range(99)}) == 99 * len(TABLES)


def test_contexts_are_spelt_as_the_paper_says() -> None:
    assert say_context("users", "api_key", (7,)) == b'["users","api_key",7]'
    key = UUID("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11")
    told = say_context("t", "c", ('ü"\\', b"\xff", key)).decode()
    assert told == '["t","c","ü\\"\\\\",{"bytes":"/w=="},"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]'
