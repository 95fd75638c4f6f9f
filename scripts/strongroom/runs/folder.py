"""What a person asked for, and where a run keeps its things."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.files import BACKUP_FOLDER, OWN_FOLDER
from strongroom.runs import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One consolidation, as asked for."""

    system: Path
    """The system's folder."""
    plan: Path
    source: Path
    target: Path
    quarantine_budget: int | None = None
    replace: bool = False
    backup: bool = True
    dry_run: bool = False
    fingerprints: bool = False
    export_json: bool = False
    jobs: int = 1
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """The directory of one run; everything in it is the owner's only."""

    root: Path
    snapshots: Path
    engine: Engine = Engine.SYSTEM

    @property
    def name(self) -> str:
        """Return the run's id."""
        return self.root.name

    @property
    def stage(self) -> Path:
        """Where targets are built."""
        return self.root / "stage"

    @property
    def ledger(self) -> Path:
        """Where ledgers are kept, one per target."""
        return self.root / "ledger"

    @property
    def templates(self) -> Path:
        """Where the targets' structures are kept."""
        return self.root / "templates"

    @property
    def archive(self) -> Path:
        """Where dropped tables are kept."""
        return self.root / "archive.db"

    def place(self, target: Path) -> Place:
        """Return where the run publishes to."""
        return Place(target=target, folder=self.root, engine=self.engine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Our own directory under the target."""

    target: Path
    engine: Engine = Engine.SYSTEM

    @property
    def root(self) -> Path:
        """Return the directory itself."""
        return self.target / OWN_FOLDER

    @property
    def lock(self) -> Path:
        """The file that a mutating run locks."""
        return self.root / "lock"

    @property
    def current(self) -> Path:
        """What is live now, and from which run."""
        return self.root / "current.json"

    @property
    def plan_lock(self) -> Path:
        """What a preview saw."""
        return self.root / "plan.lock.json"

    @property
    def runs(self) -> Path:
        """All runs."""
        return self.root / "runs"

    def open_run(self, name: str) -> RunFolder:
        """Return the folder of a run, wherever it keeps its snapshots."""
        root = self.runs / name
        backup = self.target / BACKUP_FOLDER / name
        snapshots = backup if backup.is_dir() else root / "snapshots"
        return RunFolder(root=root, snapshots=snapshots, engine=self.engine)

    def new_run(self, now: datetime, *, backup: bool) -> RunFolder:
        """Return the folder of a new run; nothing is made yet."""
        stamp = now.strftime("%Y%m%d_%H%M%S")
        number, name = 1, stamp
        while (self.runs / name).exists() or (self.target / BACKUP_FOLDER / name).exists():
            number += 1
            name = f"{stamp}_{number}"
        root = self.runs / name
        snapshots = self.target / BACKUP_FOLDER / name if backup else root / "snapshots"
        return RunFolder(root=root, snapshots=snapshots, engine=self.engine)

    def all_runs(self) -> list[str]:
        """Return the ids of all runs, oldest first."""
        return sorted((folder.name for folder in self.runs.iterdir()), key=_order) if self.runs.is_dir() else []


def _order(name: str) -> tuple[str, int]:
    stamp, number = name[:15], name[16:]
    return stamp, int(number) if number.isdecimal() else 1
