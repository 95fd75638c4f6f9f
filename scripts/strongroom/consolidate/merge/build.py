"""Build one target file from its template and its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from strongroom.binding import TableJob, TargetJob
from strongroom.consolidate.merge.conflicts import (
    clear_scratch,
    find_contested,
    lay_out_versions,
    may_be_contested,
    set_undecidable_aside,
)
from strongroom.consolidate.merge.cycles import fill_circle, group_circles
from strongroom.consolidate.merge.decide import create_merged, decide
from strongroom.consolidate.merge.groups import find_unfit
from strongroom.consolidate.merge.held_ids import find_highest_held
from strongroom.consolidate.merge.insert import insert_decided, insert_plain
from strongroom.consolidate.merge.ledger import collect_entries, start_ledger, write_ledger
from strongroom.consolidate.merge.one_file import can_change_one, change_one
from strongroom.consolidate.merge.references import prepare_rewrites
from strongroom.consolidate.merge.two_files import can_merge_pairs, merge_pairs
from strongroom.core.errors import DecisionNeededError
from strongroom.core.progress import add_rows
from strongroom.core.quoting import dotted, fold, literal, quote
from strongroom.core.results import Build
from strongroom.sqlite.connection import Connection, attach_stage, attached, open_snapshot, open_stage
from strongroom.sqlite.database import Database, read_mark, state_of
from strongroom.sqlite.functions import register_functions
from strongroom.sqlite.keyring import SCRATCH
from strongroom.sqlite.schema import Schema, read_schema, read_sequence

_LARGE = 32 << 20
"""Bytes of its sources from which a target counts as large."""
_SHOWN = 3


def build_target(job: TargetJob, stage: Database, ledger: Database) -> Build:
    """Build ``stage`` and ``ledger``; both must not exist yet, and the caller makes them durable.

    Raises PlanError, DecisionNeededError, DamagedSourceError, NoSpaceError; then both are worthless.
    """
    scratch = replace(stage, path=stage.beside(".scratch"), key=SCRATCH if job.is_secret else None)
    for made_here in (stage, ledger, scratch):
        made_here.path.touch(mode=0o600, exist_ok=False)
    with open_snapshot(job.template) as connection:
        template = read_schema(connection)
        objects = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid").fetchall()
    with open_stage(stage, page_size=_choose_page_size(job)) as connection:
        _prepare(connection, ledger, scratch)
        _refuse_filters(connection, job)
        _create_tables(connection, template, objects)
        by_name = {table.table.name: table for table in job.tables}
        made: set[str] = set()
        rows = 0
        for circle in group_circles(job.tables):
            for table in circle:
                made |= _create_early_indexes(connection, table)
            filled = fill_circle(connection, job.tables, circle, partial(_fill_table, connection, by_name))
            add_rows(filled)
            rows += filled
        _refuse_unfit(connection, job)
        _create_rest(connection, objects, made)
        _set_sequences(connection, job)
        for pragma in ("user_version", "application_id"):
            connection.execute(f"PRAGMA main.{pragma} = {getattr(template, pragma)}")
    scratch.path.unlink()
    return Build(
        target=job.name,
        file=str(stage.path),
        ledger=str(ledger.path),
        rows=rows,
        mark=read_mark(stage),
        state=state_of(stage),
        carried=job.carried,
        reported=job.reported,
        key=stage.key,
    )


def _choose_page_size(job: TargetJob) -> int:
    """Return SQLite's usual page size, or twice that for a large target, which then takes a tenth less time."""
    databases = {entry.database for table in job.tables for entry in table.inputs}
    return 8192 if sum(database.path.stat().st_size for database in databases) >= _LARGE else 4096


def _prepare(connection: Connection, ledger: Database, scratch: Database) -> None:
    register_functions(connection)
    attach_stage(connection, ledger, "ledger")
    attach_stage(connection, scratch, "scratch")
    for name in ("main", "ledger", "scratch"):
        connection.execute(f"PRAGMA {name}.secure_delete = OFF")
    start_ledger(connection)


def _refuse_filters(connection: Connection, job: TargetJob) -> None:
    """Do without automatic indexes where a column compares by RTRIM: those of SQLite 3.40 do not find 'a' by 'a '."""
    tables = [table for one in job.tables for table in (one.table, *(entry.table for entry in one.inputs))]
    if any("rtrim" in fold(table.sql) for table in tables):
        connection.execute("PRAGMA automatic_index = OFF")


