"""One column in PostgreSQL: rows are locked, read, and written where they still hold what was read, batch by batch.

Only ciphertext and the keys of rows are in parameters, or what a column is to hold plain; no key of ours is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import GuardError, LockedError
from strongroom.keys.columns.envelope import MARK
from strongroom.postgres.connection import Access, Connection, Error, open_postgres
from strongroom.postgres.faults import COLLIDED, PassingError, explain_statement
from strongroom.rotate.columns.book import Begun, Unfinished
from strongroom.rotate.columns.judging import Judge
from strongroom.rotate.columns.model import Change, Heads, Part, Position, Row, Stored, Work
from strongroom.rotate.columns.postgres_book import Book
from strongroom.rotate.columns.postgres_table import PostgresTable, look_at_table, refuse_unwritable
from strongroom.rotate.columns.postgres_text import Statements
from strongroom.rotate.request import Surroundings

_SESSION = {
    "default_transaction_isolation": "read committed",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "10s",
}
_FEW = 50
"""Rows that are fetched at once where each may be large."""
_LOCK = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(%s, 0))"
_LOCK_SECONDS = 5.0
"""Whoever was killed a moment ago may hold it still."""
_HOLDERS = """
    SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype = 'transactionid' AND l.granted
        AND l.transactionid::text = ANY (%s) ORDER BY 1"""
_MEMBERS = "SELECT xid::text FROM pg_catalog.pg_get_multixact_members(%s::pg_catalog.xid)"


class PostgresColumn:
    """One column, from the moment that it is held until it is let go of.

    What raises ``PassingError`` may be asked again: the connection is made anew where it was cut.
    """

    passing = PassingError

    def __init__(self, entry: ColumnEntry, access: Access, around: Surroundings, *, batch_size: int) -> None:
        """Hold where it is; nobody is asked yet."""
        self.entry, self.place = entry, f"{access.place} schema {entry.postgres}"
        self._access, self._around, self._limit = access, around, batch_size
        self._stack, self._book = ExitStack(), Book(entry=entry)
        self._held: Connection | None = None
        self._table: PostgresTable | None = None
        self._is_locked = False

    @property
    def subject(self) -> str:
        """The column, for people."""
        return f"column {self.entry.postgres}.{self.entry.table}.{self.entry.column}"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Connect, and look at the table. Raises UnreachableError, GuardError."""
        with self._stack:
            with self._speaking():
                self._look()
            yield

    def hold(self) -> None:
        """Let no other command be at work on the column, for as long as it is open. Raises LockedError, GuardError."""
        with self._speaking():
            refuse_unwritable(self._connection, self.entry, self._look(), self._access.place)
            self._is_locked = True
            self._lock(self._connection)
        self._around.reach("locked")

    def _look(self) -> PostgresTable:
        if self._table is None:
            shortest = len(MARK) + len(self.entry.key) + 42
            self._table = look_at_table(self._connection, self.entry, self._access.place, shortest=shortest)
        return self._table

    @property
    def _connection(self) -> Connection:
        """The connection; made anew where it was cut."""
        if self._held is None or self._held.closed:
            self._stack.close()
            self._held = self._stack.enter_context(open_postgres(self._access))
            for name, value in _SESSION.items():
                self._held.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
            if self._is_locked:
                self._lock(self._held)
        return self._held

    def _lock(self, connection: Connection) -> None:
        name, until = f"strongroom columns {self._look().oid} {self._look().number}", time.monotonic() + _LOCK_SECONDS
        while connection.execute(_LOCK, (name,)).fetchone() != (True,):
            if time.monotonic() > until:
                way = "wait until it has ended, then run the same command again"
                raise LockedError(self.subject, "another command is at work on it", way)
            time.sleep(0.1)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Say in our words what the server says."""
        try:
            yield
        except Error as error:
            raise explain_statement(self._access, error) from None  # its text may repeat values

    @contextmanager
    def _transaction(self, *, is_durable: bool) -> Iterator[Connection]:
        """Do what is within as one; what is not durable is made so by the next that is."""
        with self._speaking(), self._connection.transaction():
            if not is_durable:
                self._connection.execute("SET LOCAL synchronous_commit = off")
            yield self._connection

    def _say(self, judge: Judge) -> Statements:
        return Statements(self.entry, self._look(), judge.work, judge.head)

    def begin(self, work: Work, version: str) -> Begun:
        """Say durably what is begun, and under which version values are to be (empty: plain); return how far it was."""
        try:
            with self._speaking(), self._connection.transaction():
                begun = self._book.begin(self._connection, work, version)
        except COLLIDED:  # somebody else made or dropped it at this moment
            raise PassingError(self.subject, "somebody else is at its progress", "run the same command again") from None
        self._around.reach("begun")
        return begun

    def try_out(self, judge: Judge) -> None:
        """Write the longest and the shortest value that are due, and undo it: what the table refuses is known then.

        Raises GuardError.
        """
        said = self._say(judge)
        with self._speaking(), self._connection.transaction(force_rollback=True):
            found = self._connection.execute(said.extremes.encode(), (), binary=True).fetchall()
            rows = {row.key: row for row in self._take(found)}
            self._write(said, self._settle(judge, list(rows.values())).changes)
            self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def advance(self, judge: Judge, after: Position | None) -> tuple[Part, int]:
        """Change the next rows that are due behind a position; return them, and how many are changed by now.

        One transaction: killed anywhere, it is as if it never was.
        """
        said = self._say(judge)
        with self._transaction(is_durable=False) as connection:
            part = self._settle(judge, self._read(said, after, locks=True))
            self._around.reach("sealed")
            self._write(said, part.changes)
            total = self._book.note(connection, part.end, len(part.changes))
            self._around.reach("written")
        self._around.reach("committed")
        return part, total

    def look(self, judge: Judge, after: Position | None) -> Part:
        """Judge the next rows that are due behind a position, those included that others lock. Read-only."""
        with self._speaking():
            return self._settle(judge, self._read(self._say(judge), after, locks=False))

    def count_due(self, judge: Judge) -> int:
        """Count the rows that may have to be changed. Read-only."""
        with self._speaking():
            found = self._connection.execute(self._say(judge).count_due.encode(), ()).fetchone()
        return int(found[0]) if found else 0

    def finish(self) -> None:
        """Take away what says how far it is; with it all that was written before is durable."""
        with self._speaking(), self._connection.transaction():
            self._book.end(self._connection)
        self._around.reach("finished")

    def find_holder(self, position: Position) -> str:
        """Say who locks a row. Read-only."""
        said = Statements(self.entry, self._look(), Work.ROTATE, MARK)
        with self._speaking():
            found = self._connection.execute(said.find_locker.encode(), position).fetchone()
            names = [found[0]] if found else []
            pids = self._connection.execute(_HOLDERS, (names,)).fetchall() or self._find_several(names)
        return f"process {', '.join(str(pid) for (pid,) in pids)} of the server" if pids else "somebody"

    def _find_several(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the processes that lock a row together."""
        try:
            members = [row[0] for name in names for row in self._connection.execute(_MEMBERS, (name,))]
        except Error:  # it is no lock of several
            return []
        return self._connection.execute(_HOLDERS, (members,)).fetchall()

    def count_heads(self) -> Heads:
        """Count what stands in the column by how it begins. Read-only."""
        said = Statements(self.entry, self._look(), Work.ROTATE, MARK)
        with self._speaking():
            found = dict(self._connection.execute(said.heads.encode(), ()).fetchall())
        keys = {head[1:]: count for head, count in found.items() if head}
        return Heads(nulls=found.get(None, 0), keys=keys, others=found.get("", 0))

    def read_candidates(self) -> Iterator[Stored]:
        """Yield the values that may be of another format, one after another. Read-only."""
        said = Statements(self.entry, self._look(), Work.ROTATE, MARK)
        with self._speaking():
            yield from stream_values(self._connection, said.candidates)

    def read_unfinished(self) -> Unfinished | None:
        """Return what was begun and did not come to its end. Read-only."""
        with self._speaking():
            return self._book.read(self._connection)

    def _settle(self, judge: Judge, rows: Sequence[Row]) -> Part:
        return judge.settle_all(rows, as_bytes=self._look().as_bytes, holds_any=False)

    def _read(self, said: Statements, after: Position | None, *, locks: bool) -> list[Row]:
        text = said.read(is_first=after is None, locks=locks)
        found = self._connection.execute(text.encode(), (*(after or ()), self._limit), binary=True).fetchall()
        return self._take(found)

    def _take(self, found: Sequence[tuple[Any, ...]]) -> list[Row]:
        names = self._look().keys
        order = [names.index(name) for name in self.entry.primary_key]
        return [Row(position=row[:-1], key=tuple(row[place] for place in order), stored=row[-1]) for row in found]

    def _write(self, said: Statements, changes: Sequence[Change]) -> None:
        """Write, and make sure that what was written stands there. Raises GuardError."""
        if not changes:
            return
        keys = [list(values) for values in zip(*(change.row.position for change in changes), strict=True)]
        old, new = [change.row.stored for change in changes], [change.new for change in changes]
        kept, written = self._ask(said.write, (*keys, old, new))
        if self._look().has_triggers:
            self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            (kept,) = self._ask(said.recount, (*keys, new))
        if kept != len(changes):
            fact = (
                "a trigger changes what is written" if written == len(changes) else "a trigger keeps rows as they are"
            )
            raise GuardError(self.subject, fact, "let it pass what begins with sr1: as it is, then run again")

    def _ask(self, text: str, parameters: Sequence[Any]) -> tuple[Any, ...]:
        return self._connection.execute(text.encode(), parameters).fetchone() or (0, 0)


def stream_values(connection: Connection, text: str) -> Iterator[Stored]:
    """Yield the only column of what a statement finds, a few rows at a time. Read-only."""
    with connection.transaction(), connection.cursor("strongroom_columns", binary=True) as cursor:
        cursor.itersize = _FEW
        for (value,) in cursor.execute(text.encode(), ()):
            yield value
