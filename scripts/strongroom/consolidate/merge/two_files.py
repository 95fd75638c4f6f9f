"""Merge two files by key without laying their rows aside: the short way through the common case.

The first file goes in whole; then the second's values go into the rows that both have, and its other rows
beside them. Where a constraint refuses anything, the caller starts again on the long way.
"""

from __future__ import annotations

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.conflicts import are_pairs, column_rule, same_value
from strongroom.consolidate.merge.insert import insert_plain
from strongroom.consolidate.merge.ledger import create_kept, list_kept
from strongroom.core.quoting import dotted, fold, literal, quote, quote_all
from strongroom.sqlite.connection import Connection, attached
from strongroom.sqlite.functions import instants_call, matches_call
from strongroom.sqlite.schema import Column


def can_merge_pairs(job: TableJob) -> bool:
    """Tell whether each key stands at most once in each of two files, and no row needs another id."""
    is_keyed_by_id = job.table.integer_key is None or job.key == (job.table.integer_key,)
    return (
        job.conflict.rule == "merge"
        and are_pairs(job)
        and job.table.rowid is not None
        and job.identity is None
        and is_keyed_by_id
        and job.inputs[0].rowid_offset == 0
    )


def merge_pairs(connection: Connection, job: TableJob) -> bool:
    """Fill the table and write its ledger; False when a constraint refused a row, and the table is half full then."""
    one, two = job.inputs
    read, inserted = insert_plain(connection, job, one)
    if read != inserted:
        return False
    with attached(connection, one.database, "one"), attached(connection, two.database, "two"):
        pairs = _find_pairs(connection, job)
        if not (_update_first(connection, job) and _insert_others(connection, job, pairs)):
            return False
        _write_first(connection, job)
        _write_second(connection, job)
    return True


def _find_pairs(connection: Connection, job: TableJob) -> int:
    """Fill ``pairs``: rows with one key, whether they are twins, and whether the second's instants are later."""
    one, two = job.inputs
    dated = _list_dated(job)
    declared = "".join(f", {name} INTEGER" for name in dated.values())
    connection.execute(f"CREATE TABLE scratch.pairs (two INTEGER PRIMARY KEY, one INTEGER, twin INTEGER{declared})")
    same_key = " AND ".join(
        f"a.{quote(one.columns[name])} = b.{quote(two.columns[name])} COLLATE BINARY" for name in job.key
    )
    twin = _same_row(job, {column.name: _value(job, one, column) for column in job.columns}, two)
    chosen = [f"b.{_rid(two)}", f"a.{_rid(one)}", twin, *(_is_second(job, *rule) for rule in dated)]
    return connection.execute(
        f"INSERT INTO scratch.pairs SELECT {', '.join(chosen)} "
        f"FROM {dotted('two', two.table.name)} b CROSS JOIN {dotted('one', one.table.name)} a ON {same_key}"
    ).rowcount


def _update_first(connection: Connection, job: TableJob) -> bool:
    """Make the rows of the first file what the rules make of both; tell whether none was refused."""
    two, dated = job.inputs[1], _list_dated(job)
    made = [f"{quote(column.name)} = {made}" for column in job.columns if (made := _make_value(job, column, dated))]
    if not made:
        return True
    updated = connection.execute(
        f"UPDATE OR IGNORE {dotted('main', job.table.name)} AS t SET {', '.join(made)} "
        f"FROM scratch.pairs p CROSS JOIN {dotted('two', two.table.name)} b ON b.{_rid(two)} = p.two "
        f"WHERE t.{quote(str(job.table.rowid))} = p.one AND NOT p.twin"
    ).rowcount
    return updated == int(connection.execute("SELECT count(*) FROM scratch.pairs WHERE NOT twin").fetchone()[0])


def _insert_others(connection: Connection, job: TableJob, pairs: int) -> bool:
    """Insert the rows that only the second file has; tell whether none was refused."""
    two = job.inputs[1]
    source = f"{dotted('two', two.table.name)} b"
    columns, values = [column.name for column in job.columns], [_value(job, two, column) for column in job.columns]
    if job.table.integer_key is None:
        columns, values = [str(job.table.rowid), *columns], [f"b.{_rid(two)} + {two.rowid_offset}", *values]
    inserted = connection.execute(
        f"INSERT OR IGNORE INTO {dotted('main', job.table.name)} ({quote_all(columns)}) SELECT {', '.join(values)} "
        f"FROM {source} WHERE NOT EXISTS (SELECT 1 FROM scratch.pairs p WHERE p.two = b.{_rid(two)})"
    ).rowcount
    return inserted + pairs == int(connection.execute(f"SELECT count(*) FROM {source}").fetchone()[0])


