"""Fill a table from one file whose rows change, but cannot meet: the short way, without laying them aside.

Each row goes from the file into the target in one step, its references looked up and its values transformed on the
way. Where a constraint refuses anything, the caller starts again on the long way.
"""

from __future__ import annotations

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.conflicts import may_be_contested
from strongroom.consolidate.merge.follow import join_refs, refs_of
from strongroom.consolidate.merge.ledger import create_kept, list_kept
from strongroom.consolidate.merge.raw import Raw, open_raw
from strongroom.consolidate.merge.rows import WAITS, has_changes, say_changes, settled_value, waits_for
from strongroom.core.quoting import dotted, literal, quote_all
from strongroom.sqlite.connection import Connection


def can_change_one(job: TableJob) -> bool:
    """Tell whether a table has one file, nothing leaves rows of it out, no two have one key, and all keep their ids.

    Rows without rowid are found again by what was laid aside.
    """
    if len(job.inputs) != 1 or job.where or job.inputs[0].is_seed:
        return False
    entry, key = job.inputs[0], job.identity or job.table.integer_key
    if entry.table.rowid is None or job.table.rowid is None:
        return False
    if may_be_contested(job):
        return False
    if key is None:
        return True
    is_own = entry.table.integer_key is not None and entry.columns.get(key) == entry.table.integer_key
    return is_own and key not in job.changed_columns(entry)


def change_one(connection: Connection, job: TableJob) -> bool:
    """Fill the table and write its ledger; False when a constraint refused a row, and the table is half full then."""
    entry = job.inputs[0]
    with open_raw(connection, entry) as raw:
        source = f"{raw.table} AS s{join_refs(job.rewrites_of(entry), entry)}"
        read, waiting = (_count(connection, raw.table), _count_waiting(connection, job, entry, source))
        if _insert(connection, job, raw, source) + waiting != read:
            return False
        _write(connection, job, raw, source)
    return True


def _count(connection: Connection, source: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {source}").fetchone()[0])


def _count_waiting(connection: Connection, job: TableJob, entry: BoundInput, source: str) -> int:
    rewrites = job.rewrites_of(entry)
    tables = [refs_of(rewrite, entry) for rewrite in rewrites]
    if not any(connection.execute(f"SELECT 1 FROM {table} WHERE waits LIMIT 1").fetchone() for table in tables):
        return 0
    return _count(connection, f"{source} WHERE {waits_for(rewrites, entry)}")


def _insert(connection: Connection, job: TableJob, raw: Raw, source: str) -> int:
    """Insert every row that does not wait; return how many went in."""
    entry = job.inputs[0]
    columns = [column.name for column in job.columns]
    values = [settled_value(job, entry, name) for name in columns]
    if job.table.integer_key is None:
        columns, values = [str(job.table.rowid), *columns], [_target_rowid(job, raw), *values]
    return connection.execute(
        f"INSERT OR IGNORE INTO {dotted('main', job.table.name)} ({quote_all(columns)}) SELECT {', '.join(values)} "
        f"FROM {source} WHERE NOT ({waits_for(job.rewrites_of(entry), entry)})"
    ).rowcount


def _target_rowid(job: TableJob, raw: Raw) -> str:
    """Return the expression for the rowid that a row has in the target."""
    key = job.table.integer_key
    if key is not None:
        return settled_value(job, job.inputs[0], key)
    return f"{raw.rid} + {job.inputs[0].rowid_offset}"


def _write(connection: Connection, job: TableJob, raw: Raw, source: str) -> None:
    """Keep the rows whose references changed, and those that wait, exactly as they were."""
    entry = job.inputs[0]
    kept, rewrites = create_kept(connection, job, entry), job.rewrites_of(entry)
    if not rewrites:
        return
    waits = waits_for(rewrites, entry)
    connection.execute(
        f"INSERT INTO {kept} SELECT {raw.rid}, CASE WHEN {waits} THEN 'quarantined' ELSE 'inserted' END, "
        f"CASE WHEN {waits} THEN {literal(WAITS)} ELSE {say_changes(rewrites, entry)} END, 'reference', "
        f"CASE WHEN NOT ({waits}) THEN {_target_rowid(job, raw)} END, NULL, NULL, {list_kept(entry, 's')} "
        f"FROM {source} WHERE {waits} OR {has_changes(rewrites, entry)}"
    )
