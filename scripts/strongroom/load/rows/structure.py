"""Take indexes, keys and triggers off of empty tables, and put them back when the rows are in."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.load.documents import Part, Reference
from strongroom.postgres.connection import Connection, Error, compose, identifier, literal

_OFF = """
    SELECT c.relname, o.contype::text, o.conname, pg_catalog.pg_get_constraintdef(o.oid),
        pg_catalog.obj_description(o.oid, 'pg_constraint')
    FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND o.contype IN ('p', 'u', 'x', 'f') AND o.conparentid = 0 AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT c.relname, 'i', x.relname, pg_catalog.pg_get_indexdef(i.indexrelid),
        pg_catalog.obj_description(x.oid, 'pg_class')
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid)
    UNION ALL
    SELECT c.relname, 't', g.tgname, g.tgenabled::text, NULL FROM pg_catalog.pg_trigger g
    JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND NOT g.tgisinternal AND g.tgenabled <> 'D'
    ORDER BY 1, 2, 3"""
_REFERENCES = """
    SELECT o.conname, c.relname, p.relname,
        (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(o.conkey) WITH ORDINALITY AS k(number, place)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.number),
        (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(o.confkey) WITH ORDINALITY AS k(number, place)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.number)
    FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
    JOIN pg_catalog.pg_class p ON p.oid = o.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND p.relnamespace = c.relnamespace AND o.contype = 'f' AND o.conparentid = 0
    ORDER BY 1, 2"""
_NEEDED = "2BP01"
"""What the server says of an object on which others depend."""
_ORDER = "puxift"
"""Keys come back before what needs them, triggers when no row comes any more; they go the other way round."""
_ENABLE = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def read_references(connection: Connection, schema: str) -> tuple[Reference, ...]:
    """Return the foreign keys within a schema. Read-only."""
    return tuple(
        Reference(name=name, table=table, parent=parent, columns=tuple(columns), parent_columns=tuple(held))
        for name, table, parent, columns, held in connection.execute(_REFERENCES, {"schema": schema}).fetchall()
    )


def take_off(connection: Connection, schema: str, tables: Sequence[str]) -> list[Part]:
    """Take off what makes rows slow to come, of some tables, and every foreign key; return what puts it back, in order.

    Within the caller's transaction. What something else needs stays where it is.
    """
    connection.execute("SELECT pg_catalog.set_config('search_path', '', true)")  # names are written out then
    found = connection.execute(_OFF, {"schema": schema}).fetchall()
    found = [row for row in found if row[0] in tables or row[1] == "f"]  # which other tables have into these
    found.sort(key=lambda row: _ORDER.index(row[1]))
    parts = []
    for table, kind, name, said, comment in reversed(found):
        if _take(connection, (schema, table), kind, name):
            put = _put((schema, table), kind, name, said, comment)
            parts.append(Part(position=0, table=table, kind=kind, name=name, statement=put))
    return [
        Part(position=number, table=part.table, kind=part.kind, name=part.name, statement=part.statement)
        for number, part in enumerate(reversed(parts))
    ]


def _take(connection: Connection, table: tuple[str, str], kind: str, name: str) -> bool:
    texts = {"i": "DROP INDEX {index}", "t": "ALTER TABLE {table} DISABLE TRIGGER {name}"}
    text = texts.get(kind, "ALTER TABLE {table} DROP CONSTRAINT {name}")
    parts = {"table": identifier(*table), "name": identifier(name), "index": identifier(table[0], name)}
    try:
        with connection.transaction():
            connection.execute(compose(text, **parts))
    except Error as error:
        if error.sqlstate != _NEEDED:
            raise
        return False
    return True


def _put(table: tuple[str, str], kind: str, name: str, said: str, comment: str | None) -> str:
    """Return the statements that put a part back."""
    parts = {"table": identifier(*table), "name": identifier(name), "index": identifier(table[0], name)}
    if kind == "t":
        return compose(f"ALTER TABLE {{table}} {_ENABLE[said]} TRIGGER {{name}}", **parts).as_string()
    if kind == "i":
        statements = [said]
        about = compose("COMMENT ON INDEX {index} IS ", **parts).as_string()
    else:
        valid = " NOT VALID" if kind == "f" and not said.endswith("NOT VALID") else ""
        statements = [f"{compose('ALTER TABLE {table} ADD CONSTRAINT {name} ', **parts).as_string()}{said}{valid}"]
        about = compose("COMMENT ON CONSTRAINT {name} ON {table} IS ", **parts).as_string()
    if comment is not None:
        statements.append(about + literal(comment).as_string())
    return "; ".join(statements)


def put_back(connection: Connection, part: Part) -> None:
    """Put a part back, within the caller's transaction. Raises psycopg.Error."""
    connection.execute(part.statement.encode(), prepare=False)


def validate(connection: Connection, schema: str, part: Part) -> bool:
    """Validate a foreign key; return whether every row has what it refers to. Raises psycopg.Error otherwise."""
    names = {"table": identifier(schema, part.table), "name": identifier(part.name)}
    try:
        with connection.transaction():
            connection.execute(compose("ALTER TABLE {table} VALIDATE CONSTRAINT {name}", **names))
    except Error as error:
        if (error.sqlstate or "") != "23503":
            raise
        return False
    return True
