"""The screen: every column stays, however narrow it is; what is no terminal gets everything at full width."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.consolidate.outcome import Outcome
from strongroom.consolidate.status import RunStatus
from strongroom.core.errors import ExitCode
from strongroom.core.results import ReferenceTally, TableTally, TargetTally, Verdict
from strongroom.report import Screen, show_outcome, show_runs
from strongroom.report.outcome import _HEADS, _REFERENCES

LONG = "agent_relationships_of_the_year.agent_relationships_and_all_that"
OUTCOME = Outcome(
    verdict=Verdict.PROVEN_WITH_QUARANTINE,
    exit=ExitCode.DONE,
    run="20261121_015301",
    seconds=1.9,
    rows_read=8_888_888,
    unexplained=0,
    quarantined=12,
    budget=20,
    published=("core.db",),
    tables={LONG: TableTally(into="core.x", read=8_888_888, inserted=7_777_777, quarantined=12, rewritten=6_543_210)},
    targets={"core.x": TargetTally(rows=7_777_777, explained=7_777_777)},
    references={f"{LONG}.agent_id": ReferenceTally(parent="core.agents", followed=4_321, orphans_before=17)},
)


def set_width(monkeypatch: pytest.MonkeyPatch, width: int | None) -> None:
    """Make stdout a terminal of so many columns, or none."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: width is not None, raising=False)
    monkeypatch.setenv("COLUMNS", str(width or 10))  # which a pipe does not care about


def read_screen(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed, without the marks of bold and colour that a terminal gets."""
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 100, 160, None])
def test_no_column_of_an_outcome_vanishes(
    width: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_width(monkeypatch, width)
    assert show_outcome(OUTCOME, as_json=False, color=False) == 0
    said = read_screen(capsys)
    for head in (*_HEADS, *_REFERENCES.values()):
        assert squeeze(head) in squeeze(said), f"{head} is not there at {width}"
    for value in ("8 888 888", "7 777 777", "12", "6 543 210", "4 321", "17"):
        assert value in said, f"{value} is cut at {width}"
    folded = "".join(line.partition("  ")[0] for line in said.splitlines())
    assert LONG in folded or LONG in squeeze(said)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_table_is_no_wider_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_width(monkeypatch, width)
    Screen(color=False).table(("source table", *_HEADS), [("core.debates", *map(str, range(8)))])
    assert max(map(len, read_screen(capsys).splitlines())) <= width


def test_a_wide_terminal_shows_a_table_a_narrow_one_each_row_by_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("debates", "1 234 567", "99"), ("users", "5", "6")]
    set_width(monkeypatch, 30)
    Screen(color=False).table(("table", "read", "new id"), rows)
    assert read_screen(capsys) == "table         read  new id\ndebates  1 234 567      99\nusers            5       6\n"
    set_width(monkeypatch, 18)
    Screen(color=False).table(("table", "read", "new id"), rows)
    assert read_screen(capsys) == "table debates\n  read 1 234 567\n  new id 99\ntable users\n  read 5  new id 6\n"


def test_a_long_name_is_folded_before_figures_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_width(monkeypatch, 60)
    Screen(color=False).table(("table", "read"), [("a" * 70, "123456789")])
    lines = read_screen(capsys).splitlines()
    assert [len(line) for line in lines] == [60, 60, 60]
    assert lines[1].endswith(" 123456789")


def test_a_pipe_gets_every_line_whole(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(color=False).table(("table", "rule", "from"), [("a" * 300, "b" * 300, "c" * 5000)], numbers=False)
    head, row = read_screen(capsys).splitlines()
    assert row.split() == ["a" * 300, "b" * 300, "c" * 5000]
    assert head.split() == ["table", "rule", "from"]


@pytest.mark.parametrize("width", [24, 40, 80, None])
def test_every_column_of_the_runs_stays(
    width: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_width(monkeypatch, width)
    run = RunStatus(
        run="20261121_015301",
        state="published, and not what was proven",
        verdict="PROVEN_WITH_QUARANTINE",
        rows_read=123456,
        quarantined=77,
        is_current=True,
        is_open=False,
        size=98_700_000,
    )
    assert show_runs([run], (), as_json=False, color=False) == 0
    said = read_screen(capsys)
    for text in ("run", "state", "verdict", "rows", "quarantined", "MB", "live", "123456", "77", "98.7"):
        assert text in said
    for text in (run.run, run.state, run.verdict or ""):
        assert all(word in said or word in squeeze(said) for word in text.split())


def test_a_real_narrow_terminal_loses_nothing(repository: Path) -> None:
    leader, follower = os.openpty()
    program = f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]; import test_screen as it; it.show()"
    environment = {**os.environ, "COLUMNS": "40", "TERM": "xterm-256color"}
    command = [sys.executable, "-c", program]
    subprocess.run(command, stdout=follower, stderr=subprocess.DEVNULL, env=environment, check=True, timeout=60)
    os.close(follower)
    said = re.sub(r"\x1b\[[0-9;]*m", "", os.read(leader, 1 << 16).decode())
    os.close(leader)
    for head in _HEADS:
        assert head in said


def show() -> None:
    show_outcome(OUTCOME, as_json=False, color=True)
