"""Put rows into a target table: plainly where nothing stands against it, else one deciding step at a time."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.conflicts import same_values
from strongroom.consolidate.merge.identity import (
    find_highest_id,
    has_merged,
    position_of,
    set_taken_ids_aside,
    survivors,
)
from strongroom.consolidate.merge.rows import WAITS, Rows, open_rows
from strongroom.core.quoting import dotted, literal, quote, quote_all
from strongroom.sqlite.connection import Connection, attached
from strongroom.sqlite.schema import Table

_WHOLE_RECORDS = ("RowData", "RowCell")
"""What SQLite's transfer program moves; it does so into an empty table, as ours is."""


def insert_plain(connection: Connection, job: TableJob, entry: BoundInput) -> tuple[int, int]:
    """Copy a table that nothing contests; return rows to insert and rows inserted.

    With identical structure SQLite moves whole records (its transfer optimisation), rowids included;
    there no constraint can refuse a row, and nothing needs to be counted.
    """
    into = dotted("main", job.table.name)
    with attached(connection, entry.database, "src"):
        source = dotted("src", entry.table.name)
        statement = f"INSERT OR IGNORE INTO {into} SELECT * FROM {source}"
        if _is_transfer(connection, job, entry, statement):
            inserted = connection.execute(statement).rowcount
            return inserted, inserted
        read = int(connection.execute(f"SELECT count(*) FROM {source}").fetchone()[0])
        if not _is_star(job, entry):
            columns = [column.name for column in job.columns]
            values = [
                f"s.{quote(entry.columns[name])}" if name in entry.columns else job.defaults[name] for name in columns
            ]
            if job.table.integer_key is None and job.table.rowid is not None and entry.table.rowid is not None:
                columns, values = [job.table.rowid, *columns], [f"s.{quote(entry.table.rowid)}", *values]
            statement = (
                f"INSERT OR IGNORE INTO {into} ({quote_all(columns)}) SELECT {', '.join(values)} FROM {source} AS s"
            )
        return read, connection.execute(statement).rowcount


def _is_star(job: TableJob, entry: BoundInput) -> bool:
    """Tell whether ``SELECT *`` means what we mean, and rows keep their ids."""
    return _has_same_columns(job, entry) and (job.table.integer_key is not None or job.table.without_rowid)


def _is_transfer(connection: Connection, job: TableJob, entry: BoundInput, statement: str) -> bool:
    """Tell whether SQLite moves whole records, and rows keep their rowids."""
    if not _has_same_columns(job, entry):
        return False
    if not any(row[1] in _WHOLE_RECORDS for row in connection.execute(f"EXPLAIN {statement}")):
        return False
    early = any(index.unique or job.is_secret for index in job.table.indexes)
    keeps = job.table.integer_key is not None or job.table.without_rowid or early
    return keeps or _is_dense(connection, entry.table)


def _has_same_columns(job: TableJob, entry: BoundInput) -> bool:
    names = [column.name for column in job.table.columns]
    if names != [column.name for column in entry.table.columns] or len(names) != len(job.columns):
        return False
    if [entry.columns.get(name) for name in names] != names:
        return False
    return job.table.without_rowid == entry.table.without_rowid and job.table.kind == entry.table.kind == "table"


