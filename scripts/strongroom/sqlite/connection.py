"""Open databases for the one purpose at hand, and say what is wrong in our own words.

A source is only ever opened ``mode=ro``; a snapshot, which nothing writes any more, ``immutable``. Keys reach the
library by its own calls, never as part of a file name or an SQL text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from strongroom.core.engines import Engine
from strongroom.core.errors import UnreachableError
from strongroom.core.quoting import quote
from strongroom.sqlite.database import Database, uri_of
from strongroom.sqlite.keyring import spell_key
from strongroom.sqlite.libraries import Connection as Connection  # noqa: PLC0414  # every user of ours names it
from strongroom.sqlite.libraries import library_of, load_library
from strongroom.sqlite.messages import translated

_CACHE_KIB = 6 * 1024
_SIDE_CACHE_KIB = 2 * 1024
_SECRET_CACHE_KIB = 24 * 1024
"""Of an encrypted database that is being made: the system's cache holds its pages encrypted only."""
_SEARCHING_CACHE_KIB = 32 * 1024
"""For who looks every entry of every index up, at random."""
_PASSING_CACHE_KIB = 400
"""For who looks at every page once: what fits into a processor's cache takes a fifth less time."""
_BUSY_SECONDS = 30.0
_IN_MEMORY = "file::memory:"


class RawText(bytes):
    """TEXT as its bytes, so that invalid UTF-8 survives and TEXT differs from BLOB."""

    __slots__ = ()


def _connect(database: Database, parameters: str, *first: str, timeout: float = _BUSY_SECONDS) -> Connection:
    """Open a file; the statements of ``first`` come before anything of it is read."""
    connection: Any = load_library(database.engine).connect(
        uri_of(database.path, parameters),
        uri=True,
        isolation_level=None,
        timeout=timeout,
        check_same_thread=False,
        cached_statements=16,
    )
    try:
        _begin(connection, database)
        for statement in (*first, f"PRAGMA cache_size = -{_CACHE_KIB}"):
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return cast("Connection", connection)


def _begin(connection: Any, database: Database) -> None:
    """Do what comes before everything else: SQLCipher takes the key now or never."""
    if database.key is not None:
        connection.set_key(spell_key(database.key))
    if database.engine is Engine.BUNDLED:
        _keep_temporary(connection, in_memory=database.key is not None)


def _keep_temporary(connection: Connection, *, in_memory: bool) -> None:
    """Choose where the bundled library sorts and keeps temporary tables; those that are there are lost.

    In files, as the other library does, unless something is encrypted: these files are not.
    """
    connection.execute(f"PRAGMA temp_store = {'MEMORY' if in_memory else 'FILE'}")


def _attach(connection: Connection, database: Database, parameters: str, name: str) -> None:
    """Attach a file under ``name``, with its own key: without one SQLCipher would take the main database's."""
    uri, statement = uri_of(database.path, parameters), f"ATTACH ? AS {quote(name)}"
    if library_of(connection) is Engine.SYSTEM:
        if database.key is not None:
            raise ValueError(f"{database.path}: only the bundled library attaches encrypted databases")
        connection.execute(statement, (uri,))
    elif database.key is None:
        connection.execute(f"{statement} KEY ''", (uri,))
        connection.execute(f"PRAGMA {quote(name)}.cache_size = -{_SIDE_CACHE_KIB}")
    else:
        _keep_temporary(connection, in_memory=True)
        with translated(database):
            connection.execute(f"{statement} KEY ?", (uri, spell_key(database.key)))
            connection.execute(f"PRAGMA {quote(name)}.cache_size = -{_SIDE_CACHE_KIB}")


@contextmanager
def open_source(database: Database, *, timeout: float = _BUSY_SECONDS) -> Iterator[Connection]:
    """Open a live database read-only, its write-ahead log included; wait ``timeout`` seconds for a lock.

    While it is open, nothing else in this process may open and close the same file by other means:
    POSIX drops a process's locks on a file when any descriptor of it is closed.
    Raises UnreachableError when it cannot be opened, DamagedSourceError when it is no database, KeyMissingError
    when its key is not at hand or does not open it.
    """
    if not database.path.is_file():
        raise UnreachableError(database.path, "there is no such file")
    with translated(database):
        connection = _connect(database, "mode=ro", timeout=timeout)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield connection
        finally:
            connection.close()


@contextmanager
def open_snapshot(database: Database) -> Iterator[Connection]:
    """Open a file that nothing writes any more. Read-only."""
    with translated(database):
        connection = _connect(database, "mode=ro&immutable=1")
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def open_damaged(database: Database) -> Iterator[Connection]:
    """Open a copy of a damaged database, its log included, to read around the damage; also one that is cut off."""
    with translated(database):
        # Who may repair the schema is the only one for whom SQLite opens a file that is shorter than it says.
        connection = _connect(database, "mode=ro", "PRAGMA writable_schema = ON")
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def open_stage(database: Database, *, page_size: int = 4096) -> Iterator[Connection]:
    """Open a database that is thrown away when its making is interrupted: no journal, no sync.

    ``page_size`` (bytes) holds for a new, plain one: whoever opens an encrypted one expects SQLCipher's own. A
    statement that fails half-way leaves it damaged, so writers use ``OR IGNORE`` and count.
    """
    with translated(database):
        connection = _connect(database, "mode=rwc")
        try:
            if database.key is None:
                connection.execute(f"PRAGMA page_size = {page_size}")
            else:
                connection.execute(f"PRAGMA cache_size = -{_SECRET_CACHE_KIB}")
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("PRAGMA recursive_triggers = OFF")
            yield connection
        finally:
            connection.close()


