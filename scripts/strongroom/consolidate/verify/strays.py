"""Tables of a child's own file that hold its parents as well, and are dropped or go elsewhere.

They are called as what feeds the parent is, or a foreign key of the child names them and the plan drops them. Where one
of them has a value that a row of a feeding table has too, nothing says which of the two is meant
(``.github/PLAN.md``, section 5, a).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.consolidate.verify.catalogue import Table
from strongroom.consolidate.verify.house import FedTable, House
from strongroom.consolidate.verify.references import Reference, place_in
from strongroom.core.quoting import fold
from strongroom.sqlite.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """One such table, as a reference sees it."""

    database: Database
    table: Table
    names: tuple[str, ...]
    """The columns that hold what is referred to."""


def holds_parent(house: House, fed: FedTable, reference: Reference, source: str) -> bool:
    """Tell whether a file holds the parent table of a child of its own, be it one that is dropped or goes elsewhere."""
    if any(entry.source == source for entry in reference.parent.inputs):
        return True
    held = house.sources.get(source)
    if held is not None and not reference.parent_names.isdisjoint(held.tables):
        return True
    return any(True for _ in _find_dropped(house, fed, reference, source))


def find_strays(house: House, fed: FedTable, reference: Reference, source: str) -> tuple[Stray, ...]:
    """Return those that stand beside the tables of a file that feed a reference's parent; none without such a table.

    None either where the plan names the tables in which parents are looked for, or where a table lacks the columns.
    """
    homes = {fold(entry.table.name) for entry in reference.parent.inputs if entry.source == source}
    held = house.sources.get(source)
    if reference.named is not None or not homes or held is None:
        return ()
    called = {
        folded: names
        for folded in held.tables
        if folded in reference.parent_names and folded not in homes
        for names in _name_columns(reference, held.tables[folded])
    }
    named = {fold(table.name): names for table, names in _find_dropped(house, fed, reference, source)}
    return tuple(
        Stray(database=held.database, table=held.tables[folded], names=names)
        for folded, names in {**called, **named}.items()
    )


def _find_dropped(
    house: House, fed: FedTable, reference: Reference, source: str
) -> Iterator[tuple[Table, tuple[str, ...]]]:
    """Yield the dropped tables of a file that foreign keys of the same columns name, and what they call these."""
    drops = {(name, fold(table)) for name, table in house.reading.drops}
    mine = (entry for entry in fed.inputs if entry.source == source and not entry.is_seed)
    for entry in mine if reference.path is None else ():
        for key in entry.table.foreign_keys:
            table = house.sources[source].tables.get(fold(key.parent))
            if table is not None and (source, fold(key.parent)) in drops:
                theirs = table.primary_key if key.parent_columns is None else key.parent_columns
                meant = dict(zip((place_in(entry, name) for name in key.columns), theirs, strict=False))
                if meant.keys() == set(reference.places) and all(table.find(name) for name in theirs):
                    yield table, tuple(meant[place] for place in reference.places)


def _name_columns(reference: Reference, table: Table) -> Iterator[tuple[str, ...]]:
    """Yield what a table calls a reference's columns, if it has them: as the first input of its name, or the target."""
    parent, wanted = reference.parent, fold(table.name)
    of_this_name = (entry for entry in parent.inputs if not entry.is_seed and fold(entry.table.name) == wanted)
    given = next(of_this_name, None)
    said = [parent.stored[place] if given is None else given.source_column(place) for place in reference.columns]
    found = [None if column is None else table.find(column.name) for column in said]
    names = tuple(column.name for column in found if column is not None)
    if len(names) == len(said):
        yield names
