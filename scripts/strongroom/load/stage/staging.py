"""Make the schema that stands beside the live one: as its files say, else as the source declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import GuardError, PlanError
from strongroom.core.plan import Plan, Target
from strongroom.load.documents import MadeSchema
from strongroom.load.draft import Draft, draft_column, draft_schema, draft_table
from strongroom.load.request import Schemas
from strongroom.load.rows.book import Book
from strongroom.load.rows.jobs import ADDRESS, TableJob
from strongroom.load.rows.structure import read_references, take_off
from strongroom.load.stage.columns import read_columns
from strongroom.load.stage.mapping import Side, find_column, find_table, map_table
from strongroom.load.stage.registered import refuse_unopened
from strongroom.postgres.connection import Connection, Error, compose, identifier
from strongroom.sqlite.connection import Connection as Rows
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import Table, read_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One target that is to be staged."""

    plan: Plan
    target: Target
    schema: str
    snapshot: Database
    ledger: Database
    keeps_addresses: bool = False
    """Whether each staged row says where it comes from, as it does not go live as it stands."""
    registered: tuple[ColumnEntry, ...] = ()
    """The encrypted columns of the system."""


def make_stage(connection: Connection, stage: Stage, schemas: Schemas, book: Book) -> MadeSchema:
    """Make a staged schema anew, ready for rows; within the caller's transaction.

    Raises PlanError for what the schema files lack and the plan does not carry, and for what has no type; GuardError
    for a database that does not hold every text, and for a schema of somebody else under its name.
    """
    _refuse_encoding(connection)
    _drop(connection, stage.schema, schemas.owner)
    has_files = schemas.make(connection, stage.target.live_schema, stage.schema)
    with open_snapshot(stage.snapshot) as source, _as_owner(connection, schemas.owner, stage.schema):
        draft = _DRAFTLESS if has_files else draft_schema(source, stage.target, stage.plan.defaults)
        failed = _run(connection, draft)
        carried, more = _carry(connection, source, stage) if has_files else ((), ())
        if stage.keeps_addresses:
            for table in read_columns(connection, stage.schema):
                names = {"table": identifier(stage.schema, table), "column": identifier(ADDRESS)}
                connection.execute(compose("ALTER TABLE {table} ADD COLUMN {column} bigint", **names))
    schemas.grant(connection, stage.schema)
    objects = dict(schemas.read_objects(connection, stage.schema))
    references = read_references(connection, stage.schema)
    with _as_owner(connection, schemas.owner, stage.schema), open_snapshot(stage.snapshot) as source:
        side = read_side(connection, stage)
        loaded = [find_table(side, table) for table in read_schema(source).tables]
        tables = [table for table in loaded if table is not None]
        book.keep_structure(connection, stage.target.name, take_off(connection, stage.schema, tables))
        for table in tables if has_files else ():
            connection.execute(compose("TRUNCATE ONLY {table}", table=identifier(stage.schema, table)))
    return MadeSchema(
        has_files=has_files,
        objects=objects,
        references=references,
        carried=carried,
        reported=(*draft.reported, *failed, *more),
        skipped=draft.skipped,
    )


def _refuse_encoding(connection: Connection) -> None:
    """Make sure that the database holds every text, as it is. Raises GuardError."""
    asked = "SELECT datname, pg_catalog.pg_encoding_to_char(encoding) FROM pg_catalog.pg_database WHERE datname = "
    (name, encoding) = connection.execute(f"{asked} pg_catalog.current_database()".encode()).fetchone() or ("", "")
    if encoding != "UTF8":
        fact = f"has the encoding {encoding}, and only UTF8 holds every text"
        raise GuardError(f"database {name}", fact, "make one with: createdb --encoding UTF8 --template template0 NAME")


def _drop(connection: Connection, schema: str, owner: str) -> None:
    """Drop what a load before left under a name. Raises GuardError for a schema of somebody else."""
    asked = "SELECT pg_catalog.pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = %s"
    found = connection.execute(asked, (schema,)).fetchone()
    if found is not None and found[0] != owner:
        fact = f"belongs to {found[0]}, and is where this load would stand"
        raise GuardError(f"schema {schema}", fact, "rename it, or drop it, if nobody needs it; nothing was changed")
    connection.execute(compose("DROP SCHEMA IF EXISTS {schema} CASCADE", schema=identifier(schema)))


