"""How far the work on a column is, beside its table: written in the transaction in which it becomes true."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import GuardError
from strongroom.postgres.connection import Connection, compose, identifier
from strongroom.rotate.columns.book import PROGRESS, Begun, Unfinished, read_position, spell_position
from strongroom.rotate.columns.model import Position, Work
from strongroom.rotate.columns.postgres_text import name

_FORM = (
    "table_name text, column_name text, work text NOT NULL, version text NOT NULL, position text, "
    "changed bigint NOT NULL DEFAULT 0, began timestamptz NOT NULL DEFAULT pg_catalog.now(), "
    "PRIMARY KEY (table_name, column_name)"
)
_PUBLISHES_SCHEMAS = 150_000
"""Since that version."""
_ROW = "table_name = %s AND column_name = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The table in which it is said, and the row about one column."""

    entry: ColumnEntry

    @property
    def _table(self) -> str:
        return name(str(self.entry.postgres), PROGRESS)

    @property
    def _row(self) -> tuple[str, str]:
        return self.entry.table, self.entry.column

    def is_there(self, connection: Connection) -> bool:
        """Tell whether the table is there. Read-only."""
        asked = (
            "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relname = %s"
        )
        return connection.execute(asked, (self.entry.postgres, PROGRESS)).fetchone() is not None

    def _is_published(self, connection: Connection) -> bool:
        """Tell whether what is made goes to subscribers, which stop at a table that they do not have. Read-only."""
        asked = "SELECT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE puballtables)"
        schemas = compose(
            "SELECT EXISTS (SELECT FROM {published} p JOIN pg_catalog.pg_namespace n ON n.oid = p.pnnspid "
            "WHERE n.nspname = %s)",
            published=identifier("pg_catalog", "pg_publication_namespace"),  # of PostgreSQL 15 and newer
        )
        has_schemas = connection.info.server_version >= _PUBLISHES_SCHEMAS
        found = connection.execute(asked).fetchone() == (True,)
        return found or (has_schemas and connection.execute(schemas, (self.entry.postgres,)).fetchone() == (True,))

    def _is_owned(self, connection: Connection) -> bool:
        """Tell whether this role may drop the table: where it may make none, another role made it. Read-only."""
        asked = (
            "SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"
        )
        return connection.execute(asked, (self.entry.postgres, PROGRESS)).fetchone() == (True,)

    def begin(self, connection: Connection, work: Work, version: str) -> Begun:
        """Say what is begun, and return how far the same was before; within the caller's transaction."""
        if not self.is_there(connection):
            kind = "UNLOGGED TABLE" if self._is_published(connection) else "TABLE"
            connection.execute(f"CREATE {kind} {self._table} ({_FORM})".encode(), ())
        text = f"SELECT work, version, position, changed FROM {self._table} WHERE {_ROW} FOR UPDATE"
        found = connection.execute(text.encode(), self._row).fetchone()
        if found is not None and found[:2] == (work, version):
            return Begun(position=read_position(found[2]), changed=found[3])
        text = (
            f"INSERT INTO {self._table} (table_name, column_name, work, version) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (table_name, column_name) DO UPDATE SET work = excluded.work, version = excluded.version, "
            "position = NULL, changed = 0, began = excluded.began"
        )
        connection.execute(text.encode(), (*self._row, work, version))
        return Begun(position=None, changed=0)

    def note(self, connection: Connection, position: Position | None, changed: int) -> int:
        """Say where the walk stands and that so many rows more are changed; return how many all in all.

        Raises GuardError where somebody took the row away.
        """
        text = f"UPDATE {self._table} SET position = %s, changed = changed + %s WHERE {_ROW} RETURNING changed"
        found = connection.execute(text.encode(), (spell_position(position), changed, *self._row)).fetchone()
        if found is None:
            fact = "somebody took the row of this work away"
            raise GuardError(f"{self.entry.postgres}.{PROGRESS}", fact, "run the same command again")
        return int(found[0])

    def end(self, connection: Connection) -> None:
        """Take the row away, and with the last one the table where it is ours; within the caller's transaction."""
        connection.execute(f"LOCK TABLE {self._table} IN ACCESS EXCLUSIVE MODE".encode(), ())
        connection.execute(f"DELETE FROM {self._table} WHERE {_ROW}".encode(), self._row)
        is_last = connection.execute(f"SELECT FROM {self._table} LIMIT 1".encode(), ()).fetchone() is None
        if is_last and self._is_owned(connection):
            connection.execute(f"DROP TABLE {self._table}".encode(), ())

    def read(self, connection: Connection) -> Unfinished | None:
        """Return what was begun and did not come to its end. Read-only."""
        if not self.is_there(connection):
            return None
        text = f"SELECT work, version, changed FROM {self._table} WHERE {_ROW}"
        found = connection.execute(text.encode(), self._row).fetchone()
        return None if found is None else Unfinished(work=found[0], version=found[1], changed=found[2])
