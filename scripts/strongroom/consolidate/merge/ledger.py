"""Bring the outcomes together and write them, with the rows' values, into the ledger."""

from __future__ import annotations

import json

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.conflicts import same_values
from strongroom.consolidate.merge.groups import keep_groups, start_groups
from strongroom.consolidate.merge.raw import open_raw
from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import Connection


def start_ledger(connection: Connection) -> None:
    """Make the ledger's table of contents."""
    connection.execute(
        "CREATE TABLE ledger.inputs (id INTEGER PRIMARY KEY, into_table TEXT, source TEXT, source_table TEXT, "
        "kept_table TEXT, columns TEXT, rowid_offset INTEGER, number INTEGER)"
    )
    start_groups(connection)


def collect_entries(connection: Connection, job: TableJob) -> None:
    """Turn outcomes into entries; whoever stands behind a row that was refused, or waits, is quarantined with it."""
    connection.execute(
        f"INSERT OR IGNORE INTO scratch.entries SELECT f.input, f.rid, 'inserted', {_say_fresh(job)}, "
        "'identity', f.place, NULL, NULL, NULL FROM scratch.fresh f WHERE NOT f.merged"
    )
    if not connection.execute("SELECT 1 FROM scratch.sqlite_master WHERE name = 'outcomes'").fetchone():
        return
    if job.conflict.rule == "merge":
        _collect_merged(connection, job)
    else:
        _collect_shown(connection, job)
        _collect_decided(connection, job)
    _collect_others(connection, job)


def _say_fresh(job: TableJob) -> str:
    """Return the expression for the words on a row ``f`` that has another id."""
    return f"{literal(str(job.identity))} || ' ' || coalesce(quote(f.old), 'NULL') || ' was taken: now ' || f.new"


def _collect_shown(connection: Connection, job: TableJob) -> None:
    """Name the rows that are shown until somebody decides, beside what else is said of them."""
    connection.execute(
        "INSERT INTO scratch.entries SELECT w.input, w.rid, 'inserted', "
        f"'undecided: ' || w.reason || '; shown until somebody decides', {literal(job.conflict.rule)}, "
        f"{_target_rowid(job)}, NULL, NULL, w.g FROM scratch.outcomes w "
        "JOIN scratch.versions v ON v.g = w.g AND v.n = w.n "
        "LEFT JOIN scratch.fresh f ON f.input = w.input AND f.rid = w.rid "
        "WHERE w.disposition = 'keep' AND w.reason <> '' "
        "ON CONFLICT (input, rid) DO UPDATE SET reason = excluded.reason || '; ' || reason, rule = excluded.rule, "
        "target_rowid = excluded.target_rowid WHERE disposition = 'inserted'"
    )


def _collect_decided(connection: Connection, job: TableJob) -> None:
    """Name the rows that are published by a person's decision, beside what else is said of them."""
    connection.execute(
        f"INSERT INTO scratch.entries SELECT w.input, w.rid, 'inserted', d.said || coalesce('; ' || {_say_fresh(job)}, "
        f"''), 'decision', {_target_rowid(job)}, NULL, NULL, w.g FROM scratch.outcomes w "
        "JOIN scratch.decided d ON d.g = w.g JOIN scratch.versions v ON v.g = w.g AND v.n = w.n "
        "LEFT JOIN scratch.fresh f ON f.input = w.input AND f.rid = w.rid WHERE w.disposition IN ('keep', 'anchor') "
        "ON CONFLICT (input, rid) DO UPDATE SET reason = excluded.reason, rule = excluded.rule, "
        "target_rowid = excluded.target_rowid WHERE disposition = 'inserted'"
    )


