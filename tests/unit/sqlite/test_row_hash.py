"""The hash of a row tells apart whatever SQLite tells apart."""

from __future__ import annotations

import hashlib

import pytest

from strongroom.sqlite.connection import RawText
from strongroom.sqlite.row_hash import Exact, hash_row


def test_the_hash_is_that_of_the_text_which_the_paper_describes() -> None:
    values = (None, -5, 1.5, RawText(b"\xff"), b"\x00\x01")
    text = b"one.notes\na=N\nb=I-5\nc=R3ff8000000000000\nd=Tff\ne=B0001\n"
    assert hash_row("one.notes", "abcde", values) == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (0.0, -0.0), (RawText(b"1"), 1), (RawText(b"x"), b"x"), (None, RawText(b""))]
)
def test_values_that_only_look_alike_have_other_hashes(one: Exact, other: Exact) -> None:
    assert hash_row("one.notes", ["a"], [one]) != hash_row("one.notes", ["a"], [other])


def test_the_source_and_the_column_count() -> None:
    assert len({hash_row(source, [column], [1]) for source in ("one.a", "two.a") for column in ("x", "y")}) == 4
