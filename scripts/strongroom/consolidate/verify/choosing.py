"""What a person's decision makes of a group that no rule decides, in plain Python (``.github/PLAN.md``, section 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from strongroom.consolidate.verify.decisions import ALL, Decision
from strongroom.consolidate.verify.house import FedTable
from strongroom.consolidate.verify.rules import Settlement, Shape, find_alike, is_identical, keep_all
from strongroom.consolidate.verify.values import Row, Value
from strongroom.core.quoting import fold


class UnfitError(Exception):
    """What is wrong with a decision, to follow its name in a sentence."""


def choose(
    fed: FedTable, decision: Decision, rows: Sequence[Row], waiting: Collection[int], listed: Sequence[int]
) -> Settlement:
    """Return what becomes of a group's rows: the first is shown, ``listed`` are those that the decision lists.

    These are in its own order. Raises UnfitError for a decision that nothing can follow.
    """
    shape = Shape.of(fed)
    if decision.take == ALL:
        if fed.rule.strategy == "keep":
            raise UnfitError("keeps all rows, and the plan gives them no other ids")
        found = keep_all(rows, waiting, find_alike(shape, rows, waiting))
    elif isinstance(decision.take, int):
        result = _take_row(fed, rows, _find_taken(decision.take, waiting, listed))
        found = _crown(shape, rows, waiting, result, "superseded")
    elif isinstance(decision.take, Mapping):
        result = list(rows[0])
        for name, number in decision.take.items():
            place = _find_column(fed, name)
            result[place] = rows[_find_taken(number, waiting, listed)][place]
        found = _crown(shape, rows, waiting, result, "merged_changed")
    else:
        raise UnfitError(f"takes {decision.take}, which is nothing that can be taken")
    found.decision = decision
    return found


def find_fixed(fed: FedTable) -> set[int]:
    """Return the places of the columns that stay the shown row's: they say which row it is, and where it stands."""
    named = (fed.stored_names.index(fold(name)) for name in fed.table.primary_key)
    return {place for place in (*fed.key, *named, fed.identity, fed.integer_key) if place is not None}


def _find_taken(number: int, waiting: Collection[int], listed: Sequence[int]) -> int:
    if not 1 <= number <= len(listed):
        raise UnfitError(f"takes row {number} of {len(listed)}")
    taken = listed[number - 1]
    if taken in waiting:
        raise UnfitError(f"takes row {number}, which waits for a row that it refers to")
    return taken


def _take_row(fed: FedTable, rows: Sequence[Row], taken: int) -> list[Value]:
    fixed = find_fixed(fed)
    return [mine if place in fixed else rows[taken][place] for place, mine in enumerate(rows[0])]


def _find_column(fed: FedTable, name: str) -> int:
    wanted = fold(name)
    if wanted not in fed.stored_names:
        raise UnfitError(f"takes a column {name}, which is none that the table stores")
    place = fed.stored_names.index(wanted)
    if place in find_fixed(fed):
        raise UnfitError(f"takes the column {name}, which stays the shown row's")
    return place


def _crown(
    shape: Shape, rows: Sequence[Row], waiting: Collection[int], result: list[Value], otherwise: str
) -> Settlement:
    """Publish one row in the place of the first; those that equal it are merged. One that waits equals none."""
    fates: list[tuple[str, int | None]] = [("inserted", 0)]
    for number, row in enumerate(rows[1:], start=1):
        is_same = number not in waiting and is_identical(shape, row, result)
        fates.append(("merged_identical" if is_same else otherwise, 0))
    return Settlement(fates, {0: result})
