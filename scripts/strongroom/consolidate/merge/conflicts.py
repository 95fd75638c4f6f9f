"""Find the keys that more than one row claims, and lay those rows side by side."""

from __future__ import annotations

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.follow import is_reference
from strongroom.consolidate.merge.maps import is_map
from strongroom.consolidate.merge.rows import open_rows
from strongroom.core.plan import ColumnRule
from strongroom.core.quoting import dotted, fold, literal, quote
from strongroom.sqlite.connection import Connection, attached
from strongroom.sqlite.functions import normalized_call, same_sign
from strongroom.sqlite.schema import Column


def clear_scratch(connection: Connection) -> None:
    """Forget the previous table."""
    left = connection.execute("SELECT name FROM scratch.sqlite_master WHERE type = 'table'").fetchall()
    for table in (name for (name,) in left if not is_map(name) and not is_reference(name)):
        connection.execute(f"DROP TABLE scratch.{quote(table)}")
    connection.execute("CREATE TABLE scratch.skip (input INTEGER, rid INTEGER, PRIMARY KEY (input, rid)) WITHOUT ROWID")
    connection.execute(
        "CREATE TABLE scratch.fresh (input INTEGER, rid INTEGER, old, new, merged INTEGER, place INTEGER, "
        "PRIMARY KEY (input, rid)) WITHOUT ROWID"
    )
    connection.execute(
        "CREATE TABLE scratch.entries (input INTEGER, rid INTEGER, disposition TEXT, reason TEXT, rule TEXT, "
        "target_rowid INTEGER, winner_input INTEGER, winner_rid INTEGER, g INTEGER, "
        "PRIMARY KEY (input, rid)) WITHOUT ROWID"
    )


def may_be_contested(job: TableJob) -> bool:
    """Tell whether two rows can have one key at all."""
    if not job.key or not job.inputs:
        return False
    if len(job.inputs) > 1:
        return True
    entry = job.inputs[0]
    is_unique = entry.table.is_unique(tuple(entry.columns.get(name, "") for name in job.key))
    return not is_unique or bool(job.normalize) or not job.changed_columns(entry).isdisjoint(job.key)


def find_contested(connection: Connection, job: TableJob) -> int:
    """Fill ``contenders`` (input, rid, g, n): the rows of each contested key in order; return the number of keys."""
    connection.execute(
        "CREATE TABLE scratch.contenders (input INTEGER, rid INTEGER, g INTEGER, n INTEGER, "
        "PRIMARY KEY (input, rid)) WITHOUT ROWID"
    )
    return _pair_rows(connection, job) if are_pairs(job) else _group_rows(connection, job)


def are_pairs(job: TableJob) -> bool:
    """Tell whether a key can stand at most once in each of two files, in the same type."""
    if len(job.inputs) != 2 or job.where or job.normalize:  # noqa: PLR2004  # two files
        return False
    return all(
        entry.table.rowid is not None
        and not job.needs_settling(entry)
        and all(name in entry.columns for name in job.key)
        and entry.table.is_unique(tuple(entry.columns[name] for name in job.key))
        for entry in job.inputs
    )


def _pair_rows(connection: Connection, job: TableJob) -> int:
    """Find the keys that two files share by their own indexes."""
    one, two = job.inputs
    with attached(connection, two.database, "other"), open_rows(connection, job, one) as rows:
        same = " AND ".join(f"o.{quote(two.columns[name])} = {rows.value(name)} COLLATE BINARY" for name in job.key)
        connection.execute("CREATE TABLE scratch.pairs (g INTEGER PRIMARY KEY, one INTEGER, two INTEGER)")
        count = connection.execute(
            f"INSERT INTO scratch.pairs (one, two) SELECT {rows.rid}, o.{quote(str(two.table.rowid))} "
            f"FROM {rows.source} CROSS JOIN {dotted('other', two.table.name)} o ON {same}"
        ).rowcount
    connection.execute("INSERT INTO scratch.contenders SELECT 1, one, g, 1 FROM scratch.pairs")
    connection.execute("INSERT INTO scratch.contenders SELECT 2, two, g, 2 FROM scratch.pairs ORDER BY two")
    connection.execute("DROP TABLE scratch.pairs")
    return int(count)


def _group_rows(connection: Connection, job: TableJob) -> int:
    """Find the keys that several rows share by collecting all of them."""
    keys = [f"k{number}" for number in range(len(job.key))]
    _collect_keys(connection, job, keys)
    listed = ", ".join(keys)
    declared = ", ".join(_declare(key, _column(job, name)) for key, name in zip(keys, job.key, strict=True))
    connection.execute(f"CREATE TABLE scratch.contested (g INTEGER PRIMARY KEY, {declared})")
    indexed = f"CREATE INDEX scratch.ix_contested ON contested ({listed})"
    if job.is_secret:  # made afterwards, it would be sorted in memory
        connection.execute(indexed)
    # Numbered as their first rows come, so that what follows goes through the tables in order.
    count = connection.execute(
        f"INSERT INTO scratch.contested ({listed}) SELECT {listed} FROM scratch.keys "
        f"GROUP BY {listed} HAVING count(*) > 1 ORDER BY min(rowid)"
    ).rowcount
    if count:
        if not job.is_secret:
            connection.execute(indexed)
        same = " AND ".join(f"k.{key} = c.{key}" for key in keys)
        connection.execute(
            "INSERT INTO scratch.contenders "
            "SELECT input, rid, g, row_number() OVER (PARTITION BY g ORDER BY input, rid) "
            f"FROM scratch.keys k JOIN scratch.contested c ON {same}"
        )
    connection.execute("DROP TABLE scratch.keys")
    connection.execute("DROP TABLE scratch.contested")
    return int(count)


