"""How far a load is, kept in the server beside what it loads: a range counts when its rows do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from strongroom.core.errors import GuardError, LockedError
from strongroom.load.documents import LoadDocument, Part
from strongroom.load.rows.jobs import Range, TableJob
from strongroom.load.switch.owning import act_as
from strongroom.load.switch.since import Mark, find_written
from strongroom.postgres.connection import Access, Connection, compose, identifier, open_postgres

_TABLES = {
    "loads": "load text PRIMARY KEY",
    "ranges": "target text, into_table text, low bigint, high bigint, skipped bigint, "
    "PRIMARY KEY (target, into_table, low)",
    "structure": "target text, position integer, into_table text, kind text, name text, statement text, "
    "is_there boolean NOT NULL DEFAULT false, PRIMARY KEY (target, position)",
    "proven": "target text PRIMARY KEY, marks jsonb NOT NULL",
}
_LOCK = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(%s, 0))"
_STAY = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'idle_session_timeout'"
Marks = Mapping[str, Mapping[str, Mark]]
"""By target and table: what it takes to tell whether somebody wrote since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The schema in which it is kept, the system's owner's."""

    system: str
    owner: str
    """The role."""
    load: str
    """What marks the load, of one target directory."""

    @property
    def schema(self) -> str:
        """Return its name."""
        return f"strongroom_{self.system}_load"

    @contextmanager
    def held(self, access: Access) -> Iterator[None]:
        """Let no other load of the system be at work in this database; that ends with the process, however it ends.

        Raises LockedError.
        """
        with open_postgres(access) as connection:
            connection.execute(_STAY)
            if connection.execute(_LOCK, (f"{self.schema} is written",)).fetchone() != (True,):
                fact = f"another load is at work in {access.place}"
                raise LockedError(f"system {self.system}", fact, "wait until it has ended, then run this again")
            yield

    def is_open(self, connection: Connection) -> bool:
        """Tell whether the book is this load's. Read-only."""
        asked = "SELECT pg_catalog.to_regclass(%s) IS NOT NULL"
        if connection.execute(asked, (f'"{self.schema}".loads',)).fetchone() != (True,):
            return False
        return self._do(connection, "loads", "SELECT load FROM {table}") == [(self.load,)]

    def begin(self, connection: Connection) -> None:
        """Begin it anew, whatever it said; within the caller's transaction, as the owner."""
        there = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s"
        if connection.execute(there, (self.schema,)).fetchone() is None:
            connection.execute(compose("CREATE SCHEMA {schema}", schema=identifier(self.schema)))
        for name, columns in _TABLES.items():
            self._do(connection, name, "DROP TABLE IF EXISTS {table}")
            self._do(connection, name, f"CREATE TABLE {{table}} ({columns})")
        self._do(connection, "loads", "INSERT INTO {table} VALUES (%s)", (self.load,))

    def note_range(self, connection: Connection, job: TableJob, part: Range, skipped: int) -> bool:
        """Say that a range is loaded but for so many rows of its table that wait, in the transaction in which it is.

        Tell whether it was not yet: a process that was killed may have left a transaction that ends only now.
        """
        text = "INSERT INTO {table} VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING low"
        return bool(self._do(connection, "ranges", text, (job.target, job.into, part.low, part.high, skipped)))

    def forget_ranges(self, connection: Connection, job: TableJob) -> None:
        """Say that a table is not loaded."""
        text = "DELETE FROM {table} WHERE (target, into_table) = (%s, %s)"
        self._do(connection, "ranges", text, (job.target, job.into))

    def read_ranges(self, connection: Connection, job: TableJob) -> set[tuple[int, int]]:
        """Return the ranges of a table that are loaded. Read-only."""
        text = "SELECT low, high FROM {table} WHERE (target, into_table) = (%s, %s)"
        return {(low, high) for low, high in self._do(connection, "ranges", text, (job.target, job.into))}

    def has_skipped(self, connection: Connection, job: TableJob, skipped: int) -> bool:
        """Tell whether a table was loaded but for so many rows, and no fewer. Read-only."""
        text = "SELECT 1 FROM {table} WHERE (target, into_table) = (%s, %s) AND skipped <> %s LIMIT 1"
        return not self._do(connection, "ranges", text, (job.target, job.into, skipped))

    def keep_structure(self, connection: Connection, target: str, parts: Sequence[Part]) -> None:
        """Keep what was taken off."""
        for part in parts:
            row = (target, part.position, part.table, part.kind, part.name, part.statement)
            self._do(connection, "structure", "INSERT INTO {table} VALUES (%s, %s, %s, %s, %s, %s)", row)

    def read_structure(self, connection: Connection, target: str) -> list[Part]:
        """Return what was taken off of a target, in its order. Read-only."""
        text = (
            "SELECT position, into_table, kind, name, statement, is_there FROM {table} WHERE target = %s "
            "ORDER BY position"
        )
        return [
            Part(position=row[0], table=row[1], kind=row[2], name=row[3], statement=row[4], is_there=row[5])
            for row in self._do(connection, "structure", text, (target,))
        ]

    def note_there(self, connection: Connection, target: str, part: Part) -> None:
        """Say that a piece stands again, in the transaction in which it does."""
        text = "UPDATE {table} SET is_there = true WHERE (target, position) = (%s, %s)"
        self._do(connection, "structure", text, (target, part.position))

    def note_proven(self, connection: Connection, marks: Marks) -> None:
        """Say that all of it is proven, and have everything that was written so far on the server's disk.

        Raises GuardError where another load took the book.
        """
        with connection.transaction():
            connection.execute("SET LOCAL synchronous_commit = on")
            act_as(connection, self.owner)
            if not self.is_open(connection):
                raise GuardError(f"load {self.load}", "is not in its book any more", "run postgres.load again")
            self._do(connection, "proven", "DELETE FROM {table}")
            for target, tables in marks.items():
                self._do(
                    connection, "proven", "INSERT INTO {table} VALUES (%s, %s::jsonb)", (target, json.dumps(tables))
                )

    def find_written(self, connection: Connection, load: LoadDocument) -> list[str]:
        """Say what of a load's staged tables is not as it was when it was proven; as their owner. Read-only."""
        rows = self._do(connection, "proven", "SELECT target, marks::text FROM {table}")
        proven: Marks = {target: json.loads(marks) for target, marks in rows}
        staged = {target: record.staged for target, record in load.targets.items()}
        found = [f"{schema} was never proven" for target, schema in staged.items() if target not in proven]
        for target, marks in proven.items():
            found += [f"{staged[target]}.{one}" for one in find_written(connection, staged[target], marks)]
        return found

    def _do(self, connection: Connection, name: str, text: str, values: Sequence[object] = ()) -> list[Any]:
        done = connection.execute(compose(text, table=identifier(self.schema, name)), values)
        return done.fetchall() if done.description is not None else []
