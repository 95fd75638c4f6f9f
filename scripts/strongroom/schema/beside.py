"""Make a schema from its files under another name, beside the live one."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.postgres.connection import Connection, compose, identifier
from strongroom.schema.extensions import list_extensions, provide_extensions
from strongroom.schema.files import FileSet
from strongroom.schema.roles import grant, let_owner_create, owner_of, provide_roles
from strongroom.schema.running import run_files


def provide_owner(connection: Connection, system: str) -> None:
    """Make the system's roles where they are missing, and let the owner make schemas. Within a transaction."""
    provide_roles(connection, system)
    let_owner_create(connection, system)


def make_beside(connection: Connection, system: str, sets: Mapping[str, FileSet], database: str, schema: str) -> bool:
    """Run a database's files into ``schema``; without files it is made empty, and the answer is no.

    Raises ConfigurationError for a statement that the server refuses.
    """
    files = sets.get(database)
    if files is None:
        text = "CREATE SCHEMA {schema} AUTHORIZATION {owner}"
        connection.execute(compose(text, schema=identifier(schema), owner=identifier(owner_of(system))))
        return False
    beside = provide_extensions(connection, list_extensions(files))
    run_files(connection, system, schema, files.files, beside=beside)
    return True


def grant_rights(connection: Connection, system: str, schema: str) -> None:
    """Give the system's writer and reader their rights in a schema."""
    grant(connection, system, schema)
