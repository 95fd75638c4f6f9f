"""Which table and column of the source goes into which of the staged schema, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strongroom.core.errors import PlanError
from strongroom.core.plan import ColumnType, Plan, Target
from strongroom.core.quoting import fold, quote
from strongroom.load.convert import Reading, choose_packer
from strongroom.load.draft import describe_numbers, detect_epoch, find_zoneless
from strongroom.load.rows.jobs import ColumnJob, TableJob
from strongroom.load.stage.columns import ServerColumn
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import Column, Table

_SAMPLE = 200
_ROW_OVERHEAD = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One target: its plan, its snapshot, and the schema that was made for it."""

    plan: Plan
    target: Target
    schema: str
    snapshot: Database
    ledger: Database
    columns: Mapping[str, tuple[ServerColumn, ...]]


def find_table(side: Side, name: str) -> str | None:
    """Return the schema's table for one of the source: of its name, else of its name in any case."""
    return _find(name, list(side.columns))


def find_column(side: Side, table: str, name: str) -> ServerColumn | None:
    """Return the schema's column for one of the source."""
    known = {column.name: column for column in side.columns[table]}
    found = _find(name, list(known))
    return None if found is None else known[found]


def _find(name: str, known: Sequence[str]) -> str | None:
    if name in known:
        return name
    alike = [one for one in known if fold(one) == fold(name)]
    return alike[0] if len(alike) == 1 else None


def map_table(connection: Connection, side: Side, table: Table, into: str) -> TableJob:
    """Return what is to be done for one table, each of whose columns has its place.

    Raises PlanError for a type that nothing is loaded into, and for times whose unit or zone nobody says.
    """
    columns = [
        (column, found)
        for column in table.columns
        if (found := find_column(side, into, column.name)) is not None and not found.is_generated
    ]
    address = table.rowid
    return _measure(
        connection,
        TableJob(
            target=side.target.name,
            table=table.name,
            into=into,
            schema=side.schema,
            columns=tuple(_map_column(connection, side, table, column, found) for column, found in columns),
            kept=tuple(column.name for column in table.columns),
            address=address,
            key=() if address is not None else table.primary_key,
            snapshot=side.snapshot,
            ledger=side.ledger,
            size=0,
            row_size=0,
        ),
    )


def _map_column(connection: Connection, side: Side, table: Table, column: Column, found: ServerColumn) -> ColumnJob:
    subject = f"{side.target.name}.{table.name}.{column.name}"
    reading = _choose_reading(connection, side, table, column, found)
    if choose_packer(found.type, reading) is None:
        fact = f"becomes {found.declared}, which nothing is loaded into"
        raise PlanError(subject, fact, "declare it with another type in the schema files")
    return ColumnJob(source=column.name, into=found.name, type=found.type, reading=reading, not_null=found.not_null)


def _choose_reading(connection: Connection, side: Side, table: Table, column: Column, found: ServerColumn) -> Reading:
    """Return how times are read: as the plan says, else as the numbers show."""
    inner = found.type.element or found.type
    said = find_type(side.target, table.name, column.name)
    if inner.name != "timestamptz":
        return Reading(as_text=said is not None and said.type == "text")
    subject = f"{side.target.name}.{table.name}.{column.name}"
    zone = said.time_zone if said is not None and said.time_zone else side.plan.defaults.time_zone
    epoch = said.epoch if said is not None else None
    if epoch is None and column.affinity != "TEXT":  # which makes numbers text
        epoch = detect_epoch(connection, table.name, column.name)
        counts = describe_numbers(connection, table.name, column.name) if epoch is None else "no numbers"
        if counts != "no numbers":
            way = f"say it under types: of target {side.target.name}: {table.name}.{column.name}: {{epoch: s}}"
            raise PlanError(subject, f"becomes timestamptz, and holds numbers of no one unit ({counts})", way)
    if zone is None and find_zoneless(connection, table.name, column.name):
        fact = "becomes timestamptz, and holds times without a zone"
        raise PlanError(subject, fact, "say defaults: time_zone in the plan (SQLite's own times are UTC)")
    return Reading(zone=zone, epoch=epoch)


def find_type(target: Target, table: str, column: str) -> ColumnType | None:
    """Return what the plan says of a column's type, if anything."""
    names = (fold(table), fold(column))
    return next((said for place, said in target.types.items() if tuple(map(fold, place)) == names), None)


def _measure(connection: Connection, job: TableJob) -> TableJob:
    """Estimate a table's size by its first rows, and by the ends of its addresses where it has them."""
    table = f"main.{quote(job.table)}"
    counted = "count(*)" if job.address is None else f"max({quote(job.address)}) - min({quote(job.address)}) + 1"
    (rows,) = connection.execute(f"SELECT {counted} FROM {table}").fetchone()
    sizes = " + ".join(f"coalesce(length(CAST({quote(column.source)} AS BLOB)), 0)" for column in job.columns) or "0"
    asked = f"SELECT avg(size), count(*) FROM (SELECT {sizes} AS size FROM {table} LIMIT {_SAMPLE})"
    average, seen = connection.execute(asked).fetchone()
    rows = (rows or 0) if seen == _SAMPLE else seen
    row_size = int(average or 0) + _ROW_OVERHEAD
    return replace(job, size=min(int(rows * row_size), job.snapshot.path.stat().st_size), row_size=row_size)
