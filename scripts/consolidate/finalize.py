"""The end of a consolidation: legacy sources go, once they are old enough and a verified backup holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from scripts.consolidate.request import Home, RunFolder
from scripts.consolidate.state import recover_all
from scripts.errors import GuardError, SourceChangedError, UnreachableError
from scripts.files import COMPANIONS, MANIFEST, hash_file, locked, read_json, sync_folder, write_json
from scripts.results import Snapshot
from scripts.snapshot import hash_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized:
    """What was removed, or would be."""

    run: str
    removed: tuple[str, ...]
    gone: tuple[str, ...]
    """Sources that were not there any more."""
    backup: str
    dry_run: bool


def finalize(target: Path, *, now: datetime, retention_days: int, dry_run: bool) -> Finalized:
    """Remove the legacy sources of the published run; an interrupted one is carried on by the same command.

    Everything is checked before anything is removed. Raises UnreachableError without a published run,
    GuardError before the retention time or without a sound backup, SourceChangedError for a source that
    is not what its snapshot holds.
    """
    home = Home(target=target)
    if not home.root.is_dir():
        raise UnreachableError(target, "holds no run of ours", "say --target DIRECTORY")
    with locked(home.lock):
        if not dry_run:
            recover_all(home)
        current = read_json(home.current)
        if current is None:
            raise UnreachableError(target, "holds no published run", "run consolidate.run first")
        folder = home.open_run(str(current["run"]))
        _refuse_young(folder, now, retention_days)
        snapshots = _read_snapshots(folder)
        _refuse_without_backup(folder, snapshots)
        lives = {(target / str(live)).resolve() for live in _texts(current.get("targets"))}
        legacy = [snapshot for snapshot in snapshots if Path(snapshot.original).resolve() not in lives]
        present = [snapshot for snapshot in legacy if Path(snapshot.original).exists()]
        for snapshot in present:
            _refuse_changed(snapshot, home)
        if not dry_run:
            for snapshot in present:
                _remove(Path(snapshot.original))
            about = read_json(folder.root / "run.json") or {}
            write_json(folder.root / "run.json", {**about, "finalized": now.isoformat(timespec="seconds")})
    return Finalized(
        run=folder.name,
        removed=tuple(snapshot.original for snapshot in present),
        gone=tuple(snapshot.original for snapshot in legacy if snapshot not in present),
        backup=str(folder.snapshots),
        dry_run=dry_run,
    )


def _texts(content: object) -> list[str]:
    return list(content) if isinstance(content, dict) else []


def _refuse_young(folder: RunFolder, now: datetime, retention_days: int) -> None:
    published = datetime.strptime(folder.name[:15], "%Y%m%d_%H%M%S").replace(tzinfo=now.tzinfo)
    left = published + timedelta(days=retention_days) - now
    if left > timedelta(0):
        raise GuardError(
            f"run {folder.name}",
            f"is kept for {retention_days} days, and {left.days + 1} of them are left",
            "wait, or say --retention-days N",
        )


def _read_snapshots(folder: RunFolder) -> list[Snapshot]:
    content = read_json(folder.root / "snapshots.json")
    if content is None:
        raise UnreachableError(folder.root, "does not say what its sources were", "name another --target")
    return [Snapshot(**value) for value in content.values() if isinstance(value, dict)]


def _refuse_without_backup(folder: RunFolder, snapshots: list[Snapshot]) -> None:
    """Make sure that the backup holds every source, read again to the last byte."""
    manifest = read_json(folder.snapshots / MANIFEST)
    if folder.snapshots.parent == folder.root or manifest is None:
        raise GuardError(
            f"run {folder.name}", "has no backup of its sources", "keep them, or run again without --no-backup"
        )
    for snapshot in snapshots:
        file = Path(snapshot.file)
        if not file.is_file() or hash_file(file) != snapshot.sha256:
            raise GuardError(file, "is not what was backed up", "keep the sources; make a new backup of them")


def _refuse_changed(snapshot: Snapshot, home: Home) -> None:
    if hash_now(snapshot, home.root / "scratch") != snapshot.sha256:
        raise SourceChangedError(
            snapshot.original, "was written to since it was consolidated", "find out by whom; its rows are not merged"
        )


def _remove(original: Path) -> None:
    for path in (original, *(original.with_name(original.name + suffix) for suffix in COMPANIONS)):
        path.unlink(missing_ok=True)
    sync_folder(original.parent)
