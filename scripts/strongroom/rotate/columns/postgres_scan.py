"""Look through every text, binary and JSON column of a database for ciphertext that nobody registered. Read-only."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from strongroom.core.quoting import literal
from strongroom.keys.columns import BINARY_STARTS, TEXT_STARTS
from strongroom.postgres.connection import Access, Connection, Error, open_postgres
from strongroom.postgres.faults import explain_statement
from strongroom.rotate.columns.finding import JSON_SIGNS, count_formats
from strongroom.rotate.columns.model import Found
from strongroom.rotate.columns.postgres_column import stream_values
from strongroom.rotate.columns.postgres_text import begins, name

_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname,
        CASE WHEN b.typname = 'bytea' THEN 'bytes' WHEN b.typname IN ('json', 'jsonb') THEN 'json'
            WHEN e.oid IS NOT NULL AND e.typcategory = 'S' THEN 'texts' WHEN b.typcategory = 'S' THEN 'text' END,
        pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND NOT pg_catalog.row_security_active(c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_catalog.pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
    WHERE c.relkind IN ('r', 'p', 'm') AND c.relispopulated AND NOT c.relispartition AND n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema'
        AND (b.typname IN ('bytea', 'json', 'jsonb') OR b.typcategory = 'S' OR e.typcategory = 'S')
    ORDER BY 1, 2, a.attnum"""


def scan_database(
    access: Access, registered: Collection[tuple[str, str, str]]
) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """Return the ciphertext in columns other than those (schema, table, column), and the columns that may not be read.

    Every row is looked at: the server picks those that begin as ciphertext does, here it is seen whether they are.
    """
    found: list[Found] = []
    unread: list[str] = []
    with open_postgres(access, is_read_only=True) as connection:
        connection.execute("SELECT pg_catalog.set_config('statement_timeout', '0', false)")
        for schema, table, column, kind, may_read in connection.execute(_COLUMNS).fetchall():
            if (schema, table, column) in registered:
                continue
            if not may_read:
                unread.append(f"{access.place}: {schema}.{table}.{column}")
                continue
            values = _read(access, connection, _pick(schema, table, column, kind))
            found.extend(count_formats(f"{access.place} schema {schema}", f"{table}.{column}", values))
    return tuple(found), tuple(unread)


def _read(access: Access, connection: Connection, text: str) -> Any:
    try:
        yield from stream_values(connection, text)
    except Error as error:
        raise explain_statement(access, error) from None  # its text may repeat values


def _pick(schema: str, table: str, column: str, kind: str) -> str:
    """Return the statement that reads the values of a column which may be ciphertext, or hold some."""
    place, value = name(schema, table), f"t.{name(column)}"
    if kind == "bytes":
        return f"SELECT {value} FROM {place} AS t WHERE {begins(value, BINARY_STARTS, as_bytes=True)}"
    if kind == "texts":
        parts = f"{place} AS t, pg_catalog.unnest({value}) AS parts (part)"
        return f"SELECT parts.part::text FROM {parts} WHERE {begins('parts.part::text', TEXT_STARTS, as_bytes=False)}"
    text = f"{value}::text"
    inside = " OR ".join(f"pg_catalog.strpos({text}, {literal(sign)}) > 0" for sign in JSON_SIGNS)
    is_json = "" if kind == "json" else f"pg_catalog.substr({text}, 1, 1) IN ('{{', '[') AND "
    return f"SELECT {text} FROM {place} AS t WHERE {begins(text, TEXT_STARTS, as_bytes=False)} OR {is_json}({inside})"
