"""``why``: what a code means, what happened to a run, and commands that can be typed as they stand."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.consolidate.outcome import REPORT, Outcome
from strongroom.core.errors import ExitCode
from strongroom.core.files import locked
from strongroom.core.results import Verdict
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.records import RunDocument, RunState
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task

NOW = datetime(2026, 11, 21, 1, 53, 1, tzinfo=UTC)
Why = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(target=tmp_path / "new")
    home.target.mkdir()
    home.provide()
    return home


@pytest.fixture
def why(capsys: pytest.CaptureFixture[str]) -> Why:
    def why(*words: object) -> tuple[int, str, str]:
        code = OpsProgram(every_task).main(["inv", "why", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return why


def begin(home: Home, state: RunState, error: str | None = None) -> RunFolder:
    """Leave a run as the code that ends one leaves it."""
    folder = home.begin_run(NOW, backup=True)
    folder.write(
        RunDocument(
            run=folder.name,
            state=state,
            tool="0.1.0",
            system="shop",
            source="/srv/old files",
            plan="/srv/shop/plan.yaml",
            began=NOW,
            ended=None if state is RunState.RUNNING else NOW,
            retention_days=30,
            has_backup=True,
            before=None,
            error=error,
        )
    )
    return folder


def report(folder: RunFolder, **changes: Any) -> None:
    outcome = Outcome(
        verdict=Verdict.PROVEN,
        exit=ExitCode.DONE,
        run=folder.name,
        seconds=1.0,
        rows_read=1234,
        unexplained=0,
        quarantined=0,
        budget=0,
        published=("shop.db",),
        tables={},
        targets={},
    )
    folder.write(replace(outcome, **changes), REPORT)


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_code_is_told_from_the_one_table(why: Why, code: ExitCode) -> None:
    ended, said, _ = why("--code", int(code))
    assert ended == 0
    assert said.startswith(f"exit code {int(code)}: {code.meaning}\n")
    assert " ".join(code.advice.split()) in " ".join(said.split())
    assert f"a Job  {'fails' if code.job == 'fail' else 'tries again' if code.job else 'is done'}" in said
    assert max(map(len, said.splitlines())) <= 120


def test_each_advice_names_tasks_that_there_are(repository: Path) -> None:
    spaces = {name.partition(".")[0] for name in every_task.task_names if "." in name}
    for code in ExitCode:
        words = [word.strip(".,:;()") for word in code.advice.split()]
        named = [word for word in words if "." in word and word.partition(".")[0] in spaces]
        assert set(named) <= set(every_task.task_names), code
        assert all((repository / word).is_file() for word in words if word.startswith(".github/"))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (3, "backup.verify --full says which sets are sound"),
        (4, "then backup.create"),
        (7, "backups-stopped.md"),
        (10, "make no new store over it. Where there were none: backup.init, once"),
        (11, "of a store of backups the error names who holds it"),
        (14, "backup.prune the sets that no rule keeps"),
    ],
)
def test_a_code_with_which_backups_end_is_told_for_backups_too(why: Why, code: int, said: str) -> None:
    assert said in " ".join(why("--code", code)[1].split())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--code 99", "error: --code: no task ends with 99"),
        ("--code -1", "error: --code: no task ends with -1"),
        ("--code four", "error: --code: must be a whole number (got 'four')"),
        ("", "error: why: needs --code, or --run with --target"),
        ("--code 3 --run x", "error: why: takes --code or --run, not both"),
        ("--run 20260101_000000", "error: --run: there is no run 20260101_000000 in ."),
        ("--target .", "error: --run: there is no run in . yet"),
    ],
)
def test_what_means_nothing_is_exit_2(
    why: Why, words: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, error = why(*words.split())
    assert (code, said, error.splitlines()[0]) == (2, "", line)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_run_lists_those_there_are(why: Why, home: Home) -> None:
    folder = begin(home, RunState.PUBLISHED)
    code, _, error = why("--run", "nope", "--target", home.target)
    assert (code, error) == (
        2,
        f"error: --run: there is no run nope in {home.target}\n hint: one of: {folder.name}\n",
    )


def test_a_staged_run_is_told_with_the_commands_that_help(why: Why, home: Home) -> None:
    folder = begin(home, RunState.STAGED)
    report(folder, verdict=Verdict.PROVEN_WITH_QUARANTINE, exit=ExitCode.DECISION, quarantined=88, published=())
    code, said, _ = why("--target", home.target)
    assert code == 0
    assert said == (
        f"run {folder.name}: staged\n"
        "  system shop, from /srv/old files, by /srv/shop/plan.yaml\n"
        "  began 2026-11-21 01:53:01 UTC, ended 2026-11-21 01:53:01 UTC (strongroom 0.1.0)\n"
        "  verdict PROVEN_WITH_QUARANTINE: 1,234 rows read, 0 unexplained, 88 quarantined (budget 0), 0 differences\n"
        "to read:\n"
        f"  all of it as JSON  {folder.root / 'report.json'}\n"
        "to do:\n"
        "  see the rows that wait, with their reasons\n"
        f"      ./inv consolidate.quarantine --target {home.target} --run {folder.name}\n"
        "  publish all the same; the rows stay readable\n"
        "      ./inv consolidate.run --plan /srv/shop/plan.yaml --source '/srv/old files'"
        f" --target {home.target} --quarantine-budget 88\n"
        "exit code 4: needs a decision: quarantine over budget (staged, not published), partial backup set\n"
        "  to do  Nothing is live yet. consolidate.quarantine shows the rows that wait, with their\n"
        "         reasons. Those that no rule decides consolidate.decide puts side by side, and the next\n"
        "         run does what you choose. Or let a rule of the plan decide, or allow so many with\n"
        "         --quarantine-budget; they stay readable. A backup set that is not whole holds what it\n"
        "         lists, and older sets stay until a whole one is there: remove the cause that is named\n"
        "         beside each missing member, then backup.create. Rows of encrypted columns that are left\n"
        "         as they are stand there with their reason: columns.encrypt takes plain ones in; what\n"
        "         opens nowhere was moved or changed, so let its application write that secret anew.\n"
        "  a Job  fails, and stays so: the same command ends the same way until somebody acts\n"
    )


def test_where_no_rule_decides_the_first_advice_is_to_decide(why: Why, home: Home) -> None:
    folder = begin(home, RunState.STAGED)
    report(folder, exit=ExitCode.DECISION, quarantined=1, published=(), undecided={"live": 1})
    _, text, _ = why("--target", home.target, "--json")
    command = json.loads(text)["run"]["advice"][0]["command"]
    assert command == f"./inv consolidate.decide --target {home.target} --run {folder.name}"


@pytest.mark.parametrize(
    ("state", "error", "code", "told", "task"),
    [
        (RunState.FAILED, "DamagedSourceError", 6, "stopped by DamagedSourceError", "consolidate.run"),
        (RunState.FAILED, "KeyboardInterrupt", 130, "stopped by Ctrl-C (SIGINT)", "consolidate.run"),
        (RunState.FAILED, "SystemExit", 143, "stopped by SIGTERM", "consolidate.run"),
        (RunState.FAILED, "ZeroDivisionError", None, "stopped by ZeroDivisionError", "consolidate.run"),
        (RunState.INTERRUPTED, None, 130, ": interrupted\n", "consolidate.run"),
        (RunState.RUNNING, None, None, ": interrupted\n", "consolidate.run"),
        (RunState.DIFFERENT, None, 3, ": different\n", "consolidate.run"),
        (RunState.GIVEN_UP, None, None, ": given up\n", "consolidate.status"),
        (RunState.ROLLED_BACK, None, None, ": rolled back\n", "consolidate.status"),
    ],
)
def test_every_end_has_its_story_and_a_next_step(
    why: Why, home: Home, state: RunState, error: str | None, code: int | None, told: str, task: str
) -> None:
    folder = begin(home, state, error)
    _, said, _ = why("--run", folder.name, "--target", home.target)
    assert told in said
    _, text, _ = why("--run", folder.name, "--target", home.target, "--json")
    found = json.loads(text)
    assert found["run"]["exit"] == code
    assert (found["code"] or {}).get("code") == code
    assert shlex.split(found["run"]["advice"][0]["command"])[:2] == ["./inv", task]


def test_a_run_that_is_at_work_is_left_alone(why: Why, home: Home) -> None:
    begin(home, RunState.RUNNING)
    with locked(home.lock):
        _, said, _ = why("--target", home.target)
    assert ": running\n" in said
    assert "consolidate.status" in said
    assert "rollback" not in said


def test_a_live_run_that_is_not_proven_leads_back(why: Why, home: Home) -> None:
    folder = begin(home, RunState.PUBLISHED, "DifferencesError")
    report(folder, verdict=Verdict.DIFFERENT, exit=ExitCode.DIFFERENCES, differences=("core.x: one row more",))
    home.set_current(folder.name)
    _, text, _ = why("--target", home.target, "--json")
    told = json.loads(text)
    assert told["run"]["state"] == "published, and not what was proven"
    assert told["code"]["code"] == 3
    assert "difference: core.x: one row more" in told["run"]["happened"]
    assert told["run"]["advice"][0]["command"] == f"./inv consolidate.rollback --target {home.target}"


def test_a_live_run_that_is_proven_has_nothing_to_mend(why: Why, home: Home) -> None:
    folder = begin(home, RunState.PUBLISHED)
    report(folder)
    home.set_current(folder.name)
    _, said, _ = why("--target", home.target)
    assert said.startswith(f"run {folder.name}: published, live\n")
    assert "exit code" not in said
    assert f"./inv consolidate.rollback --target {home.target} --source '/srv/old files'" in said


def test_a_damaged_document_is_the_usual_refusal(why: Why, home: Home) -> None:
    folder = begin(home, RunState.PUBLISHED)
    (folder.root / "run.json").write_text("{", encoding="utf-8")
    code, _, error = why("--target", home.target)
    assert code == 6
    assert "run.json: is not JSON" in error
