"""What the tasks that load into PostgreSQL find out before they begin."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from strongroom import report
from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.core.plan import Plan, read_plan
from strongroom.core.system import System, choose_system, read_system
from strongroom.tasks._around import read_clock
from strongroom.tasks._keys import find_keys
from strongroom.tasks._task import wants_color
from strongroom.tasks.wiring import PROVER, find_local_postgres, give_schemas

if TYPE_CHECKING:
    from strongroom.load.request import Surroundings
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
        from strongroom.postgres.access import find_access

        find_stack = partial(find_local_postgres, self.settings, self._purpose)
        about = _choose_variable(self.about, self.plan)
        return find_access(about, self.settings.environment, find_stack, purpose=self._purpose)

    def surround(self, c: Context) -> Surroundings:
        """Pass in the clock, the progress, the keys, and what makes schemas."""
        from strongroom.load.request import Surroundings

        return Surroundings(
            now=read_clock,
            progress=report.open_progress(color=wants_color(c)),
            schemas=give_schemas(self.about.name, self.folder),
            prover=PROVER,
            keys=find_keys(self.folder),
        )


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
