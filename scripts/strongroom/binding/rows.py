"""The rows that a binding has to know of: those of the schema files, and how a source numbers its own."""

from __future__ import annotations

from strongroom.binding.model import SEED, BoundInput, TableJob
from strongroom.binding.template import Template
from strongroom.core.plan import Conflict
from strongroom.core.quoting import dotted, quote
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import Schema, Table, count_rows

_SEED_CONFLICT = Conflict(rule="quarantine")


def list_seeded(target: str, schema: Schema, bound: set[str], template: Template) -> list[TableJob]:
    """Give the tables that only the schema file fills their jobs."""
    unbound = [table for name, table in schema.tables.items() if name not in bound]
    seeds = {table.name: seed_input(table, template, 1, 0) for table in unbound}
    return [
        TableJob(
            target=target,
            table=table,
            inputs=tuple(seeds[table.name]),
            key=table.primary_key,
            identity=None,
            strategy="keep",
            conflict=_SEED_CONFLICT,
            defaults={},
            transform={},
            where=None,
        )
        for table in unbound
        if seeds[table.name]
    ]


def seed_input(table: Table, template: Template, number: int, offset: int) -> list[BoundInput]:
    """Return the rows that the schema file puts into a table as its last input; nothing where there are none."""
    if table.kind == "virtual" or not template.count(table.name):
        return []
    columns = {column.name: column.name for column in table.stored}
    return [
        BoundInput(
            number=number,
            source=SEED,
            database=template.database,
            table=table,
            columns=columns,
            rowid_offset=offset,
        )
    ]


def find_rowid_range(database: Database, table: Table) -> tuple[int, int]:
    """Return the lowest and the highest row number of a table; 1 and 0 when it is empty."""
    with open_snapshot(database) as connection:
        if table.rowid is None:
            return 1, count_rows(connection, table.name)
        name, source = quote(table.rowid), dotted("main", table.name)
        lowest = connection.execute(f"SELECT min({name}) FROM {source}").fetchone()[0]
        highest = connection.execute(f"SELECT max({name}) FROM {source}").fetchone()[0]
        return (1, 0) if lowest is None else (int(lowest), max(int(highest), 0))


def find_highest_id(database: Database, table: Table, column: str | None) -> int:
    """Return the highest whole number of a table's column; 0 where there is none above it, or no column."""
    if column is None:
        return 0
    name = quote(column)
    with open_snapshot(database) as connection:
        found = connection.execute(
            f"SELECT {name} FROM {dotted('main', table.name)} WHERE typeof({name}) = 'integer' ORDER BY 1 DESC LIMIT 1"
        ).fetchone()
    return 0 if found is None else max(int(found[0]), 0)
