"""Tables that refer to each other in a circle are filled again until no id changes any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.follow import held_values
from strongroom.consolidate.merge.groups import forget_groups
from strongroom.consolidate.merge.maps import (
    are_maps_settled,
    list_held,
    map_ids,
    map_of,
    news,
    remember_ids,
    remember_maps,
)
from strongroom.consolidate.merge.raw import open_raw
from strongroom.consolidate.merge.references import may_leave_orphans
from strongroom.core.errors import DecisionNeededError
from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import Connection

_MOST_ROUNDS = 30
"""Two rounds settle most circles, and three those in which rows wait; without a bound, some quarrels have no end."""


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
    names = _late_parents(group)
    late = [job for job in jobs if job.table.name in names]
    by_name = {job.table.name: job for job in jobs}
    again = any(may_leave_orphans(connection, by_name, job) for job in group)
    for _ in range(_MOST_ROUNDS):
        remember_maps(connection, jobs, late)
        rows = 0
        for job in group:
            rows += fill(job)
            map_ids(connection, jobs, job)
        if are_maps_settled(connection, jobs, late) and not again:
            return rows
        again = False
        _spread_waiting(connection, jobs, group)
        remember_ids(connection, jobs, late)
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
    if job.table.autoincrement:  # no row of this round was there
        connection.execute(f"DELETE FROM main.sqlite_sequence WHERE name = {literal(job.table.name)}")
    for entry in job.inputs:
        connection.execute(f"DROP TABLE {dotted('ledger', entry.name)}")
    connection.execute(f"DELETE FROM ledger.inputs WHERE into_table = {literal(job.into)}")
    forget_groups(connection, job)


def _spread_waiting(connection: Connection, jobs: Sequence[TableJob], group: Sequence[TableJob]) -> None:
    """Let whatever hangs on a waiting row wait in the next round: else a long thread takes a round for each row."""
    maps = {job.table.name: [map_of(held) for held in list_held(jobs, job.table.name)] for job in group}
    first = " UNION ".join(
        f"SELECT {literal(table)}, input, rid FROM {name} WHERE waits"
        for table, names in maps.items()
        for name in names
    )
    if not first or not connection.execute(f"{first} LIMIT 1").fetchone():
        return
    connection.execute(
        "CREATE TABLE scratch.edges (parent TEXT, home INTEGER, held INTEGER, child TEXT, input INTEGER, rid INTEGER, "
        "PRIMARY KEY (parent, home, held, child, input, rid)) WITHOUT ROWID"
    )
    for job in group:
        for entry in job.inputs:
            _collect_edges(connection, job, entry, {one.table.name: one for one in group})
            _collect_beaten(connection, job, entry)
    connection.execute(
        "CREATE TABLE scratch.waiting AS WITH RECURSIVE waiting (kind, input, rid) AS "
        f"(SELECT * FROM ({first}) UNION SELECT e.child, e.input, e.rid FROM waiting w "
        "CROSS JOIN scratch.edges e ON e.parent = w.kind AND e.home = w.input AND e.held = w.rid) "
        "SELECT * FROM waiting"
    )
    for job in group:
        for entry in job.inputs:
            _let_wait(connection, jobs, job, entry)
    for name in ("edges", "waiting"):
        connection.execute(f"DROP TABLE scratch.{name}")


def _collect_edges(connection: Connection, job: TableJob, entry: BoundInput, group: Mapping[str, TableJob]) -> None:
    """Note which row of an input, of those that went in, hangs on which row of its file in a table of its circle."""
    for rewrite in job.references_of(entry):
        parent = group.get(rewrite.parent)
        for home in parent.inputs if parent is not None and not rewrite.homes else ():
            columns = [home.columns.get(name) for name in rewrite.parent_columns]
            if home.source != entry.source or home.table.rowid is None or None in columns:
                continue
            same = " AND ".join(
                f"p.{quote(str(name))} = {value}"
                for name, value in zip(columns, held_values(rewrite, entry), strict=True)
            )
            with open_raw(connection, entry) as raw:
                connection.execute(
                    f"INSERT OR IGNORE INTO scratch.edges SELECT {literal(rewrite.parent)}, {home.number}, "
                    f"p.{quote(home.table.rowid)}, {literal(job.table.name)}, {entry.number}, {raw.rid} "
                    f"FROM {raw.table} AS s CROSS JOIN {dotted('src', home.table.name)} p ON {same} "
                    f"LEFT JOIN {dotted('ledger', entry.name)} l ON l._rowid = {raw.rid} "
                    "WHERE coalesce(l._disposition, 'inserted') = 'inserted'"
                )


def _collect_beaten(connection: Connection, job: TableJob, entry: BoundInput) -> None:
    """Note which row of an input stands behind which other one of its table: it waits where that one does."""
    table = literal(job.table.name)
    connection.execute(
        f"INSERT OR IGNORE INTO scratch.edges SELECT {table}, _winner_input, _winner_rowid, {table}, {entry.number}, "
        f"_rowid FROM {dotted('ledger', entry.name)} WHERE _winner_input IS NOT NULL"
    )


def _let_wait(connection: Connection, jobs: Sequence[TableJob], job: TableJob, entry: BoundInput) -> None:
    """Let the rows of an input that were found to wait do so in the maps of their table."""
    waiting = f"SELECT rid FROM scratch.waiting WHERE kind = {literal(job.table.name)} AND input = {entry.number}"
    for held in list_held(jobs, job.table.name):
        if entry.is_seed or not all(name in entry.columns for name in held[1]):
            continue
        old = [f"s.{quote(entry.columns[name])}" for name in held[1]]
        present = " AND ".join(f"{value} IS NOT NULL" for value in old)
        with open_raw(connection, entry) as raw:
            connection.execute(
                f"INSERT OR REPLACE INTO {map_of(held)} SELECT {entry.number}, {raw.rid}, {', '.join(old)}, "
                f"{', '.join('NULL' for _ in news(len(old)))}, NULL, 1 FROM {raw.table} AS s "
                f"WHERE {raw.rid} IN ({waiting}) AND {present}"
            )
