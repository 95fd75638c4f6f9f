"""Make merged rows again, in plain Python and from the ledger's versions, and compare them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from scripts.binding import BoundInput, TableJob
from scripts.databases.schema import Column
from scripts.databases.sqlite import Connection, RawText
from scripts.instants import Stored, read_instant
from scripts.plan import ColumnRule
from scripts.quoting import dotted, quote

_CLASSES = {type(None): 0, int: 1, float: 1, RawText: 2, bytes: 3}


def count_wrong_merges(connection: Connection, job: TableJob) -> int:
    """Count the target rows that are not what ``merge`` makes of their versions."""
    if job.table.rowid is None or not job.inputs:
        return 0
    query = _versions_query(job)
    if query is None:
        return 0
    factory = connection.text_factory
    connection.text_factory = RawText
    try:
        rows = connection.execute(query)
        groups = groupby(rows, key=itemgetter(0))
        return sum(not _is_right(job, [row[1:] for row in versions]) for _, versions in groups)
    finally:
        connection.text_factory = factory


def _versions_query(job: TableJob) -> str | None:
    """Select target row, rank, rowid and values of all entries of merged groups, and of the target row itself (rank 0)."""
    parts = []
    for entry in job.inputs:
        values = ", ".join(_kept_value(job, entry, column) for column in job.columns)
        parts.append(f"SELECT l._target_rowid AS row, {entry.number} AS rank, l._rowid AS rid, {values} "
                     f"FROM {dotted('ledger', entry.name)} l WHERE l._rule = 'merge' AND l._target_rowid IS NOT NULL")
    rowid = quote(str(job.table.rowid))
    named = " UNION ".join(f"SELECT _target_rowid FROM {dotted('ledger', entry.name)} WHERE _rule = 'merge'" for entry in job.inputs)
    held = ", ".join(f"t.{quote(column.name)}" for column in job.columns)
    parts.append(f"SELECT t.{rowid}, 0, 0, {held} FROM main.{quote(job.table.name)} t WHERE t.{rowid} IN ({named})")
    return " UNION ALL ".join(parts) + " ORDER BY 1, 2, 3"


def _kept_value(job: TableJob, entry: BoundInput, column: Column) -> str:
    name = entry.columns.get(column.name)
    if name is None:
        return job.defaults.get(column.name, "NULL")
    place = next(number for number, held in enumerate(entry.table.columns) if held.name == name)
    return f"l.c{place}"


def _is_right(job: TableJob, versions: list[tuple[Stored, ...]]) -> bool:
    """Tell whether the target's row (rank 0) follows from the versions; an unchanged first row has no entry of its own."""
    if versions[0][0] != 0:
        return False
    target, entries = versions[0][2:], [version[2:] for version in versions[1:]]
    candidates = [entries, [target, *entries]]
    return any(_follows(job, target, rows) for rows in candidates if rows)


def _follows(job: TableJob, target: Sequence[Stored], rows: Sequence[Sequence[Stored]]) -> bool:
    return all(
        column.name == job.identity or column.name in job.transform
        or _same(_make(job, column, number, rows), target[number], column)
        for number, column in enumerate(job.columns)
    )


def _make(job: TableJob, column: Column, number: int, rows: Sequence[Sequence[Stored]]) -> Stored:
    rule = job.conflict.columns.get(column.name) or ColumnRule(rule="first_non_null", by=None)
    if column.name in job.key or rule.rule == "prefer":
        return rows[0][number]
    values = [row[number] for row in rows if row[number] is not None]
    if rule.rule == "first_non_null":
        return values[0] if values else None
    if rule.rule in ("max", "min"):
        return _extreme(values, highest=rule.rule == "max")
    place = next(place for place, held in enumerate(job.columns) if held.name.lower() == str(rule.by).lower())
    return _by_instant(rows, number, place, newest=rule.rule == "newest")


def _extreme(values: Sequence[Stored], *, highest: bool) -> Stored:
    ordered = sorted(values, key=_sort_key, reverse=highest)
    return ordered[0] if ordered else None


def _sort_key(value: Stored) -> tuple[int, float | bytes]:
    """Order values as SQLite does: numbers, then TEXT, then BLOB."""
    return (_CLASSES[type(value)], value if isinstance(value, int | float | bytes) else b"")


def _by_instant(rows: Sequence[Sequence[Stored]], number: int, place: int, *, newest: bool) -> Stored:
    dated = [(read_instant(row[place]), row) for row in rows]
    known = [(moment, row) for moment, row in dated if moment is not None]
    if not known:
        return rows[0][number]
    best = (max if newest else min)(moment for moment, _ in known)
    return next(row[number] for moment, row in known if moment == best)


def _same(made: Stored, held: Stored, column: Column) -> bool:
    if type(made) is type(held):
        return made == held
    return column.affinity != "BLOB" and isinstance(made, int | float) and isinstance(held, int | float) and made == held

