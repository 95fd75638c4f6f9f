"""What one source row must have become, derived in plain Python from its cells (``.github/PLAN.md``, section 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strongroom.consolidate.verify.follower import Follower
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.instants import write_instant
from strongroom.consolidate.verify.json_text import replace_id, write_id
from strongroom.consolidate.verify.leads import Node
from strongroom.consolidate.verify.relations import transform_of
from strongroom.consolidate.verify.values import Value, encode_key, is_changed_by, is_same, is_utf8, store
from strongroom.core.plan.models import TransformModel

_SAFE = ("TEXT", "NUMERIC", "REAL")


@dataclass(slots=True)
class Derived:
    """A row as it must be stored, if it is."""

    values: list[Value]
    waits: bool = False
    """Because of what it refers to."""
    is_followed: bool = False
    """A reference leads elsewhere by another value now."""
    because: Sequence[Node] = ()
    """The rows for which it waits."""
    is_root: bool = False
    """It waits for something else than rows that wait."""
    misfit: int | None = None
    """The place of a column that would change its value."""
    events: Sequence[tuple[int, str]] = ()
    """What is to be counted of its references."""


class Deriver:
    """Derives the rows of one input."""

    def __init__(self, fed: FedTable, entry: Input, follower: Follower | None) -> None:
        """Prepare what is the same for all rows."""
        self._entry = entry
        self._fed = fed
        self._follower = follower
        self._key = fed.key
        self._sources = list(zip(entry.places, entry.fills, strict=True))
        self._transforms = [] if entry.is_seed else list(self._find_transforms())
        self._checks = self._find_checks()
        self._normalize = list(self._find_steps())
        is_bare = (follower is None or entry.is_seed) and not self._transforms and not self._checks
        self.places = [place or 0 for place in entry.places] if is_bare and None not in entry.places else None
        """Where a row's values stand among its cells, when that is all there is to derive."""

    def _find_transforms(self) -> list[tuple[int, Callable[[Value], Value]]]:
        found = []
        for place, column in enumerate(self._fed.stored):
            way = transform_of(self._fed, column.name)
            if way is not None:
                found.append((place, choose_transform(way)))
        return found

    def _find_checks(self) -> list[tuple[int, str]]:
        """Return the columns in which a value may come up that the column would change."""
        if self._entry.is_seed:
            return []
        transformed = {place for place, _ in self._transforms}
        checks = []
        for place, column in enumerate(self._fed.stored):
            given = self._entry.source_column(place)
            is_settled = given is not None and given.affinity == column.affinity and column.affinity in _SAFE
            may_change = place in transformed or (given is not None and not is_settled)
            if may_change and column.affinity != "BLOB":
                checks.append((place, column.affinity))
        return checks

    def _find_steps(self) -> list[tuple[int, tuple[str, ...]]]:
        steps = {name.lower(): ways for name, ways in self._fed.rule.normalize.items()}
        return [
            (place, steps[self._fed.stored[place].name.lower()])
            for place in self._key
            if self._fed.stored[place].name.lower() in steps
        ]

    def derive(self, cells: Sequence[Value]) -> Derived:
        """Return what a row's cells must have become."""
        values = [fill if place is None else cells[place] for place, fill in self._sources]
        found = Derived(values)
        if self._follower is not None and not self._entry.is_seed:
            self._follow(found, cells)
        for place, way in self._transforms:
            values[place] = way(values[place])
        for place, affinity in self._checks:
            if is_changed_by(affinity, values[place]):
                found.misfit = place
        return found

    def _follow(self, found: Derived, cells: Sequence[Value]) -> None:
        if self._follower is None:
            return
        moves = self._follower.follow(self._entry, cells)
        found.waits, found.events = moves.waits, moves.events
        found.because, found.is_root = moves.because, moves.is_root
        for place, value in moves.values.items():
            self._put(found, place, store(self._fed.stored[place].affinity, value))
        for place, path, value in moves.in_json:
            text = found.values[place]
            if isinstance(text, str):
                self._put(found, place, replace_id(text, path, write_id(value)))

    def _put(self, found: Derived, place: int, value: Value) -> None:
        if not is_same(value, found.values[place]):
            found.values[place] = value
            found.is_followed = True

    def key_of(self, values: Sequence[Value]) -> bytes | None:
        """Return the form of a row's key under which it meets others; None for a row that stands alone."""
        if not self._key:
            return None
        if not self._normalize:
            return encode_key([values[place] for place in self._key])
        held = {place: values[place] for place in self._key}
        for place, ways in self._normalize:
            for way in ways:
                held[place] = choose_transform(way)(held[place])
            if held[place] == "":
                return None
        return encode_key(list(held.values()))

    def spelling_of(self, values: Sequence[Value]) -> bytes | None:
        """Return the form of a row's key as it is stored."""
        return encode_key([values[place] for place in self._key])


def choose_transform(way: object) -> Callable[[Value], Value]:
    """Return what does a transform to one value."""
    if isinstance(way, TransformModel):
        unit = way.epoch
        return lambda value: write_instant(value, unit)
    return _trim if way == "trim" else _casefold


def _trim(value: Value) -> Value:
    return value.strip() if isinstance(value, str) and (value.isascii() or is_utf8(value)) else value


def _casefold(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) and (value.isascii() or is_utf8(value)) else value
