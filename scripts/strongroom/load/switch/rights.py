"""Rights and comments that somebody gave to a schema and its objects by hand: taken along to the one in its place."""

from __future__ import annotations

from typing import Any

from strongroom.core.quoting import dotted, quote
from strongroom.load.switch.owning import act_as
from strongroom.postgres.connection import Connection, literal

_OBJECTS = """
    SELECT 'SCHEMA' AS kind, '' AS name, NULL::text AS part, nspacl AS acl, 'n'::"char" AS code, nspowner AS owner
    FROM pg_catalog.pg_namespace WHERE nspname = {schema}
    UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.relname, NULL, c.relacl,
        CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT 'TABLE', c.relname, a.attname, a.attacl, 'c', c.relowner
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL SELECT 'FUNCTION', p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
        NULL, p.proacl, 'f', p.proowner
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = {schema} AND p.prokind IN ('f', 'w')"""
_RIGHTS = """
    SELECT o.kind, o.name, o.part, x.privilege_type, x.is_grantable,
           CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END
    FROM ({objects}) o,
         pg_catalog.aclexplode(coalesce(o.acl, pg_catalog.acldefault(o.code, o.owner))) x
    WHERE x.grantee <> o.owner"""
_THERE = """
    SELECT o.kind, o.name, NULL::text FROM ({objects}) o WHERE o.part IS NULL
    UNION ALL SELECT 'TABLE', c.relname, a.attname FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND a.attnum > 0 AND NOT a.attisdropped"""
_LATER = """
    SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                                WHEN 'T' THEN 'TYPES' END,
           pg_catalog.pg_get_userbyid(d.defaclrole), x.privilege_type, x.is_grantable,
           CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END
    FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace,
         pg_catalog.aclexplode(d.defaclacl) x
    WHERE n.nspname = {schema} AND x.grantee <> d.defaclrole
      AND pg_catalog.pg_has_role(session_user, d.defaclrole, 'MEMBER')"""
_COMMENTS = """
    SELECT 'SCHEMA', '', NULL::text, pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace
    WHERE nspname = {schema}
    UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                    ELSE 'TABLE' END, c.relname, a.attname, d.description
    FROM pg_catalog.pg_description d JOIN pg_catalog.pg_class c ON c.oid = d.objoid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND n.nspname = {schema}
      AND c.relkind IN ('r', 'p', 'v', 'm', 'S')"""


def take_rights_along(connection: Connection, owner: str, source: str, into: str) -> tuple[str, ...]:
    """Give what a schema gives beyond another to the other; return what that one gives beyond it, for people.

    Both are the owner's. Rights of what is not in both are left where they are.
    """
    act_as(connection, owner)
    mine, theirs = _read(connection, _RIGHTS, source), _read(connection, _RIGHTS, into)
    there = _read(connection, _THERE, into)
    both = there & _read(connection, _THERE, source)
    for kind, name, part, right, is_grantable, role in sorted(mine - theirs, key=str):
        if (kind, name, part) in both:
            what = f"{right} ({quote(part)})" if part else right
            option = " WITH GRANT OPTION" if is_grantable else ""
            connection.execute(f"GRANT {what} ON {kind} {_place(into, kind, name)} TO {role}{option}".encode())
    _take_comments_along(connection, source, into, there)
    _take_later_rights_along(connection, source, into)
    return tuple(_say(*one) for one in sorted(theirs - mine, key=str) if one[:3] in both)


def _take_comments_along(connection: Connection, source: str, into: str, there: set[tuple[Any, ...]]) -> None:
    """Write the comments of objects that have none in another schema."""
    has = {one[:3] for one in _read(connection, _COMMENTS, into) if one[3] is not None}
    for kind, name, part, text in sorted(_read(connection, _COMMENTS, source), key=str):
        known = (kind if kind in {"SCHEMA", "SEQUENCE"} else "TABLE", name, part)
        if text is not None and known in there and (kind, name, part) not in has:
            place = _place(into, kind, name)
            what = f"COLUMN {place}.{quote(part)}" if part else f"{kind} {place}"
            connection.execute(f"COMMENT ON {what} IS ".encode() + literal(text).as_bytes(connection))


def _take_later_rights_along(connection: Connection, source: str, into: str) -> None:
    """Let those who get rights on what will be made in a schema get them in another one."""
    missing = _read(connection, _LATER, source) - _read(connection, _LATER, into)
    for kind, role, right, is_grantable, grantee in sorted(missing, key=str):
        option = " WITH GRANT OPTION" if is_grantable else ""
        text = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {quote(into)} GRANT {right} ON {kind} TO {grantee}{option}"
        act_as(connection, role)
        connection.execute(text.encode())


def _read(connection: Connection, asked: str, schema: str) -> set[tuple[Any, ...]]:
    text = asked.replace("{objects}", _OBJECTS).replace("{schema}", "%(schema)s")
    return set(connection.execute(text.encode(), {"schema": schema}).fetchall())


def _place(schema: str, kind: str, name: str) -> str:
    if kind == "SCHEMA":
        return quote(schema)
    if kind == "FUNCTION":
        function, _, arguments = name.partition("(")
        return f"{dotted(schema, function)}({arguments}"
    return dotted(schema, name)


def _say(kind: str, name: str, part: str | None, right: str, _grantable: str, role: str) -> str:
    return f"{right} on {' '.join(one for one in (kind.lower(), name, part) if one)} to {role}"
