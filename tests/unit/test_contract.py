"""The contract of ``--json``: every task has one, the schema that is committed is current, and it can be broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.report.contract import FILE, WITHOUT, render_contract, result_types
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.contract import check, find_task


def test_every_task_has_a_contract_or_has_no_result() -> None:
    assert set(every_task.task_names) == {*result_types(), *WITHOUT}


def test_the_schema_of_results_is_current(request: pytest.FixtureRequest) -> None:
    rendered = render_contract()
    if request.config.getoption("--update-golden"):
        FILE.write_text(rendered, encoding="utf-8")
    said = FILE.read_text(encoding="utf-8")
    assert said == rendered, f"{FILE} differs: run pytest --update-golden, and say in the changelog what changed"


def test_a_result_that_is_not_what_the_schema_says_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["inv", "guard.clean", "--source", str(tmp_path), "--target", str(tmp_path / "new"), "--json"]
    assert OpsProgram(every_task).main(words) == 0
    line = capsys.readouterr().out
    result = check("guard.clean", line)
    for wrong in ({**result, "more": 1}, {**result, "moved": "no list"}, {"moved": []}):
        with pytest.raises(AssertionError, match=r"guard\.clean --json is not what results\.schema\.json says"):
            check("guard.clean", json.dumps(wrong))


def test_every_result_of_a_command_line_is_held_against_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.report.guard.Moved", lambda **fields: fields | {"more": 1})
    words = ["inv", "guard.clean", "--source", str(tmp_path), "--target", str(tmp_path / "new"), "--json"]
    with pytest.raises(AssertionError, match="'more' was unexpected"):
        OpsProgram(every_task).main(words)


@pytest.mark.parametrize(
    ("words", "task"),
    [
        ("consolidate.run --source a --json", "consolidate.run"),
        ("paths.show doctor.run --json", "doctor.run"),
        ("check.lint --json", None),
        ("consolidate.run --help --json", None),
        ("nope", None),
    ],
)
def test_the_task_of_a_command_line_is_found(words: str, task: str | None) -> None:
    assert find_task(words.split()) == task
