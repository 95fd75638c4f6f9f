"""Look at what runs left: which there are, how far they came, and what they take. Read-only."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.consolidate.outcome import Outcome, read_report
from strongroom.core.errors import UnreachableError
from strongroom.core.files import is_locked
from strongroom.runs.cleanup import measure_run
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.journal import JournalState
from strongroom.runs.records import RunDocument, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """One run, as its documents tell."""

    run: str
    state: str
    verdict: str | None
    rows_read: int | None
    quarantined: int | None
    is_current: bool
    is_open: bool
    """Whether it is going on, was interrupted and is not yet cleared away or finished, or is live and not proven."""
    size: int
    """Bytes of its folder and its backup."""


def list_runs(home: Home) -> list[RunStatus]:
    """List all runs, in the order in which they began.

    Raises UnreachableError where nothing ever ran, VersionError and GuardError for documents.
    """
    if not home.root.is_dir():
        raise UnreachableError(home.target, "holds no run of ours", "say --target DIRECTORY")
    known = home.read_current()
    is_going_on = is_locked(home.lock)
    return [_describe(home, name, known.run == name, is_going_on) for name in known.runs]


def describe_run(home: Home, name: str) -> RunStatus:
    """Describe one run. Raises VersionError, GuardError."""
    return _describe(home, name, home.read_current().run == name, is_locked(home.lock))


def _describe(home: Home, name: str, is_current: bool, is_going_on: bool) -> RunStatus:  # noqa: FBT001  # one caller
    folder = home.open_run(name)
    about, report = folder.read(RunDocument), read_report(folder)
    said = _find_open(home, folder, about, is_going_on) or _find_unproven(report, is_live=is_current)
    return RunStatus(
        run=name,
        state=said or _describe_end(about),
        verdict=None if report is None else report.verdict,
        rows_read=None if report is None else report.rows_read,
        quarantined=None if report is None else report.quarantined,
        is_current=is_current,
        is_open=said is not None or about is None,
        size=measure_run(folder),
    )


def _describe_end(about: RunDocument | None) -> str:
    if about is None:
        return "unknown: its run.json is not there"
    return f"{about.state}, finalized" if about.finalized is not None else str(about.state)


def _find_unproven(report: Outcome | None, *, is_live: bool) -> str | None:
    """Say what the matter is with a run that is live and ended, and whose proof is not what it should be."""
    if report is None or report.is_proven or not is_live:
        return None
    return "published, and not what was proven" if report.differences else "published, and not yet proven"


def _find_open(home: Home, folder: RunFolder, about: RunDocument | None, is_going_on: bool) -> str | None:  # noqa: FBT001
    """Say what is going on, or was interrupted; None for a run that ended."""
    journal = folder.place(home.target).read_journal()
    if journal is not None and journal.is_open:
        what = "rolling back" if journal.state is JournalState.UNDOING else "publishing"
        return what if is_going_on else f"interrupted while {what}"
    if about is None or about.state is not RunState.RUNNING:
        return None
    return "running" if is_going_on else "interrupted"
