"""Look at what runs left: which there are, and their state. Read-only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import UnreachableError, UsageError
from strongroom.core.files import read_json
from strongroom.runs.folder import Home, RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """One run, as its directory tells."""

    run: str
    state: str
    verdict: str | None
    rows_read: int | None
    quarantined: int | None
    is_current: bool


def find_run(target: Path, name: str | None, engine: Engine = Engine.SYSTEM) -> tuple[Home, RunFolder]:
    """Return a run by its id; without one the published run, else the latest that has a ledger.

    Raises UnreachableError when there is none, UsageError for an unknown id.
    """
    home = Home(target=target, engine=engine)
    names = home.all_runs()
    if name is not None:
        if name not in names:
            raise UsageError("--run", f"there is no run {name}", f"one of: {', '.join(names[-5:]) or 'none yet'}")
        return home, home.open_run(name)
    current = read_json(home.current)
    if current is not None:
        return home, home.open_run(str(current["run"]))
    for known in reversed(names):
        if home.open_run(known).ledger.is_dir():
            return home, home.open_run(known)
    raise UnreachableError(target, "holds no run of ours", "say --target DIRECTORY, or run consolidate.run first")


def list_runs(target: Path) -> list[RunState]:
    """List all runs, oldest first."""
    home = Home(target=target)
    if not home.root.is_dir():
        raise UnreachableError(target, "holds no run of ours", "say --target DIRECTORY")
    current = read_json(home.current) or {}
    states = []
    for name in home.all_runs():
        root = home.open_run(name).root
        about, report = read_json(root / "run.json") or {}, read_json(root / "report.json") or {}
        state = str(about.get("state", "begun"))
        journal = read_json(root / "publish.json")
        if journal is not None and journal.get("state") != "closed":
            state = "publishing (interrupted: run the same command again)"
        states.append(
            RunState(
                run=name,
                state="interrupted" if state == "running" else state,
                verdict=_text(report.get("verdict")),
                rows_read=_number(report.get("rows_read")),
                quarantined=_number(report.get("quarantined")),
                is_current=current.get("run") == name,
            )
        )
    return states


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
