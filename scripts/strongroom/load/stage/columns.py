"""The columns of the tables that are loaded, as the server's catalogue knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.postgres.connection import Connection

_ASKED = """
    WITH RECURSIVE base(oid, plain, modifier) AS (
        SELECT a.atttypid, a.atttypid, a.atttypmod FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        UNION SELECT b.oid, t.typbasetype, CASE WHEN b.modifier = -1 THEN t.typtypmod ELSE b.modifier END
        FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.plain WHERE t.typtype = 'd')
    SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
        a.attgenerated::text <> '', a.attidentity::text <> '' OR
        pg_catalog.pg_get_serial_sequence(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
            a.attname) IS NOT NULL,
        t.typname, t.typtype::text, b.modifier, e.oid::bigint, e.typname, e.typtype::text,
        (SELECT array_agg(l.enumlabel::text ORDER BY l.enumsortorder) FROM pg_catalog.pg_enum l
         WHERE l.enumtypid IN (t.oid, e.oid))
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN base b ON b.oid = a.atttypid AND (b.plain <> b.oid OR b.modifier = a.atttypmod)
    JOIN pg_catalog.pg_type t ON t.oid = b.plain AND t.typtype <> 'd'
    LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerType:
    """A type without the domains around it."""

    name: str
    """As the catalogue names it: ``int8``, ``timestamptz``; ``enum`` for every enum."""
    modifier: int = -1
    element: ServerType | None = None
    oid: int = 0
    """Of an array's element."""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerColumn:
    """One column."""

    name: str
    declared: str
    """As people write its type."""
    type: ServerType
    not_null: bool
    is_generated: bool
    has_sequence: bool


def read_columns(connection: Connection, schema: str) -> Mapping[str, tuple[ServerColumn, ...]]:
    """Return the columns of every table of a schema, in their order. Read-only."""
    found: dict[str, list[ServerColumn]] = {}
    for row in connection.execute(_ASKED, {"schema": schema}).fetchall():
        table, name, declared, not_null, generated, sequence = row[:6]
        column = ServerColumn(
            name=name,
            declared=declared,
            type=_read_type(row[6:]),
            not_null=not_null,
            is_generated=generated,
            has_sequence=sequence,
        )
        found.setdefault(table, []).append(column)
    return {table: tuple(columns) for table, columns in found.items()}


def _read_type(row: Sequence[Any]) -> ServerType:
    name, kind, modifier, oid, element, element_kind, labels = row
    known = tuple(labels or ())
    if oid is None:
        return ServerType(name="enum" if kind == "e" else name, modifier=modifier, labels=known)
    inner = ServerType(name="enum" if element_kind == "e" else element, modifier=modifier, labels=known)
    return ServerType(name="array", element=inner, oid=oid)
