"""What a fleet does with one tenant's databases: ``consolidate.run`` and ``.verify``, in a worker.

Nothing is printed; systems and their keys are found once in each worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from strongroom.consolidate import run as running
from strongroom.consolidate import verify_published as again
from strongroom.consolidate.outcome import Outcome
from strongroom.consolidate.request import Request, Surroundings
from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import ExitCode
from strongroom.core.progress import Silent
from strongroom.core.secret import Secret
from strongroom.core.system import choose_system
from strongroom.fleet.results import Ended, Facts
from strongroom.fleet.tenants import Tenant
from strongroom.runs.home import Home
from strongroom.tasks._around import read_clock
from strongroom.tasks._keys import find_keys


@cache
def find_settings() -> Settings:
    """Return the settings of this worker."""
    return read_settings()


@cache
def find_system_folder(named: str) -> Path:
    """Return the folder of a system. Raises UsageError."""
    return choose_system(named, find_settings())


@cache
def find_system_keys(folder: Path) -> Mapping[str, Secret]:
    """Return the keys of a system; none is fetched yet."""
    return find_keys(folder)


def consolidate(tenant: Tenant) -> Ended:
    """Consolidate a tenant's source into its target. Raises what ``consolidate.run`` raises."""
    settings, folder = find_settings(), find_system_folder(tenant.system)
    request = Request(
        system=folder,
        plan=folder / "plan.yaml",
        source=Path(tenant.source),
        target=Path(tenant.target),
        engine=settings.sqlite,
    )
    around = Surroundings(
        now=read_clock, progress=Silent(), environment=settings.environment, keys=find_system_keys(folder)
    )
    return _describe(running.run(request, around), tenant)


def verify(tenant: Tenant) -> Ended:
    """Prove what is live in a tenant's target again. Raises what ``consolidate.verify`` raises."""
    home = Home(target=Path(tenant.target), engine=find_settings().sqlite)
    keys = find_system_keys(find_system_folder(tenant.system))
    return _describe(again.verify(home, run=None, source=Path(tenant.source), keys=keys), tenant)


def _describe(outcome: Outcome, tenant: Tenant) -> Ended:
    error, hint = _explain(outcome, tenant)
    facts: Facts = {"run": outcome.run, "rows": outcome.rows_read, "quarantined": outcome.quarantined}
    return Ended(exit=outcome.exit, verdict=outcome.verdict, facts=facts, error=error, hint=hint)


def _explain(outcome: Outcome, tenant: Tenant) -> tuple[str, str]:
    if outcome.exit == ExitCode.DECISION:
        fact = f"{outcome.quarantined} rows wait for a person, and the budget is {outcome.budget}"
        return fact, f"consolidate.decide --target {tenant.target}"
    if outcome.exit == ExitCode.DIFFERENCES:
        found = outcome.differences[0] if outcome.differences else "unexplained rows"
        return f"verification found differences: {found}", f"see the report of run {outcome.run} in {tenant.target}"
    if outcome.exit == ExitCode.PENDING:
        return f"written to a source since publish: {(outcome.strays or ('',))[0]}", "stop who writes there"
    return "", ""
