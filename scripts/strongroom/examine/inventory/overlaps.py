"""Find tables of one name in several files: the places where a merge will have to decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from strongroom.core.quoting import fold
from strongroom.examine.inventory.model import DatabaseFacts, Overlap, TableFacts
from strongroom.examine.inventory.oddities import show_name

_Place = tuple[str, TableFacts]


def find_overlaps(databases: Iterable[DatabaseFacts]) -> tuple[Overlap, ...]:
    """Group tables by name, as SQLite compares names; most places first."""
    places: dict[str, list[_Place]] = {}
    for database in databases:
        for table in database.tables:
            places.setdefault(fold(table.name), []).append((database.path, table))
    found = [_describe(group) for group in places.values() if len(group) > 1]
    return tuple(sorted(found, key=lambda overlap: (-len(overlap.files), overlap.table)))


def _describe(group: list[_Place]) -> Overlap:
    widest = max(group, key=lambda place: len(place[1].columns))
    differences = tuple(line for place in group if place is not widest for line in _compare(place, widest))
    return Overlap(
        table=group[0][1].name,
        files=tuple(path for path, _ in group),
        rows=tuple(table.rows for _, table in group),
        same_columns=not differences,
        differences=differences,
    )


def _compare(place: _Place, widest: _Place) -> Iterator[str]:
    path, table = place
    reference, other = widest[1], widest[0]
    here = {fold(column.name): column for column in table.columns}
    there = {fold(column.name): column for column in reference.columns}
    lacking = [show_name(column.name) for name, column in there.items() if name not in here]
    further = [show_name(column.name) for name, column in here.items() if name not in there]
    if lacking:
        yield f"{path} lacks {', '.join(lacking)} (in {other})"
    if further:
        yield f"{path} has also {', '.join(further)} (not in {other})"
    if not lacking and not further and list(here) != list(there):
        yield f"{path} has its columns in another order than {other}"
    for name, column in here.items():
        if name in there and fold(column.declared) != fold(there[name].declared):
            yield (
                f"{path} declares {show_name(column.name)} as {column.declared or 'nothing'},"
                f" {other} as {there[name].declared or 'nothing'}"
            )