def _write_first(connection: Connection, job: TableJob) -> None:
    """Keep the first file's rows where the second's values took their place."""
    one = job.inputs[0]
    same = _same_row(job, {column.name: f"t.{quote(column.name)}" for column in job.columns}, one)
    connection.execute(
        f"INSERT INTO {create_kept(connection, job, one)} SELECT p.one, 'inserted', "
        f"'merge: values of other rows took its place', 'merge', p.one, NULL, NULL, {list_kept(one, 'a')} "
        f"FROM (SELECT one FROM scratch.pairs WHERE NOT twin ORDER BY one) p "
        f"CROSS JOIN {dotted('one', one.table.name)} a ON a.{_rid(one)} = p.one "
        f"CROSS JOIN {dotted('main', job.table.name)} t ON t.{quote(str(job.table.rowid))} = p.one WHERE NOT ({same})"
    )


def _write_second(connection: Connection, job: TableJob) -> None:
    """Keep the second file's rows that went into the first's."""
    one, two = job.inputs
    same = _same_row(job, {column.name: f"t.{quote(column.name)}" for column in job.columns}, two)
    connection.execute(
        f"INSERT INTO {create_kept(connection, job, two)} "
        f"SELECT p.two, CASE WHEN {same} THEN 'merged_identical' ELSE 'merged_changed' END, "
        f"{literal(f'merge: {one.name} row ')} || p.one, 'merge', p.one, {one.number}, p.one, {list_kept(two, 'b')} "
        f"FROM scratch.pairs p CROSS JOIN {dotted('two', two.table.name)} b ON b.{_rid(two)} = p.two "
        f"CROSS JOIN {dotted('main', job.table.name)} t ON t.{quote(str(job.table.rowid))} = p.one"
    )


def _same_row(job: TableJob, values: dict[str, str], entry: BoundInput) -> str:
    """Return the condition that the values, by target column, are those of an input's row."""
    return " AND ".join(same_value(column, values[column.name], _value(job, entry, column)) for column in job.columns)


def _list_dated(job: TableJob) -> dict[tuple[str, str], str]:
    """Return the name in ``pairs`` for each rule that goes by an instant."""
    rules = [rule for column in job.columns if (rule := column_rule(job, column)) and rule.by]
    used = sorted({(rule.rule, str(rule.by)) for rule in rules})
    return {rule: f"second{number}" for number, rule in enumerate(used)}


def _is_second(job: TableJob, rule: str, by: str) -> str:
    """Return the condition that the second row is the one to follow; no instant at all never is."""
    column = job.table.by_name[fold(by)]
    first, second = (_value(job, entry, column) for entry in job.inputs)
    return instants_call(rule, second, first)


def _make_value(job: TableJob, column: Column, dated: dict[tuple[str, str], str]) -> str | None:
    """Return what a rule makes of the target's value and the second row's; None where nothing changes."""
    rule = column_rule(job, column)
    if rule is None:
        return None
    held, second = f"t.{quote(column.name)}", _value(job, job.inputs[1], column)
    if rule.rule == "first_non_null":
        return f"coalesce({held}, {second})"
    if rule.rule == "first_valid":
        mine, theirs = (matches_call(value, str(rule.pattern)) for value in (held, second))
        return f"CASE WHEN {theirs} AND NOT {mine} THEN {second} ELSE coalesce({held}, {second}) END"
    if rule.rule in ("max", "min"):
        wins = f"{second} {'>' if rule.rule == 'max' else '<'} {held} COLLATE BINARY"
        return f"CASE WHEN {held} IS NULL OR {wins} THEN {second} ELSE {held} END"
    return f"CASE WHEN p.{dated[rule.rule, str(rule.by)]} THEN {second} ELSE {held} END"


def _value(job: TableJob, entry: BoundInput, column: Column) -> str:
    """Return a target column's value in a row: of the first file as ``a``, of the second as ``b``."""
    name = entry.columns.get(column.name)
    if name is None:
        return job.defaults.get(column.name, "NULL")
    return f"{'a' if entry is job.inputs[0] else 'b'}.{quote(name)}"


def _rid(entry: BoundInput) -> str:
    return quote(str(entry.table.rowid))
