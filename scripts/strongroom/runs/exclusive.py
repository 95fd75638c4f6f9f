"""Hold the live files for ourselves while they are replaced, and refuse when somebody else does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from strongroom.core.errors import DamagedSourceError, KeyMissingError, TargetBusyError
from strongroom.core.files import COMPANIONS
from strongroom.sqlite.connection import Connection, connect_live
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
    connection = None
    try:
        connection = connect_live(live)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        connection.execute("BEGIN EXCLUSIVE")
    except library_errors() as error:
        if connection is not None:
            connection.close()
        explained = explain_error(live, error)
        if isinstance(explained, KeyMissingError):
            raise explained from error
        way = _MOVE_IT if isinstance(explained, DamagedSourceError) else _STOP_IT
        raise TargetBusyError(live.path, f"cannot be taken for ourselves ({error})", way) from error
    if mode != "delete":
        connection.close()
        raise TargetBusyError(live.path, "is open in another process (its journal mode cannot change)", _STOP_IT)
    return connection
