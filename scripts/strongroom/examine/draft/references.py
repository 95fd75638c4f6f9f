"""Find columns that seem to hold a table's ids though no foreign key says so: by their names, and by what they hold.

Read-only. What is found here is a guess, for a person to confirm: an id that changes and a column that does not
follow is a row that belongs to somebody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from strongroom.core.quoting import dotted, fold, quote
from strongroom.examine.draft.compare import attached_both
from strongroom.examine.draft.naming import Hint, ends_in_table, rank_parent, read_hint
from strongroom.examine.draft.survey import Found, Place, Survey
from strongroom.sqlite.schema import Column, Table

_SURELY = 0.95
_TELLING = 3
"""So many different values say something where the name does not."""
_AT_ONCE = 100
"""Columns; SQLite returns 2,000 at most."""


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
            for child in found.schema.tables.values():
                into = self.homes[found.source, fold(child.name)]
                hints = {column: self._read_hint(column, child, into, parent, own) for column in child.stored}
                hints = {column: hint for column, hint in hints.items() if hint is not Hint.AGAINST}
                for place in here or places:
                    # Numbers of another file say little by themselves.
                    asked = {column: hint for column, hint in hints.items() if here or hint > Hint.NOTHING}
                    for column, values, ids, different, choices in _count(found, child, list(asked), place, own):
                        if _is_telling(asked[column], values, ids, different):
                            yield Suspect(table=into, column=column.name, parent=parent, hint=asked[column],
                                          source=found.source, values=values, ids=ids, choices=choices)  # fmt: skip

    def _read_hint(self, column: Column, child: Table, into: str, parent: str, own: str) -> Hint:
        """Tell what a column's name says, AGAINST where it cannot or need not be proposed."""
        is_own = into == parent
        if child.kind != "table" or column.affinity == "REAL" or (is_own and fold(column.name) == fold(own)):
            return Hint.AGAINST
        if (into, fold(column.name)) in self._declared:
            return Hint.AGAINST
        hint = read_hint(column.name, parent, is_own=is_own)
        if hint is Hint.NAMES:
            return hint
        is_number = column.name == child.integer_key
        means_another = any(ends_in_table(column.name, table) for table in self._tables - {parent, into})
        if is_number or means_another or (hint is Hint.NOTHING and column.affinity == "TEXT"):
            return Hint.AGAINST
        return hint

    @cached_property
    def _tables(self) -> set[str]:
        return set(self.homes.values())

    @cached_property
    def _declared(self) -> set[tuple[str, str]]:
        """Return the columns, by table and folded name, of which every file that has the table says what they mean."""
        said = {(found.source, key.table, key.column) for found in self.survey.found for key in found.foreign_keys}
        times = Counter((self.homes[source, table], column) for source, table, column in said)
        files = Counter(self.homes.values())
        return {place for place, count in times.items() if count == files[place[0]]}


def _count(
    found: Found, child: Table, columns: Sequence[Column], place: Place, own: str
) -> Iterator[tuple[Column, int, int, int, int]]:
    """Count, per column, its values, those that are ids, the different ones; and the ids that there are."""
    owner, table = place
    parent = dotted("two" if owner is not found else "one", table.name)
    for start in range(0, len(columns), _AT_ONCE):
        some = columns[start : start + _AT_ONCE]
        asked = [
            part
            for name in (quote(column.name) for column in some)
            for part in (
                f"count({name})",
                f"coalesce(sum({name} IN (SELECT {quote(own)} FROM {parent})), 0)",
                f"count(DISTINCT {name})",
            )
        ]
        with attached_both(found, owner) as connection:
            choices = connection.execute(f"SELECT count(*) FROM {parent}").fetchone()[0]
            row = connection.execute(f"SELECT {', '.join(asked)} FROM {dotted('one', child.name)}").fetchone()
        for number, column in enumerate(some):
            values, ids, different = map(int, row[3 * number : 3 * number + 3])
            yield column, values, ids, different, int(choices)


def _is_telling(hint: Hint, values: int, ids: int, different: int) -> bool:
    if hint is Hint.NAMES or not ids:
        return ids > 0
    return ids >= _SURELY * values and (hint is Hint.REFERS or different >= _TELLING)


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