def _is_dense(connection: Connection, table: Table) -> bool:
    if table.rowid is None:
        return False
    name, source = quote(table.rowid), dotted("src", table.name)
    ends = [connection.execute(f"SELECT {which}({name}) FROM {source}").fetchone()[0] for which in ("min", "max")]
    count = connection.execute(f"SELECT count(*) FROM {source}").fetchone()[0]
    return ends in ([1, count], [None, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Rows that go in together: where they come from, who they are, and what they become."""

    source: str
    """FROM and WHERE."""
    rid: str
    target_rowid: str | None
    values: list[str]
    expected: int
    rule: str = "constraint"
    """What decides when the target refuses one of them."""


def insert_decided(connection: Connection, job: TableJob, highest: int) -> None:
    """Insert every input in order: losers and filtered rows stay out, taken ids are replaced or quarantined.

    New numbers are above ``highest``, and above every id that an input uses.
    """
    if job.strategy == "renumber":
        highest = max(highest, find_highest_id(connection, job))
    for entry in job.inputs:
        with open_rows(connection, job, entry) as rows:
            _set_filtered_aside(connection, rows)
            _set_waiting_aside(connection, rows)
            if job.table.integer_key is not None or job.identity is not None:
                highest += set_taken_ids_aside(connection, rows, highest)
            _insert_batch(connection, rows, _plain_batch(connection, rows))
            if job.identity is not None:
                _insert_batch(connection, rows, _fresh_batch(connection, rows))
            if has_merged(connection):
                _insert_batch(connection, rows, _merged_batch(connection, rows))
            _note_rewritten(connection, rows)


def _set_filtered_aside(connection: Connection, rows: Rows) -> None:
    if rows.wanted == "1" or rows.job.where is None:
        return
    number = rows.entry.number
    connection.execute(
        "INSERT INTO scratch.entries (input, rid, disposition, reason, rule) "
        f"SELECT {number}, {rows.rid}, 'filtered', ?, 'where' FROM {rows.source} WHERE {rows.wanted} IS NOT TRUE",
        (rows.job.where.reason,),
    )
    connection.execute(
        f"INSERT OR IGNORE INTO scratch.skip SELECT input, rid FROM scratch.entries WHERE input = {number}"
    )


def _set_waiting_aside(connection: Connection, rows: Rows) -> None:
    """Note the rows that would go in, and wait with the one they refer to."""
    if not rows.job.rewrites_of(rows.entry):
        return
    number = rows.entry.number
    connection.execute(
        "INSERT OR IGNORE INTO scratch.entries (input, rid, disposition, reason, rule) SELECT "
        f"{number}, {rows.rid}, 'quarantined', {literal(WAITS)}, 'reference' "
        f"FROM {rows.source} WHERE {rows.waits} AND {survivors(rows)}"
    )
    connection.execute(
        f"INSERT OR IGNORE INTO scratch.skip SELECT input, rid FROM scratch.entries WHERE input = {number}"
    )


def _note_rewritten(connection: Connection, rows: Rows) -> None:
    """Note the rows that went in plainly, or as what they were merged into, but with other references than they had."""
    if not rows.job.rewrites_of(rows.entry):
        return
    number, job = rows.entry.number, rows.job
    place = "NULL" if job.table.rowid is None else rows.target_rowid()
    noted = (
        "INSERT OR IGNORE INTO scratch.entries (input, rid, disposition, reason, rule, target_rowid) "
        f"SELECT {number}, {rows.rid}, 'inserted', s._strongroom_rewritten, 'reference', {place} FROM {rows.source}"
    )
    connection.execute(f"{noted} WHERE s._strongroom_rewritten IS NOT NULL AND {survivors(rows)}")
    contested = connection.execute("SELECT 1 FROM scratch.sqlite_master WHERE name = 'versions'").fetchone()
    if job.conflict.rule == "merge" and contested:
        connection.execute(
            f"{noted} JOIN scratch.merged m ON m.input = {number} AND m.rid = {rows.rid} "
            "JOIN scratch.versions v ON v.g = m.g AND v.n = 1 WHERE s._strongroom_rewritten IS NOT NULL "
            f"AND {same_values(job, 'm', 'v')} AND NOT EXISTS "
            "(SELECT 1 FROM scratch.fresh f WHERE f.input = m.input AND f.rid = m.rid)"
        )


def _plain_batch(connection: Connection, rows: Rows) -> _Batch:
    read = connection.execute(f"SELECT count(*) FROM {rows.source}").fetchone()[0]
    skipped = connection.execute("SELECT count(*) FROM scratch.skip WHERE input = ?", (rows.entry.number,)).fetchone()[
        0
    ]
    return _Batch(
        source=f"FROM {rows.source} WHERE {survivors(rows)}",
        rid=rows.rid,
        target_rowid=None if rows.job.table.rowid is None else rows.target_rowid(),
        values=[rows.value(column.name) for column in rows.job.columns],
        expected=read - skipped,
    )


def _fresh_batch(connection: Connection, rows: Rows) -> _Batch:
    number = rows.entry.number
    expected = connection.execute(
        "SELECT count(*) FROM scratch.fresh WHERE input = ? AND NOT merged", (number,)
    ).fetchone()[0]
    values = ["f.new" if column.name == rows.job.identity else rows.value(column.name) for column in rows.job.columns]
    source = (
        f"FROM scratch.fresh f CROSS JOIN {rows.source} ON {rows.rid} = f.rid WHERE f.input = {number} AND NOT f.merged"
    )
    return _Batch(source=source, rid="f.rid", target_rowid="f.place", values=values, expected=expected)


def _merged_batch(connection: Connection, rows: Rows) -> _Batch:
    number, job = rows.entry.number, rows.job
    waits = "SELECT 1 FROM scratch.entries e WHERE e.input = m.input AND e.rid = m.rid"
    there = f"m.input = {number} AND NOT EXISTS ({waits})"
    expected = connection.execute(f"SELECT count(*) FROM scratch.merged m WHERE {there}").fetchone()[0]
    values = [
        f"coalesce(f.new, m.c{place})" if column.name == job.identity else f"m.c{place}"
        for place, column in enumerate(job.columns)
    ]
    source = f"FROM scratch.merged m LEFT JOIN scratch.fresh f ON f.input = m.input AND f.rid = m.rid WHERE {there}"
    rowid = None
    if job.table.integer_key is not None:
        rowid = values[position_of(job, job.table.integer_key)]
    elif job.table.rowid is not None:
        rowid = f"m.rid + {rows.entry.rowid_offset}"
    rule = "merge" if job.conflict.rule == "merge" else "constraint"
    return _Batch(source=source, rid="m.rid", target_rowid=rowid, values=values, expected=expected, rule=rule)


def _insert_batch(connection: Connection, rows: Rows, batch: _Batch) -> None:
    job = rows.job
    columns, values = [column.name for column in job.columns], batch.values
    if job.table.integer_key is None and job.table.rowid is not None and batch.target_rowid is not None:
        columns, values = [job.table.rowid, *columns], [batch.target_rowid, *values]
    into = f"INTO {dotted('main', job.table.name)} ({quote_all(columns)}) SELECT {', '.join(values)} {batch.source}"
    inserted = connection.execute(f"INSERT OR IGNORE {into}").rowcount
    if inserted < batch.expected:
        _quarantine_refused(connection, rows, batch, into)


def _quarantine_refused(connection: Connection, rows: Rows, batch: _Batch, into: str) -> None:
    """Find the rows that a constraint of the target kept out, one by one, with SQLite's own reason."""
    table = dotted("main", rows.job.table.name)
    same = [f"t.{quote(column.name)} IS {value}" for column, value in zip(rows.job.columns, batch.values, strict=True)]
    if batch.target_rowid is not None and rows.job.table.rowid is not None:
        same.insert(0, f"t.{quote(rows.job.table.rowid)} = {batch.target_rowid}")
    there = " AND ".join(same)
    missing = connection.execute(
        f"SELECT {batch.rid} {batch.source} AND NOT EXISTS (SELECT 1 FROM {table} t WHERE {there})"
    ).fetchall()
    for (rid,) in missing:
        try:
            connection.execute(f"INSERT {into} AND {batch.rid} = ?", (rid,))
        except connection.Error as error:
            connection.execute(
                "INSERT OR REPLACE INTO scratch.entries (input, rid, disposition, reason, rule) "
                "VALUES (?, ?, 'quarantined', ?, ?)",
                (rows.entry.number, rid, f"{'' if batch.rule == 'constraint' else 'merged: '}{error}", batch.rule),
            )
