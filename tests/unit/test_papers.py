"""The papers tell the truth: every task is in the README, the list is as it was read, schemas are current."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.core.errors import ExitCode
from strongroom.core.plan.decisions import DecisionsModel
from strongroom.core.plan.models import PlanModel
from strongroom.core.yaml_text import render_schema
from strongroom.tasks._program import OpsProgram
from strongroom.tasks._switches import describe_switches
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


def test_the_schema_of_decisions_is_current(repository: Path) -> None:
    schema = (repository / "sql" / "decisions.schema.json").read_text(encoding="utf-8")
    assert schema == render_schema(DecisionsModel)
    json.loads(schema)


def find_commands(text: str) -> list[list[str]]:
    """Return the words of every ``./inv`` command that a paper shows, in a block or in a line."""
    blocks = re.findall(r"^```(?:sh|yaml)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(\./inv [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    found = [re.search(r"(?:\./inv|\brun --rm ops)\s+([a-z][^#|]*)", line) for line in lines]
    return [words[1].split() for words in found if words]


@pytest.mark.parametrize(
    "paper",
    [
        "README.md",
        ".github/AT-REST.md",
        ".github/BACKUPS.md",
        ".github/CONTRIBUTING.md",
        ".github/KEYS.md",
        ".github/POSTGRES.md",
        ".github/SECURITY.md",
        ".github/runbooks/backups-stopped.md",
        ".github/runbooks/leaked-password.md",
        ".github/runbooks/lost-file.md",
        ".github/runbooks/lost-server.md",
        ".github/runbooks/restore.md",
        "k8s/README.md",
    ],
)
def test_every_command_of_a_paper_can_be_typed(repository: Path, paper: str) -> None:
    commands = find_commands((repository / paper).read_text(encoding="utf-8"))
    assert commands
    everywhere = {typed.split()[0] for typed, _ in describe_switches()}
    for name, *words in commands:
        assert name in every_task.task_names, f"{paper}: there is no task {name}"
        flags = {flag.text for flag in every_task[name].flags}
        known = everywhere | flags | {f"--no-{flag[2:]}" for flag in flags}
        unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - known
        assert not unknown, f"{paper}: {name} has no {unknown}"


def test_a_command_of_the_runbook_names_all_that_it_needs(repository: Path) -> None:
    commands = find_commands((repository / ".github/runbooks/restore.md").read_text(encoding="utf-8"))
    for name, *words in commands:
        missing = {flag.text for flag in every_task[name].flags if flag.is_required} - set(words)
        assert not missing, f"{name} needs {missing}"
    named = {name for name, *_ in commands}
    assert {"consolidate.rollback", "consolidate.verify", "consolidate.status", "why"} <= named
