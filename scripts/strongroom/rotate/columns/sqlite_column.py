"""One column in SQLite: rows are read and sealed without a lock, then written where they still hold what was read.

Each batch is one short transaction that is immediate, so that an application that writes gets in between.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.engines import Engine
from strongroom.core.errors import GuardError, StaleError, UnreachableError
from strongroom.core.files import locked, show_path
from strongroom.keys import ProvidedKeys
from strongroom.keys.columns.envelope import MARK
from strongroom.rotate.columns.book import Begun, Unfinished
from strongroom.rotate.columns.judging import Judge
from strongroom.rotate.columns.model import Change, Heads, Part, Position, Row, Stored, Work
from strongroom.rotate.columns.openers import BUSY_SECONDS, held_database
from strongroom.rotate.columns.sqlite_book import Book
from strongroom.rotate.columns.sqlite_table import SqliteTable, look_at_table
from strongroom.rotate.columns.sqlite_text import Statements, read_heads
from strongroom.rotate.place import Place
from strongroom.rotate.request import Surroundings
from strongroom.rotate.settling import find_open
from strongroom.sqlite.connection import Connection, connect_live, open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.messages import translated

BATCH_BYTES = 8_000_000
_BETWEEN_LOOKS = 0.0002, 0.002
"""Seconds."""
_KINDS = {str: "text", bytes: "blob", int: "integer", float: "real"}


class SqliteColumn:
    """One column, from the moment that it is held until it is let go of."""

    passing = UnreachableError

    def __init__(
        self, entry: ColumnEntry, place: Place, keys: ProvidedKeys, around: Surroundings, *, batch_size: int
    ) -> None:
        """Hold where it is; nothing is opened yet."""
        self.entry, self.place = entry, show_path(place.database)
        self._home, self._keys, self._around, self._limit = place, keys, around, batch_size
        self._database = Database(place.database, Engine.BUNDLED)
        self._stack, self._book = ExitStack(), Book(entry=entry)
        self._open: dict[str, Connection] = {}
        self._table: SqliteTable | None = None

    @property
    def subject(self) -> str:
        """The column, for people."""
        return f"column {self.entry.sqlite}: {self.entry.table}.{self.entry.column}"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open the file to read, and look at the table. Raises what opening raises, GuardError, StaleError."""
        found = find_open(self._home)
        if found is not None:
            fact = f"is in the middle of sqlcipher.{found[1].work}"
            raise StaleError(self._home.database, fact, f"./inv {found[1].describe(self._home.database)} finishes it")
        with held_database(self._home.database, self.entry.encrypted_by, self._keys) as self._database, self._stack:
            self._use("reader", self._stack.enter_context(open_source(self._database, timeout=BUSY_SECONDS)))
            self._table = look_at_table(self._reader, self.entry)
            yield

    def hold(self) -> None:
        """Let no other command be at work on a file of this folder, and open it to write. Raises LockedError."""
        self._home.provide()
        self._stack.enter_context(locked(self._home.lock))
        with translated(self._database):
            self._use("writer", self._stack.enter_context(closing(connect_live(self._database, seconds=BUSY_SECONDS))))
            self._writer.execute("PRAGMA secure_delete = ON")
        self._around.reach("locked")

    def _use(self, purpose: str, connection: Connection) -> None:
        connection.text_factory = _decode
        self._open[purpose] = connection

    @property
    def _reader(self) -> Connection:
        return self._open["reader"]

    @property
    def _writer(self) -> Connection:
        return self._open["writer"]

    @property
    def _looked(self) -> SqliteTable:
        if self._table is None:
            raise ValueError(f"{self.subject}: is not open")
        return self._table

    @contextmanager
    def _transaction(self, *, undone: bool = False, is_durable: bool = True) -> Iterator[Connection]:
        """Do what is within as one, or undo it; whoever else writes waits meanwhile.

        What is not durable at once is so with the next that is, in WAL mode: there every commit is whole, or is not
        there. With a rollback journal all are durable.
        """
        connection = self._writer
        with translated(self._database):
            waits = is_durable or not self._looked.is_write_ahead
            connection.execute(f"PRAGMA synchronous = {'FULL' if waits else 'NORMAL'}")
            _begin(connection)
            try:
                yield connection
                connection.execute("ROLLBACK" if undone else "COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _say(self, judge: Judge) -> Statements:
        return Statements(self._looked, judge.work, judge.head)

    def begin(self, work: Work, version: str) -> Begun:
        """Say durably what is begun, and under which version values are to be (empty: plain); return how far it was."""
        with self._transaction() as connection:
            begun = self._book.begin(connection, work, version)
        self._around.reach("begun")
        return begun

    def try_out(self, judge: Judge) -> None:
        """Write the longest and the shortest value that are due, and undo it: what the table refuses is known then.

        Raises GuardError.
        """
        said = self._say(judge)
        with translated(self._database):
            rows = [self._take(row) for text in said.extremes for row in self._reader.execute(text)]
        changes = self._settle(judge, rows).changes
        with self._transaction(undone=True):
            self._write(said, changes)

    def take(self, judge: Judge, after: Position | None) -> Part:
        """Read and judge the next rows that are due behind a position. Read-only."""
        return self._settle(judge, self._read(self._say(judge), after))

    def put(self, judge: Judge, part: Part) -> int:
        """Write what was judged where it still stands; return how many rows are changed by now.

        One transaction: killed anywhere, it is as if it never was. Durable once ``finish`` was.
        """
        said = self._say(judge)
        with self._transaction(is_durable=False) as connection:
            written = self._write(said, part.changes)
            total = self._book.note(connection, part.end, written)
            self._around.reach("written")
        self._around.reach("committed")
        return total

    def count_due(self, judge: Judge) -> int:
        """Count the rows that may have to be changed. Read-only."""
        with translated(self._database):
            return int(self._reader.execute(self._say(judge).count_due).fetchone()[0])

    def finish(self) -> None:
        """Take away what says how far it is."""
        with self._transaction() as connection:
            self._book.end(connection)
        self._around.reach("finished")

    def find_holder(self, position: Position) -> str:
        """Say who keeps a row as it is: in SQLite nobody locks one."""
        del position
        return "whoever writes to them again and again"

    def count_heads(self) -> Heads:
        """Count what stands in the column by how it begins. Read-only."""
        said = Statements(self._looked, Work.ROTATE, MARK)
        with translated(self._database):
            found = read_heads(self._reader.execute(said.heads))
        keys = {head[1:]: count for head, count in found.items() if head}
        return Heads(nulls=found.get(None, 0), keys=keys, others=found.get("", 0))

    def read_candidates(self) -> Iterator[Stored]:
        """Yield the values that may be of another format, one after another. Read-only."""
        said = Statements(self._looked, Work.ROTATE, MARK)
        with translated(self._database):
            yield from (value for (value,) in self._reader.execute(said.candidates))

    def read_unfinished(self) -> Unfinished | None:
        """Return what was begun and did not come to its end. Read-only."""
        with translated(self._database):
            return self._book.read(self._reader)

    def _settle(self, judge: Judge, rows: Sequence[Row]) -> Part:
        return judge.settle_all(rows, as_bytes=self._looked.as_bytes, holds_any=self._looked.holds_any)

    def _read(self, said: Statements, after: Position | None) -> list[Row]:
        """Read rows until there are enough of them, or of their bytes."""
        rows, size = [], 0
        with translated(self._database), closing(self._reader.cursor()) as cursor:
            for found in cursor.execute(said.read(after), [_bind(part) for part in after or ()]):
                row = self._take(found)
                rows.append(row)
                size += len(row.stored) if isinstance(row.stored, str | bytes) else 0
                if len(rows) >= self._limit or size >= BATCH_BYTES:
                    break
        return rows

    def _take(self, found: Sequence[Any]) -> Row:
        width = len(self._looked.order) or 1
        return Row(position=tuple(found[:width]), key=tuple(found[width:-1]), stored=found[-1])

    def _write(self, said: Statements, changes: Sequence[Change]) -> int:
        """Write, and make sure that what was written stands there; return how many rows still held what was read.

        Raises GuardError.
        """
        parameters = [(change.new, *_where(change.row, change.row.stored)) for change in changes]
        try:
            if not self._looked.has_triggers:
                return max(self._writer.executemany(said.write, parameters).rowcount, 0)
            written = [self._writer.execute(said.write, one).rowcount > 0 for one in parameters]
        except self._writer.IntegrityError:  # its text may repeat values
            fact = "a CHECK or a trigger of its table refuses what is to be written"
            raise GuardError(self.subject, fact, "let it pass what begins with sr1: as it is") from None
        for change, is_written in zip(changes, written, strict=True):
            if is_written and not self._holds(said, change.row, change.new):
                raise GuardError(self.subject, "a trigger changes what is written", "let it pass what begins with sr1:")
            if not is_written and self._holds(said, change.row, change.row.stored):
                raise GuardError(self.subject, "a trigger keeps rows as they are", "drop it while this runs")
        return sum(written)

    def _holds(self, said: Statements, row: Row, value: Stored) -> bool:
        return self._writer.execute(said.find, _where(row, value)).fetchone() is not None


def _begin(connection: Connection) -> None:
    """Begin to write, in the first gap that others leave.

    SQLite looks for one every tenth of a second, and an application that writes without a pause leaves few.
    """
    until = time.monotonic() + BUSY_SECONDS
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except connection.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(random.uniform(*_BETWEEN_LOOKS))  # noqa: S311  # no secret
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout = {round(1000 * BUSY_SECONDS)}")


def _where(row: Row, value: Stored) -> tuple[Any, ...]:
    """Return what finds a row that holds a value."""
    return *row.position, *row.key, value, _KINDS[type(value)]


def _bind(part: Any) -> Any:
    """Return a text as its bytes, which need not be UTF-8."""
    return part.encode(errors="surrogateescape") if isinstance(part, str) else part


def _decode(content: bytes) -> str:
    return content.decode(errors="surrogateescape")
