"""One connection for a work on columns, made anew where it was cut, and what the server says in our words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from strongroom.core.errors import LockedError, PassingError, UnreachableError
from strongroom.postgres.connection import Access, Connection, Error, open_postgres
from strongroom.postgres.faults import explain_statement

_SESSION = {
    "default_transaction_isolation": "read committed",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "10s",
}
_LOCK = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(%s, 0))"
_LOCK_SECONDS = 5.0
"""Whoever was killed a moment ago may hold it still."""


class Session:
    """A connection; whoever asks for it gets one that is not known to be cut, under the lock that was taken."""

    def __init__(self, access: Access, subject: str) -> None:
        """Hold how to connect, for a column as people name it; nobody is asked yet."""
        self._access, self._subject = access, subject
        self._stack = ExitStack()
        self._held: Connection | None = None
        self._lock = ""

    @property
    def connection(self) -> Connection:
        """The connection. Raises UnreachableError, LockedError."""
        if self._held is None or self._held.closed:
            self._stack.close()
            self._held = self._reach(is_again=self._held is not None)
            for name, value in _SESSION.items():
                self._held.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
            if self._lock:
                self._take_lock(self._held)
        return self._held

    def _reach(self, *, is_again: bool) -> Connection:
        """Connect; a server that was there a moment ago may only be starting again."""
        try:
            return self._stack.enter_context(open_postgres(self._access))
        except UnreachableError as error:
            raise PassingError(error.subject, error.fact, error.hint) if is_again else error from None

    def lock(self, name: str) -> None:
        """Hold a lock of that name until the session is closed, however it ends. Raises LockedError."""
        self._take_lock(self.connection, name)
        self._lock = name

    def close(self) -> None:
        """Let go of it."""
        self._lock, self._held = "", None
        self._stack.close()

    def _take_lock(self, connection: Connection, name: str = "") -> None:
        until = time.monotonic() + _LOCK_SECONDS
        while connection.execute(_LOCK, (name or self._lock,)).fetchone() != (True,):
            if time.monotonic() > until:
                way = "wait until it has ended, then run the same command again"
                raise LockedError(self._subject, "another command is at work on it", way)
            time.sleep(0.1)

    @contextmanager
    def speaking(self) -> Iterator[Connection]:
        """Give the connection, and say in our words what the server says meanwhile; it may repeat values in its own."""
        try:
            yield self.connection
        except Error as error:
            raise explain_statement(self._access, error) from None

    @contextmanager
    def transaction(self, *, is_durable: bool = True, is_undone: bool = False) -> Iterator[Connection]:
        """Do what is within as one; what is not durable at once is so with the next that is."""
        with self.speaking() as connection, connection.transaction(force_rollback=is_undone):
            if not is_durable:
                connection.execute("SET LOCAL synchronous_commit = off")
            yield connection
