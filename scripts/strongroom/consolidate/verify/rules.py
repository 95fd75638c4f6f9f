"""What becomes of rows that claim one place: the conflict rules, in plain Python (``.github/PLAN.md``, section 3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from strongroom.consolidate.verify.decisions import Decision
from strongroom.consolidate.verify.house import FedTable
from strongroom.consolidate.verify.instants import read_instant
from strongroom.consolidate.verify.values import Row, Value, is_same, is_utf8, order_of
from strongroom.core.plan.models import ColumnRuleModel
from strongroom.core.quoting import fold

_LONG_AGO = -(1 << 64)


class Choice(NamedTuple):
    """How ``merge`` chooses one column's value."""

    place: int
    rule: str
    by: int | None = None
    """The place of the column that holds the instant."""
    pattern: re.Pattern[str] | None = None
    """What a valid value looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the rule needs to know of a table."""

    conflict: str
    by: tuple[int, ...]
    identity: int | None
    chosen: Sequence[Choice]
    """Of ``merge``: the columns that need not be the first row's."""

    @classmethod
    def of(cls, fed: FedTable) -> Shape:
        """Return the shape of a table's rule."""
        places = {fold(column.name): place for place, column in enumerate(fed.stored)}
        rule = fed.rule
        identity = None if rule.strategy == "keep" and rule.conflict != "keep_both" else fed.identity
        said = {places[fold(name)]: _read_choice(model, places, fold(name)) for name, model in rule.chosen.items()}
        fixed = {*fed.key, *(() if identity is None else (identity,))}
        chosen = [said.get(place, Choice(place, _FILL)) for place in places.values() if place not in fixed]
        return cls(
            conflict=rule.conflict,
            by=tuple(places[fold(name)] for name in rule.by),
            identity=identity,
            chosen=[one for one in chosen if one.rule != "prefer"],
        )


def _read_choice(model: ColumnRuleModel, places: dict[str, int], name: str) -> Choice:
    by = None if model.by is None else places[fold(model.by)]
    return Choice(places[name], model.rule, by, None if model.pattern is None else re.compile(model.pattern))


@dataclass(slots=True)
class Settlement:
    """What becomes of each claimant: a disposition, and the number of the one that stands for it."""

    fates: list[tuple[str, int | None]]
    published: dict[int, list[Value]] = field(default_factory=dict)
    """Claimant to the row that stands in the target."""
    is_undecided: bool = False
    """No rule decides: the first is shown, and what differs from it waits, with that row's number."""
    decision: Decision | None = None
    """No rule decided, and a person did."""
    listed: list[int] = field(default_factory=list)
    """The rows that this decision lists."""

    def waits(self, number: int) -> bool:
        """Tell whether nothing stands in the target for a claimant."""
        return self.fates[number] == ("quarantined", None)


def settle(
    shape: Shape, rows: Sequence[Row], waiting: Collection[int] = (), *, is_ambiguous: bool = False
) -> Settlement:
    """Decide what becomes of rows with one key, given in their order; ``waiting`` are those that wait in any case."""
    alike = find_alike(shape, rows, waiting)
    found: Settlement | None = None
    if is_ambiguous:
        pass
    elif shape.conflict == "keep_both":
        found = keep_all(rows, waiting, alike)
    elif not any(alike) or shape.conflict == "prefer":  # all equal the first
        found = _crown(rows, waiting, alike, 0)
    elif shape.conflict in ("newest", "oldest"):
        winner = _find_winner(shape, rows, alike)
        found = _show_first(rows, waiting, alike) if winner is None else _crown(rows, waiting, alike, winner)
    elif shape.conflict in ("quarantine", "identical"):
        found = _show_first(rows, waiting, alike)
    elif shape.conflict == "merge" and not waiting:
        found = _merge(shape, rows)
    return found or Settlement([("quarantined", None)] * len(rows))


def find_alike(shape: Shape, rows: Sequence[Row], waiting: Collection[int]) -> list[int]:
    """Return for each row the first that it equals; one that waits equals none."""
    alike = [0]
    for number in range(1, len(rows)):
        found = number
        for first in range(number):
            if (
                alike[first] == first
                and number not in waiting
                and first not in waiting
                and is_identical(shape, rows[number], rows[first])
            ):
                found = first
                break
        alike.append(found)
    return alike


