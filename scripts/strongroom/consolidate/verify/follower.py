"""Follow a child's references: to the row that its parent became, or to nothing (``.github/PLAN.md``, section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.json_text import find_id
from strongroom.consolidate.verify.leads import KEPT, MOVED, ORPHAN, Lead, Moves
from strongroom.consolidate.verify.moved import GONE, STANDS, WAITS, Parent, ParentMap
from strongroom.consolidate.verify.parents import Parents
from strongroom.consolidate.verify.references import Reference, find_references
from strongroom.consolidate.verify.values import Value, is_same_row
from strongroom.core.quoting import dotted, fold, quote
from strongroom.core.results import ReferenceTally

_REMEMBERED = 1 << 15
_LEFT_ALONE = "left alone"
"""The figure of rows whose parent was left out by the plan."""


class Follower:
    """Follows the references of one target table's rows."""

    def __init__(self, desk: Desk, fed: FedTable, parents: Parents) -> None:
        """Find the table's references, and what became of their parents."""
        self._desk = desk
        self._fed = fed
        self._parents = parents
        self.references = find_references(desk.house, fed)
        self._maps = [parents.map_of(reference) for reference in self.references]
        self._counts: list[Counter[str]] = [Counter() for _ in self.references]
        self._lead = lru_cache(_REMEMBERED)(self._find_lead)
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
            other = int(held) if isinstance(held, str) and held.lstrip("-").isdigit() else str(held)
            again = self._lead(number, entry.source, ((type(other), other),))
            lead = again if again.kind != ORPHAN or again.is_adopted else lead
        self._apply(found, number, lead, (held,))

    def _apply(self, found: Moves, number: int, lead: Lead, own: tuple[Value, ...]) -> None:
        """Do to a row what one of its references demands."""
        reference = self.references[number]
        if lead.kind == MOVED:
            if self._is_shared[number]:
                found.waits = found.is_root = True
            found.events.append((number, "followed"))
            self._replace(found, reference, tuple(map(_as_written, lead.values, own)))
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

    def _find_lead(self, number: int, source: str, typed: tuple[tuple[type, Value], ...]) -> Lead:
        """Return where values in a source's rows lead."""
        reference, found = self.references[number], self._maps[number]
        values = tuple(value for _, value in typed)
        named = reference.named
        is_held = named is not None or reference.is_held_by(source, self._desk.house)
        candidates = [
            entry
            for entry in reference.parent.inputs
            if (
                (entry.source, fold(entry.table.name)) in named
                if named is not None
                else not is_held or entry.source == source
            )
        ]
        parents = [parent for entry in candidates for parent in self._parents.find(found, entry, values)]
        if named is not None:  # what the child's own file says comes first, be it that its parent is left out
            parents = [parent for parent in parents if parent.entry.source == source] or parents
        return self._lead_home(found, parents, values) if is_held else self._lead_abroad(found, parents, values)

    def _lead_home(self, found: ParentMap, parents: list[Parent], values: tuple[Value, ...]) -> Lead:
        """Look at parents in the child's own file, or in tables that the plan names."""
        waiting = tuple(map(_name, (parent for parent in parents if parent.state == WAITS)))
        if waiting:
            return Lead(WAITS, because=tuple((found.reference.parent.into, *node) for node in waiting))
        standing = [parent for parent in parents if parent.state == STANDS]
        if not standing:
            return self._lead_nowhere(found, values, had_parent=bool(parents))
        if len({parent.address for parent in standing}) > 1:
            return Lead(WAITS)
        return self._lead_to(found, standing[0], values)

    def _lead_abroad(self, found: ParentMap, parents: list[Parent], values: tuple[Value, ...]) -> Lead:
        """Look at parents in all files, of which the child's is none."""
        if parents and not any(parent.is_changed for parent in parents):
            return self._lead_to(found, parents[0], values)
        if len(parents) > 1:
            gone = all(parent.state == GONE for parent in parents)
            return self._lead_nowhere(found, values, had_parent=True) if gone else self._wait_for(found, parents)
        return self._lead_home(found, parents, values)

    def _wait_for(self, found: ParentMap, parents: list[Parent]) -> Lead:
        """Wait: for those that wait, if all others stayed what they were."""
        waiting = [parent for parent in parents if parent.state == WAITS]
        is_all = all(parent.state == WAITS or not parent.is_changed for parent in parents)
        because = [(found.reference.parent.into, *_name(parent)) for parent in waiting if is_all]
        return Lead(WAITS, because=tuple(because))

    def _lead_nowhere(self, found: ParentMap, values: tuple[Value, ...], *, had_parent: bool) -> Lead:
        is_adopted = self._parents.has_row(found, values) is not None
        return Lead(ORPHAN, is_adopted=is_adopted, had_parent=had_parent)

    def _lead_to(self, found: ParentMap, parent: Parent, values: tuple[Value, ...]) -> Lead:
        """Let the value stay where the parent's did, unless only the source takes the two for one."""
        if not parent.new:
            return Lead(WAITS)
        if not parent.is_changed and is_same_row(parent.own, values):
            return Lead(KEPT)
        if not parent.is_changed:
            there = self._parents.has_row(found, values)
            if there is not None and is_same_row(there, parent.new):
                return Lead(KEPT)
        return Lead(MOVED, parent.new)

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
        homes = [home for home in reference.parent.inputs if home.source == entry.source]
        place = entry.places[reference.places[0]]
        is_one = len(reference.places) == 1 and reference.path is None and not self._is_shared[number]
        column = homes[0].source_column(reference.columns[0]) if len(homes) == 1 else None
        is_quick = is_one and reference.named is None and column is not None and self._is_quick(found, homes[0])
        if place is None or column is None or not is_quick:
            return "", self._keeps(number, entry), ""
        p, m, cell = f"p{number}", f"m{number}", f"s.c{place}"
        mine, ours = f"{p}.{quote(column.name)}", f"t.{quote(self._fed.stored[reference.places[0]].name)}"
        join = (
            f"LEFT JOIN {dotted('src', homes[0].table.name)} AS {p} ON {mine} = +{cell} "
            f"LEFT JOIN {found.table} AS {m} ON {m}.number = {homes[0].number} "
            f"AND {m}.rid = {p}.{quote(str(homes[0].table.rowid))} AND {m}.is_changed"
        )
        same = f"typeof({mine}) = typeof({cell}) AND +{mine} IS +{cell} COLLATE BINARY"
        new = f"typeof({m}.first) = typeof({ours}) AND +{m}.first IS +{ours} COLLATE BINARY"
        keeps = f"{cell} IS NULL OR ({mine} IS NOT NULL AND {same} AND {m}.rid IS NULL)"
        return join, keeps, f"({m}.state IS '{STANDS}' AND {new} AND {ours} IS NOT {cell})"

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
        homes = [home for home in reference.parent.inputs if home.source == entry.source]
        if reference.named is None and len(homes) == 1 and self._is_quick(found, homes[0]):
            return f"{absent} OR {self._keeps_at_home(found, homes[0], cells)}"
        is_abroad = reference.named is None and not reference.is_held_by(entry.source, self._desk.house)
        if is_abroad and reference.parent.target == self._fed.target and len(cells) == 1:
            return f"{absent} OR {self._keeps_abroad(found, cells[0])}"
        return absent

    def _is_quick(self, found: ParentMap, home: Input) -> bool:
        """Tell whether SQLite finds the one row of a parent table that has a value."""
        columns = [home.source_column(place) for place in found.reference.columns]
        names = tuple(column.name for column in columns if column is not None)
        return len(names) == len(columns) and home.table.rowid is not None and home.table.has_unique(names)

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
            terms.append(f"typeof({cell}) IN ('integer', 'text')")
        return f"EXISTS (SELECT 1 FROM {dotted('main', parent.table.name)} AS p WHERE {' AND '.join(terms)})"

    def tallies(self) -> dict[str, ReferenceTally]:
        """Return what was counted, by the reference's name."""
        found = {}
        for reference, counts in zip(self.references, self._counts, strict=True):
            name = reference.name(self._fed)
            if name in found:
                name = f"{name} → {reference.parent.into}"
            has_any = counts.pop(_LEFT_ALONE, 0) + counts["orphans_before"]
            after = self._count_orphans(reference) if has_any and reference.path is None else 0
            found[name] = ReferenceTally(parent=reference.parent.into, orphans_after=after, **counts)
        return found

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


def _name(parent: Parent) -> tuple[int, int]:
    return parent.entry.number, parent.row


def _as_written(new: Value, own: Value) -> Value:
    """Return a parent's new id as the child writes ids: TEXT stays TEXT."""
    if isinstance(own, str) and not isinstance(new, str | bytes) and new is not None:
        return str(new)
    return new
