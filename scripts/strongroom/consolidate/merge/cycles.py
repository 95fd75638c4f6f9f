"""Tables that refer to each other in a circle are filled again until no id changes any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.references import are_maps_settled, map_ids, map_of_table, remember_maps
from strongroom.consolidate.merge.rows import open_raw
from strongroom.core.errors import DecisionNeededError
from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.functions import id_of

_MOST_ROUNDS = 30
"""Two rounds settle most circles, and three those in which rows wait; without a bound, some quarrels have no end."""
_Ids = dict[str, dict[str, str]]
"""By referenced table of a circle, and by name of an input: the column that holds its ids."""


def group_circles(jobs: Sequence[TableJob]) -> Iterator[list[TableJob]]:
    """Group the tables, in their order, so that those of one circle stand together."""
    places = {job.table.name: place for place, job in enumerate(jobs)}
    group: list[TableJob] = []
    end = 0
    for place, job in enumerate(jobs):
        group.append(job)
        end = max([end, place, *(places[name] for name in _late_parents([job]))])
        if place == end:
            yield group
            group = []


def fill_circle(
    connection: Connection, jobs: Sequence[TableJob], group: Sequence[TableJob], fill: Callable[[TableJob], int]
) -> int:
    """Fill a group's tables until the ids are those with which they were filled; return the rows.

    Raises DecisionNeededError when that has no end.
    """
    late = sorted(_late_parents(group))
    for _ in range(_MOST_ROUNDS):
        remember_maps(connection, late)
        rows = 0
        for job in group:
            rows += fill(job)
            map_ids(connection, jobs, job)
        if are_maps_settled(connection, late):
            return rows
        _spread_waiting(connection, group)
        for job in group:
            _empty(connection, job)
    raise DecisionNeededError(
        ", ".join(job.into for job in group),
        f"their rows refer to each other in a circle, and after {_MOST_ROUNDS} rounds their ids still change",
        "keep the ids of one of them, or let rows that differ wait (rule: quarantine)",
    )


def _late_parents(jobs: Sequence[TableJob]) -> set[str]:
    return {rewrite.parent for job in jobs for rewrite in job.rewrites if rewrite.is_late}


def _empty(connection: Connection, job: TableJob) -> None:
    """Take back what filling a table wrote, but for its indexes."""
    connection.execute(f"DELETE FROM {dotted('main', job.table.name)}")
    for entry in job.inputs:
        connection.execute(f"DROP TABLE {dotted('ledger', entry.name)}")
    connection.execute(f"DELETE FROM ledger.inputs WHERE into_table = {literal(job.into)}")


def _spread_waiting(connection: Connection, group: Sequence[TableJob]) -> None:
    """Let whatever hangs on a waiting row wait in the next round: else a long thread takes a round for each row."""
    ids = _find_ids(group)
    if not any(_has_waiting(connection, parent) for parent in ids):
        return
    connection.execute(
        "CREATE TABLE scratch.edges (parent TEXT, source TEXT, held TEXT, child TEXT, own TEXT, "
        "PRIMARY KEY (parent, source, held, child, own)) WITHOUT ROWID"
    )
    for job in group:
        for entry in job.inputs:
            if entry.name in ids.get(job.table.name, {}) and not entry.is_seed:
                _collect_edges(connection, job, entry, ids)
    first = " UNION ALL ".join(
        f"SELECT {literal(parent)}, source, old FROM {map_of_table(parent)} WHERE waits" for parent in ids
    )
    connection.execute(
        "CREATE TABLE scratch.waiting AS WITH RECURSIVE waiting (kind, source, old) AS "
        f"(SELECT * FROM ({first}) UNION SELECT e.child, e.source, e.own FROM waiting w "
        "CROSS JOIN scratch.edges e ON e.parent = w.kind AND e.source = w.source AND e.held = w.old) "
        "SELECT * FROM waiting"
    )
    for parent in ids:
        connection.execute(
            f"INSERT OR REPLACE INTO {map_of_table(parent)} SELECT source, old, NULL, 1 FROM scratch.waiting "
            f"WHERE kind = {literal(parent)}"
        )
    for name in ("edges", "waiting"):
        connection.execute(f"DROP TABLE scratch.{name}")


def _find_ids(group: Sequence[TableJob]) -> _Ids:
    rewrites = {rewrite.parent: rewrite for job in group for rewrite in job.rewrites}
    found: _Ids = {}
    for job in group:
        if job.table.name in rewrites:
            places = {holder.kept: holder.place for holder in rewrites[job.table.name].holders}
            found[job.table.name] = {
                entry.name: entry.table.columns[places[entry.name]].name for entry in job.inputs if entry.name in places
            }
    return found


def _has_waiting(connection: Connection, parent: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {map_of_table(parent)} WHERE waits LIMIT 1").fetchone() is not None


def _collect_edges(connection: Connection, job: TableJob, entry: BoundInput, ids: _Ids) -> None:
    """Note which row of an input, of those that went in, hangs on which row of a table of its circle."""
    own = quote(ids[job.table.name][entry.name])
    for rewrite in job.rewrites_of(entry):
        if rewrite.parent not in ids:
            continue
        held = id_of(f"s.{quote(entry.columns[rewrite.column])}", rewrite.json)
        with open_raw(connection, entry) as raw:
            connection.execute(
                f"INSERT OR IGNORE INTO scratch.edges SELECT {literal(rewrite.parent)}, {literal(entry.source)}, "
                f"{held}, {literal(job.table.name)}, CAST(s.{own} AS TEXT) FROM {raw.table} AS s "
                f"LEFT JOIN {dotted('ledger', entry.name)} l ON l._rowid = {raw.rid} "
                f"WHERE coalesce(l._disposition, 'inserted') = 'inserted' AND {held} || s.{own} IS NOT NULL"
            )
