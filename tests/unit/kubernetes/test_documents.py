"""YAML as Kubernetes reads it, and writes that it reads back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.errors import ConfigurationError
from strongroom.core.yaml_text.documents import dump_document, load_documents


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0440", 288), ("0o440", 288), ("440", 440), ("0x10", 16), ("0b11", 3), ("-7", -7), ("1_000", 1000),
        ("yes", True), ("off", False), ("y", True), ("N", False), ("True", True),
        ("1:30", "1:30"), ("2026-11-27", "2026-11-27"), ("08", "08"), ("'yes'", "yes"), ("1.5", 1.5), ("1e3", 1000.0),
        ("", None), ("~", None), ("512Mi", "512Mi"), ("no-wonder", "no-wonder"),
    ],
)  # fmt: skip
def test_a_word_means_what_a_cluster_takes_it_for(text: str, value: object) -> None:
    (found,) = load_documents(f"a: {text}\n", "a file")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_empty_documents_are_none() -> None:
    assert load_documents("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n", "a file") == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "a file:3:1: a: duplicate key"),
        ("a:\n  1: 2\n", "a file:2:3: a key must be text, put it in quotes"),
        ("a: [\n", "a file:2:1: expected the node content"),
        ("- a\n", "a file: a document must be a mapping of keys (got a list)"),
        ("a: !!python/object:os.system {}\n", "a file:1:4: could not determine a constructor"),
        ("a: " + "[" * 100 + "]" * 100, "a file:1:63: nested deeper than 60 levels"),
        ("a: 0b_\n", "a file: is no YAML"),
        ("a: \x07\n", "a file: is no YAML"),
    ],
)
def test_what_is_none_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_documents(text, "a file")
    assert str(caught.value).startswith(said)


_WORDS = st.sampled_from(
    ["yes", "y", "0440", "0o7", "1:30", "null", "~", "", "on", "1e3", "2026-11-27", "- a", "a: b", "<<"]
)
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), _WORDS, st.text(st.characters(codec="utf-8"))
)


@given(
    st.dictionaries(
        st.one_of(_WORDS, st.text(st.characters(codec="utf-8", categories=("L", "N")))).filter(lambda key: key != "<<"),
        st.recursive(
            _LEAVES,
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=4,
        min_size=1,
    )
)
def test_what_is_written_is_read_back(content: dict[str, Any]) -> None:
    assert load_documents(dump_document(content), "a file") == [content]