_Objects = list[tuple[str, str, str, str | None]]


def _create_tables(connection: Connection, template: Schema, objects: _Objects) -> None:
    for kind, name, _, sql in objects:
        if kind == "table" and sql and name in template.tables:
            connection.execute(sql)


def _create_early_indexes(connection: Connection, job: TableJob) -> set[str]:
    """Create what has to be there before the rows: what refuses rows.

    The others are made of the target's rows, so that a source's damaged index does not come along with its records.
    Where something is encrypted, all come first: sorting is done in memory there, and temporary files would be plain.
    """
    made = set()
    for index in job.table.indexes:
        if index.sql and (index.unique or job.is_secret):
            connection.execute(index.sql)
            made.add(index.name)
    return made


def _fill_table(connection: Connection, jobs: Mapping[str, TableJob], job: TableJob) -> int:
    clear_scratch(connection)
    if not job.inputs:
        return 0
    job = prepare_rewrites(connection, jobs, job)
    is_changed = job.where or job.transform or job.rewrites
    alone = len(job.inputs) == 1 and not may_be_contested(job) and not is_changed
    if alone and (job.inputs[0].table.rowid is not None or job.table.without_rowid):
        read, inserted = insert_plain(connection, job, job.inputs[0])
        if read == inserted:
            write_ledger(connection, job)
            return inserted
        connection.execute(f"DELETE FROM {dotted('main', job.table.name)}")
    for can_be_taken, take in ((can_change_one, change_one), (can_merge_pairs, merge_pairs)):
        if can_be_taken(job):
            if take(connection, job):
                return _count(connection, job)
            connection.execute(f"DELETE FROM {dotted('main', job.table.name)}")
            clear_scratch(connection)
    if may_be_contested(job) and find_contested(connection, job):
        lay_out_versions(connection, job)
        set_undecidable_aside(connection, job)
        decide(connection, job)
    elif job.conflict.rule == "merge":
        create_merged(connection, job)
    highest = find_highest_held(connection, jobs.values(), job) if job.strategy == "renumber" else 0
    insert_decided(connection, job, highest)
    collect_entries(connection, job)
    write_ledger(connection, job)
    return _count(connection, job)


def _refuse_unfit(connection: Connection, job: TargetJob) -> None:
    """Make sure that every decision fits a group that is undecided without it. Raises DecisionNeededError."""
    unfit = [label for table in job.tables if table.decisions for label in find_unfit(connection, table)]
    if unfit:
        more = f", and {len(unfit) - _SHOWN} more" if len(unfit) > _SHOWN else ""
        fact = f"{len(unfit)} of its decisions fit no undecided rows of this run: {'; '.join(unfit[:_SHOWN])}{more}"
        way = "these rows changed since, or a rule decides them now: consolidate.decide --draft shows what is open"
        raise DecisionNeededError("decisions", fact, way)


def _count(connection: Connection, job: TableJob) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {dotted('main', job.table.name)}").fetchone()[0])


def _create_rest(connection: Connection, objects: _Objects, made: set[str]) -> None:
    for wanted in ("index", "view", "trigger"):
        for kind, name, _, sql in objects:
            if kind == wanted and sql and name not in made:
                connection.execute(sql)


def _set_sequences(connection: Connection, job: TargetJob) -> None:
    """Set each AUTOINCREMENT mark to the highest id that was ever used, in the target or in a source.

    SQLite's own counts ids that a constraint refused, too.
    """
    for table in job.tables:
        if not table.table.autoincrement:
            continue
        name = table.table.name
        highest = f"SELECT coalesce(max({quote(str(table.table.integer_key))}), 0) FROM {dotted('main', name)}"
        mark = int(connection.execute(highest).fetchone()[0])
        with attached(connection, job.template, "src"):
            mark = max(mark, read_sequence(connection, name, "src"))
        for entry in table.inputs:
            with attached(connection, entry.database, "src"):
                mark = max(mark, read_sequence(connection, entry.table.name, "src"))
        connection.execute(f"DELETE FROM main.sqlite_sequence WHERE name = {literal(name)}")
        if mark > 0:
            connection.execute(f"INSERT INTO main.sqlite_sequence VALUES ({literal(name)}, {mark})")
