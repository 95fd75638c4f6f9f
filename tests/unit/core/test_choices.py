"""A mark is no part of a plan: no reader takes it, and its lines are named, all at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.core.errors import PlanError
from strongroom.core.plan import MARK, find_choices, read_plan

PLAN = """\
version: 1
sources:
  choose: {path: one.db}
targets:
  house: {path: house.db}
tables:
  - into: house.users
    from: [{table: choose.users, columns: {choose: wahl}}]
    defaults: {choose: 1}
    transform: {choose: trim}
    normalize: {choose: [trim]}
    on_conflict: {rule: merge, columns: {choose: {rule: max}}}
"""
MARKS = """\
  - into: house.notes
    from: [choose.notes]
    choose: "which notes?"
    on_conflict:
      rule: newest
      by: at
      choose: "120 of 200 ids differ"
    references:
      - house.replies.note_id
      - {column: house.replies.author, choose: "who?"}
  - into: house.replies
    from: [choose.replies]
    choose:
"""
FIRST = PLAN.count("\n") + 3


def write(folder: Path, text: str) -> Path:
    plan = folder / "plan.yaml"
    plan.write_text(text, encoding="utf-8")
    return plan


def test_what_an_application_calls_choose_is_no_mark(tmp_path: Path) -> None:
    plan = write(tmp_path, PLAN)
    assert find_choices(plan) == ()
    assert read_plan(plan).tables[0].defaults == {"choose": 1}


def test_every_line_with_a_mark_is_refused_at_once(tmp_path: Path) -> None:
    plan = write(tmp_path, PLAN + MARKS)
    with pytest.raises(PlanError) as caught:
        read_plan(plan)
    assert caught.value.exit_code == 2
    assert caught.value.subject == f"{plan}:{FIRST}, {FIRST + 4}, {FIRST + 7}, {FIRST + 10}"
    told = [
        f"line {FIRST}: house.notes: which notes?",
        f"line {FIRST + 4}: house.notes: 120 of 200 ids differ",
        f"line {FIRST + 7}: house.notes: who?",
    ]
    assert caught.value.fact == f"4 guesses wait for a person: {'; '.join(told)}; and 1 more"
    assert caught.value.hint == "write there what is right or leave the guess, then delete choose:"


def test_one_mark_is_one_sentence(tmp_path: Path) -> None:
    plan = write(tmp_path, PLAN + "    choose: |\n      two\n      lines\n")
    with pytest.raises(PlanError) as caught:
        read_plan(plan)
    assert str(caught.value) == f"{plan}:{FIRST - 2}: a guess waits for a person: house.users: two lines"


def test_the_marks_are_listed_with_their_lines(tmp_path: Path) -> None:
    plan = write(tmp_path, PLAN + MARKS)
    assert find_choices(plan)[1] == f"{plan}:{FIRST + 4}: house.notes: 120 of 200 ids differ"
    assert find_choices(plan)[-1] == f"{plan}:{FIRST + 10}: house.replies: is not decided"


def test_a_mark_that_is_commented_out_is_none(tmp_path: Path) -> None:
    plan = write(tmp_path, PLAN + "    # choose: nothing any more\n")
    assert find_choices(plan) == ()
    read_plan(plan)


def test_editors_know_no_mark(repository: Path) -> None:
    """They underline it, as every key that is none of a plan's."""
    schema = json.loads((repository / "sql" / "plan.schema.json").read_text(encoding="utf-8"))
    models = [schema, *schema["$defs"].values()]
    assert all(MARK not in model["properties"] and model["additionalProperties"] is False for model in models)
