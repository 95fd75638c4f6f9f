"""JSON is compared by value, and what the paper refuses is refused."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.load.verify.json_values import (
    may_be_deep,
    read_all_json,
    read_json,
    read_list,
    read_server_json,
    spell_number,
    write_json,
)
from strongroom.load.verify.unfit import UnfitError

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1", "1e0"),
        ("100", "1E+2"),
        ("0", "-0.0"),
        ("123456789012345678901234567890", "123456789012345678901234567890.000"),
        ('{"a": 1, "b": 2}', ' {"b":2,"a":1.00} '),
        ('"\\u00e9"', '"é"'),
        ('"\\ud83d\\ude00"', '"😀"'),
        ('"\\\\u0000"', '"\\u005cu0000"'),
        ('{"a": "\\/"}', '{"a": "/"}'),
    ],
)
def test_the_same_value_in_another_spelling(one: str, other: str) -> None:
    assert read_json(one) == read_json(other)
    assert write_json(read_json(one)) == write_json(read_json(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("true", "1"),
        ("false", "0"),
        ("null", "0"),
        ('"1"', "1"),
        ('"true"', "true"),
        ("[]", "{}"),
        ("[1, 2]", "[2, 1]"),
        ('{"a": null}', "{}"),
        ('{"a": 1}', '{"A": 1}'),
        ("123456789012345678901234567890", "123456789012345678901234567891"),
        ("0.1", "0.1000000000000000055511151231257827"),
        ('"é"', '"e\\u0301"'),
        ("[true]", "[1]"),
        ('"\\\\u0000"', '"\\\\\\\\u0000"'),
    ],
)
def test_another_value(one: str, other: str) -> None:
    assert read_json(one) != read_json(other)
    assert write_json(read_json(one)) != write_json(read_json(other))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "nul",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "0x1",
        "'a'",
        "[1,]",
        '{"a": 1,}',
        '{"a": 1, "a": 1}',
        '[{"a": 1, "\\u0061": 2}]',
        '"a\nb"',
        '"\\u0000"',
        '"\\\\\\u0000"',
        '{"\\u0000": 1}',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        "1e1001",
        "1e-1001",
        "2e1000",
        "1e99999999999999999999",
        "\ufeff1",
        "1 2",
        "[" * 501 + "]" * 501,
        "[" * 100000,
        "\u00a01",
        '"\udcff"',
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(UnfitError):
        read_json(text)


@pytest.mark.parametrize(
    "text", ["[" * 500 + "]" * 500, "1e1000", "1e-1000", "0e5000", '"[' + "[{" * 400 + '"', '"\\\\"', "9" * 900]
)
def test_what_fits_at_the_edge(text: str) -> None:
    read_json(text)


@given(VALUES)
def test_every_spelling_of_a_value_is_one(value: object) -> None:
    plain = read_json(json.dumps(value))
    assert read_json(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)) == plain
    assert read_server_json(json.dumps(value)) == plain


@given(VALUES, VALUES)
def test_values_are_the_same_where_their_bytes_are(one: object, other: object) -> None:
    first, second = read_json(json.dumps(one)), read_json(json.dumps(other))
    assert (first == second) == (write_json(first) == write_json(second))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12), st.integers(0, 6))
def test_zeros_behind_a_number_are_nothing(number: Decimal, zeros: int) -> None:
    text = f"{number:f}"
    assert spell_number(text) == spell_number(text + "0" * zeros)
    assert Decimal(spell_number(text)) == number


def test_what_the_server_writes_and_the_paper_refuses_is_like_nothing() -> None:
    assert read_server_json('{"a": 1, "a": 1}') != read_json('{"a": 1}')


def test_the_elements_of_an_array() -> None:
    assert read_list('["a", true, false, 1, 1.5, null]') == ["a", 1, 0, 1, 1.5, None]
    for text in ("{}", "[[1]]", '[{"a": 1}]', "1", "[1", "[NaN]", f"[{'9' * 5000}]"):
        with pytest.raises(UnfitError):
            read_list(text)


@given(st.lists(VALUES, max_size=6))
def test_many_texts_are_read_as_each_of_them(values: list[object]) -> None:
    texts = [json.dumps(value) for value in values]
    assert read_all_json(texts) == [read_json(text) for text in texts]


@pytest.mark.parametrize(
    "texts",
    [
        ["1,2"],
        ["[3", "4]"],
        ["1,2", "[3", "4]"],
        ["", "1"],
        ["1]", "[2"],
        ['{"a": 1', '"b": 2}'],
        ["{}", '{"a": 1, "a": 2}'],
        ["1", '"\\ud800"'],
        ['"', '"'],
    ],
)
def test_texts_that_are_values_only_together_are_none(texts: list[str]) -> None:
    with pytest.raises(UnfitError):
        read_all_json(texts)


def test_nothing_is_read_as_nothing() -> None:
    assert read_all_json([]) == []


def test_a_text_that_may_be_nested_too_deep_is_seen() -> None:
    assert may_be_deep(["1", "[" * 501])
    assert not may_be_deep(["[" * 500, "{}"])