def is_identical(shape: Shape, one: Row, other: Row) -> bool:
    """Tell whether two rows are equal in all columns, byte for byte, but for an id that may be another one."""
    identity = shape.identity
    for place, mine in enumerate(one):
        theirs = other[place]
        if (
            mine is not theirs
            and place != identity
            and (mine != theirs or type(mine) is not type(theirs) or (mine == 0 and not is_same(mine, theirs)))
        ):
            return False
    return True


def keep_all(rows: Sequence[Row], waiting: Collection[int], alike: Sequence[int]) -> Settlement:
    """Publish every row that differs from all before it; those that wait in any case do."""
    found = Settlement([])
    for number, first in enumerate(alike):
        if number in waiting:
            found.fates.append(("quarantined", None))
        elif first != number:
            found.fates.append(("merged_identical", first))
        else:
            found.fates.append(("inserted", number))
            found.published[number] = list(rows[number])
    return found


def _crown(rows: Sequence[Row], waiting: Collection[int], alike: Sequence[int], winner: int) -> Settlement:
    """Publish one row; those that equal it are merged, the others beaten."""
    if winner in waiting:
        return Settlement([("quarantined", None)] * len(rows))
    fates: list[tuple[str, int | None]] = []
    for number, first in enumerate(alike):
        if number == winner:
            fates.append(("inserted", winner))
        else:
            fates.append(("merged_identical" if first == alike[winner] else "superseded", winner))
    return Settlement(fates, {winner: list(rows[winner])})


def _show_first(rows: Sequence[Row], waiting: Collection[int], alike: Sequence[int]) -> Settlement | None:
    """Publish the first row though nothing decides for it; what differs waits. None where that one waits itself."""
    if 0 in waiting:
        return None
    fates: list[tuple[str, int | None]] = [("inserted", 0)]
    fates += [("quarantined" if first else "merged_identical", 0) for first in alike[1:]]
    return Settlement(fates, {0: list(rows[0])}, is_undecided=True)


def _find_winner(shape: Shape, rows: Sequence[Row], alike: Sequence[int]) -> int | None:
    """Return the latest (earliest) row; None for a tie, and where a value is no instant."""
    left = list(range(len(rows)))
    sign = 1 if shape.conflict == "newest" else -1
    for place in shape.by:
        instants = {}
        for number in left:
            value = rows[number][place]
            if value is None or value == "":
                instants[number] = _LONG_AGO
                continue
            instant = read_instant(value)
            if instant is None:
                return None
            instants[number] = sign * instant
        best = max(instants.values())
        left = [number for number in left if instants[number] == best]
        if len({alike[number] for number in left}) == 1:
            return left[0]
    return None


def _merge(shape: Shape, rows: Sequence[Row]) -> Settlement:
    latest: dict[tuple[int | None, str], Row] = {}
    result = list(rows[0])
    for place, way, by, pattern in shape.chosen:
        if way in ("newest", "oldest"):
            row = latest.get((by, way))
            if row is None:
                row = latest[by, way] = _find_latest(rows, by or 0, way)
            result[place] = row[place]
        elif pattern is not None:
            result[place] = _choose_valid([row[place] for row in rows], pattern)
        elif way != _FILL:
            result[place] = _choose([row[place] for row in rows], way)
        elif result[place] is None:
            result[place] = next((row[place] for row in rows if row[place] is not None), None)
    fates: list[tuple[str, int | None]] = [("inserted", 0)]
    fates += [("merged_identical" if is_identical(shape, row, result) else "merged_changed", 0) for row in rows[1:]]
    return Settlement(fates, {0: result})


_FILL = "first_non_null"


def _choose(values: Sequence[Value], way: str) -> Value:
    """Return the largest (smallest) value of one column, NULLs aside; of equals the first."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    return max(present, key=order_of) if way == "max" else min(present, key=order_of)


def _choose_valid(values: Sequence[Value], pattern: re.Pattern[str]) -> Value:
    """Return the first TEXT that is valid; without one the first value that is not NULL."""
    texts = (value for value in values if isinstance(value, str) and is_utf8(value))
    found = next((text for text in texts if pattern.fullmatch(text)), None)
    return found if found is not None else next((value for value in values if value is not None), None)


def _find_latest(rows: Sequence[Row], by: int, way: str) -> Row:
    """Return the row with the latest (earliest) instant; of equals, and where none has one, the first."""
    best, found = None, rows[0]
    for row in rows:
        instant = read_instant(row[by])
        if instant is not None and (best is None or (instant > best if way == "newest" else instant < best)):
            best, found = instant, row
    return found
