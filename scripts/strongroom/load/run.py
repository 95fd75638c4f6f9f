"""A load: snapshots, staged schemas, rows, structure, proof; interrupted anywhere, the same command goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from strongroom import __version__
from strongroom.core.errors import ExitCode, PlanError, UnreachableError
from strongroom.core.files import locked, make_private_folder, write_text
from strongroom.core.plan import Plan, Target, read_plan
from strongroom.core.workers import Workers, open_workers
from strongroom.load.book import Book
from strongroom.load.claims import make_claims
from strongroom.load.documents import LoadDocument, LoadState, MadeDocument, SchemaRecord
from strongroom.load.ledger import count_waiting, list_waiting
from strongroom.load.loading import Loading
from strongroom.load.outcome import Outcome, choose_exit, judge
from strongroom.load.place import LoadFolder, begin_load, list_loads
from strongroom.load.proving import prove
from strongroom.load.request import Request, Surroundings, source_of
from strongroom.load.staging import Stage, list_jobs, make_stage
from strongroom.postgres.connection import open_postgres
from strongroom.runs.home import Home
from strongroom.runs.records import record_snapshots
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.snapshot import Snapshot, is_as_copied, take_snapshot

_STATES = {
    ExitCode.DONE: LoadState.STAGED,
    ExitCode.DECISION: LoadState.WAITING,
    ExitCode.DIFFERENCES: LoadState.DIFFERENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
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
class _Load:
    """One load that is under way."""

    opening: _Opening
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
            )
            for name, record in self.about.targets.items()
        ]


def load(request: Request, around: Surroundings) -> Outcome:
    """Load a system's consolidated databases into staged schemas, and prove it.

    Raises every error of design, section 9, that the facts call for; an outcome with exit 3 or 4 is returned.
    """
    plan = read_plan(request.plan)
    opening = _Opening(request=request, around=around, plan=plan, found=_find_databases(request, plan))
    _refuse_equal_schemas(plan)
    home = opening.home
    make_private_folder(home.root)
    with locked(home.lock), hold_needed(around.keys, {database.key for database in opening.found.values()}):
        home.refuse_links()
        home.provide()
        earlier = _find_earlier(opening)
        report = None if earlier is None else _read_proven(*earlier)
        if report is not None:
            return replace(report, nothing_done=True)
        with open_workers(request.jobs, lambda: None) as workers:
            return _load(opening, earlier, workers)


def _read_proven(folder: LoadFolder, about: LoadDocument) -> Outcome | None:
    """Return what a load ended with that is staged or live; None for one that is to go on."""
    is_done = about.state in (LoadState.STAGED, LoadState.LIVE)
    return folder.read_as(Outcome) if is_done else None


def _find_databases(request: Request, plan: Plan) -> dict[str, Database]:
    """Return the consolidated databases. Raises UnreachableError for one that is not there."""
    found = {}
    for name, target in plan.targets.items():
        database = under_key(request.target / target.path, target.key, request.engine)
        if not database.path.is_file():
            raise UnreachableError(database.path, "there is no such file", "run consolidate.run first, or say --target")
        found[name] = database
    return found


def _find_earlier(opening: _Opening) -> tuple[LoadFolder, LoadDocument] | None:
    """Return the latest load, when it is of the same plan, server and databases, and these are as it copied them."""
    request, found = opening.request, opening.found
    latest = next(list_loads(opening.home), None)
    if latest is None:
        return None
    folder, about = latest
    if about.state not in (LoadState.LOADING, LoadState.FAILED, LoadState.STAGED, LoadState.LIVE):
        return None
    same = (about.plan_sha256, about.server, about.system, about.tool)
    if (
        same != (opening.plan.sha256, request.access.place, request.system, __version__)
        or about.targets.keys() != found.keys()
    ):
        return None
    for name, record in about.targets.items():
        snapshot = record_of(folder, name, record)
        if not snapshot.copy.path.is_file() or not is_as_copied(snapshot, found[name], folder.root / "scratch"):
            return None
    return latest


def record_of(folder: LoadFolder, name: str, record: SchemaRecord) -> Snapshot:
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


def _load(opening: _Opening, earlier: tuple[LoadFolder, LoadDocument] | None, workers: Workers) -> Outcome:
    began = time.monotonic()
    request, around = opening.request, opening.around
    folder, about = earlier or _begin(opening, workers)
    this = _Load(opening=opening, folder=folder, about=about)
    around.progress.begin(folder.name)
    with _recorded(this):
        made = _provide_stages(this)
        around.checkpoint("staged")
        with open_postgres(request.access) as connection:
            jobs = [
                job
                for stage in this.list_stages()
                for job in list_jobs(connection, stage, made.targets[stage.target.name])
            ]
        around.progress.start("load", 0)
        open_keys = Loading(request.access, this.book, workers, around.checkpoint).load(jobs, made.targets)
        outcome = _prove(this, made, workers, open_keys)
        outcome = replace(outcome, seconds=round(time.monotonic() - began, 3))
        folder.write(outcome)
        folder.write(replace(this.about, state=_STATES[outcome.exit], ended=around.now()))
        return outcome


def _begin(opening: _Opening, workers: Workers) -> tuple[LoadFolder, LoadDocument]:
    """Take the snapshots of a new load, and say what it is."""
    request, around, plan, home = opening.request, opening.around, opening.plan, opening.home
    folder = begin_load(home, around.now())
    write_text(folder.plan, plan.path.read_text(encoding="utf-8"))
    around.progress.start("snapshot", 0)
    futures = {
        name: workers.submit(
            take_snapshot,
            source_of(name, plan.targets[name].path, database.key),
            database,
            replace(database, path=folder.snapshots / plan.targets[name].path),
            around.prover,
        )
        for name, database in opening.found.items()
    }
    workers.gather(list(futures.values()))
    snapshots = {name: future.result() for name, future in futures.items()}
    records = record_snapshots(snapshots, folder.snapshots).sources
    about = LoadDocument(
        load=folder.name,
        state=LoadState.LOADING,
        tool=__version__,
        system=request.system,
        origin="consolidated",
        way=request.way,
        plan=str(plan.path),
        plan_sha256=plan.sha256,
        server=request.access.place,
        variable=request.access.origin,
        targets={
            name: SchemaRecord(
                schema=target.live_schema,
                staged=f"{target.live_schema}_staged",
                previous=f"{target.live_schema}_previous",
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


def _refuse_equal_schemas(plan: Plan) -> None:
    known: dict[str, Target] = {}
    for target in plan.targets.values():
        other = known.setdefault(target.live_schema, target)
        if other is not target:
            raise PlanError(
                f"target {target.name}", f"becomes the schema of {other.name}", "give each its own postgres:"
            )


@contextmanager
def _recorded(this: _Load) -> Iterator[None]:
    """Leave said how a load ended that did not come to its end."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt | SystemExit):
            failed = replace(this.about, state=LoadState.FAILED, ended=this.around.now(), error=type(error).__name__)
            this.folder.write(failed)
        raise


