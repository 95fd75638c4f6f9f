"""Find columns that seem to hold a table's ids though no foreign key says so: by their names, and by what they hold.

Read-only. What is found here is a guess, for a person to confirm: an id that changes and a column that does not
follow is a row that belongs to somebody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from strongroom.core.quoting import dotted, fold, quote
from strongroom.examine.draft.compare import attached_both
from strongroom.examine.draft.naming import Hint, ends_in_table, rank_parent, read_hint
from strongroom.examine.draft.survey import Found, Place, Survey
from strongroom.sqlite.schema import Column, Table

_MOSTLY = 0.5
_SURELY = 0.95
_TELLING = 3
"""So many different values say something where the name does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A column that seems to hold ids of ``parent``."""

    table: str
    column: str
    parent: str
    """Tables by the names that they have in the target."""
    hint: Hint
    source: str
    values: int
    ids: int
    """How many of the values are ids of the parent."""
    choices: int
    """How many ids the parent has."""

    @property
    def name(self) -> str:
        """Return ``table.column``."""
        return f"{self.table}.{self.column}"


@dataclass(kw_only=True)
class ReferenceSearch:
    """Looks in every file of a survey; what was found for a table is kept."""

    survey: Survey
    homes: Mapping[tuple[str, str], str]
    """Source and folded table to the name that it has in the target."""
    _known: dict[str, tuple[Suspect, ...]] = field(default_factory=dict)
    _ends: dict[str, set[str]] = field(default_factory=dict)

    def find(self, parent: str, places: Sequence[Place], own: str) -> tuple[Suspect, ...]:
        """Return the columns that seem to hold the ids, which stand in ``own``, of a table that all places hold."""
        if parent not in self._known:
            best: dict[tuple[str, str], Suspect] = {}
            for suspect in self._look(parent, places, own):
                place = (suspect.table, fold(suspect.column))
                if place not in best or suspect.ids > best[place].ids:
                    best[place] = suspect
            self._known[parent] = tuple(best.values())
        return self._known[parent]

    def _look(self, parent: str, places: Sequence[Place], own: str) -> Iterator[Suspect]:
        for found in self.survey.found:
            here = [place for place in places if place[0] is found]
            # Numbers of another file say little by themselves.
            least = Hint.NOTHING if here else Hint.REFERS
            asked = {
                child.name: {column.name: hint for column in child.stored
                             if (hint := self._read_hint(column, child, found.source, parent, own)) >= least}
                for child in found.schema.tables.values()
            }  # fmt: skip
            for place in here or places if any(asked.values()) else ():
                for child, column, count in _count_all(found, asked, place, own):
                    hint = asked[child][column]
                    if count.is_telling(hint):
                        table = self.homes[found.source, fold(child)]
                        yield Suspect(table=table, column=column, parent=parent, hint=hint, source=found.source,
                                      values=count.values, ids=count.ids, choices=count.choices)  # fmt: skip

    def _read_hint(self, column: Column, child: Table, source: str, parent: str, own: str) -> Hint:
        """Tell what a column's name says, AGAINST where it cannot or need not be proposed."""
        into = self.homes[source, fold(child.name)]
        is_own = into == parent
        if child.kind != "table" or column.affinity == "REAL" or (is_own and fold(column.name) == fold(own)):
            return Hint.AGAINST
        if (into, fold(column.name)) in self._declared:
            return Hint.AGAINST
        hint = read_hint(column.name, parent, is_own=is_own)
        if hint is Hint.NAMES:
            return hint
        is_key = child.primary_key == (column.name,) and hint < Hint.MENTIONS
        is_text = column.affinity == "TEXT" and hint is Hint.NOTHING
        means_another = bool(self._ends_in(column.name) - {parent, into})
        return Hint.AGAINST if means_another or is_key or is_text else hint

    def _ends_in(self, column: str) -> set[str]:
        """Return the tables that a column's name comes down to."""
        if column not in self._ends:
            self._ends[column] = {table for table in set(self.homes.values()) if ends_in_table(column, table)}
        return self._ends[column]

    @cached_property
    def _declared(self) -> set[tuple[str, str]]:
        """Return the columns, by table and folded name, of which every file that has the table says what they mean."""
        said = {(found.source, key.table, key.column) for found in self.survey.found for key in found.foreign_keys}
        times = Counter((self.homes[source, table], column) for source, table, column in said)
        files = Counter(self.homes.values())
        return {place for place, count in times.items() if count == files[place[0]]}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    """What a column holds: values, those that are ids, different ones; and the ids that there are."""

    values: int
    ids: int
    different: int
    choices: int

    def is_telling(self, hint: Hint) -> bool:
        """Tell whether it makes the column suspect; the less its name says, the more that takes."""
        if hint is Hint.NAMES:
            return self.ids > 0
        if hint is Hint.MENTIONS:
            return self.ids > 0 and self.ids >= _MOSTLY * self.values
        is_sure = self.ids > 0 and self.ids >= _SURELY * self.values
        return is_sure and (hint is Hint.REFERS or self.different >= _TELLING)


def _count_all(
    found: Found, asked: Mapping[str, Iterable[str]], place: Place, own: str
) -> Iterator[tuple[str, str, _Count]]:
    """Count what the columns of a file, by table, hold of one table's ids."""
    owner, table = place
    parent = dotted("two" if owner is not found else "one", table.name)
    with attached_both(found, owner) as connection:
        choices = int(connection.execute(f"SELECT count(*) FROM {parent}").fetchone()[0])
        for child, columns in asked.items():
            for column in columns:
                name = quote(column)
                values, ids, different = connection.execute(
                    f"SELECT count({name}), coalesce(sum({name} IN (SELECT {quote(own)} FROM {parent})), 0), "
                    f"count(DISTINCT {name}) FROM {dotted('one', child)}"
                ).fetchone()
                yield child, column, _Count(values=int(values), ids=int(ids), different=int(different), choices=choices)


def assign(suspects: Sequence[Suspect]) -> Mapping[str, tuple[tuple[Suspect, tuple[str, ...]], ...]]:
    """Give each column to the parent that it fits best, by its name, then the one with the fewest ids.

    Returns parent to columns, each with the other parents that it may mean.
    """
    by_column: dict[str, list[Suspect]] = {}
    for suspect in suspects:
        by_column.setdefault(suspect.name, []).append(suspect)
    assigned: dict[str, list[tuple[Suspect, tuple[str, ...]]]] = {}
    for rivals in by_column.values():
        best, *others = sorted(rivals, key=_rank)
        also = tuple(one.parent for one in others if one.hint == best.hint)
        assigned.setdefault(best.parent, []).append((best, also))
    return {parent: tuple(found) for parent, found in assigned.items()}


def _rank(suspect: Suspect) -> tuple[int, int, int, str]:
    likely = rank_parent(suspect.column, suspect.parent, is_own=suspect.table == suspect.parent)
    return -suspect.hint, likely, suspect.choices, suspect.parent
