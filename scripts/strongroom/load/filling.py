"""Fill one table, or a range of it, by COPY: in a worker, in one transaction, noted in the book and the ledger."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from strongroom.core.progress import add_rows
from strongroom.load.book import Book
from strongroom.load.convert import Packer, UnfitError, choose_packer
from strongroom.load.convert.plain import IntegerPacker
from strongroom.load.jobs import ADDRESS, Range, TableJob
from strongroom.load.ledger import KEY, REFERENCE, SERVER, Entry, note_rows, read_addresses
from strongroom.load.reading import WHOLE, Piece, read_pieces
from strongroom.postgres.connection import Access, Connection, Error, compose, identifier, open_postgres
from strongroom.postgres.copying import copy_rows, say_what_failed, speaks_of_a_row
from strongroom.sqlite.connection import Connection as Rows
from strongroom.sqlite.connection import open_snapshot

_ADDRESSES = IntegerPacker(8)
_LARGE = 1 << 20
"""Fields of this many bytes are handed on by themselves, and not copied together."""


class Encoder:
    """Turns pieces of a table into the bytes of COPY, and notes what does not fit."""

    def __init__(self, job: TableJob) -> None:
        """Choose what packs each column."""
        self._job = job
        self._packers = [self._choose(number) for number in range(len(job.columns))]
        self._head = len(_names(job)).to_bytes(2, "big")
        self.entries: list[Entry] = []

    def _choose(self, number: int) -> Packer:
        column = self._job.columns[number]
        found = choose_packer(column.type, column.reading)
        if found is None:
            raise ValueError(f"{self._job.name}.{column.source}: nothing packs {column.type.name}")
        return found

    def encode(self, piece: Piece) -> Iterator[bytes]:
        """Yield the bytes of the rows that fit."""
        if not piece.addresses:
            return
        try:
            columns = [self._pack(number, values) for number, values in enumerate(piece.columns)]
        except UnfitError:
            for at in range(len(piece.addresses)):
                yield from self._encode_row(piece, at)
            return
        columns += [_ADDRESSES.pack_all(piece.addresses)] if self._job.keeps_address else []
        pieces = [[self._head] * len(piece.addresses), *chain.from_iterable(columns)]
        largest = max((max(map(len, column[-1])) for column in columns if len(column) > 1), default=0)
        yield from _join(chain.from_iterable(zip(*pieces, strict=True)), largest)

    def _pack(self, number: int, values: Sequence[object]) -> tuple[Sequence[bytes], ...]:
        if self._job.columns[number].not_null and None in values:
            raise UnfitError("is NULL, and the column is NOT NULL")
        return self._packers[number].pack_all(values)

    def _encode_row(self, piece: Piece, at: int) -> Iterator[bytes]:
        fields = [self._head]
        for number, values in enumerate(piece.columns):
            try:
                fields += [part[0] for part in self._pack(number, (values[at],))]
            except UnfitError as error:
                name = self._job.columns[number].source
                self.entries.append(Entry(address=piece.addresses[at], reason=f"{name} {error}", rule=name))
                return
        fields += _ADDRESSES.pack_all((piece.addresses[at],))[0] if self._job.keeps_address else []
        yield from _join(fields, max(map(len, fields)))


def _join(fields: Iterable[bytes], largest: int) -> Iterator[bytes]:
    if largest < _LARGE:
        yield b"".join(fields)
    else:
        yield from fields


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
    for name, value in (("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0"),
                        ("synchronous_commit", "off"), ("maintenance_work_mem", "256MB"),
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
            with copy_rows(connection, (job.schema, job.into), _names(job), freeze=part.is_whole) as write:
                for piece in read_pieces(source, job, part, skipped):
                    for data in encoder.encode(piece):
                        write(data)
                    add_rows(len(piece.addresses))
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
        for piece in read_pieces(source, job, part, skipped):
            _send(connection, job, encoder, piece)
            add_rows(len(piece.addresses))
        note_rows(job, encoder.entries)


def _send(connection: Connection, job: TableJob, encoder: Encoder, piece: Piece) -> None:
    before = len(encoder.entries)
    try:
        with connection.transaction(), copy_rows(connection, (job.schema, job.into), _names(job)) as write:
            for data in encoder.encode(piece):
                write(data)
    except Error as error:
        if not speaks_of_a_row(error):
            raise
        del encoder.entries[before:]
        if len(piece.addresses) == 1:
            encoder.entries.append(Entry(address=piece.addresses[0], reason=say_what_failed(error), rule=SERVER))
            return
        middle = len(piece.addresses) // 2
        for half in (slice(0, middle), slice(middle, None)):
            columns = [values[half] for values in piece.columns]
            _send(connection, job, encoder, Piece(addresses=piece.addresses[half], columns=columns))


def _begin(connection: Connection, job: TableJob, part: Range, book: Book, skipped: int) -> bool:
    """Note a range; of a whole table empty it, and forget what was noted. Tell whether it is still to be loaded."""
    if part.is_whole:
        connection.execute(compose("TRUNCATE ONLY {table}", table=identifier(job.schema, job.into)))
        book.forget_ranges(connection, job)
    return book.note_range(connection, job, part, skipped)


def _names(job: TableJob) -> list[str]:
    return [*(column.into for column in job.columns), *([ADDRESS] if job.keeps_address else [])]


def count_unfit(job: TableJob) -> list[Entry]:
    """Return the rows of a table that fit no column; nothing is written."""
    encoder = Encoder(job)
    with open_snapshot(job.snapshot) as source:
        for piece in read_pieces(source, job, WHOLE):
            for _ in encoder.encode(piece):
                pass
            add_rows(len(piece.addresses))
    return encoder.entries
