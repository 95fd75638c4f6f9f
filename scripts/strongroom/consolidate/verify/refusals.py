"""Rows that are said to be refused are tried again, each alone, against the table as it was built."""

from __future__ import annotations

import marshal

from strongroom.consolidate.verify.case import Case
from strongroom.consolidate.verify.catalogue import Table
from strongroom.consolidate.verify.claims import number_inputs
from strongroom.consolidate.verify.desk import fill
from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.ids import is_beyond, make_uuid, taken_in
from strongroom.consolidate.verify.values import Value, decode_text
from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.sqlite.connection import Connection, attached, open_stage


def try_refused(case: Case) -> None:
    """Try every row that is said to be refused; those that would go in need not wait."""
    if not case.desk.count(f"SELECT count(*) FROM {case.refused}"):
        return
    scratch = case.desk.house.evidence.scratch(case.desk.scratch / "refusals.db")
    scratch.path.unlink(missing_ok=True)
    main = case.desk.house.evidence.targets[case.desk.target.name]
    named = number_inputs(case.fed)
    with open_stage(scratch) as twin, attached(twin, main, "built"):
        twin.text_factory = decode_text
        _make_twin(twin, case.fed.table)
        rows = case.desk.connection.execute(f"SELECT number, rid, rule, body FROM {case.refused}")
        for number, row, rule, body in rows:
            entry, values = named[number], marshal.loads(body)  # noqa: S302  written here, a moment ago
            if rule == "identity":
                _try_id(case, entry, row, values)
            elif _is_refused(twin, case, entry, values):
                case.tally(entry, "quarantined")
            else:
                case.faults.add(entry.name, "are said to be refused, and would go in", row)
    scratch.path.unlink(missing_ok=True)


def _make_twin(twin: Connection, table: Table) -> None:
    """Make a copy of the built table with what may refuse a row: its constraints and unique indexes."""
    twin.execute("PRAGMA journal_mode = MEMORY")  # every trial is taken back
    twin.execute(table.sql)
    for index in table.indexes:
        if index.is_unique and index.sql:
            twin.execute(index.sql)
    names = quote_all(column.name for column in table.stored)
    rowid = f"{quote(table.rowid)}, " if table.rowid is not None and table.integer_key is None else ""
    name = quote(table.name)
    twin.execute(f"INSERT INTO main.{name} ({rowid}{names}) SELECT {rowid}{names} FROM built.{name}")


def _is_refused(twin: Connection, case: Case, entry: Input, values: list[Value]) -> bool:
    """Tell whether the table takes a row that is alone in coming, under an id that nobody has where it may get one."""
    table, ids = case.fed.table, case.ids
    if ids.place is not None:
        own = values[ids.place]
        by_uuid = make_uuid(entry, own) if ids.strategy == "uuid5" and own is not None else None
        values[ids.place] = own + entry.shift if ids.strategy == "offset" and isinstance(own, int) else by_uuid
    names = quote_all(column.name for column in table.stored)
    into = f"INSERT INTO {dotted('main', table.name)} ({names}) VALUES ("
    sql, given = fill(into.replace("{", "{{").replace("}", "}}") + ", ".join(["{}"] * len(values)) + ")", values)
    twin.execute("BEGIN")
    try:
        twin.execute(sql, given)
    except twin.Error:
        return True
    finally:
        twin.execute("ROLLBACK")
    return False


def _try_id(case: Case, entry: Input, row: int, values: list[Value]) -> None:
    """See that a row waits for its id: it is no integer, beyond all, or an earlier row of the target has it."""
    place = case.fed.integer_key if case.fed.integer_key is not None else case.fed.identity
    own = None if place is None else values[place]
    if isinstance(own, int) and not is_beyond(own, entry.shift):
        if not taken_in(case.desk, case.fed, own + entry.shift):
            case.faults.add(entry.name, "wait for an id that is free", row)
            return
        case.ids.note(case.desk, entry, row, own, None)
    case.tally(entry, "quarantined")
