"""Hold the live files for ourselves while they are replaced, and refuse when somebody else does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from strongroom.core.errors import DamagedSourceError, KeyMissingError, NoSpaceError, TargetBusyError
from strongroom.core.files import COMPANIONS
from strongroom.core.quoting import quote
from strongroom.sqlite.connection import Connection, attach_for_writing, connect_live
from strongroom.sqlite.database import Database
from strongroom.sqlite.libraries import library_errors
from strongroom.sqlite.messages import explain_error
from strongroom.sqlite.openers import find_openers
from strongroom.sqlite.writers import shows_locks

_STOP_IT = "stop what uses it, then run the same command again"
_MOVE_IT = "it is damaged, so that nobody can hold it: move it away, then run the same command again"


@contextmanager
def held(lives: list[Database]) -> Iterator[None]:
    """Hold every live file exclusively, its write-ahead log folded in, while it is replaced."""
    refuse_busy(lives)
    with ExitStack() as stack:
        for live in lives:
            if live.path.exists():
                stack.callback(_hold(live).close)
        yield


@contextmanager
def held_open(live: Database) -> Iterator[Connection]:
    """Hold one live file exclusively, and yield the connection that does, in a transaction of its own."""
    refuse_busy([live])
    connection = _hold(live)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def held_within(connection: Connection, live: Database, name: str) -> Iterator[None]:
    """Attach a live file under ``name`` and hold it exclusively, its log folded in, until it is detached again.

    ``connection``, to another file, is in no transaction, and is left in none. Raises TargetBusyError, KeyMissingError.
    """
    refuse_busy([live])
    connection.execute("PRAGMA busy_timeout = 0")
    with ExitStack() as holding:
        with _taking(live), ExitStack() as beginning:
            attach_for_writing(connection, live, name)
            beginning.callback(_let_go, connection, name)
            _refuse_shared(live, _take(connection, name))
            connection.execute("COMMIT")  # a file that is locked exclusively stays locked
            holding.push(beginning.pop_all())
        yield


def _let_go(connection: Connection, name: str) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    connection.execute(f"DETACH {quote(name)}")


def refuse_busy(lives: list[Database]) -> None:
    """Make sure that nobody uses the live files and no stale journal lies beside them.

    Raises TargetBusyError.
    """
    for live in lives:
        for suffix in COMPANIONS:
            companion = live.beside(suffix)
            if not live.path.exists() and companion.exists():
                raise TargetBusyError(
                    companion,
                    "lies beside a target that is not there",
                    "find out whose it is; move it away, then run again",
                )
    openers = find_openers([live.path for live in lives if live.path.exists()])
    if openers:
        first = openers[0]
        raise TargetBusyError(
            first.path,
            f"is held open by process {first.pid} ({first.command})",
            "stop it, then run the same command again",
        )
    for live in lives:
        if live.path.exists() and shows_locks(live):
            fact = "is open in a process that cannot be seen from here (another container?): its locks show it"
            raise TargetBusyError(live.path, fact, _STOP_IT)


def _hold(live: Database) -> Connection:
    with _taking(live), ExitStack() as beginning:
        connection = connect_live(live)
        beginning.callback(connection.close)
        _refuse_shared(live, _take(connection, "main"))
        beginning.pop_all()
    return connection


def _take(connection: Connection, name: str) -> str:
    """Lock a file of a connection exclusively, in a transaction, and return its journal mode."""
    connection.execute(f"PRAGMA {quote(name)}.locking_mode = EXCLUSIVE")
    mode = str(connection.execute(f"PRAGMA {quote(name)}.journal_mode = DELETE").fetchone()[0])
    connection.execute("BEGIN EXCLUSIVE")
    return mode


def _refuse_shared(live: Database, mode: str) -> None:
    if mode != "delete":
        raise TargetBusyError(live.path, "is open in another process (its journal mode cannot change)", _STOP_IT)


@contextmanager
def _taking(live: Database) -> Iterator[None]:
    """Say why a file cannot be taken, once what had it open is closed."""
    try:
        yield
    except library_errors() as error:
        explained = explain_error(live, error)
        if isinstance(explained, KeyMissingError | NoSpaceError):
            raise explained from error
        way = _MOVE_IT if isinstance(explained, DamagedSourceError) else _STOP_IT
        raise TargetBusyError(live.path, f"cannot be taken for ourselves ({error})", way) from error
