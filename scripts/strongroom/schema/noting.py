"""The records of a database whose schema gives way to another one that its files made too, or comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from strongroom.core.errors import GuardError, LockedError
from strongroom.postgres.connection import Connection, compose, identifier
from strongroom.schema.apply import LOCK
from strongroom.schema.describe import describe_files
from strongroom.schema.files import FileSet
from strongroom.schema.objects import Objects, read_objects
from strongroom.schema.records import (
    hold_home,
    make_home,
    read_expected,
    read_rows,
    write_expected,
    write_files,
    write_rows,
)
from strongroom.schema.roles import owner_of

_PARTS = re.compile(r"table \S+( column \S+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The records of a system, as far as schemas of its files change places. All within the caller's transaction."""

    system: str
    sets: Sequence[FileSet]

    def describe(self, connection: Connection, staged: Mapping[str, str]) -> dict[str, Objects]:
        """Return what the files make of each database, by its name; ``staged`` says where each waits.

        Holds the records until the transaction ends, and passes over databases without files. Raises GuardError for a
        waiting schema that lacks what the files make, LockedError where an apply is at work.
        """
        due = [files for files in self.sets if files.database in staged]
        if not due:
            return {}
        if connection.execute("SELECT pg_catalog.pg_try_advisory_xact_lock(%s)", (LOCK,)).fetchone() != (True,):
            raise LockedError(f"schema {due[0].database}", "postgres.apply is at work", "run the same command again")
        if not hold_home(connection, self.system):
            make_home(connection, self.system)
        described = describe_files(connection, self.system, due)
        for database, objects in described.items():
            _refuse_older(database, objects, read_objects(connection, staged[database]))
        return described

    def note_applied(self, connection: Connection, database: str, objects: Objects) -> str:
        """Say that all files of a database are applied, and what they make; return what was said before."""
        before = read_rows(connection, self.system, database)
        kept = {"files": before, "objects": read_expected(connection, self.system, database)}
        self._act(connection)
        write_rows(connection, self.system, database, ())
        for files in self.sets:
            if files.database == database:
                write_files(connection, self.system, database, files.files)
        write_expected(connection, self.system, {database: objects})
        connection.execute("RESET ROLE")
        return json.dumps(kept)

    def put_back(self, connection: Connection, database: str, kept: str) -> None:
        """Say again what ``note_applied`` returned."""
        before = json.loads(kept)
        self._act(connection)
        write_rows(connection, self.system, database, before["files"])
        write_expected(connection, self.system, {database: before["objects"]})
        connection.execute("RESET ROLE")

    def _act(self, connection: Connection) -> None:
        connection.execute(compose("SET LOCAL ROLE {owner}", owner=identifier(owner_of(self.system))))


def _refuse_older(database: str, wanted: Iterable[str], held: Iterable[str]) -> None:
    """Refuse a schema that was made by other files than those that are there now."""
    missing = sorted(name for name in set(wanted) - set(held) if _PARTS.fullmatch(name))
    if missing:
        fact = f"was loaded before its files made {missing[0]}"
        raise GuardError(f"schema {database}", fact, "run postgres.load again")
