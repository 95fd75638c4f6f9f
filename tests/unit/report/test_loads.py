"""What a load says on screen: what waits, which orphans there are, and where the rest can be read."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.core.errors import ExitCode
from strongroom.core.results import ReferenceTally, TableTally, Verdict
from strongroom.load.outcome import Outcome
from strongroom.report.loads import show_load


def make_outcome(**changes: Any) -> Outcome:
    tables = {
        "core.t": TableTally(into="core.t", read=1, inserted=1),
        "core.c": TableTally(into="core.c", read=3, inserted=2, quarantined=1),
    }
    references = {"core.c.t": ReferenceTally(parent="core.t", orphans_after=1)}
    about: dict[str, Any] = {
        "verdict": Verdict.PROVEN_WITH_QUARANTINE, "exit": ExitCode.DONE, "load": "20260101_000000",
        "server": "db:5432/x",
        "schemas": {"core": "core_staged"}, "seconds": 1.0, "rows_read": 4, "unexplained": 0, "quarantined": 1,
        "budget": 1,
        "tables": tables, "targets": {}, "references": references,
    }  # fmt: skip
    return Outcome(**(about | changes))


def show(capsys: pytest.CaptureFixture[str], outcome: Outcome, *, again: bool = False) -> tuple[str, str]:
    assert show_load(outcome, as_json=False, color=False, again=again) == outcome.exit
    said = capsys.readouterr()
    return said.out, said.err


def test_orphans_are_listed_and_one_row_is_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    out, error = show(capsys, make_outcome())
    assert "core.c.t: 1 row without a parent in core.t" in out
    assert "and 1 table with 1 row, all of which arrived" in out
    assert error == ""


def test_rows_that_wait_over_the_budget_are_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    _, error = show(capsys, make_outcome(exit=ExitCode.DECISION, budget=0))
    assert "1 row is quarantined, and the budget is 0" in error
    assert "postgres.quarantine shows them" in error


@pytest.mark.parametrize(("again", "place"), [(False, "report of load 20260101_000000"), (True, "--json")])
def test_differences_name_where_all_of_them_are(capsys: pytest.CaptureFixture[str], again: bool, place: str) -> None:
    outcome = make_outcome(verdict=Verdict.DIFFERENT, exit=ExitCode.DIFFERENCES, differences=("core.t: row 1",))
    _, error = show(capsys, outcome, again=again)
    assert ("core.t: row 1" in error, place in error) == (True, True)


def test_what_waits_is_said_where_there_was_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = show(capsys, make_outcome(nothing_done=True))
    assert "nothing to do" in out
    assert "1 quarantined" in out


def test_a_dry_run_ends_in_a_sentence_with_would_and_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    about = {"verdict": Verdict.UNVERIFIED, "dry_run": True, "references": {}}
    out, error = show(capsys, make_outcome(**about, waiting=("core.c row 1: a is NULL",) * 11, quarantined=2))
    (last,) = out.splitlines()[-1:]
    assert last.startswith("would load 2 of 4 rows into core_staged at db:5432/x in 1.0 s, 2 quarantined; ")
    assert ("UNVERIFIED" in out, "postgres.quarantine" in out, error) == (False, False, "")
    _, error = show(capsys, make_outcome(**about, exit=ExitCode.DECISION, budget=0))
    assert "1 row would be quarantined, and the budget is 0" in error
    assert "postgres.quarantine" not in error  # which has nothing to show


def test_one_word_says_what_needs_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = ("core.c row 1: a is NULL, and the column is NOT NULL",)
    out, error = show(capsys, make_outcome(exit=ExitCode.DECISION, budget=0, waiting=waiting))
    assert [word in out + error for word in ("wait", "held", "pending")] == [False] * 3
    assert (out + error).count("quarantined") == 4  # the table's head, the list's, the last sentence and the error


def test_rows_that_wait_are_counted_beyond_those_that_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = tuple(f"core.c row {number}: a is NULL, and the column is NOT NULL" for number in range(1000))
    out, _ = show(capsys, make_outcome(quarantined=23_801, budget=30_000, waiting=waiting))
    assert "and 23 791 more (postgres.quarantine shows all)" in out
