"""What the tasks that load into PostgreSQL find out before they begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from strongroom import report
from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import ConfigurationError, DecisionNeededError, UsageError
from strongroom.core.files import locked
from strongroom.core.plan import Plan, read_plan
from strongroom.core.system import System, choose_system, read_system
from strongroom.runs.home import Home
from strongroom.sqlite.database import under_key
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.snapshot import refuse_changed
from strongroom.tasks._around import read_clock
from strongroom.tasks._backup import find_backups
from strongroom.tasks._keys import find_keys
from strongroom.tasks._servers import take_set
from strongroom.tasks._task import wants_color
from strongroom.tasks.wiring import find_local_postgres, give_prover, give_records, give_schemas

if TYPE_CHECKING:
    from strongroom.load.documents import LoadDocument, Way
    from strongroom.load.place import LoadFolder
    from strongroom.load.request import Surroundings
    from strongroom.load.switch.switching import Around
    from strongroom.postgres.connection import Access


class Loads:
    """A system, its plan, and the server into which it goes."""

    def __init__(self, system: str | None, plan: Path | None, purpose: str) -> None:
        """Find them. Raises UsageError, ConfigurationError, PlanError."""
        self.settings: Settings = read_settings()
        self.folder = choose_system(system, self.settings, plan=plan)
        self.about: System = read_system(self.folder)
        self.file = plan or self.folder / "plan.yaml"
        self.plan: Plan = read_plan(self.file)
        self._purpose = purpose

    def find_access(self) -> Access:
        """Return how to reach the server: by the variable that the targets name, else by those of the system."""
        from strongroom.postgres.access import find_access, for_schemas

        find_stack = partial(find_local_postgres, self.settings, self._purpose)
        about = _choose_variable(self.about, self.plan)
        return for_schemas(find_access(about, self.settings.environment, find_stack, purpose=self._purpose))

    def surround(self, c: Context) -> Surroundings:
        """Pass in the clock, the progress, the keys, and what makes schemas."""
        from strongroom.load.request import Surroundings

        return Surroundings(
            now=read_clock,
            progress=report.open_progress(color=wants_color(c)),
            schemas=give_schemas(self.about.name, self.folder),
            prover=give_prover(),
            keys=find_keys(self.folder),
            registered=self.about.columns,
        )

    @contextmanager
    def open_load(self, target: Path, name: str | None) -> Iterator[OpenLoad]:
        """Give a load of a target directory, under our lock of that directory.

        Raises UnreachableError, UsageError, LockedError, VersionError, GuardError.
        """
        from strongroom.load.place import find_load

        home = Home(target=target, engine=self.settings.sqlite)
        find_load(home, name)  # before a lock is made where nothing of ours is
        with locked(home.lock):
            folder, about = find_load(home, name)
            with hold_needed(find_keys(self.folder), {record.key for record in about.targets.values()}):
                yield OpenLoad(folder=folder, about=about)

    def surround_switch(self, c: Context, opened: OpenLoad, access: Access, *, backup: bool) -> Around:
        """Pass in what a cutover and a rollback take from their surroundings."""
        return replace(self.surround_arrival(c, access, backup=backup), refuse_changed_sources=opened.refuse_changed)

    def surround_arrival(self, c: Context, access: Access, *, backup: bool) -> Around:
        """Pass in what rows that go into live tables take from their surroundings."""
        from strongroom.load.switch.switching import Around

        return Around(
            now=read_clock,
            schemas=give_schemas(self.about.name, self.folder),
            records=give_records(self.about.name, self.folder),
            take_backup=self._find_backup(c, access) if backup else None,
            say=report.say_note,
        )

    def _find_backup(self, c: Context, access: Access) -> Callable[[], str] | None:
        """Return what takes a set of backups first; None where nothing says that this database is in them."""
        entry = self.about.backup
        named = () if entry is None or entry.postgres is None else entry.postgres.databases
        if access.parameters.get("dbname") not in named:
            return None

        def take() -> str:
            created = take_set(find_backups(c, str(self.folder)))
            if created.set is None or created.missing:
                fact = "is not whole: nothing was changed"
                raise DecisionNeededError(f"set {created.set}", fact, "see backup.create, or say --no-backup")
            return created.set

        return take


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoad:
    """A load that is held."""

    folder: LoadFolder
    about: LoadDocument

    def count_waiting(self) -> int:
        """Return how many of its rows wait."""
        from strongroom.load.rows.ledger import count_waiting

        ledgers = (self.folder.find_ledger(name, record.key) for name, record in self.about.targets.items())
        return sum(map(count_waiting, ledgers))

    def refuse_changed(self) -> None:
        """Make sure that nobody wrote to the databases since they were loaded. Raises SourceChangedError."""
        from strongroom.load.opening import find_snapshot

        for name, record in self.about.targets.items():
            snapshot = find_snapshot(self.folder, name, record)
            path = self.folder.home.target / record.snapshot.path
            original = under_key(path, snapshot.source_key, self.folder.home.engine)
            refuse_changed(snapshot, original, self.folder.root / "scratch")


def _choose_variable(about: System, plan: Plan) -> System:
    """Let only the variable count that the targets name, where they name one."""
    named = {target.dsn for target in plan.targets.values() if target.dsn is not None}
    if not named:
        return about
    if len(named) > 1:
        fact = f"targets name several servers ({', '.join(sorted(named))}), and a load has one"
        raise ConfigurationError(plan.path, fact, "give each server a plan of its own")
    (name,) = named
    if name not in about.postgres.variables:
        known = ", ".join(about.postgres.variables) or "none"
        raise ConfigurationError(plan.path, f"dsn: {name} is no variable of system.yaml", f"one of: {known}")
    return about.model_copy(update={"postgres": about.postgres.model_copy(update={"variables": (name,)})})


def refuse_negative(budget: int | None) -> None:
    """Make sure that a budget is none, or a number from 0. Raises UsageError."""
    if budget is not None and budget < 0:
        raise UsageError("--quarantine-budget", f"must be a number from 0 (got {budget})")


def choose_way(*, replace: bool, into_live: bool, skip_existing: bool) -> Way:
    """Return the way that flags ask for. Raises UsageError for two that contradict each other."""
    if replace and (into_live or skip_existing):
        raise UsageError("--replace", "is for loads that are cut over", "leave it out, or --into-live")
    return "skip-existing" if skip_existing else "into-live" if into_live else "staged"
