"""Tables of an application as the pattern of those that are staged: what they take, the server's catalogue says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from strongroom.postgres.connection import Connection, compose, identifier

_STANDING = """
    SELECT n.nspname::text, pg_catalog.pg_get_userbyid(n.nspowner)::text, a.attname::text, c.relname::text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p') AND c.relname = ANY(%(tables)s)
    ORDER BY c.relname, a.attnum"""
_JOINED = """
    SELECT c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_class p ON p.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = p.relnamespace
      AND c.relnamespace = %(schema)s::text::regnamespace AND c.relname = ANY(%(tables)s)
      AND p.relname = ANY(%(tables)s) ORDER BY 1, 2"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Tables that stand in one schema."""

    schema: str
    owner: str
    """The role that owns the schema."""
    user: str
    """The role that is connected."""
    columns: dict[str, Collection[str]]
    """Table to columns."""


def find_standing(connection: Connection, tables: Collection[str], first: str) -> Standing | None:
    """Return where all of these tables stand: in the schema ``first``, else where names lead. Read-only.

    Names lead where the server, the database and the role say so (``search_path``), as for any application that is
    connected so.
    """
    connection.execute("RESET search_path")
    asked = "SELECT pg_catalog.current_schemas(false)::text[], current_user::text"
    led, user = connection.execute(asked).fetchone() or ([], "")
    connection.execute("SELECT pg_catalog.set_config('search_path', '', false)")
    schemas = list(dict.fromkeys([first, *led]))
    rows = connection.execute(_STANDING, {"schemas": schemas, "tables": list(tables)}).fetchall()
    for schema in schemas:
        found: dict[str, Collection[str]] = {}
        for _, _, column, table in (row for row in rows if row[0] == schema):
            found[table] = [*found.get(table, ()), column]
        if set(found) == set(tables):
            owner = next(row[1] for row in rows if row[0] == schema)
            return Standing(schema=schema, owner=owner, user=user, columns=found)
    return None


def make_alike(connection: Connection, live: str, schema: str, tables: Collection[str], owner: str) -> bool:
    """Make a role's schema with tables like those of a live one, and the foreign keys between them; the answer is yes.

    Within the caller's transaction.
    """
    text = "CREATE SCHEMA {schema} AUTHORIZATION {owner}"
    connection.execute(compose(text, schema=identifier(schema), owner=identifier(owner)))
    connection.execute(compose("SET LOCAL ROLE {owner}", owner=identifier(owner)))
    for table in tables:
        text = "CREATE TABLE {copy} (LIKE {table} INCLUDING ALL)"
        connection.execute(compose(text, copy=identifier(schema, table), table=identifier(live, table)))
    for table, name, definition in _read_keys(connection, live, tables):
        text = "ALTER TABLE {copy} ADD CONSTRAINT {name} "
        added = compose(text, copy=identifier(schema, table), name=identifier(name)).as_string(connection)
        _look_in(connection, schema)
        connection.execute(f"{added}{definition}".encode())
        _look_in(connection, None)
    connection.execute("RESET ROLE")
    return True


def _read_keys(connection: Connection, live: str, tables: Collection[str]) -> Sequence[tuple[str, str, str]]:
    """Return foreign keys in words that name no schema."""
    _look_in(connection, live)
    asked = {"schema": identifier(live).as_string(connection), "tables": list(tables)}
    found: list[tuple[str, str, str]] = connection.execute(_JOINED, asked).fetchall()
    _look_in(connection, None)
    return found


def _look_in(connection: Connection, schema: str | None) -> None:
    path = "" if schema is None else identifier(schema).as_string(connection)
    connection.execute("SELECT pg_catalog.set_config('search_path', %s, true)", (path,))
