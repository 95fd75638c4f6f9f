"""What is live, what was interrupted, and whether anything changed since."""

from __future__ import annotations

import shutil
from collections.abc import Container, Mapping
from pathlib import Path

from strongroom import __version__
from strongroom.core.errors import TargetExistsError
from strongroom.core.files import read_json, write_json
from strongroom.core.plan import Plan
from strongroom.core.results import Snapshot
from strongroom.runs import Swap, recover
from strongroom.runs.folder import Home, RunFolder
from strongroom.sqlite.database import Database, read_mark, state_of
from strongroom.sqlite.snapshot import hash_now, original_of


def describe_current(
    folder: RunFolder,
    plan: Plan,
    snapshots: Mapping[str, Snapshot],
    swaps: list[Swap],
    before: Mapping[str, object] | None,
) -> dict[str, object]:
    """Return what is live once the run is published, and what was live before it."""
    return {
        "run": folder.name,
        "plan": plan.sha256,
        "version": __version__,
        "targets": {swap.live: swap.mark for swap in swaps},
        "sources": {
            name: {
                "sha256": snapshot.sha256,
                "state": dict(snapshot.state),
                "original": snapshot.original,
                "path": snapshot.path,
                "file": snapshot.file,
                "size": snapshot.size,
                "schema_sha256": snapshot.schema_sha256,
                "source": name,
            }
            for name, snapshot in snapshots.items()
        },
        "before": before,
    }


def is_unchanged(current: Mapping[str, object], plan: Plan, found: Mapping[str, Path], home: Home) -> bool:
    """Tell whether plan, sources and targets are what the published run left."""
    sources, files = current.get("sources"), current.get("targets")
    if current.get("plan") != plan.sha256 or not isinstance(sources, dict) or not isinstance(files, dict):
        return False
    if sources.keys() != found.keys() or current.get("version") != __version__:
        return False
    lives = {(home.target / live).resolve() for live in files}
    for name, path in found.items():
        if path.resolve() in lives:
            continue  # source and target at once: looked at below, as a target
        snapshot = Snapshot(**{**sources[name], "original": str(path.absolute())})
        seen = {suffix: tuple(numbers) for suffix, numbers in dict(snapshot.state).items()}
        original = original_of(snapshot, home.engine)
        if (
            seen != dict(state_of(original))
            and hash_now(snapshot, home.root / "scratch", home.engine) != snapshot.sha256
        ):
            return False
    return all(
        live.path.is_file() and read_mark(live) == mark and not _has_log(live)
        for live, mark in ((Database(home.target / path, home.engine), mark) for path, mark in files.items())
    )


def _has_log(live: Database) -> bool:
    log = live.beside("-wal")
    return log.is_file() and log.stat().st_size > 0


def refuse_existing(home: Home, plan: Plan, *, replace: bool, in_place: Container[str] = ()) -> None:
    """Refuse to touch targets that are there, unless told to replace them or they are sources too.

    A source that a run of ours made is refused: the others went into it already. Raises TargetExistsError.
    """
    current = read_json(home.current)
    for target in plan.targets.values():
        live = home.target / target.path
        if live.is_symlink():
            raise TargetExistsError(live, "is a symbolic link", "give the file that it leads to, or move it away")
        if target.name in in_place and current is not None:
            fact = f"is a source, and holds what run {current['run']} made of all sources"
            raise TargetExistsError(live, fact, "roll back first, or take the merged sources out of the plan")
    if replace:
        return
    for target in plan.targets.values():
        live = home.target / target.path
        if live.exists() and target.name not in in_place:
            ours = current is not None
            fact = "was published before, and sources, plan or target changed since" if ours else "is there already"
            raise TargetExistsError(
                live, fact, "say --replace to replace it (a backup is kept), or choose another --target"
            )


def recover_all(home: Home) -> dict[str, str]:
    """Finish what interrupted runs and rollbacks began, or clear it away.

    Return, oldest first, what became of each such run: ``published``, ``undone`` or ``cleared``.
    """
    for left in (home.root / "scratch", *home.root.glob("preview-*")):
        shutil.rmtree(left, ignore_errors=True)
    _sweep(home.root)
    found = {name: _recover_run(home, home.open_run(name)) for name in home.all_runs()}
    return {name: became for name, became in found.items() if became}


def _recover_run(home: Home, folder: RunFolder) -> str:
    _sweep(folder.root)
    about = read_json(folder.root / "run.json")
    if about is None:
        _clear(folder)
        shutil.rmtree(folder.root, ignore_errors=True)
        return "cleared"
    place = folder.place(home.target)
    was_open = recover(place)
    journal = read_json(place.journal)
    if journal is None:
        if about.get("state") != "running":
            return ""
        _clear(folder)
        write_json(folder.root / "run.json", {**about, "state": "interrupted"})
        return "cleared"
    ended = "rolled back" if journal.get("undone") else "published"
    if not was_open and about.get("state") == ended:
        return ""
    _settle(home, folder, about, ended)
    return "undone" if ended == "rolled back" else "published"


def _settle(home: Home, folder: RunFolder, about: Mapping[str, object], ended: str) -> None:
    """Write what an interrupted run had yet to write about a publishing or a rollback that is now finished."""
    current = read_json(folder.root / "current.json")
    if ended == "rolled back":
        restore_current(home, current)
    else:
        if current is not None:
            write_json(home.current, current)
        verdict = read_json(folder.root / "verdict.json")
        if verdict is not None and not (folder.root / "report.json").exists():
            write_json(folder.root / "report.json", verdict)
        home.plan_lock.unlink(missing_ok=True)
    write_json(folder.root / "run.json", {**about, "state": ended})


def give_up_staged(home: Home) -> None:
    """Clear away what earlier runs staged and did not publish; a new run takes their place."""
    for name in home.all_runs():
        folder = home.open_run(name)
        about = read_json(folder.root / "run.json") or {}
        if about.get("state") in ("staged", "different"):
            _clear(folder)
            write_json(folder.root / "run.json", {**about, "state": f"{about['state']}, given up"})


def _sweep(directory: Path) -> None:
    """Remove what a kill left of a file that was being written."""
    for part in directory.glob("*.part"):
        part.unlink(missing_ok=True)


def restore_current(home: Home, ended: Mapping[str, object] | None) -> None:
    """Say again what was live before a run."""
    before = ended.get("before") if ended else None
    if isinstance(before, dict):
        write_json(home.current, before)
    else:
        home.current.unlink(missing_ok=True)


def _clear(folder: RunFolder) -> None:
    for directory in (
        folder.stage,
        folder.ledger,
        folder.templates,
        folder.snapshots,
        folder.root / "previous",
        folder.root / "scratch",
    ):
        shutil.rmtree(directory, ignore_errors=True)
    folder.archive.unlink(missing_ok=True)
