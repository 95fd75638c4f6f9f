"""Where old names lead: every source's path to the target that its tables feed; in doubt the plan is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.errors import PlanError
from strongroom.core.plan import Plan, read_plan

HEAD = """\
version: 1
sources:
  one: {path: one.db%s}
  deep: {path: old/deep.db, optional: true}
  doc: {path: doc.json, format: json}
targets:
  house: {path: house.db%s}
  shed: {path: sub/shed.db}
"""


def read(folder: Path, text: str, *, of_one: str = "", of_house: str = "") -> Plan:
    (folder / "plan.yaml").write_text(HEAD % (of_one, of_house) + text, encoding="utf-8")
    return read_plan(folder / "plan.yaml")


def aliases(plan: Plan) -> dict[str, list[str]]:
    return {name: list(target.aliases) for name, target in plan.targets.items()}


def test_every_old_name_leads_to_the_target_of_its_tables_whether_its_file_is_there_or_not(tmp_path: Path) -> None:
    plan = read(tmp_path, "copy: {house: [one.t, doc.document], shed: [deep.*]}")
    assert aliases(plan) == {"house": ["one.db"], "shed": ["old/deep.db"]}


def test_a_file_of_which_nothing_is_taken_has_no_alias(tmp_path: Path) -> None:
    plan = read(tmp_path, "copy: {house: [one.t]}\ndrop: [{table: deep.*, reason: cache}]")
    assert aliases(plan) == {"house": ["one.db"], "shed": []}


def test_a_name_that_is_a_targets_is_the_target_wherever_its_tables_go(tmp_path: Path) -> None:
    text = "copy: {house: [one.t], shed: [one.u, deep.t]}"
    plan = read(tmp_path, text.replace("one", "it"), of_one="}\n  it: {path: house.db")
    assert aliases(plan) == {"house": [], "shed": ["old/deep.db"]}


def test_what_the_plan_gives_a_target_stands_first_and_is_not_given_twice(tmp_path: Path) -> None:
    plan = read(tmp_path, "copy: {house: [one.t]}", of_house=", aliases: [older.db, one.db]")
    assert aliases(plan)["house"] == ["older.db", "one.db"]


def test_an_alias_that_the_plan_gives_another_target_decides(tmp_path: Path) -> None:
    plan = read(tmp_path, "copy: {house: [one.t], shed: [one.u]}", of_house=", aliases: [one.db]")
    assert aliases(plan) == {"house": ["one.db"], "shed": []}


@pytest.mark.parametrize("chosen", ["house", "shed"])
def test_alias_of_decides_for_a_file_whose_tables_go_to_two_targets(tmp_path: Path, chosen: str) -> None:
    plan = read(tmp_path, "copy: {house: [one.t], shed: [one.u]}", of_one=f", alias_of: {chosen}")
    assert [name for name, found in aliases(plan).items() if "one.db" in found] == [chosen]


@pytest.mark.parametrize(
    ("text", "of_one", "of_house", "said"),
    [
        ("copy: {house: [one.t], shed: [one.u]}", "", "", "3: tables of one go to house and shed"),
        ("copy: {house: [one.*], shed: [one.u]}", "", "", "3: tables of one go to house and shed"),
        ("copy: {house: [one.t]}", ", alias_of: shed", "", "3: no table of one goes to shed"),
        ("copy: {house: [one.t]}", ", alias_of: barn", "", "3: no table of one goes to barn"),
        ("copy: {house: [deep.t]}", ", alias_of: house", "", "3: no table of one goes to house"),
        ("copy: {house: [one.t], shed: [one.u]}", ", alias_of: shed", ", aliases: [one.db]", "3: one.db is an alias"),
        ("copy: {house: [deep.t], shed: [one.t]}", "", ", aliases: [one.db]", "7: one.db is the path of one"),
        ("copy: {house: [one.t]}", "}\n  x: {path: x.json, format: json, alias_of: house", "", "4: sources.x"),
    ],
)  # fmt: skip
def test_what_is_not_decided_or_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, text: str, of_one: str, of_house: str, said: str
) -> None:
    with pytest.raises(PlanError) as caught:
        read(tmp_path, text, of_one=of_one, of_house=of_house)
    assert str(caught.value).startswith(f"{tmp_path}/plan.yaml:{said}")
