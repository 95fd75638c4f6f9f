"""Verify one staged target: its content, and that it is sound."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.binding import BoundInput, TargetJob
from strongroom.consolidate.verify.structure import count_orphans, find_damage, verify_structure
from strongroom.consolidate.verify.tables import verify_contents, verify_table
from strongroom.consolidate.verify.virtual import verify_virtual
from strongroom.core.progress import add_rows
from strongroom.core.results import TableTally, TargetTally, Verification
from strongroom.sqlite.connection import attached, open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.fingerprint import fingerprint_table
from strongroom.sqlite.functions import register_functions

ARCHIVE = "archive"
"""What stands for the dropped tables among the targets of a verification."""


def verify_content(job: TargetJob, stage: Database, ledger: Database) -> Verification:
    """Join snapshots, target and ledger, and say where every row ended. Read-only."""
    tables: dict[str, TableTally] = {}
    targets: dict[str, TargetTally] = {}
    differences: list[str] = []
    with open_snapshot(stage) as connection, attached(connection, ledger, "ledger"):
        register_functions(connection)
        for table in job.tables:
            try:
                found, tally, wrong = verify_table(connection, table)
            except connection.Error as error:
                differences.append(f"{table.into}: cannot be compared ({error})")
                continue
            tables.update(found)
            add_rows(tally.rows)
            targets[table.into] = tally
            differences += wrong + verify_contents(connection, table)
    return Verification(target=job.name, tables=tables, targets=targets, differences=tuple(differences))


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
            differences, notes = [f"{job.name}: cannot be examined ({error})"], []
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
