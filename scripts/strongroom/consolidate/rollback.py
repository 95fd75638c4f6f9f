"""The way back: put the previous state in place of what a run published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import UnreachableError
from strongroom.core.files import locked, read_json, write_json
from strongroom.runs import find_changes, put_back
from strongroom.runs.current import recover_all, restore_current
from strongroom.runs.folder import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a rollback put back."""

    run: str | None
    files: tuple[str, ...]
    dry_run: bool
    would_lose: tuple[str, ...] = ()
    cleared: str | None = None
    """The interrupted run that was cleared instead: nothing of it had been published."""


def rollback(target: Path, *, discard_changes: bool, dry_run: bool, engine: Engine = Engine.SYSTEM) -> Returned:
    """Put back what was live before the last published run; nothing published is nothing to do.

    Raises GuardError when the targets were written to since, TargetBusyError when they are in use.
    """
    home = Home(target=target, engine=engine)
    if not home.root.is_dir():
        raise UnreachableError(target, "holds no run of ours", "say --target DIRECTORY")
    if dry_run:
        return _look(home)
    with locked(home.lock):
        recovered = recover_all(home)
        current = read_json(home.current)
        already = _find_already_back(home, recovered, current)
        if already is not None:
            return already
        if current is None:
            return Returned(run=None, files=(), dry_run=False)
        folder = home.open_run(str(current["run"]))
        restored = put_back(folder.place(target), discard_changes=discard_changes)
        restore_current(home, current)
        about = read_json(folder.root / "run.json") or {}
        write_json(folder.root / "run.json", {**about, "state": "rolled back"})
        return Returned(run=folder.name, files=tuple(restored), dry_run=False)


def _find_already_back(home: Home, recovered: dict[str, str], current: dict[str, object] | None) -> Returned | None:
    """Tell whether recovery gave the previous state back: the newest run was cleared, or its rollback finished."""
    if not recovered:
        return None
    name, became = list(recovered.items())[-1]
    if became == "published" or any(name < later for later in home.all_runs()):
        return None
    if became == "cleared":
        return Returned(run=None if current is None else str(current["run"]), files=(), dry_run=False, cleared=name)
    ended = read_json(home.open_run(name).root / "current.json") or {}
    targets = ended.get("targets")
    return Returned(run=name, files=tuple(targets) if isinstance(targets, dict) else (), dry_run=False)


def _look(home: Home) -> Returned:
    current = read_json(home.current)
    if current is None:
        return Returned(run=None, files=(), dry_run=True)
    folder = home.open_run(str(current["run"]))
    targets = current.get("targets")
    return Returned(
        run=folder.name,
        files=tuple(targets) if isinstance(targets, dict) else (),
        dry_run=True,
        would_lose=tuple(find_changes(folder.place(home.target))),
    )
