"""Take a consistent copy of one source at one instant; the source keeps its bytes.

A JSON source becomes a database: table ``document`` holds the file's text, and each table that the
plan names under ``rows`` holds one row per object.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import DamagedSourceError, SourceChangedError, UnreachableError
from strongroom.core.files import (
    SQLITE_HEADER,
    copy_stream,
    explain_os_error,
    hash_file,
    sync_file,
)
from strongroom.core.plan import Source
from strongroom.core.quoting import quote, quote_all
from strongroom.core.results import Snapshot
from strongroom.sqlite.connection import (
    Connection,
    check_integrity,
    copy_database,
    is_whole_in_its_file,
    is_write_ahead,
    open_snapshot,
    open_source,
    open_stage,
)
from strongroom.sqlite.database import Database, state_of
from strongroom.sqlite.messages import translated

Json = Mapping[str, object] | list[object] | str | int | float | bool | None


def take_snapshot(source: Source, original: Database, copy: Database) -> Snapshot:
    """Copy ``original`` to ``copy``, look it over and hash it; the caller makes it durable.

    Raises UnreachableError, DamagedSourceError, NoSpaceError.
    """
    if not original.path.is_file():
        raise UnreachableError(
            original.path, "there is no such file", f"or say optional: true for {source.name} in the plan"
        )
    try:
        copy.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy.path.touch(mode=0o600)
        state = state_of(original)
        if source.format == "json":
            copy = _copy_json(source, original.path, copy)
            digest = hash_file(copy.path)
        else:
            digest = _copy_sqlite(original, copy)
    except OSError as error:
        raise explain_os_error(copy.path, error) from error
    with open_snapshot(copy) as connection, translated(original):
        _refuse_damage(connection, original)
        schema = schema_digest(connection)
    return Snapshot(
        source=source.name,
        path=source.path,
        file=str(copy.path),
        original=str(original.path.absolute()),
        sha256=digest,
        size=copy.path.stat().st_size,
        schema_sha256=schema,
        state=state,
    )


def copy_of(snapshot: Snapshot, engine: Engine) -> Database:
    """Return the handle of a snapshot, for ``engine`` to work on."""
    return Database(Path(snapshot.file), engine)


def original_of(snapshot: Snapshot, engine: Engine) -> Database:
    """Return the handle of a snapshot's source, for ``engine`` to work on."""
    return Database(Path(snapshot.original), engine)


def schema_digest(connection: Connection) -> str:
    """Return a hash of what a database declares, whatever order it was declared in."""
    digest = hashlib.sha256()
    for row in connection.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_master ORDER BY 1, 2"):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _copy_sqlite(original: Database, copy: Database) -> str:
    """Copy a database as one read transaction sees it, and return the copy's hash.

    Without a write-ahead log the file's bytes are that state as long as the transaction's lock is held, and
    copying them costs a third of the backup API's page by page.
    """
    _refuse_truncated(original)
    # Opened first and closed last: POSIX drops SQLite's lock when any descriptor of the file is closed.
    with original.path.open("rb", buffering=0) as stream, open_source(original) as connection:
        if is_whole_in_its_file(connection):
            return copy_stream(stream, copy.path)
        with translated(copy):
            copy_database(connection, copy)
    return hash_file(copy.path)


def _refuse_truncated(original: Database) -> None:
    with original.path.open("rb") as stream:
        header = stream.read(100)
    if header and not header.startswith(SQLITE_HEADER):
        fact = "is not a database (or is encrypted)"
        raise DamagedSourceError(original.path, fact, "look at the file, or take it out of the plan")
    if header and len(header) < 100:  # noqa: PLR2004  the length of SQLite's file header
        fact = "is truncated inside its header"
        raise DamagedSourceError(original.path, fact, "restore it from a backup, then run again")


def _refuse_damage(connection: Connection, original: Database) -> None:
    found = check_integrity(connection, quick=True)
    if found:
        raise DamagedSourceError(
            original.path,
            f"is damaged: {found[0].splitlines()[-1]}",
            "restore it from a backup, or save what is left with inventory.recover, then run again",
        )


