"""The end of a consolidation: legacy sources go, once they are old enough and a verified backup holds them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import GuardError, SourceChangedError, UnreachableError
from strongroom.core.files import COMPANIONS, MANIFEST, hash_file, locked, read_json, sync_folder, write_json
from strongroom.core.results import Snapshot
from strongroom.runs.current import recover_all
from strongroom.runs.folder import Home, RunFolder
from strongroom.sqlite.snapshot import hash_now

_RETENTION_DAYS = 30
"""For a run that does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized:
    """What was removed, or would be."""

    run: str
    removed: tuple[str, ...]
    gone: tuple[str, ...]
    """Sources that were not there any more."""
    backup: str
    dry_run: bool


def finalize(
    target: Path, *, now: datetime, retention_days: int | None, dry_run: bool, engine: Engine = Engine.SYSTEM
) -> Finalized:
    """Remove the legacy sources of the published run; an interrupted one is carried on by the same command.

    Everything is checked before anything is removed. ``retention_days`` counts from publish; without it the
    system's hold, as they were when it ran. Raises UnreachableError without a published run, GuardError before
    that time, without a sound backup or a target, SourceChangedError for a source that is not what its
    snapshot holds.
    """
    home = Home(target=target, engine=engine)
    if not home.root.is_dir():
        raise UnreachableError(target, "holds no run of ours", "say --target DIRECTORY")
    with locked(home.lock):
        if not dry_run:
            recover_all(home)
        current = read_json(home.current)
        if current is None:
            raise UnreachableError(target, "holds no published run", "run consolidate.run first")
        folder = home.open_run(str(current["run"]))
        about = read_json(folder.root / "run.json") or {}
        _refuse_young(folder, now, _choose_days(about, retention_days))
        snapshots = _read_snapshots(folder)
        _refuse_without_backup(folder, snapshots)
        lives = {(target / str(live)).resolve() for live in _texts(current.get("targets"))}
        _refuse_without_targets(lives)
        legacy = [snapshot for snapshot in snapshots if Path(snapshot.original).resolve() not in lives]
        present = [snapshot for snapshot in legacy if Path(snapshot.original).exists()]
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=home.root) as scratch:
            for snapshot in present:
                _refuse_changed(snapshot, Path(scratch), engine)
        if not dry_run:
            for snapshot in present:
                _remove(Path(snapshot.original))
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


def _choose_days(about: Mapping[str, object], asked: int | None) -> int:
    kept = about.get("retention_days")
    return asked if asked is not None else kept if isinstance(kept, int) else _RETENTION_DAYS


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


def _refuse_without_targets(lives: Iterable[Path]) -> None:
    """Make sure that what the sources went into is still there."""
    for live in sorted(lives):
        if not live.is_file():
            fact = "is not there any more, and the sources are all that is left beside the backup"
            raise GuardError(live, fact, "put it back, or take everything back with consolidate.rollback")


def _refuse_changed(snapshot: Snapshot, scratch: Path, engine: Engine) -> None:
    if hash_now(snapshot, scratch, engine) != snapshot.sha256:
        raise SourceChangedError(
            snapshot.original, "was written to since it was consolidated", "find out by whom; its rows are not merged"
        )


def _remove(original: Path) -> None:
    for path in (original, *(original.with_name(original.name + suffix) for suffix in COMPANIONS)):
        path.unlink(missing_ok=True)
    sync_folder(original.parent)
