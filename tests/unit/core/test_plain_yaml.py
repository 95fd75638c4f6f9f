"""The fast way to read files of many records: it says what the YAML reader says, or nothing."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.consolidate.deciding.wording import write_decision
from strongroom.core.errors import PlanError
from strongroom.core.plan.decisions import DecisionModel, DecisionsModel, RowModel, read_decisions
from strongroom.core.yaml_text import load_yaml
from strongroom.core.yaml_text.plain import quote_text, read_lines, read_plain_model

PLAIN = """\
# A remark.
version: 1
by: ops
decisions:

- table: "new.notes"
  key: {"id": "'a'"}
  rows:
  # another
  - {"source": "live.notes", "row": 1, "sha256": "HASH"}
  - {"source": "old.notes", "row": -1, "sha256": "HASH", "values": {"x": "1"}}
  take: {text: 2, stars: 1}
  why: looked at both
- table: "new.notes"
  rows: []
  take:
""".replace("HASH", "0" * 64)
LINES = [
    *PLAIN.splitlines(),
    *("take: all", "  take: 2 # why", "  take: {null: 1}", "  take: {a: 1, a: 2}", "  take: {12: 1}", "  - a", "- b"),
    *(
        "  why: a: b",
        "  why: 'x'",
        "  why: null",
        "  why: yes",
        "  why: a #b",
        "   why: x",
        "  why:x",
        "true: 1",
        "x: ~",
    ),
    *('  why: "\\ud83d\\ude00"', '  why: "a\tb"', '  key: {"a": 1, "a": 2}', "---", "&a b: 1", "  take: 007", "\u2028"),
    *("  - - a", "  - a: b", "- - a", "  at: 2026-11-21", "by: [1, 2]", "  key: {a}", "  key: {a: b}", "? a"),
]


def read_slowly(path: Path, text: str) -> Any:
    path.write_text(text, encoding="utf-8")
    try:
        return load_yaml(path, PlanError)[0]
    except PlanError:
        return PlanError


def test_the_form_that_we_write_is_read_without_the_yaml_reader(tmp_path: Path) -> None:
    found = read_lines(PLAIN)
    assert found is not None
    assert found == read_slowly(tmp_path / "x.yaml", PLAIN)
    assert found["decisions"][0]["take"] == {"text": 2, "stars": 1}


@given(st.lists(st.sampled_from(LINES), max_size=8), st.integers(0, len(PLAIN.splitlines())), st.data())
def test_what_is_read_fast_is_what_yaml_means(
    tmp_path_factory: pytest.TempPathFactory, more: list[str], place: int, data: st.DataObject
) -> None:
    lines = PLAIN.splitlines()
    if data.draw(st.booleans()):
        del lines[data.draw(st.integers(0, len(lines) - 1))]
    text = "\n".join([*lines[:place], *more, *lines[place:]]) + "\n"
    found = read_lines(text)
    if found is not None:
        assert found == read_slowly(tmp_path_factory.getbasetemp() / "fast.yaml", text), text


@given(st.text())
def test_every_text_comes_back_from_both_readers(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    line = f"why: {quote_text(text)}\n"
    found = read_lines(line)
    assert found in ({"why": text}, None)
    assert read_slowly(tmp_path_factory.getbasetemp() / "text.yaml", line) == {"why": text}


@given(
    st.builds(
        DecisionModel,
        table=st.text(),
        key=st.dictionaries(st.text(), st.text(), max_size=2),
        rows=st.lists(
            st.builds(
                RowModel,
                source=st.text(),
                sha256=st.just("0" * 64),
                row=st.none() | st.integers(),
                values=st.dictionaries(st.text(), st.text(), max_size=3),
            ),
            min_size=2,
            max_size=3,
        ),
        take=st.sampled_from([None, 1, 2, "all"]) | st.dictionaries(st.text(min_size=1), st.just(2), min_size=1),
        by=st.none() | st.text(),
        at=st.none() | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))])),
        why=st.none() | st.text(),
    )
)
def test_a_decision_that_is_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, model: DecisionModel
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(f"version: 1\ndecisions:\n\n{write_decision(model)}", encoding="utf-8")
    assert read_plain_model(path, DecisionsModel).decisions == [model]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 2\n", ":1: version: must be 1 (got 2)"),
        ("version: 1\nmore: 1\n", ":2: "),
        ("version: 1\nversion: 1\n", ":2:1: "),
        ("version: [\n", ":2:1: "),
        ("", ":1:1: the file must be a mapping of keys (got nothing)"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "decisions.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError) as raised:
        read_decisions(path)
    assert f"{path}{said}" in str(raised.value)