def _provide_stages(this: _Load) -> MadeDocument:
    """Return the staged schemas as they were made; make them where this load has not yet."""
    schemas = this.around.schemas
    with open_postgres(this.request.access) as connection:
        made = this.folder.read_as(MadeDocument)
        if made is not None and this.book.is_open(connection):
            return made
        with connection.transaction():
            schemas.provide(connection)
            connection.execute(f'SET LOCAL ROLE "{schemas.owner}"'.encode())
            this.book.begin(connection)
            connection.execute("RESET ROLE")
            stages = {stage.target.name: stage for stage in this.list_stages()}
            for stage in stages.values():
                stage.ledger.path.unlink(missing_ok=True)
            made = MadeDocument(
                targets={name: make_stage(connection, stage, schemas, this.book) for name, stage in stages.items()}
            )
            this.folder.write(made)
        return made


def _prove(this: _Load, made: MadeDocument, workers: Workers, open_keys: tuple[str, ...]) -> Outcome:
    request, about = this.request, this.about
    this.around.progress.start("verify", 0)
    claims = make_claims(this.folder, about, made)
    found = prove(claims, request.access, workers, show_values=False)
    ledgers = [stage.ledger for stage in this.list_stages()]
    quarantined = sum(map(count_waiting, ledgers))
    budget = (
        this.opening.plan.defaults.quarantine_budget if request.quarantine_budget is None else request.quarantine_budget
    )
    unexplained = sum(tally.unexplained for tally in found.tables.values())
    differences = (*found.differences, *_compare_structure(this, made))
    verdict = judge(differences, unexplained, quarantined)
    return Outcome(
        verdict=verdict,
        exit=choose_exit(verdict, quarantined, budget),
        load=this.folder.name,
        server=about.server,
        schemas={name: record.staged for name, record in about.targets.items()},
        seconds=0.0,
        rows_read=sum(tally.read for tally in found.tables.values()),
        unexplained=unexplained,
        quarantined=quarantined,
        budget=budget,
        tables=found.tables,
        targets=found.targets,
        references=found.references,
        differences=differences,
        notes=(*found.notes, *open_keys),
        waiting=tuple(line for ledger in ledgers for line in list_waiting(ledger)),
        carried=tuple(line for one in made.targets.values() for line in one.carried),
        reported=tuple(line for one in made.targets.values() for line in one.reported),
    )


def _compare_structure(this: _Load, made: MadeDocument) -> list[str]:
    """Return what stands otherwise in the staged schemas than before the rows came."""
    schemas = this.around.schemas
    with open_postgres(this.request.access, is_read_only=True) as connection:
        return [
            f"schema {stage.schema}: {line}"
            for stage in this.list_stages()
            for line in schemas.list_differences(
                made.targets[stage.target.name].objects, schemas.read_objects(connection, stage.schema)
            )
            if "NOT VALID" not in line
        ]
