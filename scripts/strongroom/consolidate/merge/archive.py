"""Keep the tables that the plan drops: left behind is not lost."""

from __future__ import annotations

from strongroom.binding import BoundInput
from strongroom.core.quoting import dotted, quote_all
from strongroom.sqlite.connection import attached, open_stage
from strongroom.sqlite.database import Database


def archive_table(entry: BoundInput, archive: Database) -> int:
    """Copy a dropped table, values exactly as they were, into the run's archive; return its rows."""
    names = [column.name for column in entry.table.columns]
    with open_stage(archive) as connection, attached(connection, entry.database, "src"):
        archive.path.chmod(0o600)
        kept = dotted("main", entry.name)
        connection.execute(f"CREATE TABLE {kept} ({quote_all(names)})")
        rows = dotted("src", entry.table.name)
        return connection.execute(f"INSERT INTO {kept} SELECT {quote_all(names)} FROM {rows}").rowcount
