"""What goes with rows that come into live tables: parents first, triggers stay still, sequences go on after them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter

from strongroom.core.quoting import dotted, quote
from strongroom.load.documents import Reference
from strongroom.load.switch.live import Table
from strongroom.postgres.connection import Connection

_TRIGGERS = """
    SELECT g.tgname, g.tgenabled::text FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND NOT g.tgisinternal AND g.tgenabled <> 'D' ORDER BY 1"""
_ENABLE = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
_LAST = """
    SELECT pg_catalog.pg_sequence_last_value(pg_catalog.pg_get_serial_sequence(%s, %s)::regclass),
           pg_catalog.pg_get_serial_sequence(%s, %s)"""


def order_tables(names: Iterable[str], references: Iterable[Reference]) -> list[str]:
    """Return tables so that parents come before children; in a circle as they are called."""
    graph: dict[str, set[str]] = {name: set() for name in sorted(names)}
    for one in references:
        if one.table != one.parent and one.table in graph and one.parent in graph:
            graph[one.table].add(one.parent)
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return list(graph)


@contextmanager
def without_triggers(connection: Connection, table: Table) -> Iterator[None]:
    """Let the triggers of a table stay still for the block: rows come in as they are, as they do in a load.

    Within the caller's transaction, which holds the table against writers.
    """
    found = connection.execute(_TRIGGERS, (table.schema, table.name)).fetchall()
    place = dotted(table.schema, table.name)
    for name, _ in found:
        connection.execute(f"ALTER TABLE {place} DISABLE TRIGGER {quote(name)}".encode())
    yield
    for name, kind in found:
        connection.execute(f"ALTER TABLE {place} {_ENABLE[kind]} TRIGGER {quote(name)}".encode())


def advance_sequences(connection: Connection, staged: Table, live: Table) -> None:
    """Let the sequences of a live table go on after its highest values, and after those of the staged table."""
    for name, column in live.columns.items():
        if not column.has_sequence:
            continue
        asked = f"SELECT max({quote(name)})::bigint FROM {live.source}"
        (highest,) = connection.execute(asked.encode()).fetchone() or (None,)
        last, sequence = _find_last(connection, live, name)
        there = name in staged.columns and staged.columns[name].has_sequence
        before = _find_last(connection, staged, name)[0] if there else None
        wanted = max(highest or 0, before or 0)
        if sequence is not None and wanted > (last or 0):
            connection.execute("SELECT pg_catalog.setval(%s, %s, true)", (sequence, wanted))


def _find_last(connection: Connection, table: Table, column: str) -> tuple[int | None, str | None]:
    """Return the last value that a column's sequence gave, and its name; None where it gave none, or is none."""
    named = (dotted(table.schema, table.name), column)
    last, sequence = connection.execute(_LAST, (*named, *named)).fetchone() or (None, None)
    return last, sequence
