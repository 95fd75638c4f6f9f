"""Values that are to be told apart: cut where they are alike, never where they differ."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.consolidate.deciding.wording import write_apart
from strongroom.core.instants import Stored
from strongroom.sqlite.connection import RawText

BLOCKS = st.lists(st.sampled_from(["a" * 60, "b" * 60, "x", "y"]), max_size=6).map("".join)
VALUES = st.one_of(
    st.none(),
    st.integers(),
    st.floats(allow_nan=False),
    st.binary(max_size=300),
    (st.text(max_size=300) | BLOCKS).map(str.encode).map(RawText),
)


@given(st.lists(VALUES, min_size=2, max_size=4), st.integers(40, 400))
def test_values_that_differ_never_look_alike(values: list[Stored], room: int) -> None:
    written = write_apart(values, room)
    for one, said in zip(values, written, strict=True):
        for other, also in zip(values, written, strict=True):
            if (type(one), repr(one)) != (type(other), repr(other)):
                assert said != also
    assert all(len(said) <= room + 30 for said in written)


@given(st.lists(VALUES, min_size=2, max_size=4), st.integers(40, 400))
@example([None, RawText("soft\u00adhyphen \u00a0 \u202e \U000e0041".encode())], 400)
def test_nothing_that_moves_the_cursor_or_cannot_be_seen_is_written(values: list[Stored], room: int) -> None:
    assert all(said.isprintable() for said in write_apart(values, room))


@pytest.mark.parametrize(
    ("one", "other", "written"),
    [
        ("x" * 200 + "a", "x" * 200 + "b", ["…xxxxxxxxxxxxa' (201 bytes)", "…xxxxxxxxxxxxb' (201 bytes)"]),
        (
            "a" + "x" * 200,
            "b" + "x" * 200,
            [f"'a{'x' * 14}…{'x' * 7}' (201 bytes)", f"'b{'x' * 14}…{'x' * 7}' (201 bytes)"],
        ),
        ("a\nb\x1b[2J", "it's", ["'a\\nb\\x1b[2J'", "'it''s'"]),
    ],
)
def test_what_is_alike_is_left_out(one: str, other: str, written: list[str]) -> None:
    assert write_apart([RawText(one.encode()), RawText(other.encode())], 36) == written
