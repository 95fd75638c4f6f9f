"""Bring one loaded table to an end, in a worker: its keys and indexes, its sequences, its statistics."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.load.documents import Part
from strongroom.load.rows.book import Book
from strongroom.load.rows.doubles import find_doubles
from strongroom.load.rows.filling import fill, open_for_work
from strongroom.load.rows.jobs import Range, TableJob, TableWork
from strongroom.load.rows.ledger import KEY, REFERENCE, note_rows, read_addresses
from strongroom.load.rows.reading import WHOLE
from strongroom.load.rows.sequences import advance_sequence
from strongroom.load.rows.structure import put_back
from strongroom.postgres.connection import Access, Connection, Error, compose, identifier
from strongroom.postgres.copying import UniqueViolation, speaks_of_a_row

_LARGE = 1 << 30
"""Bytes of a table from which on one core is too few for one of its indexes; below, tables at once are enough."""
_INDEXES = "pui"
"""Kinds of parts that may be unique."""


def load_table(access: Access, work: TableWork, ranges: Sequence[Range], book: Book) -> None:
    """Load ranges of a table; where they are all that is left of it, bring it to its end.

    Raises UnreachableError, NoSpaceError, DifferencesError.
    """
    with open_for_work(access, book) as connection:
        fill(connection, work.job, ranges, book)
        if len(ranges) == len(work.ranges):
            _finish(connection, work, book)


def finish_table(access: Access, work: TableWork, book: Book) -> None:
    """Put back what belongs to one table alone; of rows that have one key after conversion the first stays.

    Raises UnreachableError, NoSpaceError, DifferencesError.
    """
    with open_for_work(access, book) as connection:
        _finish(connection, work, book)


def _finish(connection: Connection, work: TableWork, book: Book) -> None:
    job = work.job
    if job.size < _LARGE:
        connection.execute("SET max_parallel_maintenance_workers = 0")
    for part in work.parts:
        if not _put(connection, job, part, book):
            _put_before_the_rows(connection, job, part, book)
    for column in work.sequences:
        advance_sequence(connection, job, column)
    connection.execute(compose("ANALYZE {table}", table=identifier(job.schema, job.into)))


def _put(connection: Connection, job: TableJob, part: Part, book: Book) -> bool:
    """Put a part back, once rows with equal keys wait; tell whether no other row stands in its way."""
    try:
        with connection.transaction():
            put_back(connection, part)
            book.note_there(connection, job.target, part)
    except UniqueViolation:
        _set_doubles_aside(connection, job, book)
        return _put(connection, job, part, book)
    except Error as error:
        if not speaks_of_a_row(error):
            raise
        return False
    return True


def _set_doubles_aside(connection: Connection, job: TableJob, book: Book) -> None:
    """Let rows wait whose key another row has, and load the table without them; a load that was killed noted them."""
    parts = [
        part
        for part in book.read_structure(connection, job.target)
        if part.table == job.into and part.kind in _INDEXES and not part.is_there
    ]
    entries = list(find_doubles(connection, job, parts, book))
    if not entries and book.has_skipped(connection, job, len(read_addresses(job, KEY, REFERENCE))):
        raise RuntimeError(f"{job.name}: has doubles that its unique indexes do not show")
    note_rows(job, entries)
    fill(connection, job, [WHOLE], book)


def _put_before_the_rows(connection: Connection, job: TableJob, part: Part, book: Book) -> None:
    """Put a part back while the table is empty, and load it again: then the server says which rows it refuses."""
    with connection.transaction():
        connection.execute(compose("TRUNCATE ONLY {table}", table=identifier(job.schema, job.into)))
        book.forget_ranges(connection, job)
        put_back(connection, part)
        book.note_there(connection, job.target, part)
    fill(connection, job, [WHOLE], book)
