"""Decide a whole table by a rule: one decision for each group that is open now, so that new ties stay open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

from strongroom.consolidate.deciding.book import Taken
from strongroom.consolidate.deciding.desk import Desk, refuse_take
from strongroom.consolidate.deciding.groups import Group, GroupRow, find_table
from strongroom.core.errors import UsageError
from strongroom.core.instants import Stored, read_instant
from strongroom.core.plan.decisions import ALL
from strongroom.core.quoting import fold

SHOWN, LAST = "shown", "last"
_BY_TIME = {"newest": max, "oldest": min}
Answer = Taken | None
"""What is taken; None with a reason where the rule does not decide."""
Chooser = Callable[[Group], "tuple[Answer, str]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """What a rule did."""

    decided: int
    left: Mapping[str, int]
    """Why groups stay open, and how many for each reason."""


def take_by_rule(desk: Desk, table: str, rule: str) -> Ruled:
    """Keep a decision for every open group of a table that a rule decides.

    ``rule`` is ``shown``, ``last``, ``all``, a source, ``newest:COLUMN`` or ``oldest:COLUMN``. Raises UsageError for a
    rule that means nothing here, and for ``all`` where the table does not allow it.
    """
    table = find_table(desk.folder, table)
    choose = _read_rule(desk, table, rule)
    decided, left = 0, Counter[str]()
    with closing(desk.read_open(table)) as groups:
        for group in groups:
            taken, reason = choose(group)
            if taken is None:
                left[reason] += 1
            elif desk.find_taken(group) != taken:
                refuse_take(group, taken, "--take")
                desk.book.put(desk.record(group, taken))
                decided += 1
    if decided:
        desk.book.save()
    return Ruled(decided=decided, left=dict(left.most_common()))


def _read_rule(desk: Desk, table: str, rule: str) -> Chooser:
    word, colon, column = rule.partition(":")
    if colon and word in _BY_TIME:
        return lambda group: _choose_by_time(group, word, column)
    if rule == ALL:
        return lambda _: (ALL, "")
    if rule in (SHOWN, LAST):
        return lambda group: _take(group.rows[0 if rule == SHOWN else -1])
    sources = _list_sources(desk, table)
    if fold(rule) not in map(fold, sources):
        known = f"shown, last, all, newest:COLUMN, oldest:COLUMN, or a source: {', '.join(sources)}"
        raise UsageError("--take", f"{rule!r} is neither a rule nor a source of {table}", f"one of: {known}")
    return lambda group: _choose_source(group, rule)


def _list_sources(desk: Desk, table: str) -> list[str]:
    """Return the sources that feed a table."""
    inputs = desk.read_inputs(table)
    return list(dict.fromkeys(entry.partition(".")[0] for entry in inputs))


def _take(row: GroupRow) -> tuple[Answer, str]:
    return (None, "the row waits itself") if row.waits else (row.number, "")


def _choose_source(group: Group, source: str) -> tuple[Answer, str]:
    rows = [row for row in group.rows if fold(row.source.partition(".")[0]) == fold(source)]
    if len(rows) == 1:
        return _take(rows[0])
    return None, f"no row of {source} among them" if not rows else f"several rows of {source}"


def _choose_by_time(group: Group, word: str, column: str) -> tuple[Answer, str]:
    """Take the row with the latest or earliest instant; NULL and '' are never, as in a plan."""
    place = next((place for place, name in enumerate(group.columns) if fold(name) == fold(column)), None)
    if place is None:
        known = ", ".join(group.columns)
        raise UsageError("--take", f"{group.table} has no column {column!r}", f"one of: {known}")
    values = [(row, row.stored[place]) for row in group.rows]
    instants = [(row, read_instant(value)) for row, value in values if not _is_never(value)]
    found = [(row, instant) for row, instant in instants if instant is not None]
    if len(found) < len(instants) or not found:
        return None, f"no instant in {column}"
    best = _BY_TIME[word](instant for _, instant in found)
    rows = [row for row, instant in found if instant == best]
    return _take(rows[0]) if len(rows) == 1 else (None, f"a tie in {column}")


def _is_never(value: Stored) -> bool:
    return value is None or value in (b"", "")
