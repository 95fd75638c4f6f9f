"""What files make of an empty schema: run once more, described by the server, and taken back.

The live schema steps aside under another name for the length of a savepoint, so that names in the files, in defaults
and in the bodies of functions mean what they mean in the live one. Others see nothing of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from strongroom.postgres.connection import Connection, compose, identifier
from strongroom.schema.extensions import list_extensions, provide_extensions
from strongroom.schema.files import FileSet
from strongroom.schema.objects import Objects, read_objects
from strongroom.schema.running import run_files

_THERE = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s"


def describe_files(connection: Connection, system: str, sets: Sequence[FileSet]) -> dict[str, Objects]:
    """Return, by database, what all of its files make; nothing stays changed. Within the caller's transaction.

    Raises ConfigurationError for a statement that the server refuses in an empty schema.
    """
    with connection.transaction(force_rollback=True):
        for files in sets:
            aside = f"strongroom_{secrets.token_hex(8)}"
            text = "ALTER SCHEMA {schema} RENAME TO {aside}"
            if connection.execute(_THERE, (files.database,)).fetchone() is not None:
                connection.execute(compose(text, schema=identifier(files.database), aside=identifier(aside)))
        for files in sets:
            beside = provide_extensions(connection, list_extensions(files))
            run_files(connection, system, files.database, files.files, beside=beside)
        return {files.database: read_objects(connection, files.database) for files in sets}
