"""Put legacy files back that finalize removed, from the backup that was verified before it removed them."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from strongroom.core.errors import GuardError
from strongroom.core.files import hash_file, sync_file, sync_folder
from strongroom.runs.folder import RunFolder
from strongroom.runs.journal import LegacyFile, Place, change_mode
from strongroom.sqlite.snapshot import Snapshot
from strongroom.sqlite.writing_back import write_back


def find_missing(folder: RunFolder, place: Place) -> tuple[str, ...]:
    """Return the legacy files of a run that are not there. Read-only.

    Raises GuardError when nobody typed the directory in which they were.
    """
    return tuple(legacy.path for legacy, _ in _find_missing(folder, place))


def restore_legacy(folder: RunFolder, place: Place) -> tuple[str, ...]:
    """Put every legacy file of a run back that is not there; return which.

    All of the backup that this takes is read first. Raises GuardError when nobody typed the directory in which
    they were, or when the backup is not what was backed up.
    """
    missing = _find_missing(folder, place)
    snapshots = folder.read_snapshots()
    if snapshots is None:
        raise GuardError(folder.root, "does not say what its sources were", "put its snapshots.json back")
    kept = {snapshot.path: snapshot for snapshot in snapshots.values()}
    for legacy, _ in missing:
        refuse_unsound_backup(kept[legacy.path])
    for legacy, path in missing:
        _restore(kept[legacy.path], path, legacy.mode)
    return tuple(legacy.path for legacy, _ in missing)


def find_rewritten(folder: RunFolder, paths: Collection[str]) -> tuple[str, ...]:
    """Return which of these files are written anew rather than copied: plain databases from an encrypted backup."""
    snapshots = (folder.read_snapshots() or {}).values() if paths else ()
    return tuple(snapshot.path for snapshot in snapshots if snapshot.path in paths and snapshot.is_rewritten)


def refuse_unsound_backup(snapshot: Snapshot) -> None:
    """Make sure, reading all of it, that a backup holds what the source held. Raises GuardError."""
    held = [(snapshot.copy.path, snapshot.sha256)]
    if snapshot.copy.key is None:
        held.append((snapshot.raw, snapshot.source_sha256))
    for file, digest in held:
        if not file.is_file() or hash_file(file) != digest:
            fact = "is not what was backed up" if file.is_file() else "is not there, and was backed up"
            raise GuardError(file, fact, "keep the sources; make a new backup of them")


def _find_missing(folder: RunFolder, place: Place) -> list[tuple[LegacyFile, Path]]:
    journal = place.read_journal()
    found = []
    for legacy in journal.legacy if journal is not None else ():
        path = place.find(legacy)
        if path is None:
            fact = f"was finalized: its legacy files were removed, and {folder.snapshots} holds them"
            raise GuardError(f"run {folder.name}", fact, "say --source DIRECTORY to put them back there")
        if not path.exists():
            found.append((legacy, path))
    return found


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
