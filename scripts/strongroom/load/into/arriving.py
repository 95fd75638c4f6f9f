"""A load that ends in live tables: staged, proven, brought in in one transaction, and proven again where it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.core.errors import DecisionNeededError, ExitCode
from strongroom.core.files import locked
from strongroom.core.results import Verdict
from strongroom.core.workers import open_workers
from strongroom.load.documents import LoadDocument, LoadState, MadeDocument
from strongroom.load.into.into_live import IntoLiveRequest, go_into_live
from strongroom.load.judging import prove_load
from strongroom.load.opening import Load, find_snapshot, open_load
from strongroom.load.outcome import Outcome, choose_exit
from strongroom.load.place import find_load
from strongroom.load.request import Request, Surroundings
from strongroom.load.rows.jobs import TableJob
from strongroom.load.rows.ledger import Entry, count_waiting, list_waiting, note_rows
from strongroom.load.run import load
from strongroom.load.stage.staging import list_jobs
from strongroom.load.switch.switching import Around
from strongroom.postgres.connection import open_postgres
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.snapshot import refuse_changed


def load_into_live(request: Request, around: Surroundings, switching: Around) -> Outcome:
    """Load, and bring the rows that are new into the live tables, the way the request says.

    Killed, the same command goes on. An outcome with exit 3 or 4 is returned: nothing went live then, and what would
    wait is in the ledger. Raises what a load and ``go_into_live`` raise.
    """
    began = time.monotonic()
    staged = load(request, around)
    if request.dry_run or staged.exit is not ExitCode.DONE:
        return staged
    opening = open_load(request, around)
    keys = {database.key for database in opening.found.values()}
    with locked(opening.home.lock), hold_needed(around.keys, keys):
        folder, about = find_load(opening.home, staged.load)
        if about.state is LoadState.LIVE and _is_proven_live(about, staged):
            return staged
        this = Load(opening=opening, folder=folder, about=about)
        around.progress.start("into live", 0)
        refused = _bring_in(this, switching, staged)
        if refused is not None:
            return refused
        around.progress.start("verify", 0)
        proven = _prove(this, staged)
        proven = replace(proven, seconds=round(time.monotonic() - began, 3))
        folder.write(proven)
        return proven


def _is_proven_live(about: LoadDocument, outcome: Outcome) -> bool:
    """Tell whether an outcome is of the proof where rows are live: a load that was killed has one of the stage only."""
    return all(outcome.schemas.get(target) == record.schema for target, record in about.targets.items())


def _bring_in(this: Load, switching: Around, staged: Outcome) -> Outcome | None:
    """Bring a load's rows in; return what it ended with where too many would wait."""
    jobs = _list_jobs(this)

    def note(target: str, table: str, entries: Sequence[Entry]) -> None:
        note_rows(jobs[target, table], entries)

    def refuse_changed_sources() -> None:
        for name, record in this.about.targets.items():
            snapshot = find_snapshot(this.folder, name, record)
            refuse_changed(snapshot, this.opening.found[name], this.folder.root / "scratch")

    asked = IntoLiveRequest(
        system=this.request.system,
        access=this.request.access,
        folder=this.folder,
        document=this.about,
        waiting=staged.quarantined,
        quarantine_budget=staged.budget,
    )
    try:
        go_into_live(asked, replace(switching, refuse_changed_sources=refuse_changed_sources), note)
    except DecisionNeededError:
        ledgers = [this.folder.find_ledger(name, record.key) for name, record in this.about.targets.items()]
        return replace(
            staged,
            verdict=Verdict.PROVEN_WITH_QUARANTINE,
            exit=ExitCode.DECISION,
            quarantined=sum(map(count_waiting, ledgers)),
            waiting=tuple(line for ledger in ledgers for line in list_waiting(ledger)),
            nothing_done=False,
        )
    return None


def _list_jobs(this: Load) -> Mapping[tuple[str, str], TableJob]:
    made = this.folder.read_as(MadeDocument) or MadeDocument(targets={})
    with open_postgres(this.request.access, is_read_only=True) as connection:
        return {
            (job.target, job.into): job
            for stage in this.list_stages()
            for job in list_jobs(connection, stage, made.targets[stage.target.name])
        }


def _prove(this: Load, staged: Outcome) -> Outcome:
    about: LoadDocument = this.folder.read() or this.about
    with open_workers(this.request.jobs, lambda: None) as workers:
        proven = prove_load(this.folder, about, this.request.access, workers)
    ended = choose_exit(proven.verdict, proven.quarantined, staged.budget)
    return replace(proven, budget=staged.budget, exit=ended)
