"""Load staged schemas: rows by ranges on every core, then what belongs to each table, then what joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby

from strongroom.core.errors import DifferencesError
from strongroom.core.workers import Workers
from strongroom.load.book import Book, Part
from strongroom.load.cascade import find_waiting_children
from strongroom.load.documents import MadeSchema
from strongroom.load.filling import fill, settle_for_work
from strongroom.load.finishing import finish_table
from strongroom.load.jobs import Range, TableJob
from strongroom.load.reading import WHOLE, split_table
from strongroom.load.staging import list_sequences
from strongroom.load.structure import put_back, validate
from strongroom.postgres.connection import Access, open_postgres
from strongroom.sqlite.connection import open_snapshot

_RANGE_BYTES = 96 << 20
"""Of a table, estimated: so much is loaded again after a kill."""
Checkpoint = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is left to do for one table."""

    job: TableJob
    ranges: tuple[Range, ...]
    parts: tuple[Part, ...]
    sequences: tuple[str, ...]


class Loading:
    """One load of tables of one server, as far as it is."""

    def __init__(self, access: Access, book: Book, workers: Workers, checkpoint: Checkpoint) -> None:
        """Load through ``workers``, and note in ``book``."""
        self._access, self._book, self._workers, self._checkpoint = access, book, workers, checkpoint

    def load(self, jobs: Sequence[TableJob], made: Mapping[str, MadeSchema]) -> tuple[str, ...]:
        """Load tables that may be loaded in part already; return what is reported of their foreign keys.

        Raises UnreachableError, NoSpaceError, DifferencesError.
        """
        self._fill([self._look(job) for job in jobs])
        for target, group in groupby(jobs, key=lambda job: job.target):
            self._let_children_wait(list(group), made[target])
        self._checkpoint("loaded")
        return tuple(line for target in made for line in self._join(target, jobs))

    def _look(self, job: TableJob) -> _Plan:
        """Say what of a table is not there yet. Read-only."""
        with open_postgres(self._access) as connection, open_snapshot(job.snapshot) as source:
            done = self._book.read_ranges(connection, job)
            ranges = [] if _key(WHOLE) in done else split_table(source, job, _RANGE_BYTES)
            parts = [
                part
                for part in self._book.read_structure(connection, job.target)
                if part.table == job.into and part.kind != "f" and not part.is_there
            ]
            return _Plan(
                job=job,
                ranges=tuple(part for part in ranges if _key(part) not in done),
                parts=tuple(parts),
                sequences=list_sequences(connection, job),
            )

    def _fill(self, plans: Sequence[_Plan]) -> None:
        """Fill tables, the largest first; what belongs to a table follows as soon as its rows are in."""
        waiting = {plan.job.into + "\0" + plan.job.target: len(plan.ranges) for plan in plans}
        futures: dict[str, Future[object]] = {}
        named: dict[str, _Plan] = {}

        def start(name: str, function: Callable[..., object], plan: _Plan, *arguments: object) -> None:
            named[name] = plan
            futures[name] = self._workers.submit(function, self._access, plan.job, *arguments)

        def finish(plan: _Plan) -> None:
            start(f"finish {plan.job.name}", finish_table, plan, plan.parts, plan.sequences, self._book)

        for plan in sorted(plans, key=lambda plan: -plan.job.size):
            for part in plan.ranges:
                start(f"fill {plan.job.name} {part.low}", fill, plan, [part], self._book)
            if not plan.ranges:
                finish(plan)
        for name in self._workers.finished(futures):
            self._checkpoint(name)
            plan = named[name]
            key = plan.job.into + "\0" + plan.job.target
            if name.startswith("fill "):
                waiting[key] -= 1
                if not waiting[key]:
                    finish(plan)

    def _let_children_wait(self, jobs: list[TableJob], made: MadeSchema) -> None:
        by_name = {job.into: job for job in jobs}
        for table in find_waiting_children(jobs, made.references):
            job = by_name[table]
            with open_postgres(self._access) as connection, connection.transaction():
                settle_for_work(connection, self._book)
                self._book.forget_ranges(connection, job)
            fill(self._access, job, [WHOLE], self._book)

    def _join(self, target: str, jobs: Sequence[TableJob]) -> list[str]:
        """Put the foreign keys of a target back, and validate those without orphans; say which stay open."""
        lines = []
        with open_postgres(self._access) as connection:
            settle_for_work(connection, self._book)
            schema = next((job.schema for job in jobs if job.target == target), "")
            for part in self._book.read_structure(connection, target):
                if part.kind != "f":
                    continue
                if not part.is_there:
                    with connection.transaction():
                        put_back(connection, part)
                        self._book.note_there(connection, target, part)
                if not validate(connection, schema, part):
                    lines.append(
                        f"{target}.{part.table}: foreign key {part.name} stays NOT VALID: rows without a parent"
                    )
            left = [part.name for part in self._book.read_structure(connection, target) if not part.is_there]
        if left:
            raise DifferencesError(f"schema {schema}", f"lacks {left[0]}", "load again")
        return lines


def _key(part: Range) -> tuple[int, int]:
    return part.low, part.high
