"""A load: snapshots, staged schemas, rows, structure, proof; interrupted anywhere, the same command goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from strongroom.core.errors import ExitCode, GuardError
from strongroom.core.files import locked, make_private_folder
from strongroom.core.workers import Workers, open_workers
from strongroom.load.documents import LoadDocument, LoadState, MadeDocument, MadeSchema
from strongroom.load.judging import compare_structure, prove_load
from strongroom.load.opening import Load, Opening, begin, find_earlier, open_load
from strongroom.load.outcome import Outcome, choose_exit, judge
from strongroom.load.place import LoadFolder
from strongroom.load.rehearsal import rehearse
from strongroom.load.request import Request, Surroundings
from strongroom.load.rows.ledger import remove_ledger, settle_ledger
from strongroom.load.rows.loading import Loading
from strongroom.load.stage.staging import list_jobs, make_stage
from strongroom.load.standing import has_tables, mark_staged, stands
from strongroom.load.switch.cutovers import wait_for_others
from strongroom.load.switch.live import find_alone
from strongroom.postgres.connection import compose, identifier, open_postgres
from strongroom.sqlite.keyring import hold_needed

_STATES = {
    ExitCode.DONE: LoadState.STAGED,
    ExitCode.DECISION: LoadState.WAITING,
    ExitCode.DIFFERENCES: LoadState.DIFFERENT,
}
_ENDED = (LoadState.STAGED, LoadState.WAITING, LoadState.LIVE)
"""Nothing is to do where what such a load left still stands; else it is begun anew."""
_SHOWN = 5


def load(request: Request, around: Surroundings) -> Outcome:
    """Load a system's consolidated databases into staged schemas, and prove it.

    Raises every error of design, section 9, that the facts call for; an outcome with exit 3 or 4 is returned.
    """
    opening = open_load(request, around)
    if request.dry_run:
        return rehearse(opening)
    home = opening.home
    make_private_folder(home.root)
    with locked(home.lock), hold_needed(around.keys, {database.key for database in opening.found.values()}):
        home.refuse_links()
        home.provide()
        earlier = find_earlier(opening)
        done = None
        if earlier is not None and earlier[1].state in _ENDED:
            done = _find_done(opening, *earlier)
            if done is not None and earlier[1].state is LoadState.LIVE:
                return done
            earlier = None
        if done is None:
            with open_workers(request.jobs, lambda: None) as workers:
                done = _load(opening, earlier, workers)
        _refuse_losing(opening, done)
        return done


def _find_done(opening: Opening, folder: LoadFolder, about: LoadDocument) -> Outcome | None:
    """Return what a load of equal databases ended with, judged by what may wait now; None where it does not stand."""
    this, report = Load(opening=opening, folder=folder, about=about), folder.read_as(Outcome)
    if report is None or not stands(this, report):
        return None
    ended = replace(_judge(opening, report), nothing_done=True)
    if about.state is not LoadState.LIVE and about.state is not _STATES[ended.exit]:
        folder.write(replace(about, state=_STATES[ended.exit]))
    return ended


def _load(opening: Opening, earlier: tuple[LoadFolder, LoadDocument] | None, workers: Workers) -> Outcome:
    began = time.monotonic()
    request, around = opening.request, opening.around
    folder, about = earlier or begin(opening, workers)
    about = replace(about, state=LoadState.LOADING, error=None, ended=None, replaces=request.replace)
    folder.write(about)
    this = Load(opening=opening, folder=folder, about=about)
    around.progress.begin(folder.name)
    with _recorded(this), this.book.held(request.access):
        made = _provide_stages(this)
        around.checkpoint("staged")
        around.progress.start("load", 0)
        _load_rows(this, made, workers)
        around.progress.start("verify", 0)
        marks = mark_staged(this)
        proven = prove_load(folder, about, request.access, workers)
        wrong = tuple(compare_structure(proven.schemas, made, request.access, around.schemas))
        proven = replace(proven, differences=(*proven.differences, *wrong), seconds=round(time.monotonic() - began, 3))
        outcome = _judge(opening, proven)
        if outcome.is_proven:
            with open_postgres(request.access) as connection:
                this.book.note_proven(connection, marks)
        folder.write(outcome)
        folder.write(replace(about, state=_STATES[outcome.exit], ended=around.now()))
        return outcome


def _load_rows(this: Load, made: MadeDocument, workers: Workers) -> None:
    with open_postgres(this.request.access) as connection:
        stages = [(stage, made.targets[stage.target.name]) for stage in this.list_stages()]
        jobs = [job for stage, one in stages for job in list_jobs(connection, stage, one)]
    targets: Mapping[str, MadeSchema] = made.targets
    Loading(this.request.access, this.book, workers, this.around.checkpoint).load(jobs, targets)


def _judge(opening: Opening, proven: Outcome) -> Outcome:
    """Return an outcome with the verdict and the exit code that go with what may wait."""
    asked = opening.request.quarantine_budget
    budget = opening.plan.defaults.quarantine_budget if asked is None else asked
    verdict = judge(proven.differences, proven.unexplained, proven.quarantined)
    return replace(proven, verdict=verdict, budget=budget, exit=choose_exit(verdict, proven.quarantined, budget))


def _refuse_losing(opening: Opening, outcome: Outcome) -> None:
    """Refuse to call a load ready that would take rows away which only the live schemas hold.

    Raises GuardError with how many of which tables.
    """
    request = opening.request
    if outcome.exit is not ExitCode.DONE or request.replace or request.way != "staged":
        return
    with open_postgres(request.access, is_read_only=True) as connection:
        for name, staged in outcome.schemas.items():
            live = opening.plan.targets[name].live_schema
            alone = find_alone(connection, live, staged)
            if alone:
                told = ", ".join(f"{one.rows} of {table}" for table, one in list(alone.items())[:_SHOWN])
                more = f" and {len(alone) - _SHOWN} more tables" if len(alone) > _SHOWN else ""
                fact = f"holds rows that {staged} lacks: {told}{more}; staged and proven, nothing of it was touched"
                way = "--replace lets them step aside with it, --into-live adds the new rows to it"
                raise GuardError(f"schema {live}", fact, way)


@contextmanager
def _recorded(this: Load) -> Iterator[None]:
    """Leave said how a load ended that did not come to its end."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt | SystemExit):
            failed = replace(this.about, state=LoadState.FAILED, ended=this.around.now(), error=type(error).__name__)
            this.folder.write(failed)
        raise


def _provide_stages(this: Load) -> MadeDocument:
    """Return the staged schemas as they were made; make them where this load has not yet."""
    schemas, book = this.around.schemas, this.book
    with open_postgres(this.request.access) as connection:
        made = this.folder.read_as(MadeDocument)
        if made is not None and book.is_open(connection) and has_tables(connection, this.about, made, schemas):
            for stage in this.list_stages():
                settle_ledger(stage.ledger)
            return made
        with connection.transaction():
            wait_for_others(connection, this.request.system)
            schemas.provide(connection)
            connection.execute(compose("SET LOCAL ROLE {owner}", owner=identifier(schemas.owner)))
            book.begin(connection)
            connection.execute("RESET ROLE")
            stages = {stage.target.name: stage for stage in this.list_stages()}
            for stage in stages.values():
                remove_ledger(stage.ledger)
            made = MadeDocument(
                targets={name: make_stage(connection, stage, schemas, book) for name, stage in stages.items()}
            )
            this.folder.write(made)
        return made
