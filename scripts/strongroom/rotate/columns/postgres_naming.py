"""Which versions of keys the columns of a database of PostgreSQL need: what a backup of it notes. Read-only."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.column_entries import ColumnEntry
from strongroom.postgres.connection import Connection
from strongroom.rotate.columns.naming import name_keys
from strongroom.rotate.columns.postgres_text import count_heads, name

_TYPE = """
    SELECT t.typname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND a.attname = %s AND NOT a.attisdropped
        AND t.typname IN ('text', 'varchar', 'bytea')"""


def list_keys_in_database(entries: Sequence[ColumnEntry], connection: Connection) -> tuple[str, ...]:
    """Return the keys (``NAME@VERSION``) that values of registered columns are under, in what a connection sees now."""
    found: set[str] = set()
    for entry in entries:
        about = (entry.postgres, entry.table, entry.column)
        type_ = connection.execute(_TYPE, about).fetchone() if entry.postgres is not None else None
        if type_ is not None:
            place = name(str(entry.postgres), entry.table)
            text = count_heads(place, name(entry.column), as_bytes=type_[0] == "bytea")
            found.update(name_keys(entry, dict(connection.execute(text.encode(), ()).fetchall())))
    return tuple(sorted(found))
