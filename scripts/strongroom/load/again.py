"""Prove a load once more, where its rows stand now. Read-only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import DifferencesError, GuardError
from strongroom.core.files import hash_file
from strongroom.core.secret import Secret
from strongroom.core.workers import open_workers
from strongroom.load.changes import Changes, list_changes
from strongroom.load.documents import LoadDocument, LoadState
from strongroom.load.judging import prove_load, read_made
from strongroom.load.outcome import Outcome, choose_exit, judge
from strongroom.load.place import LoadFolder, find_load
from strongroom.load.request import Schemas
from strongroom.postgres.connection import Access, open_postgres
from strongroom.runs.home import Home
from strongroom.sqlite.keyring import hold_needed

_STANDING = (LoadState.STAGED, LoadState.WAITING, LoadState.DIFFERENT, LoadState.LIVE, LoadState.ROLLED_BACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """A proof, as asked for."""

    target: Path
    access: Access
    load: str | None = None
    """Its id; None: the latest."""
    show_values: bool = False
    """Whether differences name values, and not only their hashes."""
    jobs: int = 1
    engine: Engine = Engine.SYSTEM


def verify(request: VerifyRequest, keys: Mapping[str, Secret], schemas: Schemas) -> Outcome:
    """Prove a load from its snapshots, its ledger and the server, and its schemas by what was made of them.

    Raises UnreachableError, UsageError, GuardError for one that did not come to its end, and DifferencesError where a
    snapshot is not as it was taken.
    """
    began = time.monotonic()
    folder, about = find_load(Home(target=request.target, engine=request.engine), request.load)
    if about.state not in _STANDING:
        fact = f"is {about.state}: its rows stand nowhere"
        raise GuardError(f"load {folder.name}", fact, "run postgres.load, or name another --load")
    with (
        hold_needed(keys, _name_keys(about)),
        open_workers(request.jobs, lambda: None) as workers,
    ):
        _refuse_changed_snapshots(folder, about)
        found = prove_load(folder, about, request.access, workers, show_values=request.show_values)
    with open_postgres(request.access, is_read_only=True) as connection:
        changes = list_changes(connection, about, read_made(folder), schemas)
    seeds = _compare_seeds(folder, about, found)
    return _add_changes(replace(found, seconds=round(time.monotonic() - began, 3)), changes, seeds)


def _refuse_changed_snapshots(folder: LoadFolder, about: LoadDocument) -> None:
    """Refuse copies that are not as they were taken: nothing is proven by them. Raises DifferencesError."""
    for record in about.targets.values():
        copy = folder.find_snapshot(record).path
        if copy.is_file() and hash_file(copy) != record.snapshot.sha256:
            raise DifferencesError(copy, "is not the copy that was taken", "run postgres.load again")


def _compare_seeds(folder: LoadFolder, about: LoadDocument, found: Outcome) -> Iterator[str]:
    """Yield the tables that the source lacks, and that hold another number of rows than the files left in them."""
    report = folder.read_as(Outcome)
    if report is None or about.way != "staged":
        return
    for name, tally in report.targets.items():
        now = found.targets.get(name)
        if tally.seeded and (now is None or now.seeded != tally.seeded):
            left = 0 if now is None else now.seeded
            yield f"{name}: holds {left} rows, and {tally.seeded} when it was loaded, which its files put there"


def _add_changes(found: Outcome, changes: Changes, seeds: Iterator[str]) -> Outcome:
    differences = (*found.differences, *changes.differences, *seeds)
    verdict = judge(differences, found.unexplained, found.quarantined)
    ended = choose_exit(verdict, found.quarantined, found.budget)
    return replace(found, differences=differences, notes=(*found.notes, *changes.notes), verdict=verdict, exit=ended)


def _name_keys(about: LoadDocument) -> set[str | None]:
    return {name for record in about.targets.values() for name in (record.key, record.snapshot.key)}
