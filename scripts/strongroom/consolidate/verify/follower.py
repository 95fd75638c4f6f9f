"""Follow a child's references: to the row that its parent became, or to nothing (``.github/PLAN.md``, section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.json_text import find_id, other_form
from strongroom.consolidate.verify.lead_finder import LeadFinder
from strongroom.consolidate.verify.leads import MOVED, ORPHAN, Lead, Moves
from strongroom.consolidate.verify.moved import STANDS, WAITS, ParentMap
from strongroom.consolidate.verify.parents import Parents
from strongroom.consolidate.verify.references import Reference, find_references
from strongroom.consolidate.verify.strays import holds_parent
from strongroom.consolidate.verify.values import Value
from strongroom.core.quoting import dotted, quote
from strongroom.core.results import ReferenceTally

_LEFT_ALONE = "left alone"
"""The figure of rows whose parent was left out by the plan."""
_USURPED = "usurped"
"""The figure of rows whose orphaned id was given to a row."""


_EXACT = 1 << 53
"""Up to it no integer is a REAL that is another number."""


class Follower:
    """Follows the references of one target table's rows."""

    def __init__(
        self, desk: Desk, fed: FedTable, parents: Parents, references: Sequence[Reference] | None = None
    ) -> None:
        """Find the table's references, or take some of them, and what became of their parents."""
        self._desk = desk
        self._fed = fed
        self._parents = parents
        self.references = find_references(desk.house, fed) if references is None else list(references)
        self._maps = [parents.map_of(reference) for reference in self.references]
        self._counts: list[Counter[str]] = [Counter() for _ in self.references]
        finder = LeadFinder(desk.house, fed, parents, self.references)
        self._lead, self._write, self._strays = finder.find, finder.write, finder.strays
        self._is_one = [parents.is_unique_there(found) for found in self._maps]
        held = Counter((reference.places, reference.path) for reference in self.references)
        self._is_shared = [held[reference.places, reference.path] > 1 for reference in self.references]

    @property
    def places(self) -> frozenset[int]:
        """Return the places of the columns that may come to hold another value."""
        return frozenset(place for reference in self.references for place in reference.places)

    def follow(self, entry: Input, cells: Sequence[Value]) -> Moves:
        """Return what the references of one source row make of it."""
        found = Moves()
        for number, reference in enumerate(self.references):
            given = [entry.places[place] for place in reference.places]
            values = tuple(None if place is None else cells[place] for place in given)
            if reference.path is not None:
                self._follow_json(found, number, entry, values[0])
            elif None not in values:
                lead = self._lead(number, entry.source, tuple((type(value), value) for value in values))
                self._apply(found, number, lead, values)
        return found

    def _follow_json(self, found: Moves, number: int, entry: Input, text: Value) -> None:
        reference = self.references[number]
        held = find_id(text, str(reference.path)) if isinstance(text, str) else None
        if held is None:
            return
        lead = self._lead(number, entry.source, ((type(held), held),))
        if lead.kind == ORPHAN and not lead.had_parent:
            other = other_form(held)
            again = self._lead(number, entry.source, ((type(other), other),))
            lead = again if again.kind != ORPHAN or again.is_adopted else lead
        self._apply(found, number, self._write(number, lead, held) if lead.kind == MOVED else lead, (held,))

    def _apply(self, found: Moves, number: int, lead: Lead, own: tuple[Value, ...]) -> None:
        """Do to a row what one of its references demands."""
        reference = self.references[number]
        if lead.kind == MOVED:
            if self._is_shared[number]:
                found.waits = found.is_root = True
            found.events.append((number, "followed"))
            self._replace(found, reference, lead.values)
        elif lead.kind == WAITS:
            found.waits = True
            found.because += lead.because
            found.is_root |= not lead.because
            found.events.append((number, "waiting"))
        elif lead.kind == ORPHAN:
            self._apply_orphan(found, number, lead, own)

    def _apply_orphan(self, found: Moves, number: int, lead: Lead, own: tuple[Value, ...]) -> None:
        reference = self.references[number]
        found.events.append((number, _LEFT_ALONE if lead.had_parent else "orphans_before"))
        if lead.is_usurped:
            found.events.append((number, _USURPED))
        if reference.orphans == "null":
            found.events.append((number, "nulled"))
            self._replace(found, reference, (None,) * len(own))
        elif reference.orphans == "keep":
            if lead.is_adopted:
                found.events.append((number, "kept"))
        elif reference.orphans == "quarantine" or lead.is_adopted:
            found.waits = found.is_root = True
            found.events.append((number, "waiting"))

    def _replace(self, found: Moves, reference: Reference, values: tuple[Value, ...]) -> None:
        if reference.path is not None:
            found.in_json.append((reference.places[0], reference.path, values[0]))
        else:
            found.values |= dict(zip(reference.places, values, strict=True))

    def count(self, events: Sequence[tuple[int, str]]) -> None:
        """Count what a row's references made of it."""
        for number, figure in events:
            self._counts[number][figure] += 1

    def keeps(self, entry: Input) -> list[str]:
        """Return SQL conditions on source row ``s`` under which its references lead where they did."""
        if entry.is_seed:
            return []
        return [self._keeps(number, entry) for number, _ in enumerate(self.references)]

    def join_parent(self, number: int, entry: Input) -> tuple[str, str, str]:
        """Return a join of row ``s`` with its one parent, when the reference is kept, and when ``t`` follows it.

        Where SQLite cannot tell the join is empty, and so is the last.
        """
        reference, found = self.references[number], self._maps[number]
        place, home = entry.places[reference.places[0]], self._find_home(number, entry)
        is_one = len(reference.places) == 1 and reference.path is None and not self._is_shared[number]
        column = None if home is None else home.source_column(reference.columns[0])
        if place is None or home is None or column is None or not is_one:
            return "", self._keeps(number, entry), ""
        p, m, cell = f"p{number}", f"m{number}", f"s.c{place}"
        mine, ours = f"{p}.{quote(column.name)}", f"t.{quote(self._fed.stored[reference.places[0]].name)}"
        join = (
            f"LEFT JOIN {dotted('src', home.table.name)} AS {p} ON {mine} = +{cell} "
            f"LEFT JOIN {found.table} AS {m} ON {m}.number = {home.number} "
            f"AND {m}.rid = {p}.{quote(str(home.table.rowid))} AND {m}.is_changed"
        )
        same = f"typeof({mine}) = typeof({cell}) AND +{mine} IS +{cell} COLLATE BINARY"
        new = f"typeof({m}.first) = typeof({ours}) AND +{m}.first IS +{ours} COLLATE BINARY"
        apart = "".join(f" AND {term}" for term in self._apart(number, entry, [cell]))
        keeps = f"{cell} IS NULL OR ({mine} IS NOT NULL AND {same} AND {m}.rid IS NULL{apart})"
        return join, keeps, f"({m}.state IS '{STANDS}' AND {new} AND {ours} IS NOT {cell}{apart})"

    def add(self, number: int, figure: str, count: int) -> None:
        """Count several rows at once."""
        self._counts[number][figure] += count

    def _keeps(self, number: int, entry: Input) -> str:
        reference, found = self.references[number], self._maps[number]
        given = [entry.places[place] for place in reference.places]
        if None in given:
            return "1"
        cells = [f"s.c{place}" for place in given]
        absent = " OR ".join(f"{cell} IS NULL" for cell in cells)
        if reference.path is not None:
            return f"{absent} OR typeof({cells[0]}) <> 'text'"
        home = self._find_home(number, entry)
        if home is not None:
            kept = [self._keeps_at_home(found, home, cells), *self._apart(number, entry, cells)]
            return f"{absent} OR ({' AND '.join(kept)})"
        is_abroad = reference.named is None and not holds_parent(self._desk.house, self._fed, reference, entry.source)
        is_near = len(cells) == 1 and reference.parent.target == self._fed.target
        if is_abroad and is_near and self._is_one[number]:
            return f"{absent} OR {self._keeps_abroad(found, cells[0])}"
        return absent

    def _find_home(self, number: int, entry: Input) -> Input | None:
        """Return the one table of an input's file that feeds the parent, if SQLite finds the rows with a value quickly.

        There, the one row that has it; and any in the tables that stand beside.
        """
        reference = self.references[number]
        homes = [home for home in reference.parent.inputs if home.source == entry.source]
        if reference.named is not None or len(homes) != 1 or not self._is_one[number]:
            return None
        home = homes[0]
        columns = [home.source_column(place) for place in reference.columns]
        names = tuple(column.name for column in columns if column is not None)
        is_one = (
            len(names) == len(columns) and home.table.rowid is not None and self._parents.is_unique(home.table, names)
        )
        strays = self._strays(number, entry.source) if is_one else ()
        return home if is_one and all(stray.table.is_found_by(stray.names[0]) for stray in strays) else None

    def _apart(self, number: int, entry: Input, cells: Sequence[str]) -> list[str]:
        """Return the conditions that no table beside the parent's has what cells of row ``s`` hold."""
        return [
            f"NOT EXISTS (SELECT 1 FROM {dotted('src', stray.table.name)} AS q WHERE "
            + " AND ".join(f"q.{quote(name)} = +{cell}" for name, cell in zip(stray.names, cells, strict=True))
            + ")"
            for stray in self._strays(number, entry.source)
        ]

    def _keeps_at_home(self, found: ParentMap, home: Input, cells: list[str]) -> str:
        columns = [home.source_column(place) for place in found.reference.columns]
        names = [f"p.{quote(column.name)}" for column in columns if column is not None]
        terms = [f"{name} = +{cell}" for name, cell in zip(names, cells, strict=True)]
        terms += [
            f"typeof({name}) = typeof({cell}) AND +{name} IS +{cell} COLLATE BINARY"
            for name, cell in zip(names, cells, strict=True)
        ]
        if home.number in found.changed:
            terms.append(
                f"NOT EXISTS (SELECT 1 FROM {found.table} AS m WHERE m.number = {home.number} "
                f"AND m.rid = p.{quote(str(home.table.rowid))} AND m.is_changed)"
            )
        return f"EXISTS (SELECT 1 FROM {dotted('src', home.table.name)} AS p WHERE {' AND '.join(terms)})"

    def _keeps_abroad(self, found: ParentMap, cell: str) -> str:
        parent = found.reference.parent
        name = f"p.{quote(parent.stored[found.reference.columns[0]].name)}"
        terms = [f"{name} = +{cell}", f"typeof({name}) = typeof({cell}) AND +{name} IS +{cell} COLLATE BINARY"]
        if found.changed:
            terms.append(f"lower(rtrim(CAST({cell} AS TEXT))) NOT IN (SELECT k FROM {found.disturbed})")
            terms.append(_is_no_other_number(cell))
        return f"EXISTS (SELECT 1 FROM {dotted('main', parent.table.name)} AS p WHERE {' AND '.join(terms)})"

    def tallies(self) -> dict[str, ReferenceTally]:
        """Return what was counted, by the reference's name."""
        found = {}
        for reference, counts in zip(self.references, self._counts, strict=True):
            name = reference.name(self._fed)
            if name in found:
                name = f"{name} → {reference.parent.into}"
            counts.pop(_USURPED, 0)
            has_any = counts.pop(_LEFT_ALONE, 0) + counts["orphans_before"]
            after = self._count_orphans(reference) if has_any and reference.path is None else 0
            found[name] = ReferenceTally(parent=reference.parent.into, orphans_after=after, **counts)
        return found

    def check_usurped(self, faults: Faults) -> None:
        """See that no row got an id which a reference held that led to nobody."""
        for reference, counts in zip(self.references, self._counts, strict=True):
            if counts[_USURPED]:
                faults.say(
                    f"an id that led to nobody in {counts[_USURPED]} rows was given to a row of {reference.parent.into}"
                )

    def _count_orphans(self, reference: Reference) -> int:
        """Count the target's rows without a parent, where both are in this target."""
        if reference.parent.target != self._fed.target:
            return 0
        mine = [f"c.{quote(self._fed.stored[place].name)}" for place in reference.places]
        theirs = [f"p.{quote(reference.parent.stored[place].name)}" for place in reference.columns]
        same = " AND ".join(f"{their} = +{my}" for their, my in zip(theirs, mine, strict=True))
        present = " AND ".join(f"{cell} IS NOT NULL" for cell in mine)
        parents = f"SELECT 1 FROM {dotted('main', reference.parent.table.name)} AS p WHERE {same}"
        child = dotted("main", self._fed.table.name)
        return self._desk.count(f"SELECT count(*) FROM {child} AS c WHERE {present} AND NOT EXISTS ({parents})")


def _is_no_other_number(cell: str) -> str:
    """Return the condition that no column takes a cell for a number that is written in another way, as ``01`` is 1."""
    exact = f"CAST({cell} AS INTEGER) BETWEEN -{_EXACT} AND {_EXACT}"
    decimal = f"CAST(CAST({cell} AS INTEGER) AS TEXT) = CAST({cell} AS TEXT) COLLATE BINARY AND {exact}"
    letters = f"typeof({cell}) = 'text' AND {cell} GLOB '*[^-+.0-9eE' || char(9, 10, 11, 12, 13, 32) || ']*'"
    return f"(typeof({cell}) IN ('integer', 'text') AND ({letters} OR ({decimal})))"
