"""Whose is what stands there: schemas, objects and triggers of others are refused before a statement runs."""

from __future__ import annotations

from strongroom.core.errors import GuardError
from strongroom.postgres.connection import Connection
from strongroom.schema.roles import owner_of

FOREIGN = """
    SELECT 'belongs to ' || pg_get_userbyid(n.nspowner) FROM pg_namespace n
    WHERE n.nspname = %(schema)s AND pg_get_userbyid(n.nspowner) <> %(owner)s"""
"""Says whose a schema is, where it is not its owner's."""
OPEN = """
    SELECT CASE x.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(x.grantee)::text END
        || ' may create objects there' FROM pg_namespace n, aclexplode(n.nspacl) x
    WHERE n.nspname = %(schema)s AND x.privilege_type = 'CREATE' AND x.grantee <> n.nspowner"""
"""Says who besides its owner may put objects into a schema."""
_STRANGE = f"""{FOREIGN}
    UNION ALL {OPEN}
    UNION ALL SELECT 'holds ' || d.kind || ' ' || d.name || ' of ' || pg_get_userbyid(d.owner) FROM (
        SELECT 'pg_class'::regclass AS class, oid, CASE relkind WHEN 'S' THEN 'the sequence' WHEN 'v' THEN 'the view'
               WHEN 'c' THEN 'the type' ELSE 'the table' END AS kind, relname AS name, relowner AS owner,
               relnamespace AS home FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
        UNION ALL SELECT 'pg_proc'::regclass, oid, 'the function', proname, proowner, pronamespace FROM pg_proc
        UNION ALL SELECT 'pg_type'::regclass, oid, 'the type', typname, typowner, typnamespace FROM pg_type
        UNION ALL SELECT 'pg_operator'::regclass, oid, 'the operator', oprname, oprowner, oprnamespace FROM pg_operator
    ) d JOIN pg_namespace n ON n.oid = d.home
    WHERE n.nspname = %(schema)s AND pg_get_userbyid(d.owner) <> %(owner)s
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.class AND e.objid = d.oid AND e.deptype = 'e')
    UNION ALL SELECT c.relname || ' has the trigger ' || g.tgname || ', which runs a function of '
        || pg_get_userbyid(p.proowner)
    FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_roles r ON r.oid = p.proowner
    WHERE n.nspname = %(schema)s AND NOT r.rolsuper AND r.rolname <> %(owner)s
"""
_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1 LIMIT 1"""
_OUTSIDE = """
    SELECT d.kind, d.oid, d.name FROM (
        SELECT 'table' AS kind, oid::bigint, oid::regclass::text AS name, relnamespace AS home FROM pg_class
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
        UNION ALL SELECT 'function', oid::bigint, oid::regprocedure::text, pronamespace FROM pg_proc
        UNION ALL SELECT 'type', t.oid::bigint, t.oid::regtype::text, t.typnamespace FROM pg_type t
        WHERE t.typrelid = 0 AND NOT EXISTS (SELECT FROM pg_type o WHERE o.typarray = t.oid)
        UNION ALL SELECT 'schema', oid::bigint, nspname::text, oid FROM pg_namespace
    ) d JOIN pg_namespace n ON n.oid = d.home
    WHERE n.nspname <> %(schema)s AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"""


def refuse_others(connection: Connection, system: str, schema: str, *, is_recorded: bool) -> None:
    """Make sure that a schema, if it is there, and all that stands in it belongs to the system's owner.

    Raises GuardError for what does not, for a right to put more there, and for tables without a record of ours.
    """
    asked = {"schema": schema, "owner": owner_of(system)}
    if not is_recorded:
        found = connection.execute(_TABLES, asked).fetchone()
        if found is not None:
            fact = f"holds {found[0]}, and no record of ours"
            raise GuardError(f"schema {schema}", fact, "apply to another database, or move that schema away")
    found = connection.execute(_STRANGE, asked).fetchone()
    if found is not None:
        hint = f"it should be {owner_of(system)}'s alone; have whoever owns it give it away, or drop it"
        raise GuardError(f"schema {schema}", str(found[0]), hint)


def list_outside(connection: Connection, schema: str) -> dict[tuple[str, int], str]:
    """Return what stands in other schemas than one, but for the server's own. Read-only."""
    found = connection.execute(_OUTSIDE, {"schema": schema}).fetchall()
    return {(kind, oid): name for kind, oid, name in found}


def refuse_strays(connection: Connection, schema: str, before: dict[tuple[str, int], str]) -> None:
    """Make sure that since ``before`` nothing came into another schema. Raises GuardError."""
    for (kind, oid), name in sorted(list_outside(connection, schema).items()):
        if (kind, oid) not in before:
            fact = f"its files make the {kind} {name}, which is not in it"
            raise GuardError(f"schema {schema}", fact, f"nothing was applied; make it in {schema}, or elsewhere")
