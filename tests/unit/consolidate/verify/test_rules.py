"""What a rule makes of rows with one key, in the cases that a target alone does not show."""

from __future__ import annotations

import re

import pytest

from strongroom.consolidate.verify.rules import Choice, Shape, settle
from strongroom.consolidate.verify.values import Value

HASH = r"\$2[aby]\$.+"
NO_TEXT = b"$2a$\xff".decode(errors="surrogateescape")
CHOSEN: dict[str, tuple[list[Value], Value]] = {
    "the first that is valid": (["", "none", "$2a$x", "$2b$y"], "$2a$x"),
    "not one that is valid in part": (["a $2a$x", "$2a$x\n", "$2b$y"], "$2b$y"),
    "no BLOB": ([b"$2a$x", "$2b$y"], "$2b$y"),
    "no bytes that are no text": ([NO_TEXT, "$2b$y"], "$2b$y"),
    "without one, the first that is not NULL": ([None, "", "none"], ""),
    "without one, a number too": ([None, 7, "none"], 7),
    "nothing": ([None, None], None),
}


def shape(conflict: str, *chosen: Choice) -> Shape:
    return Shape(conflict=conflict, by=(1,), identity=None, chosen=chosen)


@pytest.mark.parametrize(("values", "right"), CHOSEN.values(), ids=CHOSEN.keys())
def test_the_first_valid_value_is_chosen(values: list[Value], right: Value) -> None:
    way = Choice(1, "first_valid", None, re.compile(HASH))
    found = settle(shape("merge", way), [("k", value, number) for number, value in enumerate(values)])
    assert found.published == {0: ["k", right, 0]}


@pytest.mark.parametrize("rule", ["quarantine", "identical", "newest", "oldest"])
def test_a_row_that_waits_equals_none(rule: str) -> None:
    rows = [("k", "2024"), ("k", "2024")]
    assert [fate for fate, _ in settle(shape(rule), rows).fates] == ["inserted", "merged_identical"]
    later = settle(shape(rule), rows, [1])
    assert (later.is_undecided, later.fates) == (True, [("inserted", 0), ("quarantined", 0)])
    first = settle(shape(rule), rows, [0])
    assert not first.is_undecided
    assert [first.waits(number) for number in (0, 1)] == [True, True]


def test_nothing_is_shown_of_keys_that_only_look_alike() -> None:
    found = settle(shape("quarantine"), [("k", 1), ("K", 2)], is_ambiguous=True)
    assert not found.is_undecided
    assert found.published == {}