_DRAFTLESS = Draft(statements=(), reported=(), skipped=())


@contextmanager
def _as_owner(connection: Connection, owner: str, schema: str) -> Iterator[None]:
    """Act as the system's owner, with names looked up in one schema."""
    connection.execute(compose("SET LOCAL ROLE {owner}", owner=identifier(owner)))
    connection.execute("SELECT pg_catalog.set_config('search_path', %s, true)", (identifier(schema).as_string(),))
    yield
    connection.execute("SELECT pg_catalog.set_config('search_path', '', true)")
    connection.execute("RESET ROLE")


def _run(connection: Connection, draft: Draft) -> tuple[str, ...]:
    """Run a draft's statements; return what the server refused of those that may fail. Raises PlanError."""
    failed = []
    for one in draft.statements:
        try:
            with connection.transaction():
                connection.execute(one.statement.encode(), prepare=False)
        except Error as error:
            said = (error.diag.message_primary or str(error)).strip().splitlines()[0]
            if not one.is_optional:
                raise PlanError(one.subject, f"cannot be made: {said}", "say its types in the plan") from error
            failed.append(f"{one.subject}: does not come along: {said}")
    return tuple(failed)


def _carry(connection: Connection, source: Rows, stage: Stage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take along what the schema files lack, where the plan says so; return what, and what was reported of it."""
    carried, reported = [], []
    for draft, what in _draft_missing(connection, source, stage):
        carried.append(what)
        reported += [*draft.reported, *_run(connection, draft)]
    return tuple(carried), tuple(reported)


def _draft_missing(connection: Connection, source: Rows, stage: Stage) -> Iterator[tuple[Draft, str]]:
    plan, target = stage.plan, stage.target
    side = read_side(connection, stage)
    for name, table in read_schema(source).tables.items():
        into = find_table(side, name)
        if into is None:
            _refuse(plan.defaults.unmapped_table, f"{target.name}.{name}", "table", "unmapped_table")
            yield draft_table(source, target, plan.defaults, name), f"table {target.name}.{name}"
            continue
        for column in table.columns:
            if find_column(side, into, column.name) is None:
                where = f"{target.name}.{name}.{column.name}"
                _refuse(plan.defaults.unmapped_column, where, "column", "unmapped_column")
                yield draft_column(source, target, plan.defaults, name, column.name, into), f"column {where}"


def _refuse(rule: str, subject: str, what: str, word: str) -> None:
    if rule != "carry":
        fact = f"is a {what} that the schema files for PostgreSQL lack"
        raise PlanError(subject, fact, f"add it there, or say {word}: carry in the plan's defaults")


def read_side(connection: Connection, stage: Stage) -> Side:
    """Return a stage with the columns that its schema has. Read-only."""
    return Side(
        plan=stage.plan,
        target=stage.target,
        schema=stage.schema,
        snapshot=stage.snapshot,
        ledger=stage.ledger,
        columns=read_columns(connection, stage.schema),
    )


def list_jobs(connection: Connection, stage: Stage, made: MadeSchema) -> list[TableJob]:
    """Return the tables that are loaded into a stage. Raises PlanError, also for values that would not open there."""
    side = read_side(connection, stage)
    with open_snapshot(stage.snapshot) as source:
        tables: Mapping[str, Table] = read_schema(source).tables
        pairs = [(table, find_table(side, name)) for name, table in tables.items() if name not in made.skipped]
        jobs = [map_table(source, side, table, into) for table, into in pairs if into is not None]
        for job in jobs:
            refuse_unopened(source, stage.plan, stage.target, job, stage.registered)
    return [replace(job, keeps_address=stage.keeps_addresses) for job in jobs]


def list_sequences(connection: Connection, job: TableJob) -> tuple[str, ...]:
    """Return the columns of a table that a sequence feeds. Read-only."""
    columns = read_columns(connection, job.schema)[job.into]
    return tuple(column.name for column in columns if column.has_sequence)