def _collect_keys(connection: Connection, job: TableJob, keys: list[str]) -> None:
    declared = ", ".join(_declare(key, _column(job, name)) for key, name in zip(keys, job.key, strict=True))
    connection.execute(f"CREATE TABLE scratch.keys ({declared}, input INTEGER, rid INTEGER)")
    for entry in job.inputs:
        with open_rows(connection, job, entry) as rows:
            values = [normalized_call(job.normalize.get(name, ()), rows.value(name)) for name in job.key]
            present = " AND ".join(f"{value} IS NOT NULL" for value in values)
            connection.execute(
                f"INSERT INTO scratch.keys SELECT {', '.join(values)}, {entry.number}, {rows.rid} "
                f"FROM {rows.source} WHERE {present} AND {rows.wanted} IS TRUE"
            )


def _column(job: TableJob, name: str) -> Column:
    return job.table.by_name[fold(name)]


def _declare(name: str, column: Column) -> str:
    return f"{name} {column.affinity}"


def lay_out_versions(connection: Connection, job: TableJob) -> None:
    """Fill ``versions`` with the contenders' values as the target would store them, and ``twins`` with equal ones.

    A row that refers to one in quarantine equals none: which id it will hold is not known yet.
    """
    declared = ", ".join(f"c{number} {column.affinity}" for number, column in enumerate(job.columns))
    connection.execute(
        f"CREATE TABLE scratch.versions (g INTEGER, n INTEGER, input INTEGER, rid INTEGER, waits INTEGER, {declared}, "
        "PRIMARY KEY (g, n)) WITHOUT ROWID"
    )
    for entry in job.inputs:
        if _has_contenders(connection, entry):
            with open_rows(connection, job, entry) as rows:
                connection.execute(
                    f"INSERT INTO scratch.versions SELECT c.g, c.n, c.input, c.rid, {rows.waits}, {rows.values()} "
                    f"FROM scratch.contenders c CROSS JOIN {rows.source} ON {rows.rid} = c.rid "
                    f"WHERE c.input = {entry.number}"
                )
    connection.execute(
        "CREATE TABLE scratch.twins (g INTEGER, n INTEGER, first INTEGER, PRIMARY KEY (g, n)) WITHOUT ROWID"
    )
    connection.execute(
        "INSERT INTO scratch.twins SELECT b.g, b.n, min(a.n) FROM scratch.versions b "
        f"JOIN scratch.versions a ON a.g = b.g AND a.n < b.n AND NOT a.waits AND NOT b.waits "
        f"AND {same_values(job, 'a', 'b')} GROUP BY b.g, b.n"
    )


def set_undecidable_aside(connection: Connection, job: TableJob) -> None:
    """Let whole groups wait that no rule can decide."""
    if job.normalize:
        places = [number for number, column in enumerate(job.columns) if column.name in job.key]
        keys = " || ',' || ".join(f"quote(c{number})" for number in places)
        alike = f"SELECT g FROM scratch.versions GROUP BY g, input HAVING count(DISTINCT {keys}) > 1"
        said = f"one file alone holds several of them: {', '.join(job.key)} that differ only in spaces or case"
        _set_groups_aside(connection, job, alike, said)
    if job.rewrites and job.conflict.rule == "merge":
        waiting = "SELECT g FROM scratch.versions WHERE waits"
        _set_groups_aside(connection, job, waiting, "a row to be merged refers to one that waits in quarantine")


def _set_groups_aside(connection: Connection, job: TableJob, found: str, reason: str) -> None:
    connection.execute("CREATE TABLE scratch.undecided (g INTEGER PRIMARY KEY)")
    connection.execute(f"INSERT INTO scratch.undecided SELECT DISTINCT g FROM ({found})")
    connection.execute(
        "INSERT INTO scratch.entries (input, rid, disposition, reason, rule) "
        f"SELECT input, rid, 'quarantined', {literal(reason)}, {literal(job.conflict.rule)} "
        "FROM scratch.contenders WHERE g IN (SELECT g FROM scratch.undecided)"
    )
    connection.execute("INSERT OR IGNORE INTO scratch.skip SELECT input, rid FROM scratch.entries")
    for table in ("contenders", "versions", "twins"):
        connection.execute(f"DELETE FROM scratch.{table} WHERE g IN (SELECT g FROM scratch.undecided)")
    connection.execute("DROP TABLE scratch.undecided")


def _has_contenders(connection: Connection, entry: BoundInput) -> bool:
    found = connection.execute("SELECT 1 FROM scratch.contenders WHERE input = ? LIMIT 1", (entry.number,))
    return found.fetchone() is not None


def same_values(job: TableJob, left: str, right: str) -> str:
    """Return the condition that two rows of ``versions`` or ``merged`` hold the same typed values."""
    parts = [
        same_value(column, f"{left}.c{number}", f"{right}.c{number}")
        for number, column in enumerate(job.columns)
        if column.name != job.identity
    ]
    return " AND ".join(parts) or "1"


def same_value(column: Column, one: str, two: str) -> str:
    """Return the condition that two expressions hold the same typed value, as ``column`` stores it."""
    same = f"{one} IS {two} COLLATE BINARY AND typeof({one}) = typeof({two})"
    if column.affinity == "BLOB":
        same += f" AND {same_sign(one, two)}"
    return same


def column_rule(job: TableJob, column: Column) -> ColumnRule | None:
    """Return the rule by which ``merge`` makes a column; None where the first row's value stays."""
    if column.name in (*job.key, job.identity):
        return None
    rules = {fold(name): rule for name, rule in job.conflict.columns.items()}
    rule = rules.get(fold(column.name), ColumnRule(rule="first_non_null", by=None))
    return None if rule.rule == "prefer" else rule
