"""Fill one table, or a range of it, by COPY: in a worker, in one transaction, noted in the book and the ledger."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from strongroom.core.progress import add_rows
from strongroom.load.rows.book import Book
from strongroom.load.rows.encoding import Encoder
from strongroom.load.rows.jobs import Range, TableJob
from strongroom.load.rows.ledger import KEY, REFERENCE, SERVER, Entry, note_rows, read_addresses
from strongroom.load.rows.reading import WHOLE, Piece, read_pieces
from strongroom.postgres.connection import Access, Connection, Error, compose, identifier, open_postgres
from strongroom.postgres.copying import copy_rows, say_what_failed, speaks_of_a_row
from strongroom.sqlite.connection import Connection as Rows
from strongroom.sqlite.connection import open_snapshot

_LIMITS = (
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
)
"""Settings by which servers end what takes long; older ones do not know all of them."""


def fill(connection: Connection, job: TableJob, parts: Sequence[Range], book: Book) -> None:
    """Load ranges of a table, each in a transaction of its own.

    Rows that do not fit, and those that the server refuses, are in the ledger before the transaction ends. Raises
    UnreachableError, NoSpaceError and what else the server says of no row.
    """
    with open_snapshot(job.snapshot) as source, no_collecting():
        for part in parts:
            _fill_range(connection, source, job, part, book)


@contextmanager
def no_collecting() -> Iterator[None]:
    """Let Python not look for cycles among millions of values, of which none is in one."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def open_for_work(access: Access, book: Book) -> Iterator[Connection]:
    """Connect as the system's owner, for statements that may take long."""
    with open_postgres(access) as connection:
        settle_for_work(connection, book)
        yield connection


def settle_for_work(connection: Connection, book: Book) -> None:
    """Let long statements end, and what is made belong to the system's owner."""
    asked = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = ANY (%s)"
    connection.execute(asked, (list(_LIMITS),))
    for name, value in (("synchronous_commit", "off"), ("maintenance_work_mem", "256MB"),
                        ("client_min_messages", "error")):  # fmt: skip
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
    connection.execute(compose("SET ROLE {owner}", owner=identifier(book.owner)))


def _fill_range(connection: Connection, source: Rows, job: TableJob, part: Range, book: Book) -> None:
    skipped = read_addresses(job, KEY, REFERENCE)
    try:
        with connection.transaction():
            if not _begin(connection, job, part, book, len(skipped)):
                return
            encoder = Encoder(job)
            with copy_rows(connection, (job.schema, job.into), encoder.names, freeze=part.is_whole) as write:
                for rows in read_pieces(source, job, part, skipped):
                    for data in encoder.encode(rows):
                        write(data)
                    add_rows(len(rows))
            note_rows(job, encoder.entries)
    except Error as error:
        if not speaks_of_a_row(error):
            raise
    else:
        return
    _fill_carefully(connection, source, job, part, book)


def _fill_carefully(connection: Connection, source: Rows, job: TableJob, part: Range, book: Book) -> None:
    """Do it again where the server refused a row: piece by piece, to the row that it was."""
    skipped = read_addresses(job, KEY, REFERENCE)
    encoder = Encoder(job)
    with connection.transaction():
        if not _begin(connection, job, part, book, len(skipped)):
            return
        for rows in read_pieces(source, job, part, skipped):
            _send(connection, job, encoder, rows)
            add_rows(len(rows))
        note_rows(job, encoder.entries)


def _send(connection: Connection, job: TableJob, encoder: Encoder, rows: Piece) -> None:
    before = len(encoder.entries)
    try:
        with connection.transaction(), copy_rows(connection, (job.schema, job.into), encoder.names) as write:
            for data in encoder.encode(rows):
                write(data)
    except Error as error:
        if not speaks_of_a_row(error):
            raise
        del encoder.entries[before:]
        if len(rows) == 1:
            encoder.entries.append(Entry(address=rows[0][0], reason=say_what_failed(error), rule=SERVER))
            return
        middle = len(rows) // 2
        _send(connection, job, encoder, rows[:middle])
        _send(connection, job, encoder, rows[middle:])


def _begin(connection: Connection, job: TableJob, part: Range, book: Book, skipped: int) -> bool:
    """Note a range; of a whole table empty it, and forget what was noted. Tell whether it is still to be loaded."""
    if part.is_whole:
        connection.execute(compose("TRUNCATE ONLY {table}", table=identifier(job.schema, job.into)))
        book.forget_ranges(connection, job)
    return book.note_range(connection, job, part, skipped)


def count_unfit(job: TableJob) -> list[Entry]:
    """Return the rows of a table that fit no column; nothing is written."""
    encoder = Encoder(job)
    with open_snapshot(job.snapshot) as source:
        for rows in read_pieces(source, job, WHOLE):
            for _ in encoder.encode(rows):
                pass
            add_rows(len(rows))
    return encoder.entries
