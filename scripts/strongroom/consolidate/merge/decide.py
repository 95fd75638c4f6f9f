"""Decide each contested key by the plan's rule; of what no rule decides the first row is shown, the others wait.

Fills ``winners`` (g, n, reason): the place in its group of the row that stands for it, and, where nothing decided
that, the reason why; then ``outcomes``: what becomes of every contender, with that reason.
"""

from __future__ import annotations

from strongroom.binding import TableJob
from strongroom.consolidate.merge.conflicts import column_rule, same_values
from strongroom.consolidate.merge.decisions import fit_decisions, make_decided, write_decided
from strongroom.core.errors import DecisionNeededError
from strongroom.core.plan import ColumnRule
from strongroom.core.quoting import fold, literal
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.functions import instant_call, matches_call

_FOREVER = 2**63 - 1


def decide(connection: Connection, job: TableJob) -> None:
    """Fill ``winners``, ``decided``, ``merged`` and ``outcomes``.

    Raises DecisionNeededError when rows differ and the rule is ``fail``.
    """
    connection.execute("CREATE TABLE scratch.winners (g INTEGER PRIMARY KEY, n INTEGER NOT NULL, reason TEXT)")
    _settle_identical(connection)
    rule = job.conflict.rule
    if rule in ("newest", "oldest"):
        _settle_by_instant(connection, job)
    elif rule in ("prefer", "merge", "keep_both"):
        _crown_first(connection, "")
    else:
        _leave_to_person(connection, job)
    connection.execute(
        "CREATE TABLE scratch.outcomes (input INTEGER, rid INTEGER, g INTEGER, n INTEGER, winner INTEGER, "
        "disposition TEXT, reason TEXT, PRIMARY KEY (g, n)) WITHOUT ROWID"
    )
    fit_decisions(connection, job)
    if rule == "merge":
        _merge_columns(connection, job)
    elif job.decisions:
        create_merged(connection, job)
        make_decided(connection, job)
    _write_outcomes(connection, job)


_OPEN = "g NOT IN (SELECT g FROM scratch.winners)"
_VARIANT = "NOT EXISTS (SELECT 1 FROM scratch.twins t WHERE t.g = v.g AND t.n = v.n)"


def _settle_identical(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO scratch.winners SELECT c.g, 1, '' FROM scratch.contenders c "
        "LEFT JOIN scratch.twins t ON t.g = c.g AND t.n = c.n GROUP BY c.g HAVING sum(t.first IS NULL) = 1"
    )


def _crown_first(connection: Connection, reason: str) -> None:
    """Let the first row of every open group stand for it."""
    connection.execute(
        f"INSERT INTO scratch.winners SELECT g, 1, ? FROM scratch.contenders WHERE n = 1 AND {_OPEN}", (reason,)
    )


def _leave_to_person(connection: Connection, job: TableJob) -> None:
    if job.conflict.rule == "fail":
        found = connection.execute(f"SELECT count(DISTINCT g) FROM scratch.contenders WHERE {_OPEN}").fetchone()[0]
        if found:
            raise DecisionNeededError(
                job.into,
                f"{found} keys have rows that differ, and the rule is fail",
                "mend the sources, or choose another rule",
            )
    _crown_first(connection, f"rows with the same {', '.join(job.key)} differ, and no rule decides")


def _settle_by_instant(connection: Connection, job: TableJob) -> None:
    """Let the newest (or oldest) of the differing rows win; no instant at all counts as never.

    A column of ``by`` is looked at where the ones before it tie, and there only.
    """
    rule = job.conflict.rule
    never, best = (-_FOREVER, "max") if rule == "newest" else (_FOREVER, "min")
    columns = {f"s{place}": f"v.c{_number(job, name)}" for place, name in enumerate(job.conflict.by)}
    chosen = ", ".join(
        f"CASE WHEN coalesce({column}, '') = '' THEN {never} ELSE {instant_call(column)} END"
        for column in columns.values()
    )
    connection.execute(
        f"CREATE TABLE scratch.stamps (g INTEGER, n INTEGER, {', '.join(columns)}, PRIMARY KEY (g, n)) WITHOUT ROWID"
    )
    connection.execute(
        f"INSERT INTO scratch.stamps SELECT v.g, v.n, {chosen} FROM scratch.versions v WHERE v.{_OPEN} AND {_VARIANT}"
    )
    for stamp, name in zip(columns, job.conflict.by, strict=True):
        unread = f"{name} is no instant, so {rule} cannot decide"
        _crown(connection, f"SELECT DISTINCT g, 1, {literal(unread)} FROM scratch.stamps WHERE {stamp} IS NULL")
        connection.execute(
            f"DELETE FROM scratch.stamps AS o WHERE {stamp} <> "
            f"(SELECT {best}(b.{stamp}) FROM scratch.stamps b WHERE b.g = o.g)"
        )
        _crown(connection, "SELECT g, max(n), '' FROM scratch.stamps GROUP BY g HAVING count(*) = 1")
    tie = literal(f"{', '.join(job.conflict.by)} ties, so {rule} cannot decide")
    _crown(connection, f"SELECT DISTINCT g, 1, {tie} FROM scratch.stamps")


def _crown(connection: Connection, found: str) -> None:
    """Settle the groups of a query of group, place and reason; they are done with."""
    connection.execute(f"INSERT INTO scratch.winners {found}")
    connection.execute("DELETE FROM scratch.stamps WHERE g IN (SELECT g FROM scratch.winners)")


