"""Explain every row of one target table, and every row of the tables that feed it."""

from __future__ import annotations

import json
from collections import Counter

from strongroom.binding import TableJob
from strongroom.consolidate.verify import claims
from strongroom.consolidate.verify.merged import count_wrong_merges
from strongroom.consolidate.verify.references import open_maps
from strongroom.consolidate.verify.refusals import count_refused
from strongroom.consolidate.verify.rows import Side, open_side
from strongroom.core.quoting import quote
from strongroom.core.results import DISPOSITIONS, TableTally, TargetTally
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.fingerprint import fingerprint_table
from strongroom.sqlite.functions import normalized_call


def verify_table(connection: Connection, job: TableJob) -> tuple[dict[str, TableTally], TargetTally, list[str]]:
    """Return a tally per source table, one for the target, and the differences in words."""
    with open_maps(connection, job) as changed:
        return _verify_table(connection, changed)


def _verify_table(connection: Connection, job: TableJob) -> tuple[dict[str, TableTally], TargetTally, list[str]]:
    differences: list[str] = []
    tallies: dict[str, TableTally] = {}
    seeded = 0
    covers = _prepare_cover(connection, job)
    for entry in job.inputs:
        with open_side(connection, job, entry) as side:
            tally = (
                _explain(connection, side, covers=covers)
                if _identity(job)
                else _explain_without_address(connection, side)
            )
            differences += _find_strangers(connection, side)
        if entry.is_seed:
            seeded = tally.inserted
        else:
            tallies[entry.name] = tally
        if tally.unexplained:
            differences.append(
                f"{job.into}: {tally.unexplained} of {tally.read} rows of {entry.name} are not what they should be"
            )
    rows = int(connection.execute(f"SELECT count(*) FROM main.{quote(job.table.name)}").fetchone()[0])
    explained = seeded + sum(tally.inserted for tally in tallies.values())
    if rows != explained:
        differences.append(f"{job.into}: holds {rows} rows, and the sources explain {explained}")
    differences += _find_doubles(connection, job)
    if job.conflict.rule == "merge":
        wrong = count_wrong_merges(connection, job)
        if wrong:
            differences.append(f"{job.into}: {wrong} merged rows are not what the rule makes of their versions")
    if covers:
        connection.execute(f"DROP TABLE {job.working}.covered")
    return tallies, TargetTally(rows=rows, explained=explained, seeded=seeded), differences


def verify_contents(connection: Connection, job: TableJob) -> list[str]:
    """Compare the ledger's table of contents with what really fed the table; return the differences."""
    wanted = {
        (entry.source, entry.table.name, entry.name, entry.rowid_offset, entry.number): [
            column.name for column in entry.table.columns
        ]
        for entry in job.inputs
    }
    rows = connection.execute(
        "SELECT source, source_table, kept_table, rowid_offset, number, columns FROM ledger.inputs "
        "WHERE into_table = ?",
        (job.into,),
    )
    held = {tuple(row[:5]): json.loads(row[5]) for row in rows}
    return [] if held == wanted else [f"{job.into}: the ledger's contents do not name what fed it"]


def _identity(job: TableJob) -> tuple[str, ...]:
    return (job.table.rowid,) if job.table.rowid is not None else job.table.primary_key


def _prepare_cover(connection: Connection, job: TableJob) -> bool:
    """Where two inputs could point at one target row, remember which rows are taken."""
    shared = job.table.integer_key is not None or job.table.rowid is None
    if len(job.inputs) < 2 or not shared:  # noqa: PLR2004  two inputs
        return False
    if job.table.rowid is not None:
        connection.execute(f"CREATE TABLE {job.working}.covered (k0 INTEGER PRIMARY KEY)")
        return True
    columns = ", ".join(f"k{number}" for number, _ in enumerate(_identity(job)))
    connection.execute(f"CREATE TABLE {job.working}.covered ({columns}, PRIMARY KEY ({columns})) WITHOUT ROWID")
    return True


def _count(connection: Connection, side: Side, query: str, *, cover: bool) -> int:
    """Count the target rows ``t`` that a join finds; with ``cover``, each only once over all inputs."""
    if not cover:
        return int(connection.execute(f"SELECT count(*) {query}").fetchone()[0])
    names = ", ".join(f"t.{quote(name)}" for name in _identity(side.job))
    return connection.execute(f"INSERT OR IGNORE INTO {side.job.working}.covered SELECT {names} {query}").rowcount


def _explain(connection: Connection, side: Side, *, covers: bool) -> TableTally:
    read = _count(connection, side, f"FROM {side.rows}", cover=False)
    found: Counter[str] = Counter(inserted=_count(connection, side, claims.untouched(side), cover=covers))
    anew = 0
    if side.entries:
        anew = _count(connection, side, claims.rewritten(side), cover=covers)
        anew += _count(connection, side, claims.rereferenced(side), cover=covers)
        merged = _count(connection, side, claims.merged_into(side), cover=covers)
        found["inserted"] += anew + merged
        anew += _count(connection, side, claims.merged_anew(side), cover=False)
        found["merged_identical"] = _count(connection, side, claims.merged_identical(side), cover=False)
        found["merged_changed"] = _count(connection, side, claims.merged_changed(side), cover=False)
        found["superseded"] = _count(connection, side, claims.superseded(side), cover=False)
        found["quarantined"] = _count(connection, side, claims.quarantined(side), cover=False)
        found["quarantined"] += count_refused(connection, side)
        found["filtered"] = _count(connection, side, claims.filtered(side), cover=False)
    counts = {name: found[name] for name in DISPOSITIONS}
    unexplained = read - sum(counts.values())
    return TableTally(into=side.job.into, read=read, rewritten=anew, unexplained=unexplained, **counts)


def _explain_without_address(connection: Connection, side: Side) -> TableTally:
    """Explain a table whose rows nothing names (no key, and columns called like every name of the rowid)."""
    read = _count(connection, side, f"FROM {side.rows}", cover=False)
    before = fingerprint_table(connection, side.entry.table.name, "src")
    is_same = len(side.job.inputs) == 1 and before == fingerprint_table(connection, side.job.table.name)
    inserted = read if is_same else 0
    return TableTally(into=side.job.into, read=read, inserted=inserted, unexplained=read - inserted)


def _find_strangers(connection: Connection, side: Side) -> list[str]:
    """Return, in words, that the ledger speaks of rows which the source does not have."""
    if not side.entries:
        return []
    known = f"FROM {side.kept} l CROSS JOIN {side.rows} ON {side.rid} = l._rowid"
    strangers = side.entries - _count(connection, side, known, cover=False)
    return [f"{side.entry.name}: the ledger speaks of {strangers} rows that it does not have"] if strangers else []


def _find_doubles(connection: Connection, job: TableJob) -> list[str]:
    """Return, in words, that rows with one key stand side by side in the target."""
    is_unique = job.table.is_unique(job.key) and not job.normalize
    if not job.key or job.identity in job.key or is_unique:
        return []
    keys = [normalized_call(job.normalize.get(name, ()), quote(name)) for name in job.key]
    key = ", ".join(keys)
    present = " AND ".join(f"{value} IS NOT NULL" for value in keys)
    doubles = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM main.{quote(job.table.name)} WHERE {present} "
        f"GROUP BY {key} HAVING count(*) > 1)"
    ).fetchone()[0]
    return [f"{job.into}: {doubles} keys stand there more than once"] if doubles else []
