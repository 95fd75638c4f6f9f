"""How a run's end is told: groups that nobody decided, and whose version is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from strongroom import report
from strongroom.consolidate.outcome import Outcome, add_up
from strongroom.core.errors import ExitCode
from strongroom.core.results import TableTally, TargetTally, Verdict
from strongroom.report.outcome import render_markdown


def end(*undecided: Mapping[str, int], code: ExitCode = ExitCode.DONE) -> Outcome:
    """Return an outcome of as many source tables, each with the groups of which a version of its sources is shown."""
    return Outcome(
        verdict=Verdict.PROVEN_WITH_QUARANTINE,
        exit=code,
        run="20260101_000000",
        seconds=1.0,
        rows_read=9,
        unexplained=0,
        quarantined=sum(sum(one.values()) for one in undecided),
        budget=0,
        published=() if code else ("core.db",),
        tables={"s.t": TableTally(into="core.t", read=3, inserted=3)},
        targets={
            f"core.t{number}": TargetTally(rows=3, explained=3, seeded=0, undecided=one)
            for number, one in enumerate(undecided)
        },
        undecided=add_up(undecided),
    )


SAID = {
    "": ({}, {}),
    "1 group undecided, the version of live is shown": ({"live": 1}, {}),
    "5 groups undecided, the version of live is shown": ({"live": 2}, {"live": 3}),
    "6 groups undecided, the versions of old (4), live (2) are shown": ({"live": 2}, {"old": 4}),
}


@pytest.mark.parametrize(("words", "undecided"), SAID.items(), ids=range(len(SAID)))
def test_the_headline_the_report_and_json_say_whose_versions_are_shown(
    words: str, undecided: tuple[Mapping[str, int], ...], capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = end(*undecided)
    report.show_outcome(outcome, as_json=False, color=False)
    said = capsys.readouterr().out
    report.show_outcome(outcome, as_json=True, color=False)
    total = sum(json.loads(capsys.readouterr().out)["undecided"].values())
    assert total == sum(sum(one.values()) for one in undecided)
    for text in (said, render_markdown(outcome)):
        assert (words or "quarantined") in text
        assert ("undecided" in text) is bool(words)


def test_over_the_budget_the_hint_says_that_the_rows_wait_beside_what_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report.show_outcome(end({"live": 2}, code=ExitCode.DECISION), as_json=False, color=False)
    printed = capsys.readouterr()
    assert "--quarantine-budget 2 publishes, and they wait beside what is shown" in printed.err
    assert "staged, not published" in printed.out
    assert "2 groups undecided, the version of live is shown" in printed.out
