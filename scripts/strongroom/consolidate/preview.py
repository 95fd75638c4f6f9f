"""Look before the leap: check a plan, and try a run and lock what it saw."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from strongroom.binding import Work, bind, refuse_conversions, refuse_unopened
from strongroom.binding.template import open_template
from strongroom.consolidate.attempt import Attempt
from strongroom.consolidate.kept_plan import keep_plan
from strongroom.consolidate.opening import Opening, find_sources, open_request
from strongroom.consolidate.outcome import Outcome
from strongroom.consolidate.request import NO_KEYS, Request, Surroundings
from strongroom.consolidate.run import scratch_folder
from strongroom.consolidate.snapshots import describe_lock, take_snapshots
from strongroom.consolidate.trying_keys import try_keys
from strongroom.core.errors import ConfigurationError
from strongroom.core.files import locked, make_private_folder
from strongroom.core.plan import Plan, read_plan
from strongroom.core.secret import Secret
from strongroom.core.system import read_system
from strongroom.core.workers import Workers
from strongroom.runs.documents import write_document
from strongroom.runs.folder import RunFolder
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.libraries import library_errors


def check(request: Request, *, with_sources: bool, keys: Mapping[str, Secret] = NO_KEYS) -> tuple[Plan, Work | None]:
    """Read system, plan and schemas; with sources, bind the plan to them too. Writes nothing that stays.

    Raises PlanError, ConfigurationError, and what taking a snapshot raises.
    """
    system = read_system(request.system)
    plan = read_plan(request.plan)
    opening = find_sources(request, plan) if with_sources else None
    with (
        hold_needed(keys, () if opening is None else opening.name_keys()),
        tempfile.TemporaryDirectory(prefix="strongroom-") as scratch,
    ):
        folder = scratch_folder(Path(scratch) / "check", request.engine)
        _run_schemas(plan if opening is None else opening.plan, folder)
        if opening is None:
            return plan, None
        snapshots = take_snapshots(opening, folder, Workers(None, lambda: None))
        work = bind(opening.plan, snapshots, folder.templates, request.engine)
        refuse_conversions(work)
        refuse_unopened(opening.plan, work, system.columns)
        return opening.plan, work


def _run_schemas(plan: Plan, folder: RunFolder) -> None:
    """Run every schema file into a database that is thrown away. Raises ConfigurationError."""
    for target in plan.targets.values():
        schema = plan.path.parent / target.schema if target.schema else None
        try:
            with open_template(Database(folder.templates / f"{target.name}.db", folder.engine), schema):
                pass
        except library_errors() as error:
            raise ConfigurationError(target.schema or target.name, str(error)) from error


def preview(request: Request, around: Surroundings) -> Outcome:
    """Try the whole run beside the target, keep nothing of it but ``plan.lock.json``.

    The next run refuses sources, plan or tool that differ from what was seen here. Targets that are there are no
    obstacle to looking.
    """
    opening = find_sources(replace(request, dry_run=True, replace=True), read_plan(request.plan))
    read_system(request.system)
    home = opening.home
    with hold_needed(around.keys, opening.name_keys()):
        try_keys(opening)
        make_private_folder(home.root)
        return _preview(opening, around)


def _preview(opening: Opening, around: Surroundings) -> Outcome:
    home = opening.home
    with locked(home.lock), tempfile.TemporaryDirectory(prefix="preview-", dir=home.root) as scratch:
        home.refuse_links()
        home.provide()
        folder = scratch_folder(Path(scratch) / "run", opening.request.engine)
        open_request(opening, folder.root)
        keep_plan(opening.plan, folder)
        rehearsed = Attempt(opening, folder, around).rehearse()
        write_document(home.plan_lock, describe_lock(opening.plan, rehearsed.snapshots), home.id)
        return rehearsed.outcome
