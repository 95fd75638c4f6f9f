"""Open SQLite files for the one purpose at hand, and say what is wrong in our own words.

A source is only ever opened ``mode=ro``; a snapshot, which nothing writes any more, ``immutable``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote as percent_encode

from strongroom.core.errors import PlanError, UnreachableError
from strongroom.core.quoting import quote
from strongroom.sqlite.messages import translated

Connection = sqlite3.Connection
Error = sqlite3.Error
IntegrityError = sqlite3.IntegrityError
UndecodableError = sqlite3.OperationalError
"""Raised, among other causes, when TEXT is no UTF-8 and is fetched as ``str``."""
LIBRARY_VERSION = sqlite3.sqlite_version

_CACHE_KIB = 6 * 1024
_SIDE_CACHE_KIB = 2 * 1024
_BUSY_SECONDS = 30.0


class RawText(bytes):
    """TEXT as its bytes, so that invalid UTF-8 survives and TEXT differs from BLOB."""

    __slots__ = ()


def _connect(path: Path, parameters: str, *, timeout: float = _BUSY_SECONDS) -> Connection:
    connection = sqlite3.connect(
        _uri(path, parameters),
        uri=True,
        isolation_level=None,
        timeout=timeout,
        check_same_thread=False,
        cached_statements=16,
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _uri(path: Path, parameters: str) -> str:
    # The bytes, for names that are not UTF-8; an empty authority, for paths that start with two slashes.
    return f"file://{percent_encode(os.fsencode(path.absolute()))}?{parameters}"


@contextmanager
def open_source(path: Path, *, timeout: float = _BUSY_SECONDS) -> Iterator[Connection]:
    """Open a live database read-only, its write-ahead log included; wait ``timeout`` seconds for a lock.

    While it is open, nothing else in this process may open and close the same file by other means:
    POSIX drops a process's locks on a file when any descriptor of it is closed.
    Raises UnreachableError when it cannot be opened, DamagedSourceError when it is no database.
    """
    if not path.is_file():
        raise UnreachableError(path, "there is no such file")
    with translated(path):
        connection = _connect(path, "mode=ro", timeout=timeout)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield connection
        finally:
            connection.close()


@contextmanager
def open_snapshot(path: Path) -> Iterator[Connection]:
    """Open a file that nothing writes any more. Read-only."""
    with translated(path):
        connection = _connect(path, "mode=ro&immutable=1")
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def open_stage(path: Path, *, page_size: int = 4096) -> Iterator[Connection]:
    """Open a database that is thrown away when its making is interrupted: no journal, no sync.

    ``page_size`` (bytes) holds for a new one. A statement that fails half-way leaves it damaged, so writers use
    ``OR IGNORE`` and count.
    """
    with translated(path):
        connection = _connect(path, "mode=rwc")
        try:
            connection.execute(f"PRAGMA page_size = {page_size}")
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("PRAGMA recursive_triggers = OFF")
            yield connection
        finally:
            connection.close()


@contextmanager
def open_memory() -> Iterator[Connection]:
    """Open an empty database in memory."""
    connection = sqlite3.connect("file::memory:", uri=True, isolation_level=None, check_same_thread=False)
    try:
        yield connection
    finally:
        connection.close()


def connect_live(path: Path) -> Connection:
    """Open a target that an application may hold open, without waiting for it.

    The caller closes it. Raises sqlite3.OperationalError when it is locked.
    """
    return _connect(path, "mode=rw", timeout=0.0)


@contextmanager
def attached(connection: Connection, path: Path, name: str) -> Iterator[None]:
    """Attach an immutable file under ``name`` and detach it afterwards."""
    connection.execute(f"ATTACH ? AS {quote(name)}", (_uri(path, "mode=ro&immutable=1"),))
    try:
        yield
    finally:
        connection.execute(f"DETACH {quote(name)}")


@contextmanager
def attached_live(connection: Connection, path: Path, name: str) -> Iterator[None]:
    """Attach a live database read-only under ``name``, its write-ahead log included.

    Raises UnreachableError, DamagedSourceError.
    """
    with translated(path):
        connection.execute(f"ATTACH ? AS {quote(name)}", (_uri(path, "mode=ro"),))
        try:
            yield
        finally:
            connection.execute(f"DETACH {quote(name)}")


_READING = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})


def _allow_reading(action: int, first: str | None, second: str | None, *_rest: str | None) -> int:
    is_loading = action == sqlite3.SQLITE_FUNCTION and (second or first or "").lower() == "load_extension"
    return sqlite3.SQLITE_OK if action in _READING and not is_loading else sqlite3.SQLITE_DENY


@contextmanager
def open_reading(files: Mapping[str, Path]) -> Iterator[Connection]:
    """Attach immutable files by name to a connection that can do nothing but read them."""
    first = files.get("main")
    uri = f"file:{percent_encode(str(first.absolute()))}?mode=ro&immutable=1" if first else "file::memory:"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        for name, path in files.items():
            if name == "main":
                continue
            connection.execute(f"ATTACH ? AS {quote(name)}", (_uri(path, "mode=ro&immutable=1"),))
        connection.set_authorizer(_allow_reading)
        yield connection
    finally:
        connection.close()


def ask(connection: Connection, sql: str) -> str | int | float | bytes | None:
    """Return the first value of the first row that a plan's own SQL gives.

    Raises PlanError when it is wrong, or would do more than read.
    """
    try:
        row = connection.execute(sql).fetchone()
    except sqlite3.Error as error:
        raise PlanError(sql, str(error), "correct the statement in the plan; it may only read") from error
    value: str | int | float | bytes | None = row[0] if row else None
    return value


def attach_stage(connection: Connection, path: Path, name: str) -> None:
    """Attach a throw-away database, created when missing, without journal or sync."""
    connection.execute(f"ATTACH ? AS {quote(name)}", (_uri(path, "mode=rwc"),))
    connection.execute(f"PRAGMA {quote(name)}.journal_mode = OFF")
    connection.execute(f"PRAGMA {quote(name)}.synchronous = OFF")
    connection.execute(f"PRAGMA {quote(name)}.cache_size = -{_SIDE_CACHE_KIB}")


def fold_log(path: Path) -> None:
    """Fold a database's write-ahead log in and leave WAL mode, as taking it for ourselves does."""
    connection = connect_live(path)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    finally:
        connection.close()


