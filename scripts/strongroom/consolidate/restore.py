"""Put legacy files back that finalize removed, from the backup that was verified before it removed them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import DamagedSourceError, GuardError
from strongroom.core.files import COMPANIONS, hash_file, sync_file, sync_folder
from strongroom.runs.folder import RunFolder
from strongroom.runs.journal import LegacyFile, Place, change_mode, lies_under
from strongroom.sqlite.snapshot import Snapshot, is_as_copied
from strongroom.sqlite.writing_back import write_back


@dataclass(frozen=True, slots=True, kw_only=True)
class _Missing:
    """A legacy file that is not there, or of which the link is not."""

    legacy: LegacyFile
    snapshot: Snapshot
    path: Path
    """Where it was, or the link to it."""
    file: Path
    """Where the file itself was."""


def find_missing(folder: RunFolder, place: Place) -> tuple[str, ...]:
    """Return the legacy files of a run that are not there. Read-only. Raises what ``restore_legacy`` raises."""
    return tuple(one.legacy.path for one in _find_missing(folder, place))


def restore_legacy(folder: RunFolder, place: Place) -> tuple[str, ...]:
    """Put every legacy file of a run back that is not there, links to them included; return which.

    All of the backup that this takes is read first. Raises GuardError when nobody typed the directory in which
    they were, when something else is in a file's place or beside it, or when the backup is not what was backed up.
    """
    missing = _find_missing(folder, place)
    for one in missing:
        refuse_unsound_backup(one.snapshot)
    for one in missing:
        if not one.file.exists():
            _restore(one.snapshot, one.file, one.legacy.mode)
        if one.legacy.link is not None and not os.path.lexists(one.path):
            one.path.symlink_to(one.legacy.link)
            sync_folder(one.path.parent)
    return tuple(one.legacy.path for one in missing)


def find_rewritten(folder: RunFolder, paths: Collection[str]) -> tuple[str, ...]:
    """Return which of these files are written anew rather than copied: plain databases from an encrypted backup."""
    snapshots = (folder.read_snapshots() or {}).values() if paths else ()
    return tuple(snapshot.path for snapshot in snapshots if snapshot.path in paths and snapshot.is_rewritten)


def refuse_unsound_backup(snapshot: Snapshot) -> None:
    """Make sure, reading all of it, that a backup holds what the source held. Raises GuardError."""
    held = [(snapshot.copy.path, snapshot.sha256)]
    if snapshot.copy.key is None and snapshot.is_document:
        held.append((snapshot.raw, snapshot.source_sha256))
    for file, digest in held:
        if not file.is_file() or hash_file(file) != digest:
            fact = "is not what was backed up" if file.is_file() else "is not there, and was backed up"
            raise GuardError(file, fact, "keep the sources; make a new backup of them")


def _find_missing(folder: RunFolder, place: Place) -> list[_Missing]:
    journal, snapshots = place.read_journal(), folder.read_snapshots()
    if journal is None or snapshots is None:
        raise GuardError(folder.root, "does not say what its sources were", "put its documents back")
    kept = {snapshot.path: snapshot for snapshot in snapshots.values()}
    found = []
    for legacy in journal.legacy:
        one = _locate(folder, place, legacy, kept[legacy.path])
        if one.file.exists():
            _refuse_other(folder, one, place)
        else:
            _refuse_companions(one)
        if not one.file.exists() or not os.path.lexists(one.path):
            found.append(one)
    return found


def _locate(folder: RunFolder, place: Place, legacy: LegacyFile, snapshot: Snapshot) -> _Missing:
    """Find where a legacy file was: where it was typed, else in the tree. Raises GuardError where neither is so."""
    fact = f"was finalized: its legacy files were removed, and {folder.snapshots} holds them"
    if legacy.gives_way_to is not None:
        kept = place.kept(legacy)
        return _Missing(legacy=legacy, snapshot=snapshot, path=kept, file=kept)
    if place.source is not None:
        home, path = place.source, place.source / legacy.path
    elif legacy.inside is not None and legacy.link is None:
        home, path = place.target, place.target / legacy.inside
    else:
        raise GuardError(f"run {folder.name}", fact, "say --source DIRECTORY to put them back there")
    file = lies_under(home, path if legacy.link is None else path.parent / legacy.link)
    if file is None:
        way = "remove the link, then run the same command again"
        raise GuardError(path, f"leads out of {home}; the run {fact}", way)
    return _Missing(legacy=legacy, snapshot=snapshot, path=path, file=file)


def _refuse_other(folder: RunFolder, one: _Missing, place: Place) -> None:
    if not _is_the_legacy_file(one, place):
        fact = f"is another file than the one that was consolidated, which {folder.snapshots} holds"
        raise GuardError(one.file, fact, "move it away, or name the right --source, then run the same command again")


def _is_the_legacy_file(one: _Missing, place: Place) -> bool:
    if not one.file.is_file():
        return False
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        try:
            return is_as_copied(one.snapshot, one.snapshot.find_original(one.file, place.engine), Path(scratch))
        except DamagedSourceError:
            return False


def _refuse_companions(one: _Missing) -> None:
    """Make sure that no journal lies where a database is put back: SQLite would play it into that."""
    for suffix in () if one.snapshot.is_document else COMPANIONS:
        companion = one.file.with_name(one.file.name + suffix)
        if companion.exists():
            fact = "lies beside a file that is to be put back"
            raise GuardError(companion, fact, "find out whose it is; move it away, then run the same command again")


def _restore(kept: Snapshot, path: Path, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    if kept.copy.key is None:
        shutil.copyfile(kept.raw, part)
    else:
        write_back(kept, part)
    change_mode(part, mode)
    sync_file(part)
    part.replace(path)
    sync_folder(path.parent)