def _number(job: TableJob, name: str) -> int:
    return next(number for number, column in enumerate(job.columns) if fold(column.name) == fold(name))


def create_merged(connection: Connection, job: TableJob) -> None:
    """Make the table of merged rows, empty."""
    declared = ", ".join(f"c{number} {column.affinity}" for number, column in enumerate(job.columns))
    connection.execute(f"CREATE TABLE scratch.merged (g INTEGER PRIMARY KEY, input INTEGER, rid INTEGER, {declared})")


def _merge_columns(connection: Connection, job: TableJob) -> None:
    """Put each merged row together, column by column, on top of its group's first row."""
    used = [column_rule(job, column) for column in job.columns]
    dated = sorted({(rule.rule, str(rule.by)) for rule in used if rule and rule.by})
    chosen = [_choose(number, rule, dated) for number, rule in enumerate(used)]
    joins = [_join_dated(connection, job, place, *by) for place, by in enumerate(dated)]
    create_merged(connection, job)
    connection.execute(
        f"INSERT INTO scratch.merged SELECT a.g, a.input, a.rid, {', '.join(chosen)} "
        f"FROM scratch.versions a {' '.join(joins)} WHERE a.n = 1"
    )


def _join_dated(connection: Connection, job: TableJob, place: int, rule: str, by: str) -> str:
    """Find each group's newest (or oldest) row once, however many columns follow it; return the join."""
    way = "DESC" if rule == "newest" else "ASC"
    instant = instant_call(f"v.c{_number(job, by)}")
    connection.execute(f"CREATE TABLE scratch.dated{place} (g INTEGER PRIMARY KEY, n INTEGER)")
    connection.execute(
        f"INSERT INTO scratch.dated{place} SELECT g, n FROM (SELECT v.g, v.n, row_number() OVER "
        f"(PARTITION BY v.g ORDER BY {instant} {way} NULLS LAST, v.n) AS place FROM scratch.versions v) WHERE place = 1"
    )
    return (
        f"JOIN scratch.dated{place} d{place} ON d{place}.g = a.g "
        f"JOIN scratch.versions w{place} ON w{place}.g = a.g AND w{place}.n = d{place}.n"
    )


def _choose(number: int, rule: ColumnRule | None, dated: list[tuple[str, str]]) -> str:
    """Return the expression for one column of the merged row; ``a`` is the group's first row."""
    column = f"v.c{number}"
    pick = f"(SELECT {column} FROM scratch.versions v WHERE v.g = a.g AND {column} IS NOT NULL ORDER BY {{}} LIMIT 1)"
    if rule is None:
        return f"a.c{number}"
    filled = f"CASE WHEN a.c{number} IS NOT NULL THEN a.c{number} ELSE {pick.format('v.n')} END"
    if rule.rule == "first_non_null":
        return filled
    if rule.rule == "first_valid":
        mine, theirs = (matches_call(f"{row}.c{number}", str(rule.pattern)) for row in "av")
        valid = f"SELECT {column} FROM scratch.versions v WHERE v.g = a.g AND {theirs} ORDER BY v.n LIMIT 1"
        return f"CASE WHEN {mine} THEN a.c{number} ELSE coalesce(({valid}), {filled}) END"
    if rule.rule in ("max", "min"):
        way = "DESC" if rule.rule == "max" else "ASC"
        return pick.format(f"{column} COLLATE BINARY {way}, v.n")
    return f"w{dated.index((rule.rule, str(rule.by)))}.c{number}"


def _write_outcomes(connection: Connection, job: TableJob) -> None:
    rule = job.conflict.rule
    base = (
        "SELECT c.input, c.rid, c.g, c.n, {winner}, {disposition}, {reason} FROM scratch.contenders c "
        "JOIN scratch.winners w ON w.g = c.g LEFT JOIN scratch.twins t ON t.g = c.g AND t.n = c.n {join}"
    )
    if rule == "keep_both":
        disposition = "CASE WHEN t.first IS NULL THEN 'keep' ELSE 'merged_identical' END"
        query = base.format(winner="coalesce(t.first, c.n)", disposition=disposition, reason="''", join="")
    elif rule == "merge":
        same = same_values(job, "m", "v")
        disposition = f"CASE WHEN c.n = 1 THEN 'anchor' WHEN {same} THEN 'merged_identical' ELSE 'merged_changed' END"
        join = "JOIN scratch.merged m ON m.g = c.g JOIN scratch.versions v ON v.g = c.g AND v.n = c.n"
        query = base.format(winner="1", disposition=disposition, reason="''", join=join)
    else:
        disposition = (
            "CASE WHEN c.n = w.n THEN 'keep' WHEN coalesce(t.first, c.n) = coalesce(u.first, w.n) "
            "THEN 'merged_identical' WHEN w.reason <> '' THEN 'quarantined' ELSE 'superseded' END"
        )
        join = "LEFT JOIN scratch.twins u ON u.g = w.g AND u.n = w.n"
        query = base.format(winner="w.n", disposition=disposition, reason="w.reason", join=join)
    connection.execute(f"INSERT INTO scratch.outcomes {query} WHERE c.g NOT IN (SELECT g FROM scratch.decided)")
    write_decided(connection, job)
    connection.execute("INSERT INTO scratch.skip SELECT input, rid FROM scratch.outcomes WHERE disposition <> 'keep'")
