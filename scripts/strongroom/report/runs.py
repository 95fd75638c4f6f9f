"""Runs on screen: which there are, what was put back, removed and cleaned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from strongroom.consolidate.clean import Cleaned
from strongroom.consolidate.finalize import Finalized
from strongroom.consolidate.rollback import Returned
from strongroom.consolidate.status import RunStatus
from strongroom.core.errors import ExitCode
from strongroom.report.screen import new_table, open_console, print_json

_MEGABYTE = 1_000_000


def show_runs(runs: Sequence[RunStatus], strays: Sequence[str] | None, *, as_json: bool, color: bool) -> ExitCode:
    """Print all runs, and what was written beside the targets since (None: nobody looked); return 7 for either."""
    code = ExitCode.PENDING if any(run.is_open for run in runs) or strays else ExitCode.DONE
    if as_json:
        print_json({"runs": [asdict(run) for run in runs], "strays": strays, "exit": code})
        return code
    table = new_table("run", "state", "verdict", "rows", "quarantined", "MB", "live", numbers=False)
    for run in runs:
        table.add_row(
            run.run,
            run.state,
            run.verdict or "",
            str(run.rows_read or ""),
            "" if run.quarantined is None else str(run.quarantined),
            f"{run.size / _MEGABYTE:.1f}",
            "live" if run.is_current else "",
        )
    open_console(color=color).print(table if runs else "no runs yet")
    if any(run.is_open and "interrupted" in run.state for run in runs):
        print("interrupted: run the same command again, or take it back with consolidate.rollback")
    if any(run.is_current and run.is_open and "proven" in run.state for run in runs):
        print("not proven: its report.json says what is wrong; consolidate.rollback puts back what was there before")
    if any(run.is_current for run in runs):
        show_strays(strays)
    return code


def show_strays(strays: Sequence[str] | None) -> None:
    """Print what was written beside the targets since publish."""
    if strays is None:
        print("the legacy files were not looked at (say --source DIRECTORY)")
    for stray in strays or ():
        print(f"not in the targets: {stray}")


def show_returned(returned: Returned, *, as_json: bool) -> None:
    """Print what a rollback did in one sentence, and what it left."""
    if as_json:
        print_json(asdict(returned))
        return
    if returned.cleared is not None:
        live = f"; run {returned.run} stays live (roll back again to undo it)" if returned.run else ""
        verb = "would clear" if returned.dry_run else "cleared"
        print(f"{verb} run {returned.cleared}, which was interrupted before it published anything{live}")
        return
    if returned.run is None:
        print("nothing to roll back: no published run")
        return
    verb = "would roll back" if returned.dry_run else "rolled back"
    lose = f"; would lose: {'; '.join(returned.would_lose)}" if returned.would_lose else ""
    print(
        f"{verb} run {returned.run}: {len(returned.files)} targets are as they were before "
        f"({', '.join(returned.files)}){lose}"
    )
    if returned.restored:
        verb = "would put back" if returned.dry_run else "put back"
        print(f"{verb} from the backup: {', '.join(returned.restored)}")
    if returned.rewritten:
        print(f"written anew from encrypted snapshots, with the same content: {', '.join(returned.rewritten)}")
    if returned.read_only:
        print(f"legacy files that stay read-only (say --source DIRECTORY): {', '.join(returned.read_only)}")


def show_finalized(ended: Finalized, *, as_json: bool) -> None:
    """Print which legacy sources are gone, in one sentence."""
    if as_json:
        print_json(asdict(ended))
        return
    verb = "would remove" if ended.dry_run else "removed"
    before = f"; {len(ended.gone)} were gone before" if ended.gone else ""
    undecided = f", and {ended.undecided} rows that nobody decided" if ended.undecided else ""
    print(
        f"{verb} {len(ended.removed)} sources of run {ended.run}{before}; {ended.backup} holds all of them{undecided}"
    )


def show_cleaned(cleaned: Cleaned, *, as_json: bool) -> None:
    """Print which runs are gone, and why the others stay."""
    if as_json:
        print_json(asdict(cleaned))
        return
    for run in cleaned.kept:
        print(f"kept {run.run} ({run.size / _MEGABYTE:.1f} MB): {run.reason}")
    verb = "would remove" if cleaned.dry_run else "removed"
    size = sum(run.size for run in cleaned.removed)
    print(f"{verb} {len(cleaned.removed)} runs, {size / _MEGABYTE:.1f} MB")
