"""How a table's columns compare TEXT: SQLite's catalogue does not say it, and is asked of an index made for that."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.consolidate.verify.catalogue import BINARY, Table
from strongroom.core.quoting import quote, quote_all
from strongroom.sqlite.connection import Connection, open_memory
from strongroom.sqlite.libraries import library_of


def read_collations(connection: Connection, table: Table, names: Sequence[str]) -> list[str]:
    """Return the collations of some columns; ``connection`` only says by which library to ask."""
    if table.module is not None:
        return [BINARY] * len(names)
    with open_memory(library_of(connection)) as scratch:
        scratch.execute(table.sql)
        scratch.execute(f"CREATE INDEX strongroom_probe ON {quote(table.name)} ({quote_all(names)})")
        parts = scratch.execute("PRAGMA index_xinfo(strongroom_probe)").fetchall()
    return [str(part[4]).upper() for part in parts[: len(names)]]
