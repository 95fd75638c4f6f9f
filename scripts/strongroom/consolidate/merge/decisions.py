"""Settle groups that no rule decides by what people decided of them (``.github/PLAN.md``, section 8).

A decided group is found by the hashes of its rows. Its shown row becomes what was taken, in ``merged`` and in
``versions``, so that whoever looks for its values afterwards finds these.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.conflicts import same_values
from strongroom.consolidate.merge.identity import has_merged
from strongroom.consolidate.merge.raw import open_raw
from strongroom.core.plan.decisions import ALL, Decision
from strongroom.core.quoting import fold, literal, quote
from strongroom.sqlite.connection import Connection, RawText
from strongroom.sqlite.row_hash import hash_row

_EVERY_COLUMN = -1
_ROWS = (
    "SELECT v.g, v.n, v.input, v.rid, v.waits FROM scratch.winners w CROSS JOIN scratch.versions v ON v.g = w.g "
    "LEFT JOIN scratch.twins t ON t.g = v.g AND t.n = v.n "
    "WHERE w.reason <> '' AND (v.n = 1 OR coalesce(t.first, v.n) <> 1)"
)
"""The rows of groups that no rule decides: the shown one, and those that wait for it."""


def fit_decisions(connection: Connection, job: TableJob) -> None:
    """Fill ``decided`` (g, decision, took, said, is_all, is_whole) and ``takes``: which decision fits which group."""
    connection.execute(
        "CREATE TABLE scratch.decided (g INTEGER PRIMARY KEY, decision INTEGER, took TEXT, said TEXT, is_all INTEGER, "
        "is_whole INTEGER)"
    )
    connection.execute("CREATE TABLE scratch.takes (g INTEGER, c INTEGER, n INTEGER, PRIMARY KEY (g, c)) WITHOUT ROWID")
    if not job.decisions:
        return
    connection.execute(
        "CREATE TABLE scratch.hashed (g INTEGER, n INTEGER, input INTEGER, rid INTEGER, waits INTEGER, hash TEXT, "
        "PRIMARY KEY (g, n)) WITHOUT ROWID"
    )
    connection.execute(f"INSERT INTO scratch.hashed SELECT g, n, input, rid, waits, NULL FROM ({_ROWS})")
    for entry in job.inputs:
        _hash_rows(connection, entry)
    wanted = {tuple(sorted(decision.rows)): decision for decision in job.decisions}
    names = " ".join(f"WHEN {entry.number} THEN {literal(entry.name)}" for entry in job.inputs)
    label = f"CASE input {names} END || ' row ' || rid"
    rows = connection.execute(f"SELECT g, n, hash, waits, {label} FROM scratch.hashed ORDER BY g, n").fetchall()
    for group, found in groupby(rows, key=lambda row: int(row[0])):
        members = [_Member(*row[1:]) for row in found]
        decision = wanted.get(tuple(sorted(member.hash for member in members)))
        if decision is not None:
            _fit(connection, job, group, members, decision)
    connection.execute("DROP TABLE scratch.hashed")


class _Member(NamedTuple):
    """One row of a group."""

    number: int
    hash: str
    waits: int
    label: str
    """What people know it by."""


def _hash_rows(connection: Connection, entry: BoundInput) -> None:
    """Hash the rows of an input as they stand in its snapshot."""
    names = [column.name for column in entry.table.columns]
    listed = ", ".join(f"s.{quote(name)}" for name in names)
    with open_raw(connection, entry) as raw:
        texts, connection.text_factory = connection.text_factory, RawText
        try:
            rows = connection.execute(
                f"SELECT h.g, h.n, {listed} FROM scratch.hashed h CROSS JOIN {raw.table} AS s ON {raw.rid} = h.rid "
                f"WHERE h.input = {entry.number}"
            )
            found = [(hash_row(entry.name, names, row[2:]), row[0], row[1]) for row in rows]
        finally:
            connection.text_factory = texts
    connection.executemany("UPDATE scratch.hashed SET hash = ? WHERE g = ? AND n = ?", found)


def _fit(connection: Connection, job: TableJob, group: int, members: list[_Member], decision: Decision) -> None:
    """Note what a decision takes of a group; nothing where that is a row which waits itself."""
    by_hash = {member.hash: member for member in members}
    listed = [by_hash[digest] for digest in decision.rows]
    is_all, is_whole = decision.take == ALL, isinstance(decision.take, int)
    takes = {} if is_all else dict(_list_takes(job, decision, listed))
    if any(member.waits for member in takes.values()) or (not is_all and listed and members[0].waits):
        return
    took = "all" if is_all else _say_taken(job, takes)
    connection.execute(
        "INSERT INTO scratch.decided VALUES (?, ?, ?, ?, ?, ?)",
        (group, decision.number, took, decision.say(took), is_all, is_whole),
    )
    connection.executemany(
        "INSERT INTO scratch.takes VALUES (?, ?, ?)", [(group, place, member.number) for place, member in takes.items()]
    )


def _list_takes(job: TableJob, decision: Decision, listed: list[_Member]) -> Iterator[tuple[int, _Member]]:
    if isinstance(decision.take, int):
        yield _EVERY_COLUMN, listed[decision.take - 1]
    elif not isinstance(decision.take, str):
        places = {fold(column.name): place for place, column in enumerate(job.columns)}
        for name, number in decision.take.items():
            yield places[fold(name)], listed[number - 1]


def _say_taken(job: TableJob, takes: dict[int, _Member]) -> str:
    if _EVERY_COLUMN in takes:
        return takes[_EVERY_COLUMN].label
    return ", ".join(f"{job.columns[place].name} of {member.label}" for place, member in takes.items())


def make_decided(connection: Connection, job: TableJob) -> None:
    """Put the row of each decided group together, in ``merged`` and in the place of the shown one in ``versions``."""
    if not connection.execute("SELECT 1 FROM scratch.decided WHERE NOT is_all LIMIT 1").fetchone():
        return
    fixed = job.fixed
    chosen = ", ".join(
        f"a.c{place}" if column.name in fixed else _take(place) for place, column in enumerate(job.columns)
    )
    connection.execute(
        f"INSERT INTO scratch.merged SELECT a.g, a.input, a.rid, {chosen} FROM scratch.decided d "
        "CROSS JOIN scratch.versions a ON a.g = d.g AND a.n = 1 WHERE NOT d.is_all"
    )


def _take(place: int) -> str:
    """Return the expression for one column of the row that was put together; ``a`` is the shown row."""
    taken = "(SELECT t.n FROM scratch.takes t WHERE t.g = a.g AND t.c = {})"
    number = f"coalesce({taken.format(place)}, {taken.format(_EVERY_COLUMN)}, 1)"
    return f"(SELECT v.c{place} FROM scratch.versions v WHERE v.g = a.g AND v.n = {number})"


def write_decided(connection: Connection, job: TableJob) -> None:
    """Say in ``outcomes`` what becomes of the rows of decided groups."""
    rows = "FROM scratch.decided d CROSS JOIN scratch.versions v ON v.g = d.g "
    connection.execute(
        "INSERT INTO scratch.outcomes SELECT v.input, v.rid, v.g, v.n, coalesce(t.first, v.n), "
        f"CASE WHEN t.first IS NULL THEN 'keep' ELSE 'merged_identical' END, '' {rows}"
        "LEFT JOIN scratch.twins t ON t.g = v.g AND t.n = v.n WHERE d.is_all"
    )
    if not has_merged(connection):
        return
    connection.execute(
        "INSERT INTO scratch.outcomes SELECT v.input, v.rid, v.g, v.n, 1, CASE WHEN v.n = 1 THEN 'anchor' "
        f"WHEN {same_values(job, 'm', 'v')} AND NOT v.waits THEN 'merged_identical' "
        f"WHEN d.is_whole THEN 'superseded' ELSE 'merged_changed' END, '' {rows}"
        "CROSS JOIN scratch.merged m ON m.g = v.g "
        "WHERE NOT d.is_all"
    )
    columns = [f"c{place}" for place in range(len(job.columns))]
    connection.execute(
        f"UPDATE scratch.versions AS v SET {', '.join(f'{name} = m.{name}' for name in columns)} "
        "FROM scratch.merged m JOIN scratch.decided d ON d.g = m.g WHERE v.g = m.g AND v.n = 1"
    )