def _collect_others(connection: Connection, job: TableJob) -> None:
    """Say of all others which row stands for them, or why they wait."""
    names = " ".join(f"WHEN {entry.number} THEN {literal(entry.name)}" for entry in job.inputs)
    by = f" by {', '.join(job.conflict.by)}" if job.conflict.by else ""
    said, winner = literal(f"{job.conflict.rule}{by}: "), f"CASE w.input {names} END || ' row ' || w.rid"
    connection.execute(
        "INSERT OR IGNORE INTO scratch.entries "
        "SELECT o.input, o.rid, CASE WHEN r.rid IS NULL THEN o.disposition ELSE 'quarantined' END, "
        "CASE WHEN r.rid IS NOT NULL AND o.reason = '' THEN 'its winner was refused: ' || r.reason "
        "WHEN r.rid IS NOT NULL THEN o.reason || '; the first of them was refused: ' || r.reason "
        f"WHEN o.disposition = 'quarantined' THEN o.reason || '; ' || {winner} || ' is shown until somebody decides' "
        f"ELSE coalesce(d.said || '; ', {said}) || {winner} END, "
        f"CASE WHEN d.g IS NULL THEN {literal(job.conflict.rule)} ELSE 'decision' END, "
        f"CASE WHEN r.rid IS NULL THEN {_target_rowid(job)} END, CASE WHEN r.rid IS NULL THEN w.input END, "
        "CASE WHEN r.rid IS NULL THEN w.rid END, o.g FROM scratch.outcomes o "
        "JOIN scratch.outcomes w ON w.g = o.g AND w.n = o.winner "
        "LEFT JOIN scratch.fresh f ON f.input = w.input AND f.rid = w.rid "
        "LEFT JOIN scratch.entries r ON r.input = w.input AND r.rid = w.rid AND r.disposition = 'quarantined' "
        "LEFT JOIN scratch.versions v ON v.g = o.g AND v.n = o.winner "
        "LEFT JOIN scratch.decided d ON d.g = o.g "
        f"{'LEFT JOIN scratch.merged m ON m.g = o.g ' if job.conflict.rule == 'merge' else ''}"
        "WHERE o.disposition NOT IN ('keep', 'anchor')"
    )


def _collect_merged(connection: Connection, job: TableJob) -> None:
    """Name the first rows of merged groups, where other values or another id took their place."""
    same = same_values(job, "m", "v")
    reason = f"CASE WHEN {same} THEN {_say_fresh(job)} ELSE 'merge: values of other rows took its place' END"
    connection.execute(
        f"INSERT OR IGNORE INTO scratch.entries SELECT w.input, w.rid, 'inserted', {reason}, "
        f"CASE WHEN {same} THEN 'identity' ELSE 'merge' END, {_target_rowid(job)}, NULL, NULL, w.g "
        "FROM scratch.outcomes w LEFT JOIN scratch.fresh f ON f.input = w.input AND f.rid = w.rid "
        "JOIN scratch.versions v ON v.g = w.g AND v.n = w.n JOIN scratch.merged m ON m.g = w.g "
        f"WHERE w.disposition = 'anchor' AND (f.rid IS NOT NULL OR NOT ({same}))"
    )


def _target_rowid(job: TableJob) -> str:
    """Return the expression for the target row of a winner ``w`` with the values ``v``."""
    if job.table.integer_key is not None:
        place = next(number for number, column in enumerate(job.columns) if column.name == job.table.integer_key)
        return f"coalesce(f.new, {'m' if job.conflict.rule == 'merge' else 'v'}.c{place})"
    if job.table.rowid is None:
        return "NULL"
    offsets = " ".join(f"WHEN {entry.number} THEN {entry.rowid_offset}" for entry in job.inputs)
    return f"w.rid + CASE w.input {offsets} END"


def write_ledger(connection: Connection, job: TableJob) -> None:
    """Write every input into the contents, and every entry with the source's values, exactly as they were."""
    keep_groups(connection, job)
    for entry in job.inputs:
        kept = create_kept(connection, job, entry)
        if not _has_entries(connection, entry.number):
            continue
        with open_raw(connection, entry) as raw:
            connection.execute(
                f"INSERT INTO {kept} SELECT e.rid, e.disposition, e.reason, e.rule, e.target_rowid, "
                f"e.winner_input, e.winner_rid, "
                f"{list_kept(entry, 's')} FROM scratch.entries e CROSS JOIN {raw.table} AS s ON {raw.rid} = e.rid "
                f"WHERE e.input = {entry.number}"
            )


def create_kept(connection: Connection, job: TableJob, entry: BoundInput) -> str:
    """Write one input into the contents, and create the table that keeps its entries; return its name."""
    names = [column.name for column in entry.table.columns]
    connection.execute(
        "INSERT INTO ledger.inputs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
        (
            job.into,
            entry.source,
            entry.table.name,
            entry.name,
            json.dumps(names, ensure_ascii=False),
            entry.rowid_offset,
            entry.number,
        ),
    )
    kept = dotted("ledger", entry.name)
    columns = ", ".join(f"c{number}" for number in range(len(names)))
    connection.execute(
        f"CREATE TABLE {kept} (_rowid INTEGER PRIMARY KEY, _disposition TEXT, _reason TEXT, _rule TEXT, "
        f"_target_rowid INTEGER, _winner_input INTEGER, _winner_rowid INTEGER, {columns})"
    )
    return kept


def list_kept(entry: BoundInput, alias: str) -> str:
    """Return the source's columns as an entry keeps them."""
    return ", ".join(f"{alias}.{quote(column.name)}" for column in entry.table.columns)


def _has_entries(connection: Connection, number: int) -> bool:
    return connection.execute("SELECT 1 FROM scratch.entries WHERE input = ? LIMIT 1", (number,)).fetchone() is not None
