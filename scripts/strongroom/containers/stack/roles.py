"""The roles as which tasks work in the stack's PostgreSQL: none of them is a superuser."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.containers.stack.files import Folder
from strongroom.containers.stack.parts import ROLES
from strongroom.postgres.connection import (
    Access,
    Connection,
    compose,
    identifier,
    literal,
    make_verifier,
    open_postgres,
)

_RIGHTS = {
    "deploy": (
        "ALTER ROLE {role} CREATEROLE",  # each system has roles of its own
        "GRANT CREATE ON DATABASE {database} TO {role} WITH GRANT OPTION",
    ),
    "monitor": ("GRANT pg_monitor, pg_read_all_data TO {role}",),
}


def provide_roles(folder: Folder, superuser: Mapping[str, str]) -> None:
    """Make the roles that are missing, with the passwords of the folder. Raises UnreachableError, KeyMissingError."""
    access = Access(parameters=superuser, origin="the local stack")
    with open_postgres(access) as connection, connection.transaction():
        for name, role in ROLES.items():
            _provide(connection, role, folder.read_password(f"postgres-{name}-password"))
            for text in _RIGHTS[name]:
                parts = {"role": identifier(role), "database": identifier(superuser["dbname"])}
                connection.execute(compose(text, **{part: parts[part] for part in parts if f"{{{part}}}" in text}))


def _provide(connection: Connection, role: str, password: str) -> None:
    """Make a role that may log in; its password never reaches the server, or its log."""
    if connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
        connection.execute(compose("CREATE ROLE {role}", role=identifier(role)))
    verifier = literal(make_verifier(connection, role, password))
    connection.execute(compose("ALTER ROLE {role} LOGIN PASSWORD {it}", role=identifier(role), it=verifier))
