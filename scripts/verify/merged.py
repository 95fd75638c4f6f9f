"""Make merged rows again, in plain Python and from the ledger's versions, and compare them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

from scripts.binding import BoundInput, TableJob
from scripts.databases.schema import Column
from scripts.databases.sqlite import Connection, RawText, UndecodableError
from scripts.instants import Stored, read_instant
from scripts.plan import ColumnRule
from scripts.quoting import dotted, fold, quote
from scripts.verify.rows import make_value

Row = Sequence[Stored]
Maker = Callable[[Sequence[Row]], Stored]
_HEAD = 4
"""A version begins with target row, rank, rowid and whether it is the row that the others were merged into."""
_CLASSES: dict[type, int] = {int: 1, float: 1, str: 2, RawText: 2, bytes: 3}


def count_wrong_merges(connection: Connection, job: TableJob) -> int:
    """Count the target rows that are not what ``merge`` makes of their versions."""
    if not job.inputs or not job.key:
        return 0
    try:
        return _count_wrong(connection, job)
    except UndecodableError:
        factory, connection.text_factory = connection.text_factory, RawText
        try:
            return _count_wrong(connection, job)
        finally:
            connection.text_factory = factory


def _count_wrong(connection: Connection, job: TableJob) -> int:
    checks = [
        (number + _HEAD, column.affinity == "BLOB", _make(job, column, number + _HEAD))
        for number, column in enumerate(job.columns)
        if column.name != job.identity
    ]
    rows = connection.execute(f"{_open_versions(connection, job)} ORDER BY 1, 2, 3")
    try:
        return sum(not _is_right(checks, list(versions)) for _, versions in groupby(rows, key=itemgetter(0)))
    finally:
        rows.close()


def _open_versions(connection: Connection, job: TableJob) -> str:
    """Return the query for all versions, in the form in which the target stores them."""
    query = _versions_query(job)
    if not any(job.needs_settling(entry) for entry in job.inputs):
        return query
    declared = ", ".join(f"c{number} {column.affinity}" for number, column in enumerate(job.columns))
    connection.execute("DROP TABLE IF EXISTS temp.versions")
    connection.execute(f"CREATE TEMP TABLE versions (grp, rank, rid, anchor, {declared})")
    connection.execute(f"INSERT INTO temp.versions {query}")
    return "SELECT * FROM temp.versions"


def _versions_query(job: TableJob) -> str:
    """Select all entries of merged groups in order, each group led by the target row itself (rank 0)."""
    parts = []
    for entry in job.inputs:
        values = ", ".join(_kept_value(job, entry, column) for column in job.columns)
        parts.append(
            f"SELECT {_kept_group(job, entry)} AS grp, {entry.number} AS rank, l._rowid AS rid, "
            f"l._disposition = 'inserted' AS anchor, {values} FROM {dotted('ledger', entry.name)} l "
            "WHERE l._rule = 'merge' AND l._disposition <> 'quarantined'"
        )
    named = " UNION ".join(
        f"SELECT {_kept_group(job, entry)} FROM {dotted('ledger', entry.name)} l "
        "WHERE l._rule = 'merge' AND l._disposition <> 'quarantined'"
        for entry in job.inputs
    )
    held = ", ".join(f"t.{quote(column.name)}" for column in job.columns)
    group = _held_group(job)
    parts.append(f"SELECT {group}, 0, 0, 0, {held} FROM main.{quote(job.table.name)} t WHERE {group} IN ({named})")
    return " UNION ALL ".join(parts)


def _held_group(job: TableJob) -> str:
    """Return what names a target row: its rowid, else its key as text."""
    if job.table.rowid is not None:
        return f"t.{quote(job.table.rowid)}"
    return " || ' ' || ".join(f"quote(t.{quote(name)})" for name in job.key)


def _kept_group(job: TableJob, entry: BoundInput) -> str:
    if job.table.rowid is not None:
        return "l._target_rowid"
    columns = [job.table.by_name[fold(name)] for name in job.key]
    return " || ' ' || ".join(f"quote({_kept_value(job, entry, column)})" for column in columns)


def _kept_value(job: TableJob, entry: BoundInput, column: Column) -> str:
    name = entry.columns.get(column.name)
    place = next((number for number, held in enumerate(entry.table.columns) if held.name == name), 0)
    return make_value(job, entry, column, f"l.c{place}")


def _is_right(checks: Sequence[tuple[int, bool, Maker]], versions: list[Row]) -> bool:
    """Tell whether the target's row follows from its versions.

    A first row that the merge left as it was has no entry: there the target's row stands for it, and is
    compared with its source where untouched rows are.
    """
    target = versions[0]
    if target[1] != 0:
        return False
    rows = versions[1:] if any(version[3] for version in versions) else versions
    for place, strictly, make in checks:
        made, held = make(rows), target[place]
        if made != held or (type(made) is not type(held) and not _is_stored_as(made, held, strictly=strictly)):
            return False
    return True


def _is_stored_as(made: Stored, held: Stored, *, strictly: bool) -> bool:
    """Tell whether a column with an affinity may have turned an integer into a real, or back."""
    return not strictly and isinstance(made, int | float) and isinstance(held, int | float)


def _make(job: TableJob, column: Column, place: int) -> Maker:
    """Return how a column's value comes out of a group's versions."""
    named = {fold(name): rule for name, rule in job.conflict.columns.items()}
    rule = named.get(fold(column.name)) or ColumnRule(rule="first_non_null", by=None)
    if column.name in job.key or rule.rule == "prefer":
        return lambda rows: rows[0][place]
    if rule.rule == "first_non_null":
        return lambda rows: next((row[place] for row in rows if row[place] is not None), None)
    if rule.rule in ("max", "min"):
        best = max if rule.rule == "max" else min
        return lambda rows: _extreme([row[place] for row in rows if row[place] is not None], best)
    by = _HEAD + next(number for number, held in enumerate(job.columns) if fold(held.name) == fold(str(rule.by)))
    return lambda rows: _by_instant(rows, place, by, newest=rule.rule == "newest")


def _extreme(values: list[Stored], best: Callable[..., Stored]) -> Stored:
    if len(values) > 1:
        return best(values, key=_sort_key)  # the first of equals, as in the plan's order
    return values[0] if values else None


def _sort_key(value: Stored) -> tuple[int, Stored]:
    """Order values as SQLite does: numbers, then TEXT, then BLOB."""
    return (_CLASSES[type(value)], value)


def _by_instant(rows: Sequence[Row], place: int, by: int, *, newest: bool) -> Stored:
    best: int | None = None
    chosen = rows[0]
    for row in rows:
        moment = read_instant(row[by])
        if moment is not None and (best is None or (moment > best if newest else moment < best)):
            best, chosen = moment, row
    return chosen[place]
