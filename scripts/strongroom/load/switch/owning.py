"""Schemas belong to the system's owner, a role that nobody logs in as: who works on them is one of its members."""

from __future__ import annotations

from strongroom.core.errors import GuardError
from strongroom.core.quoting import quote
from strongroom.postgres.connection import Connection

_FOREIGN = """
    SELECT 'belongs to ' || pg_catalog.pg_get_userbyid(n.nspowner) FROM pg_catalog.pg_namespace n
    WHERE n.nspname = %(schema)s AND pg_catalog.pg_get_userbyid(n.nspowner) <> %(owner)s
    UNION ALL SELECT 'holds ' || c.relname || ' of ' || pg_catalog.pg_get_userbyid(c.relowner)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND pg_catalog.pg_get_userbyid(c.relowner) <> %(owner)s AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid
        AND e.deptype = 'e')
    LIMIT 1"""


def owner_of(system: str) -> str:
    """Return the role that owns a system's schemas."""
    return f"{system}_owner"


def act_as(connection: Connection, role: str) -> None:
    """Act as a role until the transaction ends, or somebody else is acted as.

    Raises GuardError where there is none of that name.
    """
    if connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
        fact = "is not in this server: no load of its system came that far"
        raise GuardError(f"role {role}", fact, "run postgres.load first")
    connection.execute(f"SET LOCAL ROLE {quote(role)}".encode())


def find_schema(connection: Connection, schema: str) -> int | None:
    """Return a schema's number, which a rename does not change; None where there is none of that name. Read-only."""
    found = connection.execute(
        "SELECT oid::bigint FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)
    ).fetchone()
    return None if found is None else int(found[0])


def name_schema(connection: Connection, number: int | None) -> str | None:
    """Return the name that the schema of a number bears now; None where it is gone. Read-only."""
    asked = "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE oid = %s::bigint::oid"
    found = None if number is None else connection.execute(asked, (number,)).fetchone()
    return None if found is None else str(found[0])


def refuse_foreign(connection: Connection, owner: str, schema: str) -> None:
    """Make sure that a schema, where it is there, and all its tables are a role's. Raises GuardError."""
    found = connection.execute(_FOREIGN, {"schema": schema, "owner": owner}).fetchone()
    if found is not None:
        hint = f"it should be {owner}'s alone; have whoever owns it give it away, or name another schema in the plan"
        raise GuardError(f"schema {schema}", str(found[0]), hint)


def rename_schema(connection: Connection, owner: str, schema: str, name: str) -> None:
    """Rename a schema, as its owner, or as who is connected where only that role may create schemas."""
    asked = "SELECT pg_catalog.has_database_privilege(%s, pg_catalog.current_database(), 'CREATE')"
    may = connection.execute(asked, (owner,)).fetchone() == (True,)
    act_as(connection, owner) if may else connection.execute("RESET ROLE")
    connection.execute(f"ALTER SCHEMA {quote(schema)} RENAME TO {quote(name)}".encode())
