"""Runs on screen: which there are, what was put back, removed and cleaned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.consolidate.clean import Cleaned
from strongroom.consolidate.finalize import Finalized
from strongroom.consolidate.rollback import Returned
from strongroom.consolidate.status import RunStatus
from strongroom.core.errors import ExitCode
from strongroom.report.screen import Screen

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """All runs of a target, in the order in which they began."""

    runs: tuple[RunStatus, ...]
    strays: tuple[str, ...] | None
    """What applications wrote beside the targets since publish; None where nobody looked."""
    exit: ExitCode


RESULTS = {
    "consolidate.status": Runs,
    "consolidate.rollback": Returned,
    "consolidate.finalize": Finalized,
    "consolidate.clean": Cleaned,
}


def show_runs(runs: Sequence[RunStatus], strays: tuple[str, ...] | None, *, as_json: bool, color: bool) -> ExitCode:
    """Print all runs, and what was written beside the targets since (None: nobody looked); return 7 for either."""
    code = ExitCode.PENDING if any(run.is_open for run in runs) or strays else ExitCode.DONE
    screen = Screen(as_json=as_json, color=color)
    if runs:
        heads = ("run", "state", "verdict", "rows", "quarantined", "MB", "live")
        screen.table(heads, [_list_run(run) for run in runs], numbers=False)
    else:
        screen.conclude("no runs yet")
    if any(run.is_open and "interrupted" in run.state for run in runs):
        screen.conclude("interrupted: run the same command again, or take it back with consolidate.rollback")
    if any(run.is_current and run.is_open and "proven" in run.state for run in runs):
        screen.conclude(
            "not proven: its report.json says what is wrong; consolidate.rollback puts back what was there before"
        )
    if any(run.is_current for run in runs):
        show_strays(screen, strays)
    screen.end(Runs(runs=tuple(runs), strays=strays, exit=code))
    return code


def show_strays(screen: Screen, strays: Sequence[str] | None) -> None:
    """Say what was written beside the targets since publish."""
    if strays is None:
        screen.conclude("the legacy files were not looked at (say --source DIRECTORY)")
    for stray in strays or ():
        screen.conclude(f"not in the targets: {stray}")


def _list_run(run: RunStatus) -> tuple[str, ...]:
    return (
        run.run,
        run.state,
        run.verdict or "",
        str(run.rows_read or ""),
        "" if run.quarantined is None else str(run.quarantined),
        f"{run.size / _MEGABYTE:.1f}",
        "live" if run.is_current else "",
    )


def show_returned(returned: Returned, *, as_json: bool) -> None:
    """Print what a rollback did in one sentence, and what it left."""
    screen = Screen(as_json=as_json)
    screen.conclude(_say_returned(returned))
    if returned.restored:
        verb = "would put back" if returned.dry_run else "put back"
        screen.say(f"{verb} from the backup: {', '.join(returned.restored)}")
    if returned.rewritten:
        screen.say(f"written anew from encrypted snapshots, with the same content: {', '.join(returned.rewritten)}")
    if returned.read_only:
        screen.say(f"legacy files that stay read-only (say --source DIRECTORY): {', '.join(returned.read_only)}")
    screen.end(returned)


def _say_returned(returned: Returned) -> str:
    if returned.cleared is not None:
        live = f"; run {returned.run} stays live (roll back again to undo it)" if returned.run else ""
        verb = "would clear" if returned.dry_run else "cleared"
        return f"{verb} run {returned.cleared}, which was interrupted before it published anything{live}"
    if returned.run is None:
        return "nothing to roll back: no published run"
    verb = "would roll back" if returned.dry_run else "rolled back"
    lose = f"; would lose: {'; '.join(returned.would_lose)}" if returned.would_lose else ""
    return (
        f"{verb} run {returned.run}: {len(returned.files)} targets are as they were before "
        f"({', '.join(returned.files)}){lose}"
    )


def show_finalized(ended: Finalized, *, as_json: bool) -> None:
    """Print which legacy sources are gone, in one sentence."""
    screen = Screen(as_json=as_json)
    verb = "would remove" if ended.dry_run else "removed"
    before = f"; {len(ended.gone)} were gone before" if ended.gone else ""
    undecided = f", and {ended.undecided} rows that nobody decided" if ended.undecided else ""
    screen.conclude(
        f"{verb} {len(ended.removed)} sources of run {ended.run}{before}; {ended.backup} holds all of them{undecided}"
    )
    screen.end(ended)


def show_cleaned(cleaned: Cleaned, *, as_json: bool) -> None:
    """Print which runs are gone, and why the others stay."""
    screen = Screen(as_json=as_json)
    screen.lines([f"kept {run.run} ({run.size / _MEGABYTE:.1f} MB): {run.reason}" for run in cleaned.kept])
    verb = "would remove" if cleaned.dry_run else "removed"
    size = sum(run.size for run in cleaned.removed)
    screen.conclude(f"{verb} {len(cleaned.removed)} runs, {size / _MEGABYTE:.1f} MB")
    screen.end(cleaned)
