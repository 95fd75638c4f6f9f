"""What a database holds, as a hash that knows nothing of its pages: equal in a plain file and an encrypted one.

A checkpoint, another key or a rebuilt index are no change; any other value, type, row number or definition is.
"""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat

from strongroom.core.quoting import dotted, fold, literal, quote, quote_all
from strongroom.sqlite.connection import Connection

_ROWS = 64
"""Read at a time; a few of the largest cells are held together."""
_FORMAT = 2
"""Of ``marshal``: the last one in which equal values have equal bytes, and the same in every Python."""
_BITS = 60
HEADER = ("user_version", "application_id")
"""The numbers of the header that belong to an application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One table that has pages of its own, those behind virtual tables included."""

    name: str
    rowid: str | None
    """What names its row numbers; None without rowids, or where columns have every such name."""
    has_key: bool
    """Whether its row numbers are a column of it, or it has none: ``SELECT *`` says all."""
    columns: tuple[str, ...]
    """Without generated ones."""
    is_computed: bool
    """Whether it has generated ones."""


def list_stored(connection: Connection, schema: str = "main") -> list[Stored]:
    """Return a database's tables, SQLite's own left out, in the order in which they were made. Read-only."""
    names = connection.execute(
        f"SELECT name FROM {quote(schema)}.sqlite_master WHERE type = 'table' AND rootpage > 0 "
        "AND name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY rowid"
    ).fetchall()
    listed = connection.execute("SELECT name, wr FROM pragma_table_list WHERE schema = ?", (schema,))
    without = {name for name, is_without in listed if is_without}
    return [_describe(connection, schema, name, is_without=name in without) for (name,) in names]


def _describe(connection: Connection, schema: str, name: str, *, is_without: bool) -> Stored:
    rows = connection.execute(f"PRAGMA {quote(schema)}.table_xinfo({literal(name)})").fetchall()
    taken = {fold(row[1]) for row in rows}
    free = (one for one in ("rowid", "_rowid_", "oid") if one not in taken)
    keys = [row for row in rows if row[5]]
    is_number = len(keys) == 1 and fold(keys[0][2]) == "integer"
    return Stored(
        name=name,
        rowid=None if is_without else next(free, None),
        has_key=is_without or is_number,
        columns=tuple(row[1] for row in rows if not row[6]),
        is_computed=any(row[6] for row in rows),
    )


def digest_content(connection: Connection, schema: str = "main") -> str:
    """Return the hash of what a database declares and holds. Read-only; for one state, in a read transaction."""
    tables = sorted(list_stored(connection, schema), key=lambda table: table.name)
    factory, connection.text_factory = connection.text_factory, bytes
    try:
        digest = hashlib.sha256()
        for row in _declared(connection, schema):
            digest.update(marshal.dumps(row, _FORMAT))
        for table in tables:
            digest.update(marshal.dumps((table.name, len(table.columns)), _FORMAT))
            rows = connection.execute(select_exactly(table, schema))
            while part := list(islice(rows, _ROWS)):
                digest.update(b"".join(map(marshal.dumps, part, repeat(_FORMAT))))
        return digest.hexdigest()
    finally:
        connection.text_factory = factory


def _declared(connection: Connection, schema: str) -> Iterator[tuple[bytes | int | None, ...]]:
    master = f"{quote(schema)}.sqlite_master"
    yield from connection.execute(
        f"SELECT type, name, tbl_name, sql FROM {master} WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY 1, 2"
    )
    for pragma in HEADER:
        yield connection.execute(f"PRAGMA {quote(schema)}.{pragma}").fetchone()
    yield connection.execute("PRAGMA encoding").fetchone()
    if connection.execute(f"SELECT 1 FROM {master} WHERE name = 'sqlite_sequence'").fetchone():
        yield from connection.execute(f"SELECT name, seq FROM {quote(schema)}.sqlite_sequence ORDER BY 1, 2")


def select_exactly(table: Stored, schema: str) -> str:
    """Select row numbers, which values are BLOB (else they look like TEXT), and the values, in its order."""
    blobs = [
        " | ".join(
            f"(typeof({quote(name)}) = 'blob') << {place}"
            for place, name in enumerate(table.columns[first : first + _BITS])
        )
        for first in range(0, len(table.columns), _BITS)
    ]
    chosen = [*([quote(table.rowid)] if table.rowid else []), *blobs, quote_all(table.columns)]
    return f"SELECT {', '.join(chosen)} FROM {dotted(schema, table.name)} NOT INDEXED"
