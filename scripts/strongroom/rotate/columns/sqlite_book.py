"""How far the work on a column is, in the same file: written in the transaction in which it becomes true."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import GuardError
from strongroom.core.quoting import quote
from strongroom.rotate.columns.book import PROGRESS, Begun, Unfinished, read_position, spell_position
from strongroom.rotate.columns.model import Position, Work
from strongroom.sqlite.connection import Connection

_TABLE = f"main.{quote(PROGRESS)}"
_FORM = (
    "table_name TEXT NOT NULL, column_name TEXT NOT NULL, work TEXT NOT NULL, version TEXT NOT NULL, position TEXT, "
    "changed INTEGER NOT NULL DEFAULT 0, began TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, "
    "PRIMARY KEY (table_name, column_name)"
)
_ROW = "table_name = ? AND column_name = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The table in which it is said, and the row about one column."""

    entry: ColumnEntry

    @property
    def _row(self) -> tuple[str, str]:
        return self.entry.table, self.entry.column

    def begin(self, connection: Connection, work: Work, version: str) -> Begun:
        """Say what is begun, and return how far the same was before; within the caller's transaction."""
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE} ({_FORM})")
        text = f"SELECT work, version, position, changed FROM {_TABLE} WHERE {_ROW}"
        found = connection.execute(text, self._row).fetchone()
        if found is not None and found[:2] == (work, version):
            return Begun(position=read_position(found[2]), changed=found[3])
        text = f"INSERT OR REPLACE INTO {_TABLE} (table_name, column_name, work, version) VALUES (?, ?, ?, ?)"
        connection.execute(text, (*self._row, str(work), version))
        return Begun(position=None, changed=0)

    def note(self, connection: Connection, position: Position | None, changed: int) -> int:
        """Say where the walk stands and that so many rows more are changed; return how many all in all.

        Raises GuardError where somebody took the row away.
        """
        text = f"UPDATE {_TABLE} SET position = ?, changed = changed + ? WHERE {_ROW}"
        connection.execute(text, (spell_position(position), changed, *self._row))
        found = connection.execute(f"SELECT changed FROM {_TABLE} WHERE {_ROW}", self._row).fetchone()
        if found is None:
            raise GuardError(PROGRESS, "somebody took the row of this work away", "run the same command again")
        return int(found[0])

    def end(self, connection: Connection) -> None:
        """Take the row away, and with the last one the table; within the caller's transaction."""
        connection.execute(f"DELETE FROM {_TABLE} WHERE {_ROW}", self._row)
        if connection.execute(f"SELECT 1 FROM {_TABLE}").fetchone() is None:
            connection.execute(f"DROP TABLE {_TABLE}")

    def read(self, connection: Connection) -> Unfinished | None:
        """Return what was begun and did not come to its end. Read-only."""
        if connection.execute("SELECT 1 FROM main.sqlite_master WHERE name = ?", (PROGRESS,)).fetchone() is None:
            return None
        found = connection.execute(f"SELECT work, version, changed FROM {_TABLE} WHERE {_ROW}", self._row).fetchone()
        return None if found is None else Unfinished(work=found[0], version=found[1], changed=found[2])
