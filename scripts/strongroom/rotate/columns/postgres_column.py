"""One column in PostgreSQL: values are read and sealed, then rows are locked that still hold them, and written.

Only ciphertext, digests and the keys of rows are in parameters, or what a column is to hold plain; no key of ours is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import GuardError, PassingError
from strongroom.keys.columns.envelope import MARK
from strongroom.postgres.connection import DENIED, Access, Connection, Error
from strongroom.postgres.faults import COLLIDED
from strongroom.rotate.columns.book import Begun, Unfinished
from strongroom.rotate.columns.judging import Judge
from strongroom.rotate.columns.model import Change, Heads, Part, Position, Row, Stored, Work
from strongroom.rotate.columns.postgres_book import Book
from strongroom.rotate.columns.postgres_session import Session
from strongroom.rotate.columns.postgres_table import PostgresTable, look_at_table, refuse_unwritable
from strongroom.rotate.columns.postgres_text import Statements
from strongroom.rotate.request import Surroundings

_FEW = 50
"""Rows that are fetched at once where each may be large."""
_HOLDERS = """
    SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype = 'transactionid' AND l.granted
        AND l.transactionid::text = ANY (%s) ORDER BY 1"""
_MEMBERS = "SELECT xid::text FROM pg_catalog.pg_get_multixact_members(%s::pg_catalog.xid)"


class PostgresColumn:
    """One column, from the moment that it is opened until it is let go of: read by one session, written by another.

    What raises ``PassingError`` may be asked again.
    """

    passing = PassingError

    def __init__(self, entry: ColumnEntry, access: Access, around: Surroundings, *, batch_size: int) -> None:
        """Hold where it is; nobody is asked yet."""
        self.entry, self.place = entry, f"{access.place} schema {entry.postgres}"
        self._around, self._limit, self._server = around, batch_size, access.place
        self._reader, self._writer = Session(access, self.subject), Session(access, self.subject)
        self._book = Book(entry=entry)
        self._table: PostgresTable | None = None

    @property
    def subject(self) -> str:
        """The column, for people."""
        return f"column {self.entry.postgres}.{self.entry.table}.{self.entry.column}"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Connect, and look at the table. Raises UnreachableError, GuardError."""
        shortest = len(MARK) + len(self.entry.key) + 42
        try:
            with self._reader.speaking() as connection:
                self._table = look_at_table(connection, self.entry, self._server, shortest=shortest)
            yield
        finally:
            self._reader.close()
            self._writer.close()

    def hold(self) -> None:
        """Let no other command be at work on the column, for as long as it is open. Raises LockedError, GuardError."""
        with self._writer.speaking() as connection:
            refuse_unwritable(connection, self.entry, self._looked, self._server)
            self._writer.lock(f"strongroom columns {self._looked.oid} {self._looked.number}")
        self._around.reach("locked")

    @property
    def _looked(self) -> PostgresTable:
        if self._table is None:
            raise ValueError(f"{self.subject}: is not open")
        return self._table

    def _say(self, judge: Judge) -> Statements:
        return Statements(self.entry, self._looked, judge.work, judge.head)

    @property
    def _about_all(self) -> Statements:
        return Statements(self.entry, self._looked, Work.ROTATE, MARK)

    def begin(self, work: Work, version: str) -> Begun:
        """Say durably what is begun, and under which version values are to be (empty: plain); return how far it was."""
        with self._writer.speaking() as connection:
            try:
                with connection.transaction():
                    begun = self._book.begin(connection, work, version)
            except COLLIDED:
                fact = "somebody else made or dropped what says how far it is, at this moment"
                raise PassingError(self.subject, fact, "run the same command again") from None
        self._around.reach("begun")
        return begun

    def try_out(self, judge: Judge) -> None:
        """Write the longest and the shortest value that are due, and undo it: what the table refuses is known then.

        Raises GuardError.
        """
        said = self._say(judge)
        with self._writer.transaction(is_undone=True) as connection:
            found = connection.execute(said.extremes.encode(), (), binary=True).fetchall()
            rows = {row.key: row for row in self._take(found)}
            self._write(connection, said, self._settle(judge, list(rows.values())).changes)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def take(self, judge: Judge, after: Position | None) -> Part:
        """Read and judge the next rows that are due behind a position, whoever locks them. Read-only."""
        text = self._say(judge).read(is_first=after is None)
        with self._reader.speaking() as connection:
            found = connection.execute(text.encode(), (*(after or ()), self._limit), binary=True).fetchall()
        return self._settle(judge, self._take(found))

    def put(self, judge: Judge, part: Part) -> int:
        """Write what was judged where it still stands and nobody locks it; return how many rows are changed by now.

        One transaction: killed anywhere, it is as if it never was. Durable once ``finish`` was.
        """
        said = self._say(judge)
        with self._writer.transaction(is_durable=False) as connection:
            free = self._find_free(connection, said, part.changes)
            self._write(connection, said, free)
            total = self._book.note(connection, part.end, len(free))
            self._around.reach("written")
        self._around.reach("committed")
        return total

    def _find_free(self, connection: Connection, said: Statements, changes: Sequence[Change]) -> list[Change]:
        """Lock the rows that hold what was read, those aside that others lock; return them."""
        if not changes:
            return []
        parameters = (*_gather_keys(changes), [_digest(change.row.stored) for change in changes])
        found = connection.execute(said.hold.encode(), parameters, binary=True).fetchall()
        return [changes[place - 1] for (place,) in sorted(found)]

    def _write(self, connection: Connection, said: Statements, changes: Sequence[Change]) -> None:
        """Write to rows that are locked, and make sure that what was written stands there. Raises GuardError."""
        if not changes:
            return
        parameters = (*_gather_keys(changes), [change.new for change in changes])
        kept, written = connection.execute(said.write.encode(), parameters).fetchone() or (0, 0)
        if self._looked.has_triggers:
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            (kept,) = connection.execute(said.recount.encode(), parameters).fetchone() or (0,)
        if kept != len(changes):
            fact = (
                "a trigger changes what is written" if written == len(changes) else "a trigger keeps rows as they are"
            )
            raise GuardError(self.subject, fact, "let it pass what begins with sr1: as it is, then run again")

    def count_due(self, judge: Judge) -> int:
        """Count the rows that may have to be changed. Read-only."""
        with self._reader.speaking() as connection:
            found = connection.execute(self._say(judge).count_due.encode(), ()).fetchone()
        return int(found[0]) if found else 0

    def finish(self) -> None:
        """Take away what says how far it is; with it all that was written before is durable."""
        with self._writer.transaction() as connection:
            self._book.end(connection)
        self._around.reach("finished")

    def find_holder(self, position: Position) -> str:
        """Say who locks a row. Read-only."""
        with self._reader.speaking() as connection:
            try:
                found = connection.execute(self._about_all.find_locker.encode(), position).fetchone()
            except DENIED:  # a role that may read columns may not see who locks their rows
                found = None
            names = [found[0]] if found else []
            pids = connection.execute(_HOLDERS, (names,)).fetchall() or _find_several(connection, names)
        return f"process {', '.join(str(pid) for (pid,) in pids)} of the server" if pids else "somebody"

    def count_heads(self) -> Heads:
        """Count what stands in the column by how it begins. Read-only."""
        with self._reader.speaking() as connection:
            found = dict(connection.execute(self._about_all.heads.encode(), ()).fetchall())
        keys = {head[1:]: count for head, count in found.items() if head}
        return Heads(nulls=found.get(None, 0), keys=keys, others=found.get("", 0))

    def read_candidates(self) -> Iterator[Stored]:
        """Yield the values that may be of another format, one after another. Read-only."""
        with self._reader.speaking() as connection:
            yield from stream_values(connection, self._about_all.candidates)

    def read_unfinished(self) -> Unfinished | None:
        """Return what was begun and did not come to its end. Read-only."""
        with self._reader.speaking() as connection:
            return self._book.read(connection)

    def _settle(self, judge: Judge, rows: Sequence[Row]) -> Part:
        return judge.settle_all(rows, as_bytes=self._looked.as_bytes, holds_any=False)

    def _take(self, found: Sequence[tuple[Any, ...]]) -> list[Row]:
        names = self._looked.keys
        order = [names.index(name) for name in self.entry.primary_key]
        return [Row(position=row[:-1], key=tuple(row[place] for place in order), stored=row[-1]) for row in found]


def _gather_keys(changes: Sequence[Change]) -> list[list[Any]]:
    """Return the values of each column of the primary key, in the order of its index."""
    return [list(values) for values in zip(*(change.row.position for change in changes), strict=True)]


def _digest(stored: Stored) -> bytes:
    return hashlib.sha256(stored if isinstance(stored, bytes) else str(stored).encode()).digest()


def _find_several(connection: Connection, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the processes that lock a row together."""
    try:
        members = [row[0] for name in names for row in connection.execute(_MEMBERS, (name,))]
    except Error:  # it is no lock of several
        return []
    return connection.execute(_HOLDERS, (members,)).fetchall()


def stream_values(connection: Connection, text: str) -> Iterator[Stored]:
    """Yield the only column of what a statement finds, a few rows at a time. Read-only."""
    with connection.transaction(), connection.cursor("strongroom_columns", binary=True) as cursor:
        cursor.itersize = _FEW
        for (value,) in cursor.execute(text.encode(), ()):
            yield value
