"""Put a restored database in the place of the live one, and back: two renames in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from strongroom.backup.members.postgres import name_database
from strongroom.backup.members.postgres_restoring import MAINTENANCE, name_aside
from strongroom.core.errors import StaleError, StrongroomError, TargetBusyError
from strongroom.postgres.connection import Access, Connection, compose, identifier, open_postgres

_AGAIN_SECONDS = 0.1
_LAST_SECONDS = 30.0
_LEAVE_SECONDS = 2.0
"""So long a server may still count somebody who has gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwappedDatabase:
    """Which database is called what since a swap."""

    live: str
    before: str | None
    """What the live one of before is called now; None where there was none."""


def swap_postgres(access: Access, live: str, restored: str, stamp: str, *, disconnect: bool = False) -> SwappedDatabase:
    """Give a restored database the live one's name, and that one ``LIVE_before_STAMP``. Done already: nothing happens.

    At every moment, also after a SIGKILL, the live name stands for the old database or for the new one. Raises
    TargetBusyError while somebody else is connected, unless told to ``disconnect`` them; StaleError where there is
    no restored database.
    """
    aside = name_aside(live, "before", stamp)
    with open_postgres(name_database(access, MAINTENANCE)) as connection:
        there = _list_databases(connection)
        if restored not in there:
            if aside in there and live in there:
                return SwappedDatabase(live=live, before=aside)
            raise StaleError(f"database {restored}", "is not there", "backup.restore makes it")
        renames = [(live, aside)] if live in there else []
        _rename(access, connection, [*renames, (restored, live)], disconnect=disconnect)
    return SwappedDatabase(live=live, before=aside if renames else None)


def undo_swap(access: Access, swapped: SwappedDatabase, stamp: str, *, disconnect: bool = False) -> str:
    """Give the database of before its name back; return what the restored one is called now. Nothing is dropped.

    Raises as ``swap_postgres``.
    """
    aside = name_aside(swapped.live, "restored", stamp)
    with open_postgres(name_database(access, MAINTENANCE)) as connection:
        there = _list_databases(connection)
        back = [] if swapped.before is None else [(swapped.before, swapped.live)]
        if swapped.before is not None and swapped.before not in there:
            if aside in there and swapped.live in there:
                return aside
            raise StaleError(f"database {swapped.before}", "is not there any more", "backup.restore brings a set back")
        _rename(access, connection, [(swapped.live, aside), *back], disconnect=disconnect)
    return aside


def _list_databases(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


def _count_lasting(connection: Connection, names: list[str]) -> int:
    """Return how many others are connected, and do not leave."""
    look = Retrying(
        retry=retry_if_result(bool),
        stop=stop_after_delay(_LEAVE_SECONDS),
        wait=wait_fixed(_AGAIN_SECONDS),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome is not None else 0,
    )
    return int(look(_count_others, connection, names))


def _rename(access: Access, connection: Connection, renames: list[tuple[str, str]], *, disconnect: bool) -> None:
    names = [old for old, _ in renames]
    busy = 0 if disconnect else _count_lasting(connection, names)
    if busy:
        fact = f"{busy} other connections use {' or '.join(names)}"
        raise TargetBusyError("PostgreSQL", fact, "stop what uses it, or let them be ended: --disconnect")
    with _disconnecting(access, names) if disconnect else _nothing():
        connection.execute("BEGIN")
        for old, new in renames:
            connection.execute(
                compose("ALTER DATABASE {old} RENAME TO {new}", old=identifier(old), new=identifier(new))
            )
        connection.execute("COMMIT")


def _count_others(connection: Connection, names: list[str]) -> int:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = ANY (%s) AND pid <> pg_backend_pid()"
    row = connection.execute(asked, (names,)).fetchone()
    return 0 if row is None else int(row[0])


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _disconnecting(access: Access, names: list[str]) -> Iterator[None]:
    """End whoever is connected to databases, again and again meanwhile.

    A rename first keeps everybody from connecting, then waits for some seconds until nobody is: who is ended then
    does not come back before it is done.
    """
    ended = threading.Event()

    def end() -> None:
        with suppress(StrongroomError), open_postgres(name_database(access, MAINTENANCE)) as connection:
            while not ended.is_set():
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY (%s)", (names,)
                )
                ended.wait(_AGAIN_SECONDS)

    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_LAST_SECONDS)
