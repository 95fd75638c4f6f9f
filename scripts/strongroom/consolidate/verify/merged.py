"""Make merged rows again, in plain Python and from the ledger's versions, and compare them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.verify.rows import make_value
from strongroom.core.instants import Stored, read_instant
from strongroom.core.plan import ColumnRule
from strongroom.core.quoting import dotted, fold, quote
from strongroom.sqlite.connection import Connection, RawText
from strongroom.sqlite.functions import normalized_call
from strongroom.sqlite.schema import Column

Row = Sequence[Stored]
Maker = Callable[[Sequence[Row], list[int]], list[Stored]]
"""What a rule makes of a group's versions, in the columns at these places."""
_HEAD = 4
"""A version begins with target row, rank, rowid and whether it is the row that the others were merged into."""
_CLASSES: dict[type, int] = {int: 1, float: 1, str: 2, RawText: 2, bytes: 3}


def count_wrong_merges(connection: Connection, job: TableJob) -> int:
    """Count the target rows that are not what ``merge`` makes of their versions."""
    if not job.inputs or not job.key:
        return 0
    try:
        return _count_wrong(connection, job)
    except connection.OperationalError:  # among other causes, TEXT that is no UTF-8
        factory, connection.text_factory = connection.text_factory, RawText
        try:
            return _count_wrong(connection, job)
        finally:
            connection.text_factory = factory


def _count_wrong(connection: Connection, job: TableJob) -> int:
    makers = _read_makers(job)
    strict = frozenset(_HEAD + number for number, column in enumerate(job.columns) if column.affinity == "BLOB")
    rows = connection.execute(f"{_open_versions(connection, job)} ORDER BY 1, 2, 3")
    try:
        groups = groupby(rows, key=itemgetter(0))
        return sum(not _is_right(makers, strict, list(versions)) for _, versions in groups)
    finally:
        rows.close()


def _read_makers(job: TableJob) -> list[tuple[Maker, list[int]]]:
    """Return which rule makes which columns, so that each rule looks at a group once."""
    named = {fold(name): rule for name, rule in job.conflict.columns.items()}
    places: dict[tuple[str, int], list[int]] = {}
    for number, column in enumerate(job.columns):
        if column.name == job.identity:
            continue
        rule = named.get(fold(column.name)) or ColumnRule(rule="first_non_null", by=None)
        kind = "prefer" if column.name in job.key else rule.rule
        by = next((place for place, held in enumerate(job.columns) if fold(held.name) == fold(rule.by or "")), 0)
        places.setdefault((kind, _HEAD + by if rule.by else 0), []).append(_HEAD + number)
    return [(_MAKERS[kind](by), held) for (kind, by), held in places.items()]


def _open_versions(connection: Connection, job: TableJob) -> str:
    """Return the query for all versions, in the form in which the target stores them."""
    query = _versions_query(job)
    is_plain = job.table.rowid is not None and not any(job.needs_settling(entry) for entry in job.inputs)
    if is_plain and not job.is_secret:
        return query
    declared = ", ".join(f"c{number} {column.affinity}" for number, column in enumerate(job.columns))
    versions = f"{job.working}.versions"
    connection.execute(f"DROP TABLE IF EXISTS {versions}")
    connection.execute(f"CREATE TABLE {versions} (grp, rank, rid, anchor, {declared})")
    by_index = job.is_secret and job.table.rowid is not None
    if by_index:  # whole rows would be sorted, and in memory
        connection.execute(f"CREATE INDEX {job.working}.by_group ON versions (grp, rank, rid)")
    connection.execute(f"INSERT INTO {versions} {query}")
    columns = ", ".join(f"c{number}" for number, _ in enumerate(job.columns))
    source = f"{versions} INDEXED BY by_group" if by_index else versions
    return f"SELECT {_group(job)}, rank, rid, anchor, {columns} FROM {source}"


def _group(job: TableJob) -> str:
    """Return what names a target row: its rowid, else its key's rank, for equal keys rank equally."""
    if job.table.rowid is not None:
        return "grp"
    keyed = [
        normalized_call(job.normalize.get(column.name, ()), f"c{number}")
        for number, column in enumerate(job.columns)
        if column.name in job.key
    ]
    return f"dense_rank() OVER (ORDER BY {', '.join(keyed)})"


