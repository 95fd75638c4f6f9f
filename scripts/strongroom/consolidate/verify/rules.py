"""What becomes of rows that claim one place: the conflict rules, in plain Python (``.github/PLAN.md``, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from strongroom.consolidate.verify.house import FedTable
from strongroom.consolidate.verify.instants import read_instant
from strongroom.consolidate.verify.values import Row, Value, is_same, order_of
from strongroom.core.quoting import fold

_LONG_AGO = -(1 << 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the rule needs to know of a table."""

    conflict: str
    by: tuple[int, ...]
    fixed: frozenset[int]
    """The key's columns and the identity column."""
    identity: int | None
    chosen: Mapping[int, tuple[str, int | None]]
    """Of ``merge``: how a column's value is chosen, and by which instant."""
    width: int

    @classmethod
    def of(cls, fed: FedTable) -> Shape:
        """Return the shape of a table's rule."""
        places = {fold(column.name): place for place, column in enumerate(fed.stored)}
        rule = fed.rule
        identity = None if fed.rule.strategy == "keep" and fed.rule.conflict != "keep_both" else fed.identity
        return cls(
            conflict=rule.conflict,
            by=tuple(places[fold(name)] for name in rule.by),
            fixed=frozenset({*fed.key, *(() if identity is None else (identity,))}),
            identity=identity,
            chosen={
                places[fold(name)]: (way.rule, None if way.by is None else places[fold(way.by)])
                for name, way in rule.chosen.items()
            },
            width=len(fed.stored),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """A row that claims the place."""

    values: Row
    waits: bool


@dataclass(slots=True)
class Settlement:
    """What becomes of each claimant: a disposition, and the number of the one that stands for it."""

    fates: list[tuple[str, int | None]]
    published: dict[int, list[Value]] = field(default_factory=dict)
    """Claimant to the row that stands in the target."""


def settle(shape: Shape, claimants: Sequence[Claimant], *, is_ambiguous: bool = False) -> Settlement:
    """Decide what becomes of rows with one key, given in their order."""
    alike = _find_alike(shape, claimants)
    found: Settlement | None = None
    if is_ambiguous:
        pass
    elif shape.conflict == "keep_both":
        found = _keep_all(claimants, alike)
    elif not any(alike) or shape.conflict == "prefer":  # all equal the first
        found = _crown(claimants, alike, 0)
    elif shape.conflict in ("newest", "oldest"):
        winner = _find_winner(shape, claimants, alike)
        found = None if winner is None else _crown(claimants, alike, winner)
    elif shape.conflict == "merge" and not any(claimant.waits for claimant in claimants):
        found = _merge(shape, claimants)
    return found or Settlement([("quarantined", None)] * len(claimants))


def _find_alike(shape: Shape, claimants: Sequence[Claimant]) -> list[int]:
    """Return for each row the first that it equals; one that waits equals none."""
    firsts: list[int] = []
    alike = []
    for number, claimant in enumerate(claimants):
        found = number
        for first in firsts:
            other = claimants[first]
            if not (claimant.waits or other.waits) and _is_identical(shape, claimant.values, other.values):
                found = first
                break
        if found == number:
            firsts.append(number)
        alike.append(found)
    return alike


def _is_identical(shape: Shape, one: Row, other: Row) -> bool:
    return all(
        is_same(mine, theirs)
        for place, (mine, theirs) in enumerate(zip(one, other, strict=True))
        if place != shape.identity
    )


def _keep_all(claimants: Sequence[Claimant], alike: Sequence[int]) -> Settlement:
    found = Settlement([])
    for number, (claimant, first) in enumerate(zip(claimants, alike, strict=True)):
        if claimant.waits:
            found.fates.append(("quarantined", None))
        elif first != number:
            found.fates.append(("merged_identical", first))
        else:
            found.fates.append(("inserted", number))
            found.published[number] = list(claimant.values)
    return found


def _crown(claimants: Sequence[Claimant], alike: Sequence[int], winner: int) -> Settlement:
    """Publish one row; those that equal it are merged, the others beaten."""
    if claimants[winner].waits:
        return Settlement([("quarantined", None)] * len(claimants))
    fates: list[tuple[str, int | None]] = []
    for number, first in enumerate(alike):
        if number == winner:
            fates.append(("inserted", winner))
        else:
            fates.append(("merged_identical" if first == alike[winner] else "superseded", winner))
    return Settlement(fates, {winner: list(claimants[winner].values)})


def _find_winner(shape: Shape, claimants: Sequence[Claimant], alike: Sequence[int]) -> int | None:
    """Return the latest (earliest) row; None for a tie, and where a value is no instant."""
    left = list(range(len(claimants)))
    sign = 1 if shape.conflict == "newest" else -1
    for place in shape.by:
        instants = {}
        for number in left:
            value = claimants[number].values[place]
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


def _merge(shape: Shape, claimants: Sequence[Claimant]) -> Settlement:
    first = claimants[0].values
    result = [
        first[place] if place in shape.fixed else _choose(claimants, place, *shape.chosen.get(place, (_FILL, None)))
        for place in range(shape.width)
    ]
    fates: list[tuple[str, int | None]] = [("inserted", 0)]
    for claimant in claimants[1:]:
        is_equal = _is_identical(shape, claimant.values, result)
        fates.append(("merged_identical" if is_equal else "merged_changed", 0))
    return Settlement(fates, {0: result})


_FILL = "first_non_null"


def _choose(claimants: Sequence[Claimant], place: int, way: str, by: int | None) -> Value:
    values = [claimant.values[place] for claimant in claimants]
    if way == "prefer":
        return values[0]
    present = [value for value in values if value is not None]
    if way == _FILL:
        return present[0] if present else None
    if way in ("max", "min"):
        if not present:
            return None
        return max(present, key=order_of) if way == "max" else min(present, key=order_of)
    instants = [read_instant(claimant.values[by or 0]) for claimant in claimants]
    known = [instant for instant in instants if instant is not None]
    if not known:
        return values[0]
    return values[instants.index(max(known) if way == "newest" else min(known))]
