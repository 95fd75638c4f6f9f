"""Explain every row of one target table, and every row of the tables that feed it."""

from __future__ import annotations

from collections import Counter

from scripts.binding import TableJob
from scripts.databases.sqlite import Connection
from scripts.functions import instant_call
from scripts.quoting import fold, quote
from scripts.results import DISPOSITIONS, TableTally, TargetTally
from scripts.verify.merged import count_wrong_merges
from scripts.verify.rows import Side, open_side


def verify_table(connection: Connection, job: TableJob) -> tuple[dict[str, TableTally], TargetTally, list[str]]:
    """Return a tally per source table, one for the target, and the differences in words."""
    differences: list[str] = []
    tallies: dict[str, TableTally] = {}
    seeded = 0
    covers = _prepare_cover(connection, job)
    for entry in job.inputs:
        with open_side(connection, job, entry) as side:
            tally = _explain(connection, side, covers=covers)
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
    if job.conflict.rule == "merge":
        wrong = count_wrong_merges(connection, job)
        if wrong:
            differences.append(f"{job.into}: {wrong} merged rows are not what the rule makes of their versions")
    if covers:
        connection.execute("DROP TABLE temp.covered")
    return tallies, TargetTally(rows=rows, explained=explained, seeded=seeded), differences


def _identity(job: TableJob) -> tuple[str, ...]:
    return (job.table.rowid,) if job.table.rowid is not None else job.table.primary_key


def _prepare_cover(connection: Connection, job: TableJob) -> bool:
    """Where two inputs could point at one target row, remember which rows are taken."""
    shared = job.table.integer_key is not None or job.table.rowid is None
    if len(job.inputs) < 2 or not shared:  # noqa: PLR2004  two inputs
        return False
    columns = ", ".join(f"k{number}" for number, _ in enumerate(_identity(job)))
    connection.execute(f"CREATE TEMP TABLE covered ({columns}, PRIMARY KEY ({columns})) WITHOUT ROWID")
    return True


def _count(connection: Connection, side: Side, query: str, *, cover: bool) -> int:
    """Count the target rows ``t`` that a join finds; with ``cover``, each only once over all inputs."""
    if not cover:
        return int(connection.execute(f"SELECT count(*) {query}").fetchone()[0])
    names = ", ".join(f"t.{quote(name)}" for name in _identity(side.job))
    return connection.execute(f"INSERT OR IGNORE INTO temp.covered SELECT {names} {query}").rowcount


def _explain(connection: Connection, side: Side, *, covers: bool) -> TableTally:
    read = int(connection.execute(f"SELECT count(*) FROM {side.rows}").fetchone()[0])
    untouched = f"FROM {side.rows} CROSS JOIN {side.target} t ON {side.at_home()} WHERE {side.same_values()}"
    if side.entries:
        untouched += f" AND NOT EXISTS (SELECT 1 FROM {side.kept} l WHERE l._rowid = {side.rid})"
    found: Counter[str] = Counter(inserted=_count(connection, side, untouched, cover=covers))
    rewritten = 0
    if side.entries:
        rewritten = _count(connection, side, _rewritten(side), cover=covers)
        found["inserted"] += rewritten + _count(connection, side, _merged_into(side), cover=covers)
        rewritten += _count(connection, side, _merged_anew(side), cover=False)
        for disposition, query in _entry_queries(side).items():
            found[disposition] = int(connection.execute(f"SELECT count(*) {query}").fetchone()[0])
    counts = {name: found[name] for name in DISPOSITIONS}
    return TableTally(
        into=side.job.into, read=read, rewritten=rewritten, unexplained=read - sum(counts.values()), **counts
    )


def _entries(side: Side, disposition: str) -> str:
    return (
        f"FROM {side.kept} l CROSS JOIN {side.rows} ON {side.rid} = l._rowid {{join}} "
        f"WHERE l._disposition = '{disposition}' AND {side.is_genuine()}"
    )


def _with_target(side: Side, disposition: str) -> str:
    return _entries(side, disposition).format(join=f"CROSS JOIN {side.target} t ON {side.at_ledger()}")


def _rewritten(side: Side) -> str:
    return (
        f"{_with_target(side, 'inserted')} AND l._rule = 'identity' AND {side.same_values(without=side.job.identity)}"
    )


def _merged_into(side: Side) -> str:
    return f"{_with_target(side, 'inserted')} AND l._rule = 'merge' AND {side.same_key(side.job.key)}"


def _merged_anew(side: Side) -> str:
    """Select the merged rows that got a fresh id as well."""
    if side.job.identity is None:
        return f"FROM {side.kept} l WHERE 0"
    column = side.job.table.by_name[fold(side.job.identity)]
    return f"{_merged_into(side)} AND t.{quote(column.name)} IS NOT {side.expected(column)}"


def _entry_queries(side: Side) -> dict[str, str]:
    """Return, per disposition, the join that only genuine and true entries pass."""
    job = side.job
    same_key = side.same_key(job.key)
    no_heir = (
        f"NOT EXISTS (SELECT 1 FROM {side.target} t WHERE {same_key})" if job.key and job.identity is None else "1"
    )
    where = f"({job.where.sql})" if job.where else "1"
    return {
        "merged_identical": f"{_with_target(side, 'merged_identical')} AND {side.same_values(without=job.identity)}",
        "merged_changed": f"{_with_target(side, 'merged_changed')} AND l._rule = 'merge' AND {same_key}",
        "superseded": f"{_with_target(side, 'superseded')} AND {same_key} AND {_beaten(side)}",
        "quarantined": f"{_entries(side, 'quarantined').format(join='')} AND l._reason <> '' "
        f"AND (l._rule IN ('identity', 'constraint') OR {no_heir})",
        "filtered": f"{_entries(side, 'filtered').format(join='')} AND {where} IS NOT TRUE",
    }


def _beaten(side: Side) -> str:
    """Return the condition that the target's row rightly stands where ``s`` wanted to."""
    rule, number = side.job.conflict.rule, side.entry.number
    if rule in ("newest", "oldest"):
        columns = [side.job.table.by_name[fold(name)] for name in side.job.conflict.by]
        mine = [side.expected(column) for column in columns]
        theirs = [f"t.{quote(column.name)}" for column in columns]
        readable = " AND ".join(
            f"(coalesce({value}, '') = '' OR {instant_call(value)} IS NOT NULL)" for value in mine + theirs
        )
        never = "-9223372036854775807" if rule == "newest" else "9223372036854775807"
        left, right = (
            ", ".join(f"coalesce({instant_call(value)}, {never})" for value in values) for values in (theirs, mine)
        )
        return f"{readable} AND ({left}) {'>' if rule == 'newest' else '<'} ({right})"
    return f"(l._winner_input < {number} OR l._winner_input = {number} AND l._winner_rowid < l._rowid)"
