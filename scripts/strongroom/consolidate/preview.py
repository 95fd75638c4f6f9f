"""Look before the leap: check a plan, and try a run and lock what it saw."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from strongroom.binding import Work, bind
from strongroom.binding.template import open_template
from strongroom.consolidate import sources as finding
from strongroom.consolidate.outcome import Outcome
from strongroom.consolidate.run import Rehearsal, Surroundings
from strongroom.core.errors import ConfigurationError
from strongroom.core.files import locked, make_private_folder, write_json
from strongroom.core.plan import Plan, read_plan
from strongroom.core.system import read_system
from strongroom.core.workers import Workers
from strongroom.runs.folder import Home, Request, RunFolder
from strongroom.sqlite.database import Database
from strongroom.sqlite.libraries import library_errors


def check(request: Request, *, with_sources: bool) -> tuple[Plan, Work | None]:
    """Read system, plan and schemas; with sources, bind the plan to them too. Writes nothing that stays.

    Raises PlanError, ConfigurationError, and what taking a snapshot raises.
    """
    read_system(request.system)
    plan = read_plan(request.plan)
    if with_sources:
        plan = finding.carry_files(plan, request.source)
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        folder = RunFolder(root=Path(scratch), snapshots=Path(scratch) / "snapshots", engine=request.engine)
        for target in plan.targets.values():
            try:
                with open_template(
                    Database(folder.templates / f"{target.name}.db", request.engine),
                    plan.path.parent / target.schema if target.schema else None,
                ):
                    pass
            except library_errors() as error:
                raise ConfigurationError(target.schema or target.name, str(error)) from error
        if not with_sources:
            return plan, None
        found = finding.locate_sources(plan, request.source)
        finding.refuse_overlap(request, plan, found)
        snapshots = finding.take_snapshots(plan, found, folder, Workers(None, lambda: None))
        return plan, bind(plan, snapshots, folder.templates, request.engine)


def preview(request: Request, around: Surroundings) -> Outcome:
    """Try the whole run beside the target, keep nothing of it but ``plan.lock.json``.

    The next run refuses sources, plan or tool that differ from what was seen here.
    """
    request = replace(request, dry_run=True)
    plan = finding.carry_files(read_plan(request.plan), request.source)
    found = finding.locate_sources(plan, request.source)
    finding.refuse_overlap(request, plan, found)
    home = Home(target=request.target, engine=request.engine)
    make_private_folder(home.root)
    with locked(home.lock), tempfile.TemporaryDirectory(prefix="preview-", dir=home.root) as scratch:
        finding.refuse_full_disk(found, Path(scratch))
        folder = RunFolder(root=Path(scratch), snapshots=Path(scratch) / "snapshots", engine=request.engine)
        rehearsal = Rehearsal(request, plan, read_system(request.system), home, folder, around)
        snapshots, outcome = rehearsal.rehearse(found, time.monotonic())
        write_json(home.plan_lock, finding.describe_lock(plan, snapshots))
        return outcome
