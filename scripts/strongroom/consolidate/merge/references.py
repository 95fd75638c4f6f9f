"""Follow ids that changed: what another table holds of them changes with them.

For each referenced table ``scratch."map <table>"`` (source, old, new, waits) says what became of the ids that
did not stay what they were; ``waits`` marks those whose row is in quarantine. Where references go in a circle,
``scratch."earlier map <table>"`` is the map of the round before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from strongroom.binding import Rewrite, TableJob
from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.functions import id_of, reference_call

_MAP, _EARLIER = "map ", "earlier map "
MAPS = (_MAP, _EARLIER)
"""How the names of the maps begin."""
_COLUMNS = "(source TEXT, old TEXT, new, waits INTEGER, PRIMARY KEY (source, old)) WITHOUT ROWID"


def map_of_table(parent: str) -> str:
    """Return the name of the map of a table that was filled."""
    return dotted("scratch", _MAP + parent)


def map_of(rewrite: Rewrite) -> str:
    """Return the name of the map by which a reference is rewritten."""
    return dotted("scratch", (_EARLIER if rewrite.is_late else _MAP) + rewrite.parent)


def map_ids(connection: Connection, jobs: Sequence[TableJob], filled: TableJob) -> None:
    """Remember what became of the ids of a table that was just filled, when another one refers to it."""
    rewrites = [rewrite for job in jobs for rewrite in job.rewrites if rewrite.parent == filled.table.name]
    if not rewrites:
        return
    first, name = rewrites[0], map_of_table(filled.table.name)
    connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(f"CREATE TABLE {name} {_COLUMNS}")
    for holder in first.holders:
        old, new = f"l.c{holder.place}", f"t.{quote(first.parent_id)}"
        connection.execute(
            f"INSERT OR IGNORE INTO {name} SELECT {literal(holder.source)}, CAST({old} AS TEXT), {new}, "
            f"l._disposition = 'quarantined' OR {new} IS NULL AND {old} IN (SELECT {quote(first.parent_id)} FROM "
            f"{dotted('main', first.parent)}) FROM {dotted('ledger', holder.kept)} l "
            f"LEFT JOIN {dotted('main', first.parent)} t ON t.{quote(first.parent_rowid)} = l._target_rowid "
            f"WHERE {old} IS NOT NULL AND (l._disposition = 'quarantined' OR {new} IS NOT {old})"
        )


def remember_maps(connection: Connection, parents: Sequence[str]) -> None:
    """Let the maps of these tables be those of the round before; the first round has none before it."""
    for parent in parents:
        name, earlier = (dotted("scratch", kind + parent) for kind in MAPS)
        connection.execute(f"DROP TABLE IF EXISTS {earlier}")
        connection.execute(f"CREATE TABLE {earlier} {_COLUMNS}")
        if connection.execute("SELECT 1 FROM scratch.sqlite_master WHERE name = ?", (_MAP + parent,)).fetchone():
            connection.execute(f"INSERT INTO {earlier} SELECT * FROM {name}")


def are_maps_settled(connection: Connection, parents: Sequence[str]) -> bool:
    """Tell whether the ids of these tables are those of the round before."""
    for parent in parents:
        one, two = (f"SELECT * FROM {dotted('scratch', kind + parent)}" for kind in MAPS)
        differ = f"SELECT 1 FROM ({one} EXCEPT {two}) UNION ALL SELECT 1 FROM ({two} EXCEPT {one}) LIMIT 1"
        if connection.execute(differ).fetchone():
            return False
    return True


def drop_idle_rewrites(connection: Connection, job: TableJob) -> TableJob:
    """Return the job without the references of which no id changed, and none waits."""
    return replace(job, rewrites=tuple(rewrite for rewrite in job.rewrites if _is_needed(connection, rewrite)))


def _is_needed(connection: Connection, rewrite: Rewrite) -> bool:
    return connection.execute(f"SELECT 1 FROM {map_of(rewrite)} LIMIT 1").fetchone() is not None


def changed_reference(rewrite: Rewrite, source: str, value: str) -> str:
    """Return the text that says what a reference was and is, or NULL where it stays."""
    new = reference_call(map_of(rewrite), source, value, rewrite.json)
    said = f"{literal(rewrite.column + ' ')} || quote({value}) || ' is now ' || quote({new})"
    return f"CASE WHEN {new} IS NOT {value} THEN {said} END"


def waiting_parent(rewrite: Rewrite, source: str, value: str) -> str:
    """Return the condition that the row to which a reference leads waits in quarantine."""
    held = id_of(value, rewrite.json)
    name = map_of(rewrite)
    return f"EXISTS (SELECT 1 FROM {name} w WHERE w.source = {literal(source)} AND w.old = {held} AND w.waits)"
