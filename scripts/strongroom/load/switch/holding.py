"""Keep writers and readers off tables for the moment of a switch, and stand in nobody's way for longer.

A lock that somebody waits for makes everybody behind it wait. So each try ends after 0.3 s, whatever it takes to lock
all tables, and is begun again until it succeeds, or patience is at its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_random

from strongroom.core.errors import UnreachableError
from strongroom.core.quoting import dotted, quote
from strongroom.load.switch.owning import act_as
from strongroom.postgres.connection import BUSY, CUT_OFF, Connection

PATIENCE = 60.0
"""Seconds until a switch whose tables are in use gives up."""
_LIMITS = ("lock_timeout", "statement_timeout")
_READING = ("AccessShareLock", "RowShareLock")
_RELATIONS = """
    SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind::text = ANY (%s)
      AND pg_catalog.pg_has_role(session_user, c.relowner, 'MEMBER') ORDER BY 1, 2"""
_HOLDERS = """
    SELECT l.pid, n.nspname || '.' || c.relname, a.application_name,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::int
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND n.nspname || '.' || c.relname = ANY (%s) AND l.mode <> ALL (%s) ORDER BY a.xact_start, 1, 2"""
_SAID = 3


class Mode(Enum):
    """How tables are held: the server's lock, and the seconds that one try to get it takes at most."""

    QUIET = ("SHARE UPDATE EXCLUSIVE", 10.0)
    """Nobody changes their form, or cleans them up; reading and writing go on.

    Waiting for it makes the server's own vacuum step aside, which short tries would not.
    """
    UNWRITTEN = ("SHARE ROW EXCLUSIVE", 10.0)
    """Nobody writes to them; of tables that no application uses."""
    READ_ONLY = ("SHARE ROW EXCLUSIVE", 0.3)
    """The same, of tables that applications use: who waits for it makes them wait."""
    ALONE = ("ACCESS EXCLUSIVE", 0.3)

    @property
    def lock(self) -> str:
        """Return the lock as the server calls it."""
        return self.value[0]

    @property
    def patience(self) -> float:
        """Return the seconds."""
        return self.value[1]

    @property
    def free(self) -> tuple[str, ...]:
        """Return the modes in which others may hold the tables meanwhile."""
        if self is Mode.QUIET:
            return (*_READING, "RowExclusiveLock")
        return () if self is Mode.ALONE else _READING


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A table, or a view, and the role that owns it."""

    schema: str
    name: str
    owner: str


def list_tables(connection: Connection, schemas: Sequence[str]) -> list[Held]:
    """Return the tables of schemas, as far as they are ours to hold. Read-only."""
    return _list(connection, schemas, ("r", "p"))


def list_views(connection: Connection, schemas: Sequence[str]) -> list[Held]:
    """Return the views of schemas, as far as they are ours to hold. Read-only."""
    return _list(connection, schemas, ("v",))


def _list(connection: Connection, schemas: Sequence[str], kinds: Sequence[str]) -> list[Held]:
    found = connection.execute(_RELATIONS, (list(schemas), list(kinds))).fetchall()
    return [Held(schema=schema, name=name, owner=owner) for schema, name, owner in found]


def hold(
    connection: Connection,
    place: str,
    mode: Mode,
    tables: Sequence[Held],
    *,
    say: Callable[[str, str], None],
    views: Sequence[Held] = (),
) -> None:
    """Hold tables until the transaction ends, and views of theirs before them: who writes through one has locked it.

    Acts as their owners. Raises UnreachableError that names who holds one of them, when patience is at its end.
    """
    names = [f"{one.schema}.{one.name}" for one in (*views, *tables)]
    retrying = Retrying(
        retry=retry_if_exception_type((*BUSY, CUT_OFF)),
        stop=stop_after_delay(PATIENCE),
        wait=wait_random(0.1, 0.7),
        before_sleep=_tell(connection, place, mode, names, say),
    )
    try:
        retrying(_lock, connection, tables, views, mode)
    except RetryError as error:
        fact = f"{_name_holders(connection, mode, names)} in the way, for {PATIENCE:.0f} s; nothing was changed"
        raise UnreachableError(f"PostgreSQL at {place}", fact, "end it, or run the same command later") from error


def _lock(connection: Connection, tables: Sequence[Held], views: Sequence[Held], mode: Mode) -> None:
    """Lock all of them within one limit, however many there are; or none."""
    ends = time.monotonic() + mode.patience
    with connection.transaction():  # a savepoint: what a try locked before it failed is let go
        for view in views:
            _limit(connection, ends)
            act_as(connection, view.owner)
            # LOCK asks for rights on the tables too; this changes nothing, and takes the same lock.
            text = f"ALTER VIEW {dotted(view.schema, view.name)} OWNER TO {quote(view.owner)}"
            connection.execute(text.encode())
        for owner in sorted({table.owner for table in tables}):
            _limit(connection, ends)
            act_as(connection, owner)
            names = ", ".join(dotted(table.schema, table.name) for table in tables if table.owner == owner)
            connection.execute(f"LOCK TABLE {names} IN {mode.lock} MODE".encode())
        for setting in _LIMITS:
            connection.execute(f"SET LOCAL {setting} = 0".encode())


def _limit(connection: Connection, ends: float) -> None:
    """Let statements end at a time of the monotonic clock, whether they wait or work."""
    left = max(1, round((ends - time.monotonic()) * 1000))
    for setting in _LIMITS:
        connection.execute(f"SET LOCAL {setting} = {left}".encode())


def _tell(
    connection: Connection, place: str, mode: Mode, names: Sequence[str], say: Callable[[str, str], None]
) -> Callable[[RetryCallState], None]:
    """Return what says once who is waited for."""

    def tell(state: RetryCallState) -> None:
        if state.attempt_number == 1:
            holders = _name_holders(connection, mode, names)
            say(f"PostgreSQL at {place}", f"waits, {PATIENCE:.0f} s at most: {holders} in the way")

    return tell


def _name_holders(connection: Connection, mode: Mode, names: Sequence[str]) -> str:
    """Name who holds tables, as far as we may see: others' names and times are a monitor's to see. Read-only."""
    connection.execute("RESET ROLE")  # a monitor's rights are those of who is connected
    found = connection.execute(_HOLDERS, (list(names), list(mode.free))).fetchall()
    first = {pid: (table, name, seconds) for pid, table, name, seconds in reversed(found)}
    said = [_name_holder(pid, *about) for pid, about in first.items()]
    more = f" and {len(said) - _SAID} more" if len(said) > _SAID else ""
    if not said:
        return "somebody who has gone by now was"
    return f"{', '.join(said[:_SAID])}{more} {'is' if len(said) == 1 else 'are'}"


def _name_holder(pid: int | None, table: str, name: str | None, seconds: int | None) -> str:
    who = "a prepared transaction" if pid is None else f"pid {pid}"
    known = [f"application {name}" if name else "", "" if seconds is None else f"for {seconds} s in its transaction"]
    return f"{who} ({', '.join(one for one in (*known, f'holds {table}') if one)})"
