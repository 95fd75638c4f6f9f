"""``fleet.*``: one task over many tenants, on one machine or as the Indexed Job of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.core.errors import ExitCode, UsageError, WrongKeyError
from strongroom.fleet.results import Ended
from strongroom.fleet.running import Request, Surroundings, run_share
from strongroom.fleet.status import choose_task, look_at
from strongroom.fleet.tenants import Tenant
from strongroom.tasks import _tenant_backups, _tenant_loads, _tenants
from strongroom.tasks._around import read_clock
from strongroom.tasks._fleet import lay_ground, open_shelf, open_tenants, refuse_results_among
from strongroom.tasks._refreshing import refresh_keys
from strongroom.tasks._stop import terminable
from strongroom.tasks._task import is_dry, is_json, name_error, task, wants_color


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What may be done with every tenant of a fleet."""

    carry_out: Callable[[Tenant], Ended]
    has_paths: bool = True
    """Whether a tenant's target is a path."""


EVERY_WORK = {
    "consolidate": Work(carry_out=_tenants.consolidate),
    "verify": Work(carry_out=_tenants.verify),
    "backup-init": Work(carry_out=_tenant_backups.initialise_store),
    "backup": Work(carry_out=_tenant_backups.back_up),
    "load": Work(carry_out=_tenant_loads.load, has_paths=False),
}
TENANTS = (
    "JSON lines of name, system, source, target: a file or s3://BUCKET/KEY; or a directory with a folder for each."
)
TASK = f"What is done with each: {', '.join(EVERY_WORK)}."
RESULTS = "Where results are kept: a folder, or s3://BUCKET/PREFIX."
GROUND = {
    "root": "Directory below which all paths of a list lie (default: this one).",
    "target": "Where each folder of a directory gets its target, in a folder of its name.",
    "system": "The system of tenants that name none: a folder under sql/, or a path to one.",
}


@task(
    help={
        "tenants": TENANTS,
        "task": TASK,
        "results": RESULTS,
        "index": "Which share of the list, from 0 (JOB_COMPLETION_INDEX).",
        "of": "How many shares there are.",
        "jobs": "Processes (default: STRONGROOM_JOBS, else one for each core).",
        **GROUND,
        "dry_run": "Check the list, and say how many tenants would be taken.",
    }
)
def run(
    c: Context,
    tenants: str,
    task: str,
    results: str,
    index: int = 0,
    of: int = 1,
    jobs: int | None = None,
    root: Path | None = None,
    target: Path | None = None,
    system: str | None = None,
    dry_run: bool = False,
) -> ExitCode:
    """Carry a task out for every tenant that is not done."""
    settings, work = read_settings(), find_work(task)
    if jobs is not None and jobs < 1:
        raise UsageError("--jobs", f"must be a number from 1 (got {jobs})")
    refuse_results_among(tenants, results)
    ground = lay_ground(tenants, root, target, system, has_paths=work.has_paths)
    request = Request(
        task=task,
        carry_out=partial(carry_out, work),
        ground=ground,
        place=tenants,
        index=index,
        of=of,
        jobs=jobs or settings.jobs,
        dry_run=is_dry(c, dry_run),
    )
    progress = report.FleetProgress()
    around = Surroundings(now=read_clock, say=report.say_note, start=progress.start, advance=progress.advance)
    with open_tenants(tenants, ground, settings) as listed:
        done = run_share(request, listed, open_shelf(results, settings, f"fleet.run --index {index}"), around)
    return report.show_fleet(done, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        "tenants": TENANTS,
        "results": RESULTS,
        "task": f"{TASK[:-1]} (default: the only one with results).",
        **GROUND,
        "limit": "Tenants to name of those that are not done (0: all).",
    }
)
def status(
    c: Context,
    tenants: str,
    results: str,
    task: str | None = None,
    root: Path | None = None,
    target: Path | None = None,
    system: str | None = None,
    limit: int = 20,
) -> ExitCode:
    """Say how a fleet stands; exit 7 until all are done."""
    settings = read_settings()
    shelf = open_shelf(results, settings, "fleet.status")
    name = choose_task(shelf, task)
    ground = lay_ground(tenants, root, target, system, has_paths=find_work(name).has_paths)
    with open_tenants(tenants, ground, settings) as listed:
        found = look_at(listed, tenants, shelf, name, most=limit)
    return report.show_fleet_status(found, as_json=is_json(c), color=wants_color(c))


def find_work(name: str) -> Work:
    """Return what a task does with a tenant. Raises UsageError for one that is none."""
    if name not in EVERY_WORK:
        raise UsageError("--task", f"must be one of {', '.join(EVERY_WORK)} (got {name!r})")
    return EVERY_WORK[name]


def carry_out(work: Work, tenant: Tenant) -> Ended:
    """Do it, in a worker: as the task alone would be done, with what the system or SQLite says in our words.

    Keys that were fetched are fetched once more where one of them does not open its file.
    """
    try:
        with terminable():
            try:
                return work.carry_out(tenant)
            except WrongKeyError:
                if not refresh_keys():
                    raise
            return work.carry_out(tenant)
    except SystemExit:
        return Ended(exit=ExitCode.TERMINATED, error="interrupted (SIGTERM)", hint="the same command goes on from here")
    except Exception as error:
        known = name_error(error)
        if known is None:
            raise
        raise known from error


namespace = Collection("fleet", run, status)
