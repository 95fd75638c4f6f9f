"""Three roles for each system, none of which can log in: an owner, a writer, a reader.

People and services are made members of one: ``GRANT aragora_writer TO the_application``.
"""

from __future__ import annotations

from strongroom.postgres.connection import Connection, compose, identifier

_KINDS = ("owner", "writer", "reader")
_LATER = "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
_READS, _WRITES = "SELECT", "SELECT, INSERT, UPDATE, DELETE"


def provide_roles(connection: Connection, system: str) -> None:
    """Make the roles that are missing; whoever applies schemas becomes a member of the owner."""
    for kind in _KINDS:
        role = f"{system}_{kind}"
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            connection.execute(compose("CREATE ROLE {role} NOLOGIN", role=identifier(role)))
    # From PostgreSQL 16 on, whoever makes a role may not take it on before being made a member of it.
    if connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() != (True,):
        connection.execute(compose("GRANT {owner} TO CURRENT_USER", owner=identifier(f"{system}_owner")))


def grant(connection: Connection, system: str, schema: str) -> None:
    """Let the writer write rows and the reader read them, in tables that are there and that will be."""
    rights = {"writer": (_WRITES, "USAGE, SELECT, UPDATE"), "reader": (_READS, "SELECT")}
    owner = identifier(f"{system}_owner")
    for kind, (tables, sequences) in rights.items():
        parts = {"role": identifier(f"{system}_{kind}"), "schema": identifier(schema), "owner": owner}
        for text in (
            "GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT {tables} ON ALL TABLES IN SCHEMA {{schema}} TO {{role}}",
            f"GRANT {sequences} ON ALL SEQUENCES IN SCHEMA {{schema}} TO {{role}}",
            f"{_LATER} GRANT {tables} ON TABLES TO {{role}}",
            f"{_LATER} GRANT {sequences} ON SEQUENCES TO {{role}}",
        ):
            connection.execute(compose(text, **parts))
