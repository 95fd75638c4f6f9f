"""A load that changes nothing: which rows would go where, and which would wait."""

from __future__ import annotations

import secrets
import tempfile
import time
from pathlib import Path

from strongroom.core.results import TableTally, Verdict
from strongroom.core.workers import Workers, open_workers
from strongroom.load.documents import MadeSchema
from strongroom.load.opening import Opening, copy_databases
from strongroom.load.outcome import Outcome, choose_exit
from strongroom.load.rows.book import Book
from strongroom.load.rows.filling import count_unfit
from strongroom.load.rows.jobs import TableJob
from strongroom.load.rows.ledger import Entry
from strongroom.load.stage.staging import Stage, list_jobs, make_stage
from strongroom.postgres.connection import compose, identifier, open_postgres
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.schema import count_rows


def rehearse(opening: Opening) -> Outcome:
    """Make the schemas in a transaction that is rolled back, and try every value; nothing is written anywhere.

    What only the server knows (CHECKs, keys after conversion) is not tried. Raises what a load raises before its rows.
    """
    began, request = time.monotonic(), opening.request
    keys = {database.key for database in opening.found.values()}
    with (
        tempfile.TemporaryDirectory(prefix="strongroom-") as folder,
        hold_needed(opening.around.keys, keys),
        open_workers(request.jobs, lambda: None) as workers,
    ):
        opening.around.progress.start("snapshot", 0)
        stages = _copy(opening, Path(folder), workers)
        made, jobs = _make(opening, stages)
        opening.around.progress.start("try", 0)
        futures = {job.name: workers.submit(count_unfit, job) for job in jobs}
        workers.gather(list(futures.values()))
        unfit = {name: future.result() for name, future in futures.items()}
        tables = {job.name: _tally(job, len(unfit[job.name])) for job in jobs}
    waiting = sum(map(len, unfit.values()))
    asked = request.quarantine_budget
    budget = opening.plan.defaults.quarantine_budget if asked is None else asked
    return Outcome(
        verdict=Verdict.UNVERIFIED,
        exit=choose_exit(Verdict.UNVERIFIED, waiting, budget),
        load="dry run",
        server=request.access.place,
        schemas={name: f"{target.live_schema}_staged" for name, target in opening.plan.targets.items()},
        seconds=round(time.monotonic() - began, 3),
        rows_read=sum(tally.read for tally in tables.values()),
        unexplained=0,
        quarantined=waiting,
        budget=budget,
        tables=tables,
        targets={},
        waiting=tuple(_say(name, entry) for name, entries in unfit.items() for entry in entries[:1000]),
        carried=tuple(line for one in made.values() for line in one.carried),
        reported=tuple(line for one in made.values() for line in one.reported),
        dry_run=True,
    )


def _copy(opening: Opening, folder: Path, workers: Workers) -> list[Stage]:
    """Copy the databases to a folder that is gone afterwards."""
    aside = secrets.token_hex(4)
    copies = copy_databases(opening, folder, workers)
    return [
        Stage(
            plan=opening.plan,
            target=opening.plan.targets[name],
            schema=f"{opening.plan.targets[name].live_schema[:46]}_dry_{aside}",
            snapshot=snapshot.copy,
            ledger=snapshot.copy,
            registered=opening.around.registered,
        )
        for name, snapshot in copies.items()
    ]


def _make(opening: Opening, stages: list[Stage]) -> tuple[dict[str, MadeSchema], list[TableJob]]:
    schemas = opening.around.schemas
    book = Book(system=f"dry_{secrets.token_hex(4)}", owner=schemas.owner, load="dry run")
    with open_postgres(opening.request.access) as connection, connection.transaction(force_rollback=True):
        schemas.provide(connection)
        connection.execute(compose("SET LOCAL ROLE {owner}", owner=identifier(schemas.owner)))
        book.begin(connection)
        connection.execute("RESET ROLE")
        made = {stage.target.name: make_stage(connection, stage, schemas, book) for stage in stages}
        jobs = [job for stage in stages for job in list_jobs(connection, stage, made[stage.target.name])]
    return made, jobs


def _tally(job: TableJob, waiting: int) -> TableTally:
    with open_snapshot(job.snapshot) as connection:
        read = count_rows(connection, job.table)
    return TableTally(into=f"{job.target}.{job.into}", read=read, inserted=read - waiting, quarantined=waiting)


def _say(name: str, entry: Entry) -> str:
    return f"{name} row {entry.address}: {entry.reason}"
