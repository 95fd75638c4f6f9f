"""The end of a consolidation: legacy files go, once they are old enough and everything is proven now, here."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from strongroom.consolidate.outcome import Outcome
from strongroom.consolidate.restore import refuse_unsound_backup
from strongroom.consolidate.verify_published import prove
from strongroom.core.engines import Engine
from strongroom.core.errors import (
    DecisionNeededError,
    DifferencesError,
    GuardError,
    LockedError,
    SourceChangedError,
    UnreachableError,
    UsageError,
)
from strongroom.core.files import COMPANIONS, follow, is_locked, locked, make_private_folder, sync_file, sync_folder
from strongroom.core.results import Verdict
from strongroom.core.secret import Secret
from strongroom.runs import find_changes
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.interrupted import refuse_open
from strongroom.runs.journal import Place, lies_under
from strongroom.runs.lineage import find_origin
from strongroom.runs.records import RunDocument
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.snapshot import Snapshot, is_as_copied

_MOST_DAYS = 36_500
UNDECIDED = "quarantine"
"""The folder of a backup that keeps the ledgers whose rows nobody decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized:
    """What was removed, or would be."""

    run: str
    removed: tuple[str, ...]
    """Relative to the directory of sources."""
    gone: tuple[str, ...]
    """Sources that were not there any more."""
    backup: str
    undecided: int
    """Rows that nobody decided; the backup keeps them."""
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asked finalize for."""

    home: Home
    source: Path
    now: datetime
    retention_days: int | None = None
    """Counted from publish; without it the system's hold, as they were when it ran."""
    keep_undecided: bool = False
    accept_changes: bool = False
    dry_run: bool = False
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)


def finalize(wish: Wish) -> Finalized:
    """Remove the legacy files of the published run; an interrupted one is carried on by the same command.

    Everything is proven before anything is removed: this tree's targets are verified, this tree's backup is
    read, each legacy file is copied again and compared. A dry run writes nothing. Raises UnreachableError without
    a published run or its sources; GuardError before the time, without a sound backup, and when the targets were
    written to since publish; DifferencesError when they are not sound; DecisionNeededError while rows wait in
    quarantine; SourceChangedError for a legacy file that is not what its snapshot holds; LockedError; KeyMissingError.
    """
    home = wish.home
    if not home.root.is_dir():
        raise UnreachableError(home.target, "holds no run of ours", "say --target DIRECTORY")
    if not wish.source.is_dir():
        raise UnreachableError(wish.source, "there is no such directory", "say --source DIRECTORY")
    home.refuse_links()
    refuse_unusual_days(wish.retention_days)
    if wish.dry_run:
        if is_locked(home.lock):
            raise LockedError(home.target, "another run holds the lock", "wait for it, then run the same command again")
        return _finalize(wish, home)
    with locked(home.lock):
        return _finalize(wish, home)


def _finalize(wish: Wish, home: Home) -> Finalized:
    current = home.open_current()
    refuse_open(home)
    if current is None:
        raise UnreachableError(home.target, "holds no published run", "run consolidate.run first")
    folder, about = current
    with hold_needed(wish.keys, folder.name_keys() | folder.name_source_keys()):
        return _finalize_run(wish, home, folder, about)


def _finalize_run(wish: Wish, home: Home, folder: RunFolder, about: RunDocument) -> Finalized:
    place = folder.place(home.target, wish.source)
    origin, began = _find_origin(home, folder)
    _refuse_young(about, wish)
    known = folder.read_snapshots()
    if known is None:
        raise UnreachableError(folder.root, "does not say what its sources were", "put its snapshots.json back")
    snapshots = list(known.values())
    _refuse_without_backup(about, folder, snapshots)
    proven = _prove_targets(wish, folder, place)
    _refuse_undecided(proven, wish)
    legacy = _find_legacy(wish, place, origin.place(home.target, wish.source), snapshots)
    present = {path: snapshot for path, snapshot in legacy.items() if path.exists()}
    if legacy and not present and began.finalized is None:
        fact = f"holds none of the legacy files of run {folder.name}"
        raise UnreachableError(wish.source, fact, "say --source DIRECTORY")
    _refuse_changed(present, home.engine)
    _refuse_unremovable(present)
    if not wish.dry_run:
        if proven.quarantined:
            _keep_ledgers(folder)
        origin.write(replace(began, finalized=began.finalized or wish.now))
        for path, snapshot in present.items():
            _remove(path, () if snapshot.is_document else COMPANIONS)
    return Finalized(
        run=folder.name,
        removed=tuple(snapshot.path for snapshot in present.values()),
        gone=tuple(snapshot.path for path, snapshot in legacy.items() if path not in present),
        backup=str(folder.snapshots),
        undecided=proven.quarantined,
        dry_run=wish.dry_run,
    )


def _find_origin(home: Home, folder: RunFolder) -> tuple[RunFolder, RunDocument]:
    """Return the run that published the legacy files. Raises GuardError where nobody knows it any more."""
    origin = find_origin(home, folder)
    if origin is None:
        fact = "does not say any more which run published its legacy files"
        raise GuardError(f"run {folder.name}", fact, "put the documents of its runs back")
    return origin


def refuse_unusual_days(days: int | None) -> None:
    """Make sure that a number of days is one. Raises UsageError."""
    if days is not None and not 0 <= days <= _MOST_DAYS:
        raise UsageError("--retention-days", f"must be from 0 to {_MOST_DAYS} (got {days})")


