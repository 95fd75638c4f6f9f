"""Bring one loaded table to an end, in a worker: its keys and indexes, its sequences, its statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strongroom.load.book import Book
from strongroom.load.convert import UnfitError, choose_packer
from strongroom.load.documents import Part
from strongroom.load.filling import fill, open_for_work
from strongroom.load.jobs import Range, TableJob, TableWork
from strongroom.load.ledger import KEY, Entry, note_rows
from strongroom.load.reading import WHOLE, read_pieces
from strongroom.load.sequences import advance_sequence
from strongroom.load.structure import put_back
from strongroom.postgres.connection import Access, Connection, compose, identifier
from strongroom.postgres.copying import UniqueViolation, copy_out
from strongroom.sqlite.connection import open_snapshot

_UNIQUE_COLUMNS = """
    SELECT array_agg(a.attname::text ORDER BY k.place) FROM pg_catalog.pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indexrelid = pg_catalog.to_regclass(%s)"""


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
    for part in work.parts:
        while not _put(connection, job, part, book):
            _set_aside(connection, job, part, book)
    for column in work.sequences:
        advance_sequence(connection, job, column)
    connection.execute(compose("ANALYZE {table}", table=identifier(job.schema, job.into)))


def _put(connection: Connection, job: TableJob, part: Part, book: Book) -> bool:
    try:
        with connection.transaction():
            put_back(connection, part)
            book.note_there(connection, job.target, part)
    except UniqueViolation:
        return False
    return True


def _set_aside(connection: Connection, job: TableJob, part: Part, book: Book) -> None:
    """Let rows wait whose key another row has, and load the table without them."""
    columns = _find_columns(connection, job, part)
    taken = set(_read_doubles(connection, job, columns))
    entries = list(_find_later(job, columns, taken))
    if not entries:
        raise RuntimeError(f"{job.name}: {part.name} has doubles that the source does not show")
    note_rows(job, entries)
    with connection.transaction():
        book.forget_ranges(connection, job)
    fill(connection, job, [WHOLE], book)


def _find_columns(connection: Connection, job: TableJob, part: Part) -> list[str]:
    """Return the columns of a unique index, as the server knows them where it has no rows."""
    with connection.transaction(force_rollback=True):
        connection.execute(compose("TRUNCATE ONLY {table}", table=identifier(job.schema, job.into)))
        put_back(connection, part)
        asked = identifier(job.schema, part.name).as_string()
        found = connection.execute(_UNIQUE_COLUMNS, (asked,)).fetchone()
    return list(found[0]) if found is not None and found[0] is not None else []


def _read_doubles(connection: Connection, job: TableJob, columns: Sequence[str]) -> Iterator[tuple[bytes | None, ...]]:
    """Yield the keys that several rows have, each column as COPY writes it."""
    names = ", ".join(identifier(column).as_string() for column in columns)
    table = identifier(job.schema, job.into).as_string()
    yield from copy_out(connection, f"SELECT {names} FROM {table} GROUP BY {names} HAVING count(*) > 1")


def _find_later(job: TableJob, columns: Sequence[str], taken: set[tuple[bytes | None, ...]]) -> Iterator[Entry]:
    """Yield the rows whose key an earlier row has."""
    places = [next(at for at, one in enumerate(job.columns) if one.into == name) for name in columns]
    packers = [choose_packer(job.columns[at].type, job.columns[at].reading) for at in places]
    first: dict[tuple[bytes, ...], int] = {}
    with open_snapshot(job.snapshot) as source:
        for piece in read_pieces(source, job, WHOLE):
            for number, address in enumerate(piece.addresses):
                try:
                    key = tuple(
                        packer.pack(piece.columns[at][number])  # type: ignore[union-attr]
                        for at, packer in zip(places, packers, strict=True)
                    )
                except UnfitError:
                    continue
                if key not in taken:
                    continue
                if key in first:
                    reason = f"has the key of another row ({', '.join(columns)}) once its values are converted"
                    yield Entry(address=address, reason=reason, rule=KEY, winner=first[key])
                else:
                    first[key] = address
