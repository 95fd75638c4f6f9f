"""Remove runs that nothing needs any more: not what is live, not the way back, not retention, not a waiting row."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.consolidate.finalize import refuse_unusual_days
from strongroom.consolidate.outcome import read_report
from strongroom.core.errors import UnreachableError
from strongroom.core.files import locked
from strongroom.runs.cleanup import clear_run, measure_run
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.interrupted import refuse_open
from strongroom.runs.lineage import trace
from strongroom.runs.records import CurrentDocument, RunDocument, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """One run that is gone, or would be."""

    run: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One run that stays, and why."""

    run: str
    reason: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What clean did."""

    removed: tuple[Removed, ...]
    kept: tuple[Kept, ...]
    dry_run: bool


def clean(home: Home, *, now: datetime, retention_days: int | None, dry_run: bool) -> Cleaned:
    """Remove every run that nothing needs, its backup included; say why the others stay.

    A dry run writes nothing. Raises UnreachableError where nothing ever ran, GuardError while a run is open,
    LockedError, VersionError.
    """
    if not home.root.is_dir():
        raise UnreachableError(home.target, "holds no run of ours", "say --target DIRECTORY")
    home.refuse_links()
    refuse_unusual_days(retention_days)
    if dry_run:
        return _clean(home, now, retention_days, dry_run=True)
    with locked(home.lock):
        return _clean(home, now, retention_days, dry_run=False)


def _clean(home: Home, now: datetime, retention_days: int | None, *, dry_run: bool) -> Cleaned:
    removed, kept = [], []
    refuse_open(home)
    needed = _find_needed(home)
    for name in home.all_runs():
        folder = home.open_run(name)
        about = folder.read(RunDocument)
        size = measure_run(folder)
        reason = needed.get(name)
        if reason is None and about is not None:
            reason = _find_reason(folder, about, now, retention_days)
        if reason is not None:
            kept.append(Kept(run=name, reason=reason, size=size))
            continue
        if not dry_run:
            _remove(home, folder)
        removed.append(Removed(run=name, size=size))
    return Cleaned(removed=tuple(removed), kept=tuple(kept), dry_run=dry_run)


def _find_needed(home: Home) -> dict[str, str]:
    """Return the run that is live and the one that a rollback would make live, each with the reason."""
    current = home.open_current()
    if current is None:
        return {}
    folder, about = current
    began = {one.run: "what is live came of it" for _, one in trace(home, folder)}
    before = {about.before: "rollback makes it live again"} if about.before is not None else {}
    return {**began, **before, about.run: "it is live"}


def _find_reason(folder: RunFolder, about: RunDocument, now: datetime, retention_days: int | None) -> str | None:
    if about.finalized is not None:
        return "its backup is all that is left of the legacy files"
    if any(path.is_file() for path in folder.legacy.rglob("*")):
        return "legacy files lie in it"
    if about.state is RunState.STAGED:
        return "it is staged and waits for a decision"
    report = read_report(folder)
    if about.state is RunState.PUBLISHED and report is not None and report.quarantined:
        return f"{report.quarantined} rows of it wait for a person"
    days = about.retention_days if retention_days is None else retention_days
    if about.state in (RunState.PUBLISHED, RunState.ROLLED_BACK) and now < (about.ended or now) + timedelta(days=days):
        return f"it is kept for {days} days"
    return None


def _remove(home: Home, folder: RunFolder) -> None:
    """Remove a run's bulk, then forget the run, then its documents: killed in between, clean goes on."""
    clear_run(folder)
    known = home.read_current()
    runs = tuple(name for name in known.runs if name != folder.name)
    home.write_current(CurrentDocument(run=known.run, runs=runs))
    shutil.rmtree(folder.root, ignore_errors=True)
