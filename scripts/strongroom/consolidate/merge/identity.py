"""Give a row another id where an earlier one took its own, by the plan's strategy; else it waits."""

from __future__ import annotations

from strongroom.binding import TableJob
from strongroom.consolidate.merge.raw import find_collation
from strongroom.consolidate.merge.rows import Rows, open_rows
from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.functions import fresh_text_id

_LARGEST = 2**63 - 1


def find_highest_id(connection: Connection, job: TableJob) -> int:
    """Return the highest id that any input uses or has ever used."""
    highest = 0
    for entry in job.inputs:
        with open_rows(connection, job, entry) as rows:
            value = rows.value(str(job.identity))
            found = connection.execute(
                f"SELECT max({value}) FROM {rows.source} WHERE typeof({value}) = 'integer'"
            ).fetchone()
            highest = max(highest, int(found[0] or 0))
            if connection.execute("SELECT 1 FROM src.sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
                mark = connection.execute(
                    "SELECT max(seq) FROM src.sqlite_sequence WHERE name = ?", (entry.table.name,)
                )
                highest = max(highest, int(mark.fetchone()[0] or 0))
    return highest


def survivors(rows: Rows) -> str:
    """Return the condition that nothing has decided about a row yet."""
    return f"NOT EXISTS (SELECT 1 FROM scratch.skip k WHERE k.input = {rows.entry.number} AND k.rid = {rows.rid})"


def has_merged(connection: Connection) -> bool:
    """Tell whether rows were put together of several, by a rule or by a person."""
    found = connection.execute("SELECT 1 FROM scratch.sqlite_master WHERE name = 'merged'")
    return found.fetchone() is not None


def position_of(job: TableJob, name: str) -> int:
    """Return the place of a column among those that are written."""
    return next(number for number, column in enumerate(job.columns) if column.name == name)


def set_taken_ids_aside(connection: Connection, rows: Rows, highest: int) -> int:
    """Note the rows that need another id, and give them one; return how many beyond ``highest``."""
    job, number = rows.job, rows.entry.number
    key = job.identity or str(job.table.integer_key)
    if _keeps_all_ids(rows, key):
        return 0
    found = _find_taken(connection, rows, key)
    if job.identity is None:
        _quarantine(connection, rows, f"SELECT rid, {_literal_reason(key)} FROM ({found})")
        return 0
    place = "new" if job.table.integer_key is not None else f"rid + {rows.entry.rowid_offset}"
    numbered = (
        f"SELECT rid, old, merged, {_choose_new(rows, highest)} AS new FROM "
        f"(SELECT rid, old, merged, row_number() OVER (ORDER BY rid) AS n FROM ({found}))"
    )
    count = connection.execute(
        f"INSERT INTO scratch.fresh SELECT {number}, rid, old, new, merged, {place} "
        f"FROM ({numbered}) WHERE new IS NOT NULL"
    ).rowcount
    _quarantine(connection, rows, f"SELECT rid, 'no id is left below 2^63' FROM ({numbered}) WHERE new IS NULL")
    connection.execute(
        f"INSERT OR IGNORE INTO scratch.skip SELECT input, rid FROM scratch.fresh WHERE input = {number}"
    )
    return int(count)


def _keeps_all_ids(rows: Rows, key: str) -> bool:
    """Tell whether an input's ids are unique, and those that an earlier one has too are decided already."""
    job = rows.job
    if job.strategy == "offset" and rows.entry.id_offset:
        return False
    return _is_own(rows, key) and (rows.entry.number == 1 or (job.identity is None and job.key == (key,)))


def _is_own(rows: Rows, key: str) -> bool:
    """Tell whether the ids are a key of the source itself; else it need not keep them unique."""
    return rows.entry.columns.get(key) == rows.entry.table.integer_key and not rows.is_settled


def _find_taken(connection: Connection, rows: Rows, key: str) -> str:
    """Select rid, old id and whether it is a merged row's, for the rows whose id cannot stay in the target."""
    job, number, table = rows.job, rows.entry.number, dotted("main", rows.job.table.name)
    claims = (
        f"SELECT {rows.rid} AS rid, {rows.value(key)} AS old, 0 AS merged FROM {rows.source} WHERE {survivors(rows)}"
    )
    if has_merged(connection):
        column = f"m.c{position_of(job, key)}"
        claims += f" UNION ALL SELECT m.rid, {column}, 1 FROM scratch.merged m WHERE m.input = {number}"
    alike = f"PARTITION BY old COLLATE {find_collation(connection, table, key)} ORDER BY rid"
    again = "0" if _is_own(rows, key) else f"old IS NOT NULL AND row_number() OVER ({alike}) > 1"
    wrong = "0" if job.strategy == "uuid5" else "typeof(old) <> 'integer'"
    is_taken = f"EXISTS (SELECT 1 FROM {table} t WHERE t.{quote(key)} = old)"
    moves = "1" if job.strategy == "offset" and rows.entry.id_offset else f"{wrong} OR again OR {is_taken}"
    return f"SELECT rid, old, merged FROM (SELECT rid, old, merged, {again} AS again FROM ({claims})) WHERE {moves}"


def _choose_new(rows: Rows, highest: int) -> str:
    """Return the expression for a new id, NULL where there is none; ``n`` counts from 1."""
    if rows.job.strategy == "uuid5":
        return fresh_text_id(rows.entry.name, "old")
    if rows.job.strategy == "offset":
        offset = rows.entry.id_offset
        return f"CASE WHEN typeof(old) = 'integer' AND old <= {_LARGEST - offset} THEN old + {offset} END"
    return f"CASE WHEN n <= {_LARGEST - highest} THEN {highest} + n END"


def _quarantine(connection: Connection, rows: Rows, found: str) -> None:
    """Let the rows of a query of rid and reason wait."""
    number = rows.entry.number
    connection.execute(
        "INSERT INTO scratch.entries (input, rid, disposition, reason, rule) "
        f"SELECT {number}, rid, 'quarantined', reason, 'identity' FROM (SELECT NULL AS rid, NULL AS reason WHERE 0 "
        f"UNION ALL {found})"
    )
    connection.execute(
        f"INSERT OR IGNORE INTO scratch.skip SELECT input, rid FROM scratch.entries WHERE input = {number}"
    )


def _literal_reason(key: str) -> str:
    return f"{literal(key + ' ')} || coalesce(quote(old), 'NULL') || ' is taken by another row, or is no integer'"
