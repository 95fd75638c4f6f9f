"""What a fleet does with one tenant's PostgreSQL: its consolidated databases are loaded, staged and proven."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from invoke.context import Context

from strongroom.core.errors import ExitCode, UsageError
from strongroom.core.progress import Silent
from strongroom.fleet.results import Ended, Facts
from strongroom.fleet.tenants import Tenant
from strongroom.tasks._loading import Loads

_DATABASE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")


def load(tenant: Tenant) -> Ended:
    """Load the databases of a tenant's source into the server's database that its target names.

    Raises what ``postgres.load`` raises.
    """
    from strongroom.load.request import Request
    from strongroom.load.run import load as run

    if not _DATABASE.fullmatch(tenant.target):
        fact = f"must be the name of a database of the server (got {tenant.target!r})"
        raise UsageError(f"target of {tenant.name}", fact, "the server is what the system's variable says")
    found = Loads(tenant.system, None, "deploy")
    access = found.find_access()
    request = Request(
        system=found.about.name,
        plan=found.file,
        target=Path(tenant.source),
        access=replace(access, parameters={**access.parameters, "dbname": tenant.target}),
        engine=found.settings.sqlite,
    )
    outcome = run(request, replace(found.surround(Context()), progress=Silent()))
    facts: Facts = {"load": outcome.load, "rows": outcome.rows_read, "quarantined": outcome.quarantined}
    error = ""
    if outcome.exit == ExitCode.DECISION:
        error = f"{outcome.quarantined} rows wait for a person, and the budget is {outcome.budget}"
    elif outcome.exit == ExitCode.DIFFERENCES:
        error = f"verification found differences: {(*outcome.differences, 'unexplained rows')[0]}"
    hint = f"postgres.quarantine --target {tenant.source}" if error else ""
    return Ended(exit=outcome.exit, verdict=outcome.verdict, facts=facts, error=error, hint=hint)
