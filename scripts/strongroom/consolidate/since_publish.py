"""What applications did beside the targets since publish: rows in legacy files, files in the place of old names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from strongroom.consolidate.kept_plan import read_kept_plan
from strongroom.consolidate.request import NO_KEYS
from strongroom.core.errors import StrongroomError, UnreachableError
from strongroom.core.files import follow, show_path
from strongroom.core.quoting import dotted, quote
from strongroom.core.secret import Secret
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.journal import Place
from strongroom.runs.lineage import find_origin
from strongroom.sqlite.connection import Connection, attached, open_source
from strongroom.sqlite.content import Stored, list_stored
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.messages import translated
from strongroom.sqlite.snapshot import Snapshot, is_as_copied

_SHOWN = 5
_BEFORE = "before"


def find_strays(home: Home, source: Path, keys: Mapping[str, Secret] = NO_KEYS) -> tuple[str, ...]:
    """Say what was written to legacy files since publish, and which old names are files again. Read-only.

    Nothing where no run is live. Raises UnreachableError for a directory that is not there; VersionError and GuardError
    for documents; KeyMissingError.
    """
    if not source.is_dir():
        raise UnreachableError(source, "there is no such directory", "say --source DIRECTORY")
    current = home.open_current()
    if current is None:
        return ()
    folder, _ = current
    with hold_needed(keys, folder.name_keys() | folder.name_source_keys()):
        origin = find_origin(home, folder)
        began = folder if origin is None else origin[0]
        return (*_find_replaced_names(home, folder), *_find_written(began.place(home.target, source), folder))


def _find_replaced_names(home: Home, folder: RunFolder) -> Iterator[str]:
    for target in read_kept_plan(folder).targets.values():
        for alias in target.aliases:
            name = home.target / alias
            if name.is_symlink() and follow(name) == follow(home.target / target.path):
                continue
            if name.is_symlink() or name.exists():
                what = _describe_file(Database(name, home.engine))
                yield f"{show_path(name)} stands where an old name leads to {target.path}, {what}"


def _describe_file(database: Database) -> str:
    """Say what an application made there, in a few words."""
    if database.path.is_symlink():
        return f"and is a link to {database.path.readlink()}"
    if not database.path.is_file():
        return "and is no file"
    if not database.path.stat().st_size:
        return "and is empty"
    try:
        with open_source(database) as connection, translated(database):
            tables = list_stored(connection)
            counts = (f"SELECT count(*) FROM {dotted('main', table.name)}" for table in tables)
            rows = sum(connection.execute(count).fetchone()[0] for count in counts)
    except StrongroomError as error:
        return f"and cannot be read: {error.fact}"
    return f"and holds {rows} rows in {len(tables)} tables"


def _find_written(place: Place, folder: RunFolder) -> Iterator[str]:
    journal = place.read_journal()
    snapshots = {snapshot.path: snapshot for snapshot in (folder.read_snapshots() or {}).values()}
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        for legacy in journal.legacy if journal is not None else ():
            path, snapshot = place.find(legacy), snapshots.get(legacy.path)
            if path is None or snapshot is None or not path.is_file():
                continue
            original = snapshot.find_original(path, place.engine)
            if not is_as_copied(snapshot, original, Path(scratch)):
                tables = () if snapshot.is_document else tuple(_compare(snapshot, original))
                said = f" ({'; '.join(tables)})" if tables else ""
                yield f"{show_path(path)} was written to since it was consolidated{said}"


def _compare(snapshot: Snapshot, original: Database) -> Iterator[str]:
    with open_source(original) as connection, translated(original), attached(connection, snapshot.copy, _BEFORE):
        before = {table.name: table for table in list_stored(connection, _BEFORE)}
        for table in list_stored(connection):
            known = before.pop(table.name, None)
            if known is None or known.columns != table.columns:
                yield f"{table.name}: is another table now"
            else:
                yield from _compare_rows(connection, table)
        yield from (f"{name}: is gone" for name in before)


def _compare_rows(connection: Connection, table: Stored) -> Iterator[str]:
    rowids = _find_beyond(connection, table, "main", _BEFORE)
    gone = len(_find_beyond(connection, table, _BEFORE, "main"))
    if rowids or gone:
        shown = "" if table.rowid is None else f" (rowid {', '.join(map(str, rowids[:_SHOWN]))} …)"
        yield f"{table.name}: {len(rowids)} rows are new or changed{shown if rowids else ''}, {gone} gone or changed"


def _find_beyond(connection: Connection, table: Stored, one: str, other: str) -> list[object]:
    """Return the row numbers of the rows that one file has and the other has not, by type and byte."""
    columns = [quote(name) for name in table.columns]
    if table.rowid is None:
        chosen = ", ".join(f"typeof({name}), {name} COLLATE BINARY" for name in columns)
        found = (
            f"SELECT {chosen} FROM {dotted(one, table.name)} EXCEPT SELECT {chosen} FROM {dotted(other, table.name)}"
        )
        return [None] * int(connection.execute(f"SELECT count(*) FROM ({found})").fetchone()[0])
    same = " AND ".join(
        f"typeof(a.{name}) = typeof(b.{name}) AND a.{name} IS b.{name} COLLATE BINARY" for name in columns
    )
    query = (
        f"SELECT a.{table.rowid} FROM {dotted(one, table.name)} a WHERE NOT EXISTS ("
        f"SELECT 1 FROM {dotted(other, table.name)} b WHERE b.{table.rowid} = a.{table.rowid} AND {same or '1'})"
    )
    return [rowid for (rowid,) in connection.execute(query)]
