"""Apply schema files in one transaction, and remember what was applied by its hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom import __version__
from strongroom.core.errors import ConfigurationError, GuardError
from strongroom.postgres.connection import (
    Access,
    Connection,
    Error,
    compose,
    identifier,
    literal,
    open_postgres,
    position_of,
    run_statement,
)
from strongroom.schema.files import FileSet, SchemaFile, Statement
from strongroom.schema.roles import grant, provide_roles

HOME = "strongroom"
"""The schema of our own records."""
_LOCK = 0x5712_0265_0042_0017
"""Our advisory lock: two appliers wait for each other, a minute at most."""
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done for one database, or would be."""

    database: str
    applied: tuple[str, ...]
    """Files that were run."""
    there: tuple[str, ...]
    """Files that had been run before."""
    statements: int
    dry_run: bool


def apply_schemas(access: Access, system: str, sets: Sequence[FileSet], *, dry_run: bool) -> tuple[Applied, ...]:
    """Bring each database's schema up to its files; run again, nothing is left to do.

    One transaction holds all of it: the server has every new file, or none. Raises GuardError for a file that was
    edited or removed since it was applied, for a new one before an applied one, and for a schema that holds tables
    of others; ConfigurationError, with file, line and column, for a statement that the server refuses.
    """
    with open_postgres(access) as connection, connection.transaction(force_rollback=dry_run):
        connection.execute("SET LOCAL lock_timeout = '60s'")  # for our own lock, and those of the tables
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if not dry_run:
            provide_roles(connection, system)
            _make_home(connection)
        return tuple(_apply_set(connection, system, files, dry_run=dry_run) for files in sets)


def _apply_set(connection: Connection, system: str, files: FileSet, *, dry_run: bool) -> Applied:
    recorded = read_records(connection, files.database)
    pending = find_pending(files, recorded)
    if not recorded:
        _refuse_others(connection, files.database)
    if not dry_run:
        if pending:
            _run(connection, system, files.database, pending)
        grant(connection, system, files.database)
    return Applied(
        database=files.database,
        applied=tuple(file.name for file in pending),
        there=tuple(recorded),
        statements=sum(len(file.statements) for file in pending),
        dry_run=dry_run,
    )


def _make_home(connection: Connection) -> None:
    connection.execute(compose("CREATE SCHEMA IF NOT EXISTS {home}", home=identifier(HOME)))
    connection.execute(
        compose(
            "CREATE TABLE IF NOT EXISTS {table} (database TEXT, file TEXT, sha256 TEXT NOT NULL, "
            "version TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (database, file))",
            table=identifier(HOME, "applied_files"),
        )
    )


def read_records(connection: Connection, database: str) -> dict[str, str]:
    """Return the hashes of the files that were applied, by name; nothing where none ever was. Read-only."""
    if connection.execute("SELECT to_regclass(%s)", (f"{HOME}.applied_files",)).fetchone() == (None,):
        return {}
    asked = compose(
        "SELECT file, sha256 FROM {table} WHERE database = {database} ORDER BY file",
        table=identifier(HOME, "applied_files"),
        database=literal(database),
    )
    return dict(connection.execute(asked).fetchall())


def find_pending(files: FileSet, recorded: Mapping[str, str]) -> list[SchemaFile]:
    """Return the files that are not applied yet.

    Raises GuardError for one that was edited or removed since it was, or that would come before an applied one.
    """
    known = {file.name: file for file in files.files}
    for name, digest in recorded.items():
        if name not in known:
            raise GuardError(f"{files.database}/{name}", "was applied and is gone", "put it back")
        if known[name].sha256 != digest:
            hint = "put it back as it was; write the change as a new file"
            raise GuardError(known[name].path, "was edited since it was applied", hint)
    pending = [file for file in files.files if file.name not in recorded]
    early = [file for file in pending if recorded and file.name < max(recorded)]
    if early:
        raise GuardError(early[0].path, f"comes before {max(recorded)}, which is applied", "give it a later name")
    return pending


def _refuse_others(connection: Connection, database: str) -> None:
    """Make sure that nothing of somebody else stands in the schema."""
    asked = (
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1 LIMIT 1"
    )
    found = connection.execute(asked, (database,)).fetchone()
    if found is not None:
        fact = f"holds {found[0]}, and no record of ours"
        raise GuardError(f"schema {database}", fact, "apply to another database, or move that schema away")


def _run(connection: Connection, system: str, database: str, files: Sequence[SchemaFile]) -> None:
    owner = identifier(f"{system}_owner")
    make = "CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}"
    connection.execute(compose(make, schema=identifier(database), owner=owner))
    connection.execute(compose("SET LOCAL ROLE {owner}", owner=owner))
    run_files(connection, database, files)
    connection.execute("RESET ROLE")
    connection.execute("RESET search_path")
    for file in files:
        connection.execute(
            compose(
                "INSERT INTO {table} (database, file, sha256, version) "
                "VALUES ({database}, {file}, {sha256}, {version})",
                table=identifier(HOME, "applied_files"),
                database=literal(database),
                file=literal(file.name),
                sha256=literal(file.sha256),
                version=literal(__version__),
            )
        )


def run_files(connection: Connection, schema: str, files: Sequence[SchemaFile]) -> None:
    """Run files within the caller's transaction; what they name without a schema goes into ``schema``.

    Raises ConfigurationError with file, line, column and the statement.
    """
    connection.execute(compose("SET LOCAL search_path = {schema}, public", schema=identifier(schema)))
    for file in files:
        for statement in file.statements:
            try:
                run_statement(connection, statement.text)
            except Error as error:
                raise _locate(statement, error) from error


def _locate(statement: Statement, error: Error) -> ConfigurationError:
    place = statement.place(position_of(error) or 0)
    said = (error.diag.message_primary or str(error)).strip().splitlines()[0]
    words = " ".join(statement.text.split())
    shown = words if len(words) <= _SHOWN else f"{words[:_SHOWN]} …"
    return ConfigurationError(place, said, f"nothing was applied; the statement is: {shown}")