def _refuse_young(about: RunDocument, wish: Wish) -> None:
    published = about.ended or about.began
    days = about.retention_days if wish.retention_days is None else wish.retention_days
    left = published + timedelta(days=days) - wish.now
    if published > wish.now:
        fact = f"is dated {published:%Y-%m-%d %H:%M} UTC, which is in the future by this machine's clock"
        raise GuardError(f"run {about.run}", fact, "set the clock, then run the same command again")
    if left > timedelta(0):
        fact = f"is kept for {days} days, and {left.days + 1} of them are left"
        raise GuardError(f"run {about.run}", fact, "wait, or say --retention-days N")


def _refuse_without_backup(about: RunDocument, folder: RunFolder, snapshots: list[Snapshot]) -> None:
    """Make sure that the backup of this tree holds every source, read again to the last byte."""
    manifest = folder.read_manifest() if about.has_backup else None
    if manifest is None:
        fact = "has no backup of its sources in this tree"
        raise GuardError(f"run {folder.name}", fact, "keep them, or run again without --no-backup")
    for snapshot in snapshots:
        if snapshot.path not in manifest.files or manifest.files[snapshot.path].sha256 != snapshot.sha256:
            raise GuardError(folder.snapshots, f"does not hold {snapshot.path}", "keep the sources; back them up again")
        refuse_unsound_backup(snapshot)


def _prove_targets(wish: Wish, folder: RunFolder, place: Place) -> Outcome:
    """Verify this tree's targets; what an application wrote there since publish is not taken for proven."""
    journal = place.read_journal()
    for swap in journal.swaps if journal is not None else ():
        if not place.live(swap).is_file():
            fact = "is not there any more, and the sources are all that is left beside the backup"
            raise GuardError(place.live(swap), fact, "put it back, or take everything back with consolidate.rollback")
    changes = find_changes(place)
    proof = prove(wish.home, folder)
    proven = proof.outcome
    if proven.verdict is not Verdict.DIFFERENT:
        return proven
    said = proven.differences[0] if proven.differences else f"{proven.unexplained} rows are not explained"
    if not changes or not proof.is_sound:
        raise DifferencesError("targets", said, "keep the sources; consolidate.verify shows all differences")
    if not wish.accept_changes:
        fact = f"{'; '.join(changes)} since publish, and what it holds is not what was proven: {said}"
        raise GuardError("targets", fact, "say --accept-changes when that is the application's own work")
    return proven


def _refuse_undecided(proven: Outcome, wish: Wish) -> None:
    if proven.quarantined and not wish.keep_undecided:
        fact = f"{proven.quarantined} rows still wait for a person, and only the sources' snapshots hold them"
        raise DecisionNeededError(
            "quarantine", fact, "look at consolidate.quarantine, or say --keep-undecided to keep them with the backup"
        )


def _find_legacy(wish: Wish, place: Place, began: Place, snapshots: list[Snapshot]) -> dict[Path, Snapshot]:
    """Return where the legacy files are, in the directory that was typed; a link goes with what it leads to.

    ``began`` is where they were published from; what is live may have come of it since.
    """
    journal, first = place.read_journal(), began.read_journal()
    lives = {follow(place.live(swap)) for swap in (journal.swaps if journal is not None else ())}
    legacy = first.legacy if first is not None else ()
    moved = {one.path: began.kept(one) for one in legacy if one.gives_way_to is not None}
    found = {}
    for snapshot in snapshots:
        if snapshot.path in moved:
            found[moved[snapshot.path]] = snapshot
            continue
        path = wish.source / snapshot.path
        real = follow(path)
        if real in lives:
            continue
        if lies_under(wish.source, path) is None:
            fact = f"leads to {real}, which is not in --source"
            raise GuardError(path, fact, "put the file itself there, or remove both yourself and keep the backup")
        if path.exists() and not path.is_file():
            raise SourceChangedError(path, "is no file any more", "find out what put it there")
        found[path] = snapshot
    return found


def _refuse_changed(present: dict[Path, Snapshot], engine: Engine) -> None:
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        for path, snapshot in present.items():
            if not is_as_copied(snapshot, snapshot.find_original(follow(path), engine), Path(scratch)):
                fact = "was written to since it was consolidated"
                raise SourceChangedError(path, fact, "find out by whom; its rows are not merged")


def _refuse_unremovable(present: dict[Path, Snapshot]) -> None:
    """Make sure, before the first file goes, that all of them can go."""
    for path in present:
        for folder in {path.parent, follow(path).parent}:
            if not os.access(folder, os.W_OK | os.X_OK):
                raise UnreachableError(folder, "does not let us remove files", "check its permissions and its mount")


def _keep_ledgers(folder: RunFolder) -> None:
    """Copy the ledgers beside the backup, where they outlive the run."""
    place = folder.snapshots / UNDECIDED
    make_private_folder(place)
    for ledger in sorted(folder.ledger.glob("*.db")):
        kept = place / ledger.name
        shutil.copyfile(ledger, kept)
        kept.chmod(0o600)
        sync_file(kept)
    sync_folder(place)


def _remove(path: Path, companions: tuple[str, ...]) -> None:
    real = follow(path)
    for file in (real, *(real.with_name(real.name + suffix) for suffix in companions), path):
        file.unlink(missing_ok=True)
    sync_folder(real.parent)
    sync_folder(path.parent)
