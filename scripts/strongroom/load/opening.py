"""What is looked at before a load begins or goes on: databases, the load before, its snapshots."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom import __version__
from strongroom.core.errors import PlanError, UnreachableError
from strongroom.core.files import hash_file, write_text
from strongroom.core.plan import Plan, Target, read_plan
from strongroom.core.workers import Workers
from strongroom.load.documents import LoadDocument, LoadState, SchemaRecord
from strongroom.load.place import LoadFolder, begin_load, list_loads, list_unfinished
from strongroom.load.request import Request, Surroundings, source_of
from strongroom.load.rows.book import Book
from strongroom.load.stage.staging import Stage
from strongroom.runs.home import Home
from strongroom.runs.records import record_snapshots
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.snapshot import Snapshot, is_as_copied, take_snapshot

_OVER = (LoadState.GIVEN_UP, LoadState.LIVE, LoadState.ROLLED_BACK)
"""States of loads that a new one leaves alone."""
_USABLE = (LoadState.LOADING, LoadState.FAILED, LoadState.STAGED, LoadState.WAITING, LoadState.LIVE)
"""States of a load that may go on, or with which there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A request, and what was found of what it asks for."""

    request: Request
    around: Surroundings
    plan: Plan
    found: Mapping[str, Database]

    @property
    def home(self) -> Home:
        """Return our own directory under the target."""
        return Home(target=self.request.target, engine=self.request.engine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load that is under way."""

    opening: Opening
    folder: LoadFolder
    about: LoadDocument

    @property
    def request(self) -> Request:
        """Return what was asked for."""
        return self.opening.request

    @property
    def around(self) -> Surroundings:
        """Return what was passed in."""
        return self.opening.around

    @property
    def book(self) -> Book:
        """Return its book in the server."""
        return Book(system=self.request.system, owner=self.around.schemas.owner, load=self.folder.owner)

    def list_stages(self) -> list[Stage]:
        """Return its targets, each with its snapshot and its staged schema."""
        return [
            Stage(
                plan=self.opening.plan,
                target=self.opening.plan.targets[name],
                schema=record.staged,
                snapshot=self.folder.find_snapshot(record),
                ledger=self.folder.find_ledger(name, record.key),
                keeps_addresses=self.about.way != "staged",
                registered=self.around.registered,
            )
            for name, record in self.about.targets.items()
        ]


def open_load(request: Request, around: Surroundings) -> Opening:
    """Read the plan, and find the databases. Read-only. Raises PlanError, UnreachableError."""
    plan = read_plan(request.plan)
    _refuse_equal_schemas(plan)
    return Opening(request=request, around=around, plan=plan, found=_find_databases(request, plan))


def _find_databases(request: Request, plan: Plan) -> dict[str, Database]:
    """Return the consolidated databases. Raises UnreachableError for one that is not there."""
    found = {}
    for name, target in plan.targets.items():
        database = under_key(request.target / target.path, target.key, request.engine)
        if not database.path.is_file():
            raise UnreachableError(database.path, "there is no such file", "run consolidate.run first, or say --target")
        found[name] = database
    return found


def find_earlier(opening: Opening) -> tuple[LoadFolder, LoadDocument] | None:
    """Return the latest load, when it is of the same plan, server and databases, and these are as it copied them.

    Schema files count until it is live; from then on ``postgres.apply`` brings what they gain.
    """
    request, found = opening.request, opening.found
    latest = next(list_loads(opening.home), None)
    if latest is None:
        return None
    folder, about = latest
    if about.state not in _USABLE or about.way != request.way:
        return None
    same = (about.plan_sha256, about.server, about.system, about.tool)
    if (
        same != (opening.plan.sha256, request.access.place, request.system, __version__)
        or about.targets.keys() != found.keys()
        or (about.state is not LoadState.LIVE and about.files_sha256 != opening.around.schemas.files_sha256)
    ):
        return None
    for name, record in about.targets.items():
        snapshot, copy = find_snapshot(folder, name, record), folder.find_snapshot(record).path
        is_there = copy.is_file() and hash_file(copy) == snapshot.sha256
        if not is_there or not is_as_copied(snapshot, found[name], folder.root / "scratch"):
            return None
    return latest


def find_snapshot(folder: LoadFolder, name: str, record: SchemaRecord) -> Snapshot:
    """Return a target's snapshot, as it lies in a load's folder."""
    known = record.snapshot
    return Snapshot(
        source=name,
        path=known.path,
        copy=folder.find_snapshot(record),
        original=known.original,
        sha256=known.sha256,
        source_sha256=known.source_sha256,
        size=known.size,
        schema_sha256=known.schema_sha256,
        state=known.state,
        source_key=known.source_key,
    )


def begin(opening: Opening, workers: Workers) -> tuple[LoadFolder, LoadDocument]:
    """Take the snapshots of a new load, and say what it is."""
    request, around, plan, home = opening.request, opening.around, opening.plan, opening.home
    _give_up_others(home)
    folder = begin_load(home, around.now())
    write_text(folder.plan, plan.path.read_text(encoding="utf-8"))
    around.progress.start("snapshot", 0)
    snapshots = copy_databases(opening, folder.snapshots, workers)
    records = record_snapshots(snapshots, folder.snapshots).sources
    about = LoadDocument(
        load=folder.name,
        state=LoadState.LOADING,
        tool=__version__,
        system=request.system,
        origin=request.origin,
        way=request.way,
        plan=str(plan.path),
        plan_sha256=plan.sha256,
        files_sha256=around.schemas.files_sha256,
        server=request.access.place,
        variable=request.access.origin,
        role=around.schemas.owner,
        targets={
            name: SchemaRecord(
                schema=target.live_schema,
                staged=name_schemas(target.live_schema)[1],
                previous=name_schemas(target.live_schema)[2],
                snapshot=records[name],
                key=target.key,
            )
            for name, target in plan.targets.items()
        },
        began=around.now(),
        replaces=request.replace,
    )
    folder.write(about)
    return folder, about


def copy_databases(opening: Opening, folder: Path, workers: Workers) -> dict[str, Snapshot]:
    """Copy the databases into a folder, each as of one instant, and prove the copies. Raises what copying raises."""
    futures = {
        name: workers.submit(
            take_snapshot,
            source_of(name, opening.plan.targets[name].path, database.key),
            database,
            replace(database, path=folder / opening.plan.targets[name].path),
            opening.around.prover,
        )
        for name, database in opening.found.items()
    }
    workers.gather(list(futures.values()))
    return {name: future.result() for name, future in futures.items()}


def name_schemas(live: str) -> tuple[str, str, str]:
    """Return the names of a live schema, of the one that is staged for it, and of the one that stepped aside."""
    return live, f"{live}_staged", f"{live}_previous"


def _give_up_others(home: Home) -> None:
    """Say of loads that never went live that another one takes their place, and free their space."""
    for folder in list_unfinished(home):
        shutil.rmtree(folder.root, ignore_errors=True)
    for folder, about in list_loads(home):
        if about.state not in _OVER:
            folder.write(replace(about, state=LoadState.GIVEN_UP))
            shutil.rmtree(folder.snapshots, ignore_errors=True)


def _refuse_equal_schemas(plan: Plan) -> None:
    """Make sure that no schema of a target, its staged and its previous one among them, is another's."""
    known: dict[str, Target] = {}
    for target in plan.targets.values():
        for schema in name_schemas(target.live_schema):
            other = known.setdefault(schema, target)
            if other is not target:
                fact = f"has the schema {schema}, and so has {other.name}"
                raise PlanError(f"target {target.name}", fact, "give it another postgres:")
