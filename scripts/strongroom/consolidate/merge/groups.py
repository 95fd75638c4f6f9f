"""Keep in the ledger the groups that no rule decides, and what people decided of them (PLAN.md, section 8)."""

from __future__ import annotations

import json

from strongroom.binding import TableJob
from strongroom.core.quoting import dotted, literal
from strongroom.sqlite.connection import Connection


def start_groups(connection: Connection) -> None:
    """Make the tables of what stays undecided, and of what was decided."""
    connection.execute("CREATE TABLE ledger.undecided (into_table TEXT, kept_table TEXT, columns TEXT)")
    connection.execute(
        "CREATE TABLE ledger.decided (into_table TEXT, input INTEGER, row INTEGER, decision INTEGER, took TEXT, "
        '"by" TEXT, at TEXT, why TEXT)'
    )


def forget_groups(connection: Connection, job: TableJob) -> None:
    """Take back what was written of a table that is filled again."""
    is_this = f"into_table = {literal(job.into)}"
    connection.execute(f"DROP TABLE IF EXISTS {_kept(job)}")
    for table in ("undecided", "decided"):
        connection.execute(f"DELETE FROM ledger.{table} WHERE {is_this}")


def keep_groups(connection: Connection, job: TableJob) -> None:
    """Write the rows of each group that a person has to decide, or did, as the target would store them.

    Groups are numbered as their shown rows come.
    Undecided groups whose shown row was refused are not among them: they wait whole.
    """
    if not connection.execute("SELECT 1 FROM scratch.sqlite_master WHERE name = 'decided'").fetchone():
        return
    shown = (
        "SELECT w.g FROM scratch.winners w CROSS JOIN scratch.versions s ON s.g = w.g AND s.n = 1 "
        "CROSS JOIN scratch.entries e ON e.input = s.input AND e.rid = s.rid "
        "WHERE w.reason <> '' AND (e.disposition = 'inserted' OR w.g IN (SELECT g FROM scratch.decided))"
    )
    if not connection.execute(f"{shown} LIMIT 1").fetchone():
        return
    columns = [f"c{place}" for place in range(len(job.columns))]
    connection.execute(
        f"CREATE TABLE {_kept(job)} (_group INTEGER, _number INTEGER, _input INTEGER, _rowid INTEGER, _waits INTEGER, "
        f"{', '.join(columns)}, PRIMARY KEY (_group, _number)) WITHOUT ROWID"
    )
    values = [
        f"coalesce(f.new, v.c{place})" if column.name == job.identity else f"v.c{place}"
        for place, column in enumerate(job.columns)
    ]
    connection.execute(
        f"INSERT INTO {_kept(job)} SELECT dense_rank() OVER (ORDER BY a.input, a.rid), "
        f"row_number() OVER (PARTITION BY v.g ORDER BY v.n), v.input, v.rid, v.waits, {', '.join(values)} "
        "FROM scratch.versions v CROSS JOIN scratch.versions a ON a.g = v.g AND a.n = 1 "
        "LEFT JOIN scratch.twins t ON t.g = v.g AND t.n = v.n "
        "LEFT JOIN scratch.fresh f ON v.n = 1 AND f.input = v.input AND f.rid = v.rid "
        f"WHERE v.g IN ({shown}) AND (v.n = 1 OR coalesce(t.first, v.n) <> 1)"
    )
    names = json.dumps([column.name for column in job.columns], ensure_ascii=False)
    connection.execute("INSERT INTO ledger.undecided VALUES (?, ?, ?)", (job.into, _name(job), names))
    _note_decided(connection, job)


def _note_decided(connection: Connection, job: TableJob) -> None:
    by_number = {decision.number: decision for decision in job.decisions}
    rows = connection.execute(
        "SELECT v.input, v.rid, d.decision, d.took FROM scratch.decided d CROSS JOIN scratch.versions v ON v.g = d.g "
        "ORDER BY v.g, v.n"
    ).fetchall()
    for entry, rid, number, took in rows:
        decision = by_number[number]
        at = None if decision.at is None else decision.at.isoformat()
        connection.execute(
            "INSERT INTO ledger.decided VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (job.into, entry, rid, number, took, decision.by, at, decision.why),
        )


def find_unfit(connection: Connection, job: TableJob) -> list[str]:
    """Return what people know the groups by whose decision fitted nothing."""
    fitted = {
        number
        for (number,) in connection.execute(
            "SELECT DISTINCT decision FROM ledger.decided WHERE into_table = ?", (job.into,)
        )
    }
    return [decision.label for decision in job.decisions if decision.number not in fitted]


def _name(job: TableJob) -> str:
    return f"undecided:{job.table.name}"


def _kept(job: TableJob) -> str:
    return dotted("ledger", _name(job))
