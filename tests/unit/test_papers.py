"""The papers tell the truth: every task is in the README, the list is as it was read, schemas are current."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.core.errors import ExitCode
from strongroom.core.plan.models import PlanModel
from strongroom.core.yaml_text import render_schema
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task


def test_every_task_is_in_the_readme(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    missing = []
    for name in every_task.task_names:
        space, dot, verb = name.partition(".")
        if name not in readme and not (dot and f"{space}." in readme and f" .{verb}" in readme):
            missing.append(name)
    assert missing == []


def test_the_exit_codes_of_the_readme_are_those_of_the_code(repository: Path) -> None:
    lines = (repository / "README.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if re.match(r"\| \d+(, \d+)* \|", line)]
    said = {}
    for line in table:
        codes, meaning, job = (cell.strip() for cell in line.strip("|").split("|"))
        said.update(dict.fromkeys(map(int, codes.split(", ")), (meaning, job)))
    assert said == {int(code): (code.meaning, code.job) for code in ExitCode}


def test_the_readme_stays_short(repository: Path) -> None:
    assert len((repository / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_list_of_tasks_is_the_one_that_was_read(
    assert_golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert OpsProgram(every_task).main(["inv", "--list"]) == 0
    assert_golden("list.txt", capsys.readouterr().out)


def test_the_schema_of_plans_is_current(repository: Path) -> None:
    assert (repository / "sql" / "plan.schema.json").read_text(encoding="utf-8") == render_schema(PlanModel)
    json.loads((repository / "sql" / "plan.schema.json").read_text(encoding="utf-8"))