def _copy_json(source: Source, original: Path, copy: Database) -> Database:
    """Copy a document to ``copy``, and return the database beside it that holds its rows."""
    shutil.copyfile(original, copy.path)
    sync_file(copy.path)
    database = replace(copy, path=copy.beside(".db"))
    database.path.unlink(missing_ok=True)
    content = copy.path.read_bytes()
    try:
        document: Json = json.loads(content)
    except ValueError as error:
        raise DamagedSourceError(
            original, f"is not JSON ({error})", "mend the file, or take it out of the plan"
        ) from error
    with open_stage(database) as connection:
        database.path.chmod(0o600)
        connection.execute("CREATE TABLE document (name TEXT, content TEXT)")
        connection.execute("INSERT INTO document VALUES (?, CAST(? AS TEXT))", (original.name, content))
        for table, path in source.rows.items():
            _write_rows(connection, table, _select(document, path, original))
    return database


def _select(document: Json, path: str, original: Path) -> list[Mapping[str, object]]:
    found: Json = document
    for step in path.removeprefix("$").split("."):
        if not step:
            continue
        if not isinstance(found, Mapping) or step not in found:
            return []
        found = found[step]  # type: ignore[assignment]
    if isinstance(found, Mapping):
        found = [{"key": key, **value} if isinstance(value, Mapping) else value for key, value in found.items()]
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise DamagedSourceError(original, f"{path} is no list of objects", "correct rows: in the plan")
    return found  # type: ignore[return-value]


def _write_rows(connection: Connection, table: str, rows: list[Mapping[str, object]]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        return
    connection.execute(f"CREATE TABLE {quote(table)} ({quote_all(columns)})")
    holes = ", ".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO {quote(table)} VALUES ({holes})",
        ([_as_sql(row.get(name)) for name in columns] for row in rows),
    )


def _as_sql(value: object) -> str | int | float | None:
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    return json.dumps(value, ensure_ascii=False)


def refuse_damaged(snapshots: Mapping[str, Snapshot], engine: Engine) -> None:
    """Look for the damage that a target shows in the sources it was made from, indexes included.

    Raises DamagedSourceError naming the source.
    """
    for snapshot in snapshots.values():
        with open_snapshot(copy_of(snapshot, engine)) as connection, translated(original_of(snapshot, engine)):
            found = check_integrity(connection)
        if found:
            fact = f"is damaged: {found[0].splitlines()[-1]}"
            raise DamagedSourceError(snapshot.original, fact, "REINDEX or recover it, then run again")


def refuse_changed(snapshot: Snapshot, scratch: Path, engine: Engine) -> None:
    """Make sure that a source still holds what its snapshot holds.

    Untouched files are taken at their stat; touched ones are copied again and compared, so that a mere
    checkpoint is no change. Raises SourceChangedError.
    """
    original = original_of(snapshot, engine)
    if not original.path.is_file():
        raise SourceChangedError(original.path, "is gone since its snapshot", "put it back, or preview again")
    if dict(snapshot.state) == dict(state_of(original)):
        return
    if hash_now(snapshot, scratch, engine) != snapshot.sha256:
        raise SourceChangedError(
            original.path, "changed since its snapshot", "stop the application that writes to it, then run again"
        )


def refuse_touched(snapshots: list[Snapshot], engine: Engine) -> None:
    """Make sure, by their stat alone, that files which we hold locked are as they were when they were copied.

    Where a write-ahead log was folded in by holding it, its raw copy was taken first. Raises SourceChangedError.
    """
    for snapshot in snapshots:
        original, before = original_of(snapshot, engine), dict(snapshot.state)
        is_folded = "-wal" in before or is_write_ahead(copy_of(snapshot, engine))
        if not is_folded and before != dict(state_of(original)):
            raise SourceChangedError(
                original.path, "changed since its snapshot", "stop the application that writes to it, then run again"
            )


def hash_now(snapshot: Snapshot, scratch: Path, engine: Engine) -> str:
    """Return the hash that a snapshot of the source would have now."""
    original = original_of(snapshot, engine)
    if not snapshot.file.endswith(snapshot.path):
        document = Path(snapshot.file.removesuffix(".db"))
        return "" if hash_file(original.path) != hash_file(document) else snapshot.sha256
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    again = Database(scratch / "again.db", engine)
    again.path.unlink(missing_ok=True)
    try:
        return _copy_sqlite(original, again)
    finally:
        again.path.unlink(missing_ok=True)
