"""Run schema files as the system's owner, with nothing but their own schema in reach."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.errors import ConfigurationError
from strongroom.postgres.connection import (
    BUSY,
    Connection,
    Error,
    compose,
    identifier,
    position_of,
    run_statement,
    settle_session,
)
from strongroom.schema.files import SchemaFile, Statement
from strongroom.schema.roles import grant, owner_of

_SHOWN = 200


def run_files(
    connection: Connection, system: str, schema: str, files: Sequence[SchemaFile], *, beside: Sequence[str]
) -> None:
    """Run files within the caller's transaction; what they name without a schema goes into ``schema``.

    ``beside`` are the schemas of extensions. Raises ConfigurationError with file, line, column and the statement.
    """
    owner = owner_of(system)
    if connection.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
        make = "CREATE SCHEMA {schema} AUTHORIZATION {owner}"
        connection.execute(compose(make, schema=identifier(schema), owner=identifier(owner)))
    path = ", ".join(f'"{name}"' for name in (schema, *beside))
    for file in files:
        connection.execute(compose("SET LOCAL ROLE {owner}", owner=identifier(owner)))
        settle_session(connection)
        connection.execute("SELECT pg_catalog.set_config('search_path', %s, true)", (path,))
        for statement in file.statements:
            if not statement.is_extension:
                _run(connection, owner, statement)
    connection.execute("RESET ROLE")
    settle_session(connection)
    grant(connection, system, schema)


def _run(connection: Connection, owner: str, statement: Statement) -> None:
    try:
        run_statement(connection, statement.text)
    except BUSY:
        raise
    except Error as error:
        if connection.broken:  # it is the server that went away, and no mistake in the file
            raise
        raise _locate(statement, error) from error
    if connection.execute("SELECT current_user::text").fetchone() != (owner,):
        fact = f"acts as another role than {owner} afterwards"
        raise ConfigurationError(statement.place(), fact, "nothing was applied; leave SET ROLE and RESET ROLE out")


def _locate(statement: Statement, error: Error) -> ConfigurationError:
    place = statement.place(position_of(error) or 0)
    said = (error.diag.message_primary or str(error)).strip().splitlines()[0]
    words = " ".join(statement.text.split())
    shown = words if len(words) <= _SHOWN else f"{words[:_SHOWN]} …"
    return ConfigurationError(place, said, f"nothing was applied; the statement is: {shown}")
