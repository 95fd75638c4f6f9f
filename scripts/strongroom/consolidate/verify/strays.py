"""Tables of a child's own file that are called as what feeds its parent is, and are dropped or go elsewhere.

Where one of them has a value that a row of a feeding table has too, nothing says which of the two is meant
(``.github/PLAN.md``, section 5, a).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.consolidate.verify.catalogue import Table
from strongroom.consolidate.verify.house import House
from strongroom.consolidate.verify.references import Reference
from strongroom.core.quoting import fold
from strongroom.sqlite.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """One such table, as a reference sees it."""

    database: Database
    table: Table
    names: tuple[str, ...]
    """The columns that hold what is referred to."""


def find_strays(house: House, reference: Reference, source: str) -> tuple[Stray, ...]:
    """Return those that stand beside the tables of a file that feed a reference's parent; none without such a table.

    None either where the plan names the tables in which parents are looked for, or where a table lacks the columns.
    """
    homes = {fold(entry.table.name) for entry in reference.parent.inputs if entry.source == source}
    held = house.sources.get(source)
    if reference.named is not None or not homes or held is None:
        return ()
    return tuple(
        Stray(database=held.database, table=held.tables[folded], names=names)
        for folded in held.tables
        if folded in reference.parent_names and folded not in homes
        for names in _name_columns(reference, held.tables[folded])
    )


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
