"""Load staged schemas: rows by ranges on every core, then what belongs to each table, then what joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import groupby

from strongroom.core.errors import DifferencesError
from strongroom.core.workers import Workers
from strongroom.load.documents import MadeSchema
from strongroom.load.rows.book import Book
from strongroom.load.rows.cascade import let_children_wait
from strongroom.load.rows.filling import fill, open_for_work
from strongroom.load.rows.finishing import finish_table, load_table
from strongroom.load.rows.jobs import Range, TableJob, TableWork
from strongroom.load.rows.ledger import KEY, REFERENCE, read_addresses
from strongroom.load.rows.reading import WHOLE, split_table
from strongroom.load.rows.structure import put_back, validate
from strongroom.load.stage.staging import list_sequences
from strongroom.postgres.connection import Access, Connection, open_postgres
from strongroom.sqlite.connection import open_snapshot

_RANGE_BYTES = 96 << 20
"""Of a table, estimated: so much is loaded again after a kill."""
_LAST = "ft"
"""Kinds of parts that come back when the rows of all tables are in, and none is loaded again."""
Checkpoint = Callable[[str], None]


class Loading:
    """One load of tables of one server, as far as it is."""

    def __init__(self, access: Access, book: Book, workers: Workers, checkpoint: Checkpoint) -> None:
        """Load through ``workers``, and note in ``book``."""
        self._access, self._book, self._workers, self._checkpoint = access, book, workers, checkpoint

    def load(self, jobs: Sequence[TableJob], made: Mapping[str, MadeSchema]) -> None:
        """Load tables that may be loaded in part already.

        Raises UnreachableError, NoSpaceError, DifferencesError.
        """
        self._fill(self._look(jobs))
        for target, group in groupby(jobs, key=lambda job: job.target):
            self._let_children_wait(list(group), made[target])
        self._checkpoint("loaded")
        for target in made:
            self._join(target, jobs)

    def _look(self, jobs: Sequence[TableJob]) -> list[TableWork]:
        """Say what of tables is not there yet, the largest first. Read-only."""
        ordered = sorted(jobs, key=lambda job: -job.size)
        with open_postgres(self._access) as connection:
            return [self._look_at(connection, job) for job in ordered]

    def _look_at(self, connection: Connection, job: TableJob) -> TableWork:
        done = self._book.read_ranges(connection, job)
        with open_snapshot(job.snapshot) as source:
            ranges = [] if _key(WHOLE) in done else split_table(source, job, _RANGE_BYTES)
        return TableWork(
            job=job,
            ranges=tuple(part for part in ranges if _key(part) not in done),
            parts=tuple(
                part
                for part in self._book.read_structure(connection, job.target)
                if part.table == job.into and part.kind not in _LAST and not part.is_there
            ),
            sequences=list_sequences(connection, job),
        )

    def _fill(self, plans: Sequence[TableWork]) -> None:
        """Fill tables; what belongs to a table follows as soon as its rows are in."""
        waiting = {work.job.name: len(work.ranges) for work in plans}
        futures: dict[str, Future[None]] = {}
        named: dict[str, TableWork] = {}

        def start(name: str, function: Callable[..., None], work: TableWork, *arguments: object) -> None:
            named[name] = work
            futures[name] = self._workers.submit(function, self._access, work, *arguments, self._book)

        for work in plans:
            for part in work.ranges:
                start(f"fill {work.job.name} {part.low}", load_table, work, [part])
            if not work.ranges:
                start(f"finish {work.job.name}", finish_table, work)
        for name in self._workers.finished(futures):
            self._checkpoint(name)
            work = named[name]
            waiting[work.job.name] -= 1
            if not waiting[work.job.name] and len(work.ranges) > 1:
                start(f"finish {work.job.name}", finish_table, work)

    def _let_children_wait(self, jobs: list[TableJob], made: MadeSchema) -> None:
        """Load tables again without the rows whose parents wait; so far as the book does not say that they are."""
        let_children_wait(jobs, made.references)
        with open_for_work(self._access, self._book) as connection:
            for job in jobs:
                waiting = len(read_addresses(job, KEY, REFERENCE))
                if waiting and not self._book.has_skipped(connection, job, waiting):
                    fill(connection, job, [WHOLE], self._book)

    def _join(self, target: str, jobs: Sequence[TableJob]) -> None:
        """Put the foreign keys of a target back, and validate those without orphans; let its triggers run again."""
        schema = next((job.schema for job in jobs if job.target == target), "")
        with open_for_work(self._access, self._book) as connection:
            for part in self._book.read_structure(connection, target):
                if part.kind not in _LAST:
                    continue
                if not part.is_there:
                    with connection.transaction():
                        put_back(connection, part)
                        self._book.note_there(connection, target, part)
                if part.kind == "f":
                    validate(connection, schema, part)
            left = [part.name for part in self._book.read_structure(connection, target) if not part.is_there]
        if left:
            raise DifferencesError(f"schema {schema}", f"lacks {left[0]}", "load again")


def _key(part: Range) -> tuple[int, int]:
    return part.low, part.high
