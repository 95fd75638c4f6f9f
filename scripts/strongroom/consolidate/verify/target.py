"""Verify one staged target: its content, and that it is sound."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from strongroom.binding import BoundInput, TargetJob
from strongroom.consolidate.verify.structure import count_orphans, find_damage, verify_structure
from strongroom.consolidate.verify.tables import verify_contents, verify_table
from strongroom.consolidate.verify.virtual import verify_virtual
from strongroom.core.engines import Engine
from strongroom.core.progress import add_rows
from strongroom.core.results import TableTally, TargetTally, Verification
from strongroom.sqlite.connection import Connection, attach_stage, attached, open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.fingerprint import fingerprint_table
from strongroom.sqlite.functions import register_functions
from strongroom.sqlite.keyring import SCRATCH

ARCHIVE = "archive"
"""What stands for the dropped tables among the targets of a verification."""


def verify_content(job: TargetJob, stage: Database, ledger: Database) -> Verification:
    """Join snapshots, target and ledger, and say where every row ended. Read-only."""
    tables: dict[str, TableTally] = {}
    targets: dict[str, TargetTally] = {}
    differences: list[str] = []
    with open_snapshot(stage) as connection, attached(connection, ledger, "ledger"), _working(connection, job):
        register_functions(connection)
        for table in job.tables:
            try:
                found, tally, wrong = verify_table(connection, table)
            except connection.Error as error:
                differences.append(f"{table.into}: cannot be compared ({say_error(job, error)})")
                continue
            tables.update(found)
            add_rows(tally.rows)
            targets[table.into] = tally
            differences += wrong + verify_contents(connection, table)
    return Verification(target=job.name, tables=tables, targets=targets, differences=tuple(differences))


@contextmanager
def _working(connection: Connection, job: TargetJob) -> Iterator[None]:
    """Give encrypted data a place for working tables, under the run's random key: TEMP is in memory there."""
    if not job.is_secret:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        place = Database(Path(scratch) / "working.db", Engine.BUNDLED, SCRATCH)
        attach_stage(connection, place, "working")
        yield
        connection.execute("DETACH working")


def say_error(job: TargetJob, error: Exception) -> str:
    """Say what SQLite complains of; of encrypted data only the kind of error, for the text may hold a value."""
    return type(error).__name__ if job.is_secret else str(error)


def fingerprint_target(job: TargetJob, stage: Database) -> dict[str, str]:
    """Return the fingerprint of every table of a target. Read-only."""
    with open_snapshot(stage) as connection:
        return {table.into: str(fingerprint_table(connection, table.table.name)) for table in job.tables}


def verify_soundness(job: TargetJob, stage: Database) -> Verification:
    """Check a target's pages, indexes, structure and marks, and count its orphans. Read-only."""
    with open_snapshot(stage) as connection:
        register_functions(connection)
        damage: list[str] = []
        try:
            damage = find_damage(connection, job)
            differences = damage + verify_structure(connection, job)
            differences += verify_virtual(connection, job)
            notes = count_orphans(connection, job)
        except connection.Error as error:
            differences, notes = [f"{job.name}: cannot be examined ({say_error(job, error)})"], []
    return Verification(
        target=job.name,
        tables={},
        targets={},
        differences=tuple(differences),
        notes=tuple(notes),
        damaged=bool(damage),
    )


def verify_drops(drops: Sequence[tuple[BoundInput, str]], archive: Database) -> Verification:
    """Compare the tables that the plan drops, row by row in any order, with what the archive keeps. Read-only."""
    tables, differences = {}, []
    for entry, _ in drops:
        with open_snapshot(entry.database) as source, open_snapshot(archive) as kept:
            before, after = fingerprint_table(source, entry.table.name), fingerprint_table(kept, entry.name)
        lost = 0 if before == after else before.rows
        tables[entry.name] = TableTally(
            into="archive.db", read=before.rows, filtered=before.rows - lost, unexplained=lost
        )
        if lost:
            differences.append(f"{entry.name}: the archive does not hold what was dropped")
    return Verification(target=ARCHIVE, tables=tables, targets={}, differences=tuple(differences))
