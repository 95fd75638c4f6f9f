"""Follow ids that changed: what another table holds of them changes with them.

For each referenced table ``scratch."map <table>"`` (source, old, new, waits) says what became of the ids that
did not stay what they were; ``waits`` marks those whose row is in quarantine.
"""

from __future__ import annotations

from dataclasses import replace

from scripts.binding import Rewrite, TableJob
from scripts.databases.sqlite import Connection
from scripts.functions import id_of, reference_call
from scripts.quoting import dotted, literal, quote

MAP = "map "


def map_ids(connection: Connection, jobs: tuple[TableJob, ...], filled: TableJob) -> None:
    """Remember what became of the ids of a table that was just filled, when another one refers to it."""
    rewrites = [rewrite for job in jobs for rewrite in job.rewrites if rewrite.parent == filled.table.name]
    if not rewrites:
        return
    first, name = rewrites[0], dotted("scratch", MAP + filled.table.name)
    connection.execute(
        f"CREATE TABLE {name} (source TEXT, old TEXT, new, waits INTEGER, PRIMARY KEY (source, old)) WITHOUT ROWID"
    )
    for holder in first.holders:
        old, new = f"l.c{holder.place}", f"t.{quote(first.parent_id)}"
        connection.execute(
            f"INSERT OR IGNORE INTO {name} SELECT {literal(holder.source)}, CAST({old} AS TEXT), {new}, "
            f"l._disposition = 'quarantined' OR {new} IS NULL AND {old} IN (SELECT {quote(first.parent_id)} FROM "
            f"{dotted('main', first.parent)}) FROM {dotted('ledger', holder.kept)} l "
            f"LEFT JOIN {dotted('main', first.parent)} t ON t.{quote(first.parent_rowid)} = l._target_rowid "
            f"WHERE {old} IS NOT NULL AND (l._disposition = 'quarantined' OR {new} IS NOT {old})"
        )


def drop_idle_rewrites(connection: Connection, job: TableJob) -> TableJob:
    """Return the job without the references of which no id changed, and without the late ones."""
    return replace(
        job,
        rewrites=tuple(rewrite for rewrite in job.rewrites if not rewrite.is_late and is_needed(connection, rewrite)),
    )


def is_needed(connection: Connection, rewrite: Rewrite) -> bool:
    """Tell whether any id of the referenced table is another one now, or waits."""
    found = connection.execute(f"SELECT 1 FROM {dotted('scratch', MAP + rewrite.parent)} LIMIT 1")
    return found.fetchone() is not None


def changed_reference(rewrite: Rewrite, source: str, value: str) -> str:
    """Return the text that says what a reference was and is, or NULL where it stays."""
    new = reference_call(dotted("scratch", MAP + rewrite.parent), source, value, rewrite.json)
    said = f"{literal(rewrite.column + ' ')} || quote({value}) || ' is now ' || quote({new})"
    return f"CASE WHEN {new} IS NOT {value} THEN {said} END"


def waiting_parent(rewrite: Rewrite, source: str, value: str) -> str:
    """Return the condition that the row to which a reference leads waits in quarantine."""
    held = id_of(value, rewrite.json)
    name = dotted("scratch", MAP + rewrite.parent)
    return f"EXISTS (SELECT 1 FROM {name} w WHERE w.source = {literal(source)} AND w.old = {held} AND w.waits)"