def is_whole_in_its_file(connection: Connection) -> bool:
    """Begin a read transaction, and tell whether the file alone holds what it sees for as long as it lasts.

    So it is for a rollback journal: a writer has to wait for the lock before it touches the file
    (https://sqlite.org/lockingv3.html, 3). In WAL mode a checkpoint may write to the file meanwhile.
    """
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0]) != "wal"


def copy_database(source: Connection, destination: Path) -> None:
    """Copy every page of one read transaction through the backup API, in one step.

    Raises UnreachableError when the source stays locked for longer than its connection waits.
    """

    def stop_when_locked(status: int, _remaining: int, _total: int) -> None:
        # Connection.backup would try again for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise UnreachableError(name, "database is locked", "stop the application that writes to it, then run again")

    name = source.execute("PRAGMA database_list").fetchone()[2] or "source"
    target = sqlite3.connect(destination.absolute(), isolation_level=None, check_same_thread=False)
    try:
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        target.execute("PRAGMA cache_size = -4096")
        source.backup(target, pages=-1, progress=stop_when_locked)
    finally:
        target.close()


def check_integrity(connection: Connection, *, quick: bool = False) -> tuple[str, ...]:
    """Return what SQLite finds wrong with the main database; nothing when it is sound."""
    pragma = "quick_check" if quick else "integrity_check"
    found = tuple(str(row[0]) for row in connection.execute(f"PRAGMA main.{pragma}(10)"))
    return () if found == ("ok",) else found