@contextmanager
def open_kept(database: Database) -> Iterator[Connection]:
    """Open a database of ours that several processes write to, each change durable; it is made where it is missing."""
    with translated(database):
        connection = _connect(database, "mode=rwc", "PRAGMA synchronous = FULL")
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def open_memory(engine: Engine = Engine.SYSTEM) -> Iterator[Connection]:
    """Open an empty database in memory."""
    connection: Any = load_library(engine).connect(_IN_MEMORY, uri=True, isolation_level=None, check_same_thread=False)
    try:
        if engine is Engine.BUNDLED:
            _keep_temporary(connection, in_memory=False)
        yield cast("Connection", connection)
    finally:
        connection.close()


def connect_live(database: Database, *, seconds: float = 0.0) -> Connection:
    """Open a database that an application may hold open, without waiting for it, or waiting so many seconds at most.

    The caller closes it. Raises what the library raises (``library_errors``) when it is locked.
    """
    return _connect(database, "mode=rw", timeout=seconds)


@contextmanager
def attached(connection: Connection, database: Database, name: str) -> Iterator[None]:
    """Attach an immutable file under ``name`` and detach it afterwards."""
    _attach(connection, database, "mode=ro&immutable=1", name)
    try:
        yield
    finally:
        connection.execute(f"DETACH {quote(name)}")


@contextmanager
def attached_live(connection: Connection, database: Database, name: str) -> Iterator[None]:
    """Attach a live database read-only under ``name``, its write-ahead log included.

    Raises UnreachableError, DamagedSourceError, KeyMissingError.
    """
    with translated(database):
        _attach(connection, database, "mode=ro", name)
        try:
            yield
        finally:
            connection.execute(f"DETACH {quote(name)}")


def attach_for_writing(connection: Connection, database: Database, name: str) -> None:
    """Attach a live database under ``name``, not only to read it. Raises what the library raises."""
    _attach(connection, database, "mode=rw", name)


def attach_stage(connection: Connection, database: Database, name: str) -> None:
    """Attach a throw-away database, created when missing, without journal or sync."""
    _attach(connection, database, "mode=rwc", name)
    connection.execute(f"PRAGMA {quote(name)}.journal_mode = OFF")
    connection.execute(f"PRAGMA {quote(name)}.synchronous = OFF")
    connection.execute(f"PRAGMA {quote(name)}.cache_size = -{_SIDE_CACHE_KIB}")


def fold_log(database: Database) -> None:
    """Fold a database's write-ahead log in and leave WAL mode, as taking it for ourselves does."""
    connection = connect_live(database)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    finally:
        connection.close()


def is_write_ahead(database: Database) -> bool:
    """Tell whether a database is in WAL mode: its header says so, or where that is encrypted, its connection."""
    if database.key is None:
        with database.path.open("rb") as stream:  # https://sqlite.org/fileformat2.html, 1.3.3
            return stream.read(20)[18:20] == b"\x02\x02"
    with open_source(database) as connection:
        return _read_journal_mode(connection) == "wal"


def is_whole_in_its_file(connection: Connection) -> bool:
    """Begin a read transaction, and tell whether the file alone holds what it sees for as long as it lasts.

    So it is for a rollback journal: a writer has to wait for the lock before it touches the file
    (https://sqlite.org/lockingv3.html, 3). In WAL mode a checkpoint may write to the file meanwhile.
    """
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return _read_journal_mode(connection) != "wal"


def _read_journal_mode(connection: Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def copy_database(source: Connection, destination: Database) -> None:
    """Copy every page of one read transaction through the backup API, in one step.

    Both are of one library, and both are plain or both encrypted. Raises UnreachableError when the source stays
    locked for longer than its connection waits.
    """

    def stop_when_locked(status: int, _remaining: int, _total: int) -> None:
        # Connection.backup would try again for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise UnreachableError(name, "database is locked", "stop the application that writes to it, then run again")

    name = source.execute("PRAGMA database_list").fetchone()[2] or "source"
    library = load_library(destination.engine)
    target = library.connect(destination.path.absolute(), isolation_level=None, check_same_thread=False)
    try:
        _begin(target, destination)
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        target.execute("PRAGMA cache_size = -4096")
        source.backup(target, pages=-1, progress=stop_when_locked)
    finally:
        target.close()


def check_integrity(connection: Connection, *, quick: bool = False, table: str | None = None) -> tuple[str, ...]:
    """Return what SQLite finds wrong with the main database, or one table of it; nothing when it is sound.

    A quick look does not look index entries up.
    """
    (before,) = connection.execute("PRAGMA main.cache_size").fetchone()
    connection.execute(f"PRAGMA main.cache_size = -{_PASSING_CACHE_KIB if quick else _SEARCHING_CACHE_KIB}")
    pragma, what = "quick_check" if quick else "integrity_check", "10" if table is None else quote(table)
    try:
        found = tuple(str(row[0]) for row in connection.execute(f"PRAGMA main.{pragma}({what})"))
    finally:
        connection.execute(f"PRAGMA main.cache_size = {before}")
    return () if found == ("ok",) else found
