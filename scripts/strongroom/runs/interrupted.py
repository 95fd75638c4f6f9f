"""Finish what interrupted runs and rollbacks began, or clear it away."""

from __future__ import annotations

import shutil
from datetime import datetime
from enum import Enum
from pathlib import Path

from strongroom.core.errors import GuardError
from strongroom.core.files import write_text
from strongroom.runs import recover
from strongroom.runs.cleanup import clear_run, end_run, sweep
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.journal import JournalState
from strongroom.runs.records import CurrentDocument, RunDocument, RunState


class Became(Enum):
    """What became of a run that was interrupted."""

    PUBLISHED = "published"
    UNDONE = "undone"
    CLEARED = "cleared"


def recover_all(home: Home, *, source: Path | None, now: datetime) -> dict[str, Became]:
    """Recover every run, in the order in which they began; return what became of those that were interrupted.

    ``source`` is the directory of legacy files that was typed, if any. Raises what ``runs.recover`` raises, and
    GuardError when the folder of the run that is live is gone.
    """
    home.refuse_links()
    for left in (home.root / "scratch", *home.root.glob("preview-*"), *home.root.glob("scratch-*")):
        shutil.rmtree(left, ignore_errors=True)
    sweep(home.root)
    home.open_current()  # the run that is live is no interrupted one, even when its folder is gone
    found: dict[str, Became] = {}
    for name in home.all_runs():
        became = _recover_run(home, home.open_run(name), source, now)
        if became is not None:
            found[name] = became
    return found


def refuse_open(home: Home) -> None:
    """Make sure that no run is open: what is decided next would be about something else. Raises GuardError."""
    for name in home.all_runs():
        folder = home.open_run(name)
        about, journal = folder.read(RunDocument), folder.place(home.target).read_journal()
        if about is None or about.state is RunState.RUNNING or (journal is not None and journal.is_open):
            raise GuardError(
                f"run {name}", "was interrupted", "run the same consolidate.run again, or consolidate.rollback"
            )


def _recover_run(home: Home, folder: RunFolder, source: Path | None, now: datetime) -> Became | None:
    sweep(folder.root)
    sweep(folder.plan.parent)
    about = folder.read(RunDocument)
    if about is None:
        _refuse_to_forget(folder)
        _forget(home, folder)
        return Became.CLEARED
    place = folder.place(home.target, source)
    was_open = recover(place)
    journal = place.read_journal()
    if journal is None:
        if about.state is not RunState.RUNNING:
            return None
        end_run(folder, about, RunState.INTERRUPTED, now)
        return Became.CLEARED
    ended = RunState.ROLLED_BACK if journal.state is JournalState.UNDONE else RunState.PUBLISHED
    if not was_open and about.state is ended:
        return None
    _settle(home, folder, about, ended, now)
    return Became.UNDONE if ended is RunState.ROLLED_BACK else Became.PUBLISHED


def _refuse_to_forget(folder: RunFolder) -> None:
    """Make sure that a run without its first document ended before it did anything. Raises GuardError."""
    left = [*(folder.root.iterdir() if folder.root.is_dir() else ()), *folder.snapshots.glob("*")]
    if left or folder.snapshots.is_dir():
        fact = "is not there, and what the run made is; without it nobody knows what may go"
        raise GuardError(folder.root / "run.json", fact, "put it back")


def _forget(home: Home, folder: RunFolder) -> None:
    """Remove a run that ended before it had said what it was."""
    clear_run(folder)
    shutil.rmtree(folder.root, ignore_errors=True)
    known = home.read_current()
    runs = tuple(name for name in known.runs if name != folder.name)
    home.write_current(CurrentDocument(run=known.run, runs=runs))


def _settle(home: Home, folder: RunFolder, about: RunDocument, ended: RunState, now: datetime) -> None:
    """Write what an interrupted run had yet to write about a publishing or a rollback that is now finished."""
    if ended is RunState.ROLLED_BACK:
        restore_current(home, about)
    else:
        home.set_current(folder.name)
        verdict, report = folder.root / "verdict.json", folder.root / "report.json"
        if verdict.is_file() and not report.exists():
            write_text(report, verdict.read_text(encoding="utf-8"))
        home.plan_lock.unlink(missing_ok=True)
    end_run(folder, about, ended, now)


def restore_current(home: Home, ended: RunDocument) -> None:
    """Say again what was live before a run."""
    home.set_current(ended.before if ended.before in home.all_runs() else None)


def give_up_staged(home: Home, now: datetime) -> None:
    """Clear away what earlier runs staged and did not publish; a new run takes their place."""
    for name in home.all_runs():
        folder = home.open_run(name)
        about = folder.read(RunDocument)
        if about is not None and about.state in (RunState.STAGED, RunState.DIFFERENT):
            end_run(folder, about, RunState.GIVEN_UP, now)
