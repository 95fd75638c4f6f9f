"""Which versions of keys the columns of a database need: what a backup of it notes. Read-only; nothing is opened.

A key of ``reads:`` is named without a version where values may be of an earlier format, as these do not say which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.quoting import fold, quote
from strongroom.keys.columns.envelope import is_key_id
from strongroom.rotate.columns.sqlite_text import count_heads, read_heads
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.schema import read_schema


def list_keys_in_file(entries: Sequence[ColumnEntry], name: str, connection: Connection) -> tuple[str, ...]:
    """Return the keys (``NAME@VERSION``) that values of a file's registered columns are under."""
    found: set[str] = set()
    schema = read_schema(connection)
    for entry in entries:
        table = schema.find(entry.table) if entry.sqlite == name else None
        if table is not None and fold(entry.column) in table.by_name:
            text = count_heads(f"main.{quote(table.name)}", quote(entry.column))
            found.update(name_keys(entry, read_heads(connection.execute(text))))
    return tuple(sorted(found))


def name_keys(entry: ColumnEntry, heads: Mapping[str | None, int]) -> Iterator[str]:
    """Yield the keys that values need, by how they begin."""
    yield from (head[1:] for head in heads if head and is_key_id(head[1:]))
    if heads.get(""):
        yield from (one.key for one in entry.reads)
