"""Tell tables of one name that can be one table from those that cannot, by their structure and their values. Read-only.

What the first one's definition would refuse, or store as something else, gets a table of its own; so does what refers
to rows of such a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from strongroom.core.quoting import dotted, fold, quote
from strongroom.examine.draft.compare import attached_both, has_other_than_numbers, keeps_unique
from strongroom.examine.draft.survey import Found, Place
from strongroom.sqlite.schema import Column, Table

Name = tuple[str, str]
"""Source and folded name of a table."""


def tell_apart_by_shape(groups: Iterable[Sequence[Place]]) -> dict[Name, str]:
    """Return the tables that cannot be one table with the first of their name, with the reason."""
    several = [places for places in groups if len(places) > 1]
    apart: dict[Name, str] = {}
    for places in several:
        members = [places[0]]
        for place in places[1:]:
            reason = next(_find_reasons(members, place), "")
            if reason:
                apart[name_of(place)] = reason
            else:
                members.append(place)
    while more := dict(_find_strangers(several, apart)):
        apart |= more
    return apart


def name_of(place: Place) -> Name:
    """Return what tells a table from all others."""
    return place[0].source, fold(place[1].name)


def _find_strangers(several: Iterable[Sequence[Place]], apart: Mapping[Name, str]) -> Iterator[tuple[Name, str]]:
    """Yield tables of which a column refers to rows that are not in one table with those that the first's refer to."""
    for first, *others in several:
        for place in others:
            if name_of(place) not in apart:
                for parent in _list_parents(first) | _list_parents(place):
                    held = [one.schema.find(parent) is not None for one in (first[0], place[0])]
                    if all(held) and any((one.source, parent) in apart for one in (first[0], place[0])):
                        yield name_of(place), f"it refers to {parent}, and there are several"


def _list_parents(place: Place) -> set[str]:
    return {key.parent for key in place[0].foreign_keys if key.table == fold(place[1].name)}


def _find_reasons(members: Sequence[Place], place: Place) -> Iterator[str]:
    """Yield why a table cannot be one with others, of which the first gives the definition."""
    for found, one in members:
        if not set(one.by_name) & set(place[1].by_name):
            yield f"it shares no column with that of {found.source}"
    yield from _find_broken(*members[0], place)
    for found, one in members:
        for column in one.stored:
            twin = place[1].by_name.get(fold(column.name))
            if twin is not None and twin.affinity != column.affinity and _changes(place, twin, column):
                yield f"its {twin.name} would be stored as another by that of {found.source}"


def _find_broken(first: Found, definition: Table, place: Place) -> Iterator[str]:
    """Yield what a table's definition demands and the rows of another do not keep."""
    table, key = place[1], definition.integer_key
    for column in definition.stored:
        if fold(column.name) not in table.by_name and _is_required(column):
            yield f"it has no {column.name}, which that of {first.source} requires"
    if key is not None and has_other_than_numbers(*place, key):
        yield f"some {key} of it is no number, and those of {first.source} are"
    for columns in list_unique(definition):
        is_there = all(fold(name) in table.by_name for name in columns)
        if is_there and not keeps_unique(*place, columns):
            yield f"rows of it have the same {', '.join(columns)}, which that of {first.source} allows once"


def list_unique(table: Table) -> Iterator[tuple[str, ...]]:
    """Yield the columns, the primary key aside, that a constraint or an index keeps unique."""
    for index in table.indexes:
        if index.unique and not index.partial and index.columns and index.columns != table.primary_key:
            yield index.columns


def _is_required(column: Column) -> bool:
    return bool(column.pk) or (column.not_null and column.default is None)


def _changes(place: Place, own: Column, other: Column) -> bool:
    """Ask SQLite whether a column of the other's type stores a value of this one as another."""
    name, cell = dotted("one", place[1].name), quote(own.name)
    with attached_both(place[0], place[0]) as connection:
        connection.execute(f"CREATE TEMP TABLE probe (stored {other.affinity}, own)")
        connection.execute(f"INSERT INTO probe SELECT {cell}, {cell} FROM {name}")
        changed = connection.execute("SELECT 1 FROM probe WHERE typeof(stored) <> typeof(own) LIMIT 1").fetchone()
    return changed is not None