def _versions_query(job: TableJob) -> str:
    """Select all entries of merged groups, and the target rows they became (rank 0)."""
    parts = []
    address = "l._target_rowid" if job.table.rowid is not None else "NULL"
    merged = "l._rule = 'merge' AND l._disposition <> 'quarantined'"
    for entry in job.inputs:
        values = ", ".join(_kept_value(job, entry, column) for column in job.columns)
        parts.append(
            f"SELECT {address} AS grp, {entry.number} AS rank, l._rowid AS rid, l._disposition = 'inserted' AS anchor, "
            f"{values} FROM {dotted('ledger', entry.name)} l WHERE {merged}"
        )
    held = ", ".join(f"t.{quote(column.name)}" for column in job.columns)
    target = f"main.{quote(job.table.name)} t"
    if job.table.rowid is None:
        parts.append(f"SELECT NULL, 0, 0, 0, {held} FROM {target}")
    else:
        named = " UNION ".join(
            f"SELECT {address} FROM {dotted('ledger', entry.name)} l WHERE {merged}" for entry in job.inputs
        )
        rowid = f"t.{quote(job.table.rowid)}"
        parts.append(f"SELECT {rowid}, 0, 0, 0, {held} FROM {target} WHERE {rowid} IN ({named})")
    return " UNION ALL ".join(parts)


def _kept_value(job: TableJob, entry: BoundInput, column: Column) -> str:
    name = entry.columns.get(column.name)
    place = next((number for number, held in enumerate(entry.table.columns) if held.name == name), 0)
    return make_value(job, entry, column, f"l.c{place}")


def _is_right(makers: Sequence[tuple[Maker, list[int]]], strict: frozenset[int], versions: list[Row]) -> bool:
    """Tell whether the target's row follows from its versions.

    A first row that the merge left as it was has no entry: there the target's row stands for it, and is
    compared with its source where untouched rows are.
    """
    target = versions[0]
    if target[1] != 0:
        return False
    rows = versions[1:] if any(version[3] for version in versions) else versions
    for make, places in makers:
        for place, made in zip(places, make(rows, places), strict=True):
            held = target[place]
            if made is not held and (
                made != held or (type(made) is not type(held) and not _is_stored_as(made, held, place in strict))
            ):
                return False
    return True


def _is_stored_as(made: Stored, held: Stored, strictly: bool) -> bool:  # noqa: FBT001  # called for every cell
    """Tell whether a column with an affinity may have turned an integer into a real, or back."""
    return not strictly and isinstance(made, int | float) and isinstance(held, int | float)


def _prefer(_: int) -> Maker:
    return lambda rows, places: [rows[0][place] for place in places]


def _first_non_null(_: int) -> Maker:
    def make(rows: Sequence[Row], places: list[int]) -> list[Stored]:
        return [value if (value := rows[0][place]) is not None else _first_of(rows, place) for place in places]

    return make


def _first_of(rows: Sequence[Row], place: int) -> Stored:
    return next((row[place] for row in rows if row[place] is not None), None)


def _extreme(best: Callable[..., Stored]) -> Callable[[int], Maker]:
    def choose(rows: Sequence[Row], place: int) -> Stored:
        values = [row[place] for row in rows if row[place] is not None]
        return best(values, key=_sort_key) if values else None  # the first of equals, as in the plan's order

    return lambda _: lambda rows, places: [choose(rows, place) for place in places]


def _sort_key(value: Stored) -> tuple[int, Stored]:
    """Order values as SQLite does: numbers, then TEXT, then BLOB."""
    return (_CLASSES[type(value)], value)


def _dated(*, newest: bool) -> Callable[[int], Maker]:
    def choose(rows: Sequence[Row], by: int) -> Row:
        best: int | None = None
        chosen = rows[0]
        for row in rows:
            moment = read_instant(row[by])
            if moment is not None and (best is None or (moment > best if newest else moment < best)):
                best, chosen = moment, row
        return chosen

    def bind(by: int) -> Maker:
        def make(rows: Sequence[Row], places: list[int]) -> list[Stored]:
            chosen = choose(rows, by)
            return [chosen[place] for place in places]

        return make

    return bind


_MAKERS: dict[str, Callable[[int], Maker]] = {
    "prefer": _prefer,
    "first_non_null": _first_non_null,
    "max": _extreme(max),
    "min": _extreme(min),
    "newest": _dated(newest=True),
    "oldest": _dated(newest=False),
}
