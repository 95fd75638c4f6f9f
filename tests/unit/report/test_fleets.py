"""Fleets on screen: what is not done is named, counts are whole, and progress says how long it takes."""

from __future__ import annotations

import pytest

from strongroom import report
from strongroom.core.errors import ExitCode
from strongroom.fleet.desk import Found
from strongroom.fleet.outcome import Run, Status

UNDONE = (
    Found(tenant="a", state="failed", exit=6, error="one.db: is damaged"),
    Found(tenant="b", state="waiting", exit=4, error="3 rows wait"),
    Found(tenant="c", state="not begun", exit=None, error=""),
)
RUN = Run(
    task="consolidate",
    index=3,
    of=20,
    results="results",
    listed=100_000,
    tenants=5001,
    done=4990,
    before=1200,
    waiting=1,
    unproven=0,
    failed={"5": 1, "6": 9},
    undone=UNDONE,
    seconds=61.25,
    exit=ExitCode.UNREACHABLE,
)
COUNTS = "1 waiting for a decision, 10 failed (1 with 5, 9 with 6), 61.2 s"
STATUS = Status(
    task="consolidate",
    results="results",
    tenants=5001,
    done=4990,
    waiting=1,
    unproven=2,
    not_begun=3,
    failed={"6": 5},
    strangers=7,
    undone=UNDONE,
    exit=ExitCode.PENDING,
)


def test_a_run_names_what_is_not_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.show_fleet(RUN, as_json=False, color=False) == ExitCode.UNREACHABLE
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "tenant  state      exit  what it said",
        "a       failed     6     one.db: is damaged",
        "b       waiting    4     3 rows wait",
        "c       not begun",
        "and 8 more (fleet.status --limit 0 names all)",
        f"index 3 of 20: consolidate: 4 990 of 5 001 tenants done (1 200 of them before), {COUNTS}, results in results",
    ]


def test_a_status_counts_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.show_fleet_status(STATUS, as_json=False, color=False) == ExitCode.PENDING
    said = capsys.readouterr().out
    assert "7 tenants have results and are not in the list" in said
    assert said.rstrip().endswith(
        "4 990 of 5 001 tenants done, 1 waiting for a decision, 2 unproven, 5 failed (5 with 6), 3 not begun"
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tenants": 0, "undone": ()}, "index 3 of 20: nothing to do: none of 100 000 tenants is this index's"),
        (
            {"dry_run": True, "pending": 11, "undone": ()},
            "dry run: index 3 of 20: consolidate would be carried out for 11 of 5 001 tenants; nothing written",
        ),
    ],
)
def test_what_was_not_done_is_said(capsys: pytest.CaptureFixture[str], changes: dict[str, object], says: str) -> None:
    fields = {name: getattr(RUN, name) for name in Run.__slots__}
    report.show_fleet(Run(**fields | changes), as_json=False, color=False)
    assert capsys.readouterr().out.strip() == says


def test_progress_is_said_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 102.0, 110.0, 111.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    progress = report.FleetProgress()
    progress.start(1000)
    for done in (10, 100, 110):
        progress.advance(done)
    assert capsys.readouterr().err == "100 of 1 000 tenants, 10.0 a second, about 90 s left …\n"
