"""Draft, be refused, decide as a person would, run: what the tests of drafts share."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task


def make(file: Path, *statements: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in statements:
            connection.executescript(statement)


def run_inv(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any, str]:
    capsys.readouterr()
    code = OpsProgram(every_task).main(["inv", *map(str, words)])
    written = capsys.readouterr()
    lines = written.out.splitlines()
    return code, json.loads(lines[-1]) if lines and "--json" in words else written.out, written.err


def draft(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[Path, Any]:
    """Draft; return the plan and what was said."""
    plan = folder / "system" / "plan.yaml"
    code, drafted, _ = run_inv(
        capsys, "inventory.draft", "--source", folder / "legacy", "--output", plan, "--json"
    )  # fmt: skip
    assert code == 0
    return plan, drafted


def check_refused(capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """Every command that reads the plan ends with 2, names every line with a mark, and writes nothing."""
    plan, new = folder / "system" / "plan.yaml", folder / "new"
    lines = [
        number for number, line in enumerate(plan.read_text().splitlines(), 1) if line.strip().startswith("choose:")
    ]
    place = f"error: {plan}:{', '.join(map(str, lines))}: "
    before = sorted(folder.rglob("*"))
    there = ("--system", folder / "system", "--source", folder / "legacy")
    commands = [
        ("check",),
        ("preview", "--target", new),
        ("run", "--target", new),
        ("run", "--target", new, "--dry-run"),
    ]
    for command, *flags in commands:
        code, out, error = run_inv(capsys, f"consolidate.{command}", *there, *flags)
        assert (code, out) == (2, "")
        assert error.startswith(place)
        assert len(error.splitlines()) == 2
    assert sorted(folder.rglob("*")) == before
    return error


def accept(plan: Path) -> None:
    """Stand for a person who looked at every guess and leaves it as it is."""
    lines = plan.read_text().splitlines(keepends=True)
    plan.write_text("".join(line for line in lines if not line.strip().startswith("choose:")))


def decide(plan: Path, table: str, conflict: str) -> None:
    """Stand for a person who writes a rule of their own for a table, or none, in the place of what is guessed."""
    before, name, rest = plan.read_text().partition(f"  - into: main.{table}\n")
    assert name
    written = f"    on_conflict: {conflict}\n" if conflict else ""
    plan.write_text(before + name + re.sub(r"    on_conflict:\n(      .*\n)+", written, rest, count=1))


def run_proven(capsys: pytest.CaptureFixture[str], folder: Path) -> Any:
    there = ("--system", folder / "system", "--source", folder / "legacy")
    code, _, _ = run_inv(capsys, "consolidate.check", *there)
    assert code == 0
    code, result, _ = run_inv(capsys, "consolidate.run", *there, "--target", folder / "new", "--json")
    assert (code, result["verdict"], result["unexplained"]) == (0, "PROVEN", 0)
    return result


def draft_and_run(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[Any, Any]:
    """Draft, be refused while a mark is left, accept, run; return what the draft and the run said."""
    plan, drafted = draft(capsys, folder)
    if drafted["choices"]:
        check_refused(capsys, folder)
    accept(plan)
    return drafted, run_proven(capsys, folder)


def read(folder: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "new" / "consolidated.db")) as connection:
        return connection.execute(sql).fetchall()
