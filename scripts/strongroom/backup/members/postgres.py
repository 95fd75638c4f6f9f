"""PostgreSQL as a member of a set: one database, dumped and counted in one snapshot that the server exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from strongroom.backup.documents import Kind, MemberRecord, TableRecord
from strongroom.backup.members.model import Phases, record_file
from strongroom.backup.members.postgres_archive import Archive, hash_schema
from strongroom.backup.members.postgres_figures import (
    Relation,
    digest_tables,
    list_sequences,
    list_tables,
    lock_tables,
    record_sequence,
)
from strongroom.backup.request import Surroundings
from strongroom.core.errors import ConfigurationError, DifferencesError, SourceBusyError
from strongroom.core.files import explain_os_error, make_private_folder, sync_folder
from strongroom.postgres.clients import Clients, explain_client, find_clients
from strongroom.postgres.connection import BUSY, GONE, Access, Connection, open_postgres

DUMP, GLOBALS = "dump", "globals.sql"
_TRIES = 5
_LOCK_SECONDS = 30
_PATIENT = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "idle_session_timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSource:
    """One database of a server."""

    database: str
    access: Access
    """How to reach the server; its own database is left out of account."""
    environment: Mapping[str, str] = field(repr=False)
    compress: int = 0
    """gzip's level: 0 for a store that finds equal parts and compresses by itself."""
    kind: Kind = Kind.POSTGRES

    @property
    def name(self) -> str:
        """Its name in every set."""
        return f"postgres/{self.database}"

    def take(self, set_folder: Path, around: Surroundings) -> MemberRecord:
        """Dump the database and what the server knows of roles, and count it all in the same snapshot.

        Raises VersionError for programs that are older than the server, UnreachableError, KeyMissingError, GuardError
        for a role that may not read it all, SourceBusyError where a table is held, NoSpaceError.
        """
        folder = set_folder / locate_folder(self.database)
        phases, began = Phases(), around.now()
        with open_postgres(name_database(self.access, self.database)) as connection:
            clients = find_clients(self.environment, connection.info.server_version // 10_000)
            make_private_folder(folder)
            snapshot, tables, sequences = _begin(connection, self.name)
            ended = around.now()
            with phases.measured("take"):
                self._dump(clients, connection, snapshot, folder)
            around.reach("take.dumped")
            with phases.measured("digest"):
                figures = digest_tables(connection, tables)
                column_keys = around.list_keys_in_database(connection)
            connection.execute("COMMIT")
            versions = {"server": _name_version(connection), "pg_dump": clients.version}
        with phases.measured("check"):
            archive = Archive(path=folder / DUMP, clients=clients)
            schema = hash_schema(archive.read_schema())
            figures |= _check(archive, figures, tables, sequences)
        with phases.measured("hash"):
            files = tuple(record_file(set_folder, path) for path in sorted(folder.rglob("*")) if path.is_file())
        return MemberRecord(
            name=self.name, kind=self.kind, files=files, tables=figures, schema_sha256=schema, column_keys=column_keys,
            versions=versions, began=began, ended=ended, seconds=phases.seconds,
        )  # fmt: skip

    def _dump(self, clients: Clients, connection: Connection, snapshot: str, folder: Path) -> None:
        dump = [
            "--format=directory", "--jobs=2", f"--compress={self.compress}", f"--snapshot={snapshot}",
            f"--lock-wait-timeout={_LOCK_SECONDS}s", f"--file={folder / DUMP}",
        ]  # fmt: skip
        said = clients.run("pg_dump", dump, connection)
        if not said.is_success:
            raise explain_client(said, self.name)
        said = clients.run(
            "pg_dumpall", ["--globals-only", "--no-role-passwords", f"--file={folder / GLOBALS}"], connection
        )
        if not said.is_success:
            raise explain_client(said, f"roles of {self.name}")
        try:
            for path in folder.rglob("*"):
                path.chmod(0o700 if path.is_dir() else 0o600)
            for place in (folder, folder.parent):
                sync_folder(place)
        except OSError as error:
            raise explain_os_error(folder, error) from error


def locate_folder(database: str) -> Path:
    """Return the folder of a database in a set. Raises ConfigurationError for a name that is no folder's."""
    if database in ("", ".", ".."):
        raise ConfigurationError("backup", f"names a database {database!r}", "correct it in system.yaml")
    return Path("postgres") / quote(database, safe=" @+=,()")


def name_database(access: Access, database: str) -> Access:
    """Return how to reach another database of the same server."""
    return replace(access, parameters={**access.parameters, "dbname": database})


def _begin(connection: Connection, subject: str) -> tuple[str, tuple[Relation, ...], tuple[Relation, ...]]:
    """Begin the transaction whose snapshot everything is read in; return its name, and what there is to be read.

    Tables are held before the snapshot is taken: one that somebody emptied in between would be empty in it. Raises
    SourceBusyError where a table is held by somebody who changes it, or new ones come all the time.
    """
    for name in _PATIENT:
        connection.execute("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = %s", (name,))
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{_LOCK_SECONDS}s",))
    for _ in range(_TRIES):
        expected = list_tables(connection)
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            lock_tables(connection, expected)
        except BUSY as error:
            hint = "wait until nobody changes its tables, then run the same command again"
            raise SourceBusyError(subject, "a table is held by somebody who changes it", hint) from error
        except GONE:
            connection.execute("ROLLBACK")
            continue
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        tables, sequences = list_tables(connection), list_sequences(connection)
        if tables == expected and row is not None:
            return row[0], tables, sequences
        connection.execute("ROLLBACK")
    raise SourceBusyError(subject, "tables come and go all the time", "run the same command again")


def _check(
    archive: Archive, figures: Mapping[str, TableRecord], tables: tuple[Relation, ...], sequences: tuple[Relation, ...]
) -> dict[str, TableRecord]:
    """Make sure that a dump has all tables that hold rows, and all sequences; return where these stand in it.

    A sequence stands where it stood when it was dumped: no snapshot holds it. Raises DifferencesError.
    """
    entries = archive.list_entries()
    for table in tables:
        mine = f" TABLE DATA {table.schema} {table.name} ".replace("\n", " ").replace("\r", " ")
        if figures[table.title].rows and not any(mine in entry for entry in entries):
            raise DifferencesError(archive.path, f"lacks table {table.title}", "run the same command again")
    standing = archive.read_sequences()
    for sequence in sequences:
        name, _ = record_sequence(sequence, 0, is_called=False)
        if name not in standing:
            raise DifferencesError(archive.path, f"lacks {name}", "run the same command again")
    return standing


def _name_version(connection: Connection) -> str:
    version = connection.info.server_version
    return f"{version // 10_000}.{version % 10_000}"
