"""The way back: put the previous state in place of what a run published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.consolidate.request import NO_KEYS
from strongroom.consolidate.restore import find_missing, find_rewritten, restore_legacy
from strongroom.consolidate.verify_published import find_rows_since
from strongroom.core.errors import GuardError, RollbackFailedError, UnreachableError
from strongroom.core.files import locked
from strongroom.core.secret import Secret
from strongroom.runs import find_changes, find_lost, put_back
from strongroom.runs.cleanup import end_run
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.interrupted import Became, recover_all, restore_current
from strongroom.runs.journal import Place
from strongroom.runs.records import RunDocument, RunState
from strongroom.sqlite.keyring import hold_needed

_SAID = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a rollback put back."""

    run: str | None
    files: tuple[str, ...]
    dry_run: bool
    would_lose: tuple[str, ...] = ()
    cleared: str | None = None
    """The interrupted run that was cleared instead: nothing of it had been published."""
    restored: tuple[str, ...] = ()
    """Legacy files that finalize had removed, from the verified backup."""
    rewritten: tuple[str, ...] = ()
    """Of these, plain ones from an encrypted backup: the same content, in other pages."""
    read_only: tuple[str, ...] = ()
    """Legacy files that stay read-only: nobody typed the directory in which they are."""


def rollback(
    home: Home,
    *,
    source: Path | None,
    now: datetime,
    discard_changes: bool,
    dry_run: bool,
    keys: Mapping[str, Secret] = NO_KEYS,
) -> Returned:
    """Put back what was live before the last published run; nothing published is nothing to do.

    Legacy files are touched in ``source`` only, or where they lie inside the target. Raises GuardError when the
    targets were written to since, or when finalize removed legacy files that cannot be put back; TargetBusyError
    when targets are in use; RollbackFailedError when a file that was replaced is not kept any more;
    UnreachableError where nothing ever ran; KeyMissingError.
    """
    if not home.root.is_dir():
        raise UnreachableError(home.target, "holds no run of ours", "say --target DIRECTORY")
    if source is not None and not source.is_dir():
        raise UnreachableError(source, "there is no such directory", "say --source DIRECTORY")
    home.refuse_links()
    if dry_run:
        return _look(home, source, keys)
    with locked(home.lock):
        with hold_needed(keys, home.name_open_keys()):
            recovered = recover_all(home, source=source, now=now)
        already = _find_already_back(home, recovered)
        if already is not None:
            return already
        current = home.open_current()
        if current is None:
            return Returned(run=None, files=(), dry_run=False)
        return _roll_back(home, current, source, now, keys, discard_changes=discard_changes)


def _roll_back(
    home: Home,
    current: tuple[RunFolder, RunDocument],
    source: Path | None,
    now: datetime,
    keys: Mapping[str, Secret],
    *,
    discard_changes: bool,
) -> Returned:
    """Take the run that is live back."""
    folder, about = current
    place = folder.place(home.target, source)
    lost = () if discard_changes else _find_lost(home, folder, place, keys)
    if lost:
        fact = f"would lose what was written since publish: {'; '.join(lost[:_SAID])}"
        raise GuardError("rollback", fact, "say --discard-changes to lose it")
    with hold_needed(keys, _name_keys(folder, place, about)):
        restored = restore_legacy(folder, place) if about.finalized is not None else ()
        _refuse_lost(place, is_finalized=about.finalized is not None)
        files = put_back(place)
        _refuse_unreturned(place)
    restore_current(home, about)
    end_run(folder, about, RunState.ROLLED_BACK, now)
    read_only = _find_read_only(home, folder, source)
    return Returned(
        run=folder.name,
        files=tuple(files),
        dry_run=False,
        restored=restored,
        rewritten=find_rewritten(folder, restored),
        read_only=read_only,
    )


def _find_lost(home: Home, folder: RunFolder, place: Place, keys: Mapping[str, Secret]) -> tuple[str, ...]:
    """Say what was written to the published files since; that they were merely opened is nothing."""
    if not find_changes(place):
        return ()
    with hold_needed(keys, folder.name_keys()):
        return find_rows_since(home, folder)


def _name_keys(folder: RunFolder, place: Place, about: RunDocument) -> set[str | None]:
    """Return the names of the keys that it takes to hold the targets, and to write legacy files back."""
    journal = place.read_journal()
    targets = set() if journal is None else {swap.key for swap in journal.swaps}
    return targets if about.finalized is None else targets | folder.name_keys() | folder.name_source_keys()


def _refuse_lost(place: Place, *, is_finalized: bool) -> None:
    """Make sure, before anything changes, that every file that was replaced or gave way can be put back.

    Raises RollbackFailedError.
    """
    for file in find_lost(place, is_finalized=is_finalized):
        fact = "is not there, and without it nothing can be as it was before"
        raise RollbackFailedError(file, fact, "put it there from a backup, then run the same command again")


def _refuse_unreturned(place: Place) -> None:
    """See that every legacy file that gave way to a link stands in its place again. Raises RollbackFailedError."""
    journal = place.read_journal()
    for legacy in journal.legacy if journal is not None else ():
        original = place.original(legacy)
        if legacy.gives_way_to is not None and (original.is_symlink() or not original.is_file()):
            fact = f"did not come back from {place.kept(legacy)}; the targets are as they were before"
            raise RollbackFailedError(original, fact, "put it there from the run's folder, or from the backup")


def _find_already_back(home: Home, recovered: Mapping[str, Became]) -> Returned | None:
    """Tell whether recovery gave the previous state back: the latest run was cleared, or its rollback finished."""
    if not recovered:
        return None
    name, became = list(recovered.items())[-1]
    known = home.read_current()
    is_latest = name not in known.runs or known.runs[-1] == name
    if became is Became.PUBLISHED or not is_latest:
        return None
    if became is Became.CLEARED:
        return Returned(run=known.run, files=(), dry_run=False, cleared=name)
    journal = home.open_run(name).place(home.target).read_journal()
    files = tuple(swap.live for swap in journal.swaps) if journal is not None else ()
    return Returned(run=name, files=files, dry_run=False)


def _look(home: Home, source: Path | None, keys: Mapping[str, Secret]) -> Returned:
    """Say what a rollback would do; what was interrupted is finished first, or cleared away."""
    known = home.read_current()
    name = known.runs[-1] if known.runs else None
    folder = None if name is None else home.open_run(name)
    about = None if folder is None else folder.read(RunDocument)
    journal = None if folder is None else folder.place(home.target).read_journal()
    if name is not None and journal is None and (about is None or about.state is RunState.RUNNING):
        return Returned(run=known.run, files=(), dry_run=True, cleared=name)
    current = home.open_current()
    if journal is not None and journal.is_open and folder is not None and about is not None:
        current = folder, about
    if current is None:
        return Returned(run=None, files=(), dry_run=True)
    folder, about = current
    place = folder.place(home.target, source)
    journal = place.read_journal()
    with hold_needed(keys, _name_keys(folder, place, about) if about.finalized is not None else set()):
        restored = find_missing(folder, place) if about.finalized is not None else ()
    return Returned(
        run=folder.name,
        files=tuple(swap.live for swap in journal.swaps) if journal is not None else (),
        dry_run=True,
        would_lose=() if journal is None or journal.is_open else _find_lost(home, folder, place, keys),
        restored=restored,
        read_only=_find_read_only(home, folder, source),
    )


def _find_read_only(home: Home, folder: RunFolder, source: Path | None) -> tuple[str, ...]:
    place = folder.place(home.target, source)
    journal = place.read_journal()
    return tuple(one.path for one in journal.legacy if place.find(one) is None) if journal is not None else ()
