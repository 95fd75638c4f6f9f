"""Take a consistent copy of one source at one instant; the source keeps its bytes.

A JSON source becomes a database: table ``document`` holds the file's text, and each table that the
plan names under ``rows`` holds one row per object.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from strongroom.core.errors import DamagedSourceError, SourceChangedError, UnreachableError
from strongroom.core.files import (
    SQLITE_HEADER,
    copy_stream,
    explain_os_error,
    hash_file,
    hash_stream,
    is_write_ahead,
    show_path,
    state_of,
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
    open_snapshot,
    open_source,
    open_stage,
)
from strongroom.sqlite.messages import translated

Json = Mapping[str, object] | list[object] | str | int | float | bool | None


def take_snapshot(source: Source, original: Path, file: Path) -> Snapshot:
    """Copy ``original`` to ``file``, look it over and hash it; the caller makes it durable.

    Raises UnreachableError, DamagedSourceError, NoSpaceError.
    """
    if not original.is_file():
        raise UnreachableError(
            original, "there is no such file", f"or say optional: true for {source.name} in the plan"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        state = state_of(original)
        if source.format == "json":
            database = _copy_json(source, original, file)
            digest = hash_file(database)
            source_digest = hash_file(file)
        else:
            database, digest = file, _copy_sqlite(original, file)
            source_digest = digest
    except OSError as error:
        raise explain_os_error(file, error) from error
    with open_snapshot(database) as connection, translated(original):
        _refuse_damage(connection, original)
        schema = schema_digest(connection)
    return Snapshot(
        source=source.name,
        path=source.path,
        file=str(database),
        original=show_path(original.absolute()),
        sha256=digest,
        source_sha256=source_digest,
        size=database.stat().st_size,
        schema_sha256=schema,
        state=state,
    )


def schema_digest(connection: Connection) -> str:
    """Return a hash of what a database declares, whatever order it was declared in."""
    digest = hashlib.sha256()
    for row in connection.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_master ORDER BY 1, 2"):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _copy_sqlite(original: Path, file: Path) -> str:
    """Copy a database as one read transaction sees it, and return the copy's hash.

    Without a write-ahead log the file's bytes are that state as long as the transaction's lock is held, and
    copying them costs a third of the backup API's page by page.
    """
    _refuse_truncated(original)
    # Opened first and closed last: POSIX drops SQLite's lock when any descriptor of the file is closed.
    with original.open("rb", buffering=0) as stream, open_source(original) as connection:
        if is_whole_in_its_file(connection):
            return copy_stream(stream, file)
        with translated(file):
            copy_database(connection, file)
    return hash_file(file)


def _refuse_truncated(original: Path) -> None:
    with original.open("rb") as stream:
        header = stream.read(100)
    if header and not header.startswith(SQLITE_HEADER):
        raise DamagedSourceError(
            original, "is not a database (or is encrypted)", "look at the file, or take it out of the plan"
        )
    if header and len(header) < 100:  # noqa: PLR2004  the length of SQLite's file header
        raise DamagedSourceError(original, "is truncated inside its header", "restore it from a backup, then run again")


def _refuse_damage(connection: Connection, original: Path) -> None:
    found = check_integrity(connection, quick=True)
    if found:
        raise DamagedSourceError(
            original,
            f"is damaged: {found[0].splitlines()[-1]}",
            "restore it from a backup, or save what is left with inventory.recover, then run again",
        )


def _copy_json(source: Source, original: Path, file: Path) -> Path:
    shutil.copyfile(original, file)
    sync_file(file)
    database = file.with_name(file.name + ".db")
    database.unlink(missing_ok=True)
    content = file.read_bytes()
    try:
        document: Json = json.loads(content)
    except ValueError as error:
        raise DamagedSourceError(
            original, f"is not JSON ({error})", "mend the file, or take it out of the plan"
        ) from error
    with open_stage(database) as connection:
        database.chmod(0o600)
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


def refuse_damaged(snapshots: Mapping[str, Snapshot]) -> None:
    """Look for the damage that a target shows in the sources it was made from, indexes included.

    Raises DamagedSourceError naming the source.
    """
    for snapshot in snapshots.values():
        with open_snapshot(Path(snapshot.file)) as connection, translated(Path(snapshot.original)):
            found = check_integrity(connection)
        if found:
            fact = f"is damaged: {found[0].splitlines()[-1]}"
            raise DamagedSourceError(snapshot.original, fact, "REINDEX or recover it, then run again")


def refuse_changed(snapshot: Snapshot, original: Path, scratch: Path) -> None:
    """Make sure that a source still holds what its snapshot holds.

    Untouched files are taken at their stat; touched ones are read again and compared, so that a mere
    checkpoint is no change. Raises SourceChangedError.
    """
    if not original.is_file():
        raise SourceChangedError(original, "is gone since its snapshot", "put it back, or preview again")
    if dict(snapshot.state) != dict(state_of(original)) and not is_as_copied(snapshot, original, scratch):
        raise SourceChangedError(
            original, "changed since its snapshot", "stop the application that writes to it, then run again"
        )


def refuse_touched(snapshot: Snapshot, original: Path) -> None:
    """Make sure, by its stat alone, that a file which we hold locked is as it was when it was copied.

    Where a write-ahead log was folded in by holding it, its raw copy was taken first. Raises SourceChangedError.
    """
    before = dict(snapshot.state)
    if "-wal" not in before and not is_write_ahead(Path(snapshot.file)) and before != dict(state_of(original)):
        raise SourceChangedError(
            original, "changed since its snapshot", "stop the application that writes to it, then run again"
        )


def is_as_copied(snapshot: Snapshot, original: Path, scratch: Path) -> bool:
    """Tell, by reading all of it again, whether a source holds what its snapshot holds."""
    if snapshot.file.endswith(snapshot.path):
        return _hash_sqlite(original, scratch) == snapshot.source_sha256
    return hash_file(original) == snapshot.source_sha256


def _hash_sqlite(original: Path, scratch: Path) -> str:
    """Return the hash that a copy of a database would have now; without a write-ahead log nothing is written."""
    with original.open("rb", buffering=0) as stream, open_source(original) as connection:
        if is_whole_in_its_file(connection):
            return hash_stream(stream)
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    again = scratch / "again.db"
    again.unlink(missing_ok=True)
    try:
        return _copy_sqlite(original, again)
    finally:
        again.unlink(missing_ok=True)
