"""Find out again what became of the ids that other tables hold, from the ledger and the target as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from strongroom.binding import BoundInput, Rewrite, TableJob
from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.functions import id_of, reference_call


@contextmanager
def open_maps(connection: Connection, job: TableJob) -> Iterator[TableJob]:
    """Make the maps of the tables that a table refers to; give the job without the references that all stay."""
    parents = {rewrite.parent: rewrite for rewrite in job.rewrites}
    changed = {name for name, rewrite in parents.items() if _make_map(connection, job, rewrite)}
    try:
        yield replace(job, rewrites=tuple(rewrite for rewrite in job.rewrites if rewrite.parent in changed))
    finally:
        for name in parents:
            connection.execute(f"DROP TABLE {_map(job, name)}")


def _make_map(connection: Connection, job: TableJob, rewrite: Rewrite) -> bool:
    name, target = _map(job, rewrite.parent), dotted("main", rewrite.parent)
    index = dotted(job.working, "by id of " + rewrite.parent)
    indexed = f"CREATE INDEX {index} ON {quote('ids of ' + rewrite.parent)} (old)"
    connection.execute(f"CREATE TABLE {name} (source, old TEXT, new, waits)")
    if job.is_secret:  # made afterwards, it would be sorted in memory
        connection.execute(indexed)
    for holder in rewrite.holders:
        kept = dotted("ledger", holder.kept)
        held = f"SELECT t.{quote(rewrite.parent_id)} FROM {target} t WHERE t.{quote(rewrite.parent_rowid)}"
        taken = f"l.c{holder.place} IN (SELECT {quote(rewrite.parent_id)} FROM {target})"
        connection.execute(
            f"INSERT INTO {name} SELECT {literal(holder.source)}, CAST(own AS TEXT), new, "
            f"disposition = 'quarantined' OR new IS NULL AND taken FROM (SELECT l.c{holder.place} AS own, "
            f"({held} = l._target_rowid) AS new, l._disposition AS disposition, {taken} AS taken FROM {kept} l) "
            "WHERE own IS NOT NULL AND (new IS NOT own OR disposition = 'quarantined')"
        )
    if not job.is_secret:
        connection.execute(indexed)
    return connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() is not None


def _map(job: TableJob, parent: str) -> str:
    return dotted(job.working, "ids of " + parent)


def follow_references(job: TableJob, entry: BoundInput, column: str, value: str) -> str:
    """Return what a column should hold where its source holds ``value``."""
    for rewrite in job.rewrites_of(entry):
        if rewrite.column == column:
            value = reference_call(_map(job, rewrite.parent), entry.source, value, rewrite.json)
    return value


def is_waiting(job: TableJob, entry: BoundInput, alias: str) -> str:
    """Return the condition that a source's row refers to one that waits in quarantine."""
    waiting = [
        f"EXISTS (SELECT 1 FROM {_map(job, rewrite.parent)} w WHERE w.source = {literal(entry.source)} AND w.waits "
        f"AND w.old = {id_of(f'{alias}.{quote(entry.columns[rewrite.column])}', rewrite.json)})"
        for rewrite in job.rewrites_of(entry)
    ]
    return " OR ".join(waiting) or "0"
