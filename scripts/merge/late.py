"""Rewrite the references that go in a circle, once every id is settled."""

from __future__ import annotations

from scripts.binding import BoundInput, Rewrite, TableJob
from scripts.databases.sqlite import Connection
from scripts.functions import reference_call
from scripts.merge.entries import list_kept
from scripts.merge.references import MAP, is_needed
from scripts.merge.rows import open_raw
from scripts.quoting import dotted, literal, quote


def rewrite_late(connection: Connection, jobs: tuple[TableJob, ...]) -> None:
    """Rewrite the references that go in a circle, now that every table is filled and its ledger written."""
    for job in jobs:
        for rewrite in job.rewrites:
            if rewrite.is_late and is_needed(connection, rewrite):
                for entry in job.inputs:
                    if rewrite in job.rewrites_of(entry) and not entry.is_seed:
                        _rewrite_input(connection, job, entry, rewrite)


def _rewrite_input(connection: Connection, job: TableJob, entry: BoundInput, rewrite: Rewrite) -> None:
    target, kept = dotted("main", job.table.name), dotted("ledger", entry.name)
    rowid = quote(str(job.table.rowid))
    with open_raw(connection, entry) as raw:
        value = f"s.{quote(entry.columns[rewrite.column])}"
        home = f"{raw.rid} + {entry.rowid_offset}"
        if job.table.integer_key is not None:
            home = f"s.{quote(entry.columns[job.table.integer_key])}"
        new = reference_call(dotted("scratch", MAP + rewrite.parent), entry.source, value, rewrite.json)
        connection.execute("DROP TABLE IF EXISTS scratch.late")
        connection.execute("CREATE TABLE scratch.late (rid INTEGER PRIMARY KEY, place INTEGER, old, new)")
        connection.execute(
            f"INSERT INTO scratch.late SELECT * FROM (SELECT {raw.rid}, coalesce(l._target_rowid, {home}), "
            f"{value} AS old, {new} AS new FROM {raw.table} AS s LEFT JOIN {kept} l ON l._rowid = {raw.rid} "
            "WHERE l._rowid IS NULL OR l._disposition = 'inserted') WHERE new IS NOT old"
        )
        connection.execute(
            f"UPDATE OR IGNORE {target} AS t SET {quote(rewrite.column)} = late.new "
            f"FROM scratch.late AS late WHERE t.{rowid} = late.place"
        )
        connection.execute(
            f"INSERT OR IGNORE INTO {kept} SELECT late.rid, 'inserted', "
            f"{literal(rewrite.column + ' ')} || quote(late.old) || ' is now ' || quote(late.new), 'reference', "
            f"late.place, NULL, NULL, {list_kept(entry, 's')} "
            f"FROM scratch.late AS late CROSS JOIN {raw.table} AS s ON {raw.rid} = late.rid"
        )
