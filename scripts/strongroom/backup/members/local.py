"""Members that are files here: SQLite and SQLCipher databases, through the backup API; loose files, byte by byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from strongroom.backup.documents import FileRecord, Kind, MemberRecord, TableRecord
from strongroom.backup.members.model import Phases, record_file
from strongroom.backup.request import Surroundings
from strongroom.core.engines import Engine
from strongroom.core.errors import (
    DamagedSourceError,
    KeyMissingError,
    NoSpaceError,
    SourceChangedError,
    StrongroomError,
    UnreachableError,
    WrongKeyError,
)
from strongroom.core.files import (
    SQLITE_HEADER,
    copy_stream,
    explain_os_error,
    make_private_folders,
    sync_file,
    sync_folder,
)
from strongroom.core.quoting import quote
from strongroom.core.secret import Secret
from strongroom.sqlite.connection import (
    Connection,
    check_integrity,
    copy_database,
    open_snapshot,
    open_source,
)
from strongroom.sqlite.content import list_stored
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import hold_keys
from strongroom.sqlite.messages import translated
from strongroom.sqlite.snapshot import schema_digest

DATA = "data"
"""The folder of a set that holds the members that are files here."""
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSource:
    """A database or a loose file of the data directory."""

    name: str
    """Its path in the data directory."""
    path: Path
    kind: Kind
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""

    def take(self, set_folder: Path, around: Surroundings) -> MemberRecord:
        """Put a consistent copy into the folder of a set and look it over.

        Raises UnreachableError, DamagedSourceError, KeyMissingError, NoSpaceError; SourceChangedError for a file
        that is written to all the time.
        """
        copy = set_folder / DATA / self.name
        try:
            make_private_folders(set_folder, copy.parent)
            about = self.path.stat()
            record = (
                self._take_file(copy, set_folder, around)
                if self.kind is Kind.FILE
                else self._take_database(copy, set_folder, around)
            )
        except OSError as error:
            raise _explain(self.path, copy, error) from error
        return _dress(record, about)

    def _take_file(self, copy: Path, set_folder: Path, around: Surroundings) -> MemberRecord:
        phases, began = Phases(), around.now()
        with phases.measured("take"):
            for _ in range(_TRIES):
                before = _state(self.path)
                with self.path.open("rb", buffering=0) as stream:
                    digest = copy_stream(stream, copy)
                if _state(self.path) == before:
                    break
            else:
                raise SourceChangedError(
                    self.path, "is written to all the time", "stop what writes to it, then run the same command again"
                )
            _settle(copy)
        ended = around.now()
        with phases.measured("hash"):
            file = record_file(set_folder, copy)
        if file.sha256 != digest:
            raise UnreachableError(copy, "does not read back as it was written", "see to the disk of the stage")
        return self._record(file, phases, began=began, ended=ended)

    def _take_database(self, copy: Path, set_folder: Path, around: Surroundings) -> MemberRecord:
        with found_key(self.path, self.engine, around.keys) as original:
            snapshot = Database(copy, original.engine, original.key)
            phases, began = Phases(), around.now()
            with phases.measured("take"):
                copy.touch(mode=0o600)
                with open_source(original) as connection, translated(snapshot):
                    copy_database(connection, snapshot)
                _settle(copy)
            ended = around.now()
            around.reach("take.copied")
            with open_snapshot(snapshot) as connection:
                with phases.measured("check"):
                    refuse_damage(connection, self.path)
                with phases.measured("rows"):
                    tables = count_rows(connection)
                    schema = schema_digest(connection)
                    column_keys = around.list_keys_in_file(self.name, connection)
                (version,) = connection.execute("SELECT sqlite_version()").fetchone()
        with phases.measured("hash"):
            file = record_file(set_folder, copy)
        return self._record(
            file, phases, began=began, ended=ended, tables=tables, schema=schema, key=original.key,
            versions={"sqlite": version}, column_keys=column_keys,
        )  # fmt: skip

    def _record(
        self,
        file: FileRecord,
        phases: Phases,
        *,
        tables: Mapping[str, TableRecord] | None = None,
        schema: str | None = None,
        key: str | None = None,
        versions: Mapping[str, str] | None = None,
        column_keys: tuple[str, ...] = (),
        **times: object,
    ) -> MemberRecord:
        return MemberRecord(
            name=self.name,
            kind=Kind.SQLCIPHER if key is not None else self.kind,
            files=(file,),
            tables=tables or {},
            schema_sha256=schema,
            key=key,
            column_keys=column_keys,
            versions=versions or {},
            seconds=phases.seconds,
            **times,  # type: ignore[arg-type]  # began and ended
        )


def refuse_damage(connection: Connection, path: Path) -> None:
    """Make sure that a database is sound, as far as SQLite can tell quickly. Raises DamagedSourceError."""
    found = check_integrity(connection, quick=True)
    if found:
        fact = f"is damaged: {found[0].splitlines()[-1]}"
        raise DamagedSourceError(path, fact, "restore it (backup.restore), or save what is left with inventory.recover")


def count_rows(connection: Connection) -> dict[str, TableRecord]:
    """Return how many rows each table of a database has, those behind virtual tables included."""
    tables = {}
    for table in list_stored(connection):
        (rows,) = connection.execute(f"SELECT count(*) FROM main.{quote(table.name)}").fetchone()
        tables[table.name] = TableRecord(rows=rows)
    return tables


@contextmanager
def found_key(path: Path, engine: Engine, keys: Mapping[str, Secret], likely: str | None = None) -> Iterator[Database]:
    """Find which key opens a database, hold it for a while, and give the database as a handle.

    The ``likely`` one is tried first, and then the others: a provider may call its versions otherwise by now. Raises
    KeyMissingError for one that none of ``keys`` opens, with what a provider said that could not be asked.
    """
    if is_plain(path):
        yield Database(path, engine)
        return
    refusal: StrongroomError | None = None
    for name in chain([] if likely is None or likely not in keys else [likely], keys):
        try:
            secret = keys[name]
        except StrongroomError as error:
            refusal = refusal or error
            continue
        candidate = Database(path, Engine.BUNDLED, name)
        with hold_keys({name: secret}):
            if _opens(candidate):
                yield candidate
                return
    if refusal is not None:
        raise refusal
    fact = f"is no plain database, and none of the {len(list(keys))} keys at hand opens it"
    raise KeyMissingError(path, fact, "name its key under keys: in system.yaml, or the file under leave_out:")


def is_plain(path: Path) -> bool:
    """Tell whether a file begins as plain databases do, or is empty, which is a database without tables."""
    with path.open("rb") as stream:
        head = stream.read(len(SQLITE_HEADER))
    return not head or head == SQLITE_HEADER


def _opens(database: Database) -> bool:
    try:
        with open_source(database):
            return True
    except WrongKeyError:
        return False


def _settle(copy: Path) -> None:
    """Let a copy be on disk, readable by us only."""
    copy.chmod(0o600)
    sync_file(copy)
    sync_folder(copy.parent)


def _state(path: Path) -> tuple[int, int, int, int]:
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _dress(record: MemberRecord, about: os.stat_result) -> MemberRecord:
    """Note whose the original was, and who might read it."""
    return replace(record, mode=stat.S_IMODE(about.st_mode), owner=(about.st_uid, about.st_gid))


def _explain(path: Path, copy: Path, error: OSError) -> StrongroomError:
    """Say whether it is the original or the stage that something is wrong with."""
    if isinstance(error, FileNotFoundError) and not path.exists():
        return UnreachableError(path, "is gone", "put it back, or name it under leave_out: in system.yaml")
    is_ours = error.filename is not None and Path(os.fsdecode(error.filename)) != path
    explained = explain_os_error(copy if is_ours else path, error)
    return (
        NoSpaceError(copy.parent, explained.fact, explained.hint) if isinstance(explained, NoSpaceError) else explained
    )
