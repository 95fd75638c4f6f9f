"""Bring one column to its end: walk through the table until two looks in a row find nothing that is due.

Whatever others write meanwhile counts: a row that is due again is done again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from strongroom.core.column_entries import ColumnEntry
from strongroom.rotate.columns.book import Begun, Unfinished
from strongroom.rotate.columns.judging import Judge
from strongroom.rotate.columns.model import ColumnDone, Heads, Leftovers, Part, Position, Stored, Work
from strongroom.rotate.columns.retrying import Patience, try_again
from strongroom.rotate.request import Surroundings

_QUIET = 2
"""So many looks in a row find nothing."""
_ROUNDS = 5
"""So many walks find rows that others write under another version, until that is left to a later command."""


class Store(Protocol):
    """One column in its database."""

    entry: ColumnEntry
    place: str

    @property
    def passing(self) -> type[Exception]:
        """What may be asked again."""

    @property
    def subject(self) -> str:
        """The column, for people."""

    def opened(self) -> AbstractContextManager[None]:
        """Reach the database, and look at the table."""

    def hold(self) -> None:
        """Let no other command be at work on the column."""

    def begin(self, work: Work, version: str) -> Begun:
        """Say durably what is begun, and under which version values are to be (empty: plain)."""

    def try_out(self, judge: Judge) -> None:
        """Write the longest and the shortest value that are due, and undo it."""

    def take(self, judge: Judge, after: Position | None) -> Part:
        """Read and judge the next rows that are due. Read-only."""

    def put(self, judge: Judge, part: Part) -> int:
        """Write what was judged where it still stands, as one; return how many rows are changed by now."""

    def count_due(self, judge: Judge) -> int:
        """Count the rows that may have to be changed. Read-only."""

    def finish(self) -> None:
        """Take away what says how far it is."""

    def find_holder(self, position: Position) -> str:
        """Say who locks a row. Read-only."""

    def count_heads(self) -> Heads:
        """Count what stands in the column by how it begins. Read-only."""

    def read_candidates(self) -> Iterator[Stored]:
        """Yield the values that may be of another format. Read-only."""

    def read_unfinished(self) -> Unfinished | None:
        """Return what was begun and did not come to its end. Read-only."""


@dataclass(slots=True)
class _Seen:
    """What a look at the whole column found."""

    left: Leftovers
    due: int = 0
    first: Position | None = None


def foresee_column(store: Store, judge: Judge, *, shows_keys: bool) -> ColumnDone:
    """Say what would be done to a column that is open. Read-only."""
    return _describe(store, judge, _look_through(store, judge, shows_keys=shows_keys), 0, went_on=False)


def find_closed(store: Store, judge: Judge, *, shows_keys: bool) -> Leftovers:
    """Open every value of ours in a column that is open, and return the rows that do not. Read-only."""
    return _look_through(store, judge, shows_keys=shows_keys).left


def change_column(store: Store, judge: Judge, around: Surroundings, *, shows_keys: bool) -> ColumnDone:
    """Bring a column that is open and held to its end, or as far as it goes.

    Raises UnreachableError for rows that somebody holds, a connection or database that cannot be had, GuardError for
    what refuses to be written, and what keys raise. What was committed by then stays; the same command goes on.
    """
    around.progress.start(f"{judge.work} {judge.entry.table}.{judge.entry.column}", 0)
    try_again(lambda: store.try_out(judge), store.passing)
    begun = try_again(lambda: store.begin(judge.work, judge.target), store.passing)
    total, seen = _drive(store, judge, around, begun, shows_keys=shows_keys)
    if not seen.due:
        try_again(store.finish, store.passing)
    return _describe(store, judge, seen, total, went_on=begun.changed > 0)


def _drive(store: Store, judge: Judge, around: Surroundings, begun: Begun, *, shows_keys: bool) -> tuple[int, _Seen]:
    """Walk and look in turn; return how many rows were changed, and what the last look found."""
    total, after, quiet, rounds, patience = begun.changed, begun.position, 0, 0, Patience()
    while True:
        before = total
        total = _walk(store, judge, around, after, total)
        around.reach("walked")
        after = None
        seen = _look_through(store, judge, shows_keys=shows_keys)
        around.reach("looked")
        while not seen.due and (quiet := quiet + 1) < _QUIET:
            seen = _look_through(store, judge, shows_keys=shows_keys)
        if not seen.due:
            return total, seen
        quiet, first = 0, seen.first
        if total == before and first is not None:
            patience.wait(store.subject, lambda position=first: store.find_holder(position))  # type: ignore[misc]
        elif (rounds := rounds + 1) > _ROUNDS:
            return total, seen
        else:
            patience.renew()


def _walk(store: Store, judge: Judge, around: Surroundings, after: Position | None, total: int) -> int:
    """Change all that is due behind a position and not locked; return how many rows are changed by now.

    Writers wait for what is written at most, never for what is read and sealed.
    """
    while True:
        part = try_again(lambda position=after: store.take(judge, position), store.passing)  # type: ignore[misc]
        around.reach("sealed")
        total = try_again(lambda part=part: store.put(judge, part), store.passing)  # type: ignore[misc]
        around.progress.update(0, total)
        if part.end is None:
            return total
        after = part.end


def _look_through(store: Store, judge: Judge, *, shows_keys: bool) -> _Seen:
    """Look at all that may be due, whoever locks it. Read-only."""
    seen, after = _Seen(left=Leftovers(shows_keys=shows_keys)), None
    if not try_again(lambda: store.count_due(judge), store.passing):
        return seen
    while True:
        part = try_again(lambda position=after: store.take(judge, position), store.passing)  # type: ignore[misc]
        if part.end is None:
            return seen
        for left in part.left:
            seen.left.add(left)
        if part.changes and seen.first is None:
            seen.first = part.changes[0].row.position
        seen.due += len(part.changes)
        after = part.end


def _count_passed_over(store: Store, judge: Judge, left: Leftovers) -> None:
    """Count what ``columns.encrypt`` passes over, as it begins as ours, and is not. Read-only."""
    if judge.work is Work.ENCRYPT:
        for head, rows in try_again(store.count_heads, store.passing).keys.items():
            fault = judge.find_fault(head)
            if fault is not None:
                left.add_unnamed(fault, rows)


def _describe(store: Store, judge: Judge, seen: _Seen, total: int, *, went_on: bool) -> ColumnDone:
    _count_passed_over(store, judge, seen.left)
    return ColumnDone(
        place=store.place,
        column=f"{judge.entry.table}.{judge.entry.column}",
        version=None if judge.work is Work.DECRYPT else judge.version,
        changed=total,
        left=seen.left.count,
        reasons=dict(seen.left.reasons),
        rows=tuple(seen.left.rows),
        due=seen.due,
        went_on=went_on,
    )
