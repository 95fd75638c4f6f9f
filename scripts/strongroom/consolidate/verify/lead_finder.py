"""Find where a reference leads: to a row of the target, or to nothing (``.github/PLAN.md``, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

from strongroom.consolidate.verify.house import FedTable, House
from strongroom.consolidate.verify.json_text import other_form, write_id
from strongroom.consolidate.verify.leads import KEPT, MOVED, ORPHAN, Lead
from strongroom.consolidate.verify.moved import GONE, STANDS, WAITS, Parent, ParentMap
from strongroom.consolidate.verify.parents import Parents
from strongroom.consolidate.verify.references import Reference
from strongroom.consolidate.verify.strays import Stray, find_strays, holds_parent
from strongroom.consolidate.verify.values import Row, Value, is_same_row, store
from strongroom.core.quoting import fold

_REMEMBERED = 1 << 15
_PLENTY = 1 << 62
"""Above it an id keeps nobody from having it: there would be none left."""


class LeadFinder:
    """Finds where the references of one target table's rows lead, and remembers the latest."""

    def __init__(self, house: House, fed: FedTable, parents: Parents, references: Sequence[Reference]) -> None:
        """Take the table's references, which are numbered by their order."""
        self._house = house
        self._fed = fed
        self._parents = parents
        self._references = references
        self._maps = [parents.map_of(reference) for reference in references]
        self._is_one = [parents.is_unique_there(found) for found in self._maps]
        self.find = lru_cache(_REMEMBERED)(self._find)
        """Return where values (each with its type: 1 and 1.0 are two) in a source's rows lead by a reference."""
        self.strays = cache(self._strays)
        """Return what stands beside the tables of a source that feed a reference's parent."""
        self._holds = cache(self._holds_parent)

    def _find(self, number: int, source: str, typed: tuple[tuple[type, Value], ...]) -> Lead:
        """Return where values in a source's rows lead, if it is to one row."""
        lead, found = self._lead(number, source, typed), self._maps[number]
        ends = lead.values if lead.kind == MOVED else tuple(value for _, value in typed)
        is_clear = lead.kind not in (KEPT, MOVED) or self._is_one[number] or not self._parents.are_several(found, ends)
        return lead if is_clear else Lead(WAITS)

    def _lead(self, number: int, source: str, typed: tuple[tuple[type, Value], ...]) -> Lead:
        reference, found = self._references[number], self._maps[number]
        values = tuple(value for _, value in typed)
        named = reference.named
        is_held = named is not None or self._holds(number, source)
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
        if not is_held:
            return self._lead_abroad(reference, found, parents, values)
        beside = {parent.state for parent in parents if parent.entry.source == source}
        if STANDS in beside and self._has_stray(number, source, values):
            beside.add(GONE)
        if {GONE, STANDS} <= beside and WAITS not in beside:
            return Lead(WAITS)  # of two rows of the child's file one is left out, and nothing says which is meant
        return self._lead_home(reference, found, parents, values)

    def _strays(self, number: int, source: str) -> tuple[Stray, ...]:
        return find_strays(self._house, self._fed, self._references[number], source)

    def _holds_parent(self, number: int, source: str) -> bool:
        return holds_parent(self._house, self._fed, self._references[number], source)

    def _has_stray(self, number: int, source: str, values: tuple[Value, ...]) -> bool:
        """Tell whether a row beside those that feed the parent has the values too; in JSON a text may mean a number."""
        strays = self.strays(number, source)
        if not strays:
            return False
        meant, held = {values}, values[0]
        if self._references[number].path is not None and isinstance(held, int | str):
            meant.add((other_form(held),))
        return any(self._parents.is_in(stray, one) for stray in strays for one in meant)

    def _lead_home(
        self, reference: Reference, found: ParentMap, parents: list[Parent], values: tuple[Value, ...]
    ) -> Lead:
        """Look at parents in the child's own file, or in tables that the plan names."""
        waiting = tuple(map(_name, (parent for parent in parents if parent.state == WAITS)))
        if waiting:
            return Lead(WAITS, because=tuple((found.reference.parent.into, *node) for node in waiting))
        standing = [parent for parent in parents if parent.state == STANDS]
        if not standing:
            return self._lead_nowhere(found, values, had_parent=bool(parents))
        if len({parent.address for parent in standing}) > 1:
            return Lead(WAITS)
        return self._lead_to(reference, found, standing[0], values)

    def _lead_abroad(
        self, reference: Reference, found: ParentMap, parents: list[Parent], values: tuple[Value, ...]
    ) -> Lead:
        """Look at parents in all files, of which the child's is none."""
        if len(parents) <= 1:
            return self._lead_home(reference, found, parents, values)
        if not any(parent.is_changed for parent in parents):
            return Lead(KEPT if self._finds(found, values, [parent.new for parent in parents]) else WAITS)
        gone = all(parent.state == GONE for parent in parents)
        return self._lead_nowhere(found, values, had_parent=True) if gone else self._wait_for(found, parents)

    def _wait_for(self, found: ParentMap, parents: list[Parent]) -> Lead:
        """Wait: for those that wait, if all others stayed what they were."""
        waiting = [parent for parent in parents if parent.state == WAITS]
        is_all = all(parent.state == WAITS or not parent.is_changed for parent in parents)
        because = [(found.reference.parent.into, *_name(parent)) for parent in waiting if is_all]
        return Lead(WAITS, because=tuple(because))

    def _lead_nowhere(self, found: ParentMap, values: tuple[Value, ...], *, had_parent: bool) -> Lead:
        is_adopted = self._parents.has_row(found, values) is not None
        is_usurped = is_adopted and self._is_renumbered(found, values)
        return Lead(ORPHAN, is_adopted=is_adopted, is_usurped=is_usurped, had_parent=had_parent)

    def _is_renumbered(self, found: ParentMap, values: tuple[Value, ...]) -> bool:
        """Tell whether the one row of the target that has a number got it from ``renumber``: no input has it."""
        parent = found.reference.parent
        is_ours = parent.target == self._fed.target and parent.rule.strategy == "renumber"
        if not is_ours or found.reference.columns != (parent.identity,) or not _is_number(values[0]):
            return False
        return not any(True for entry in parent.inputs for _ in self._parents.find(found, entry, values))

    def _lead_to(self, reference: Reference, found: ParentMap, parent: Parent, values: tuple[Value, ...]) -> Lead:
        """Let the value stay where the parent's did, unless only the source takes the two for one."""
        if not parent.new:
            return Lead(WAITS)
        if not parent.is_changed and (is_same_row(parent.own, values) or self._finds(found, values, [parent.new])):
            return Lead(KEPT)
        if reference.path is not None:
            return Lead(MOVED, parent.new)
        affinities = [self._fed.stored[place].affinity for place in reference.places]
        for form in (tuple(map(_as_written, parent.new, values)), parent.new):
            held = tuple(map(store, affinities, form))
            if is_same_row(held, parent.new) or self._finds(found, held, [parent.new]):
                return Lead(MOVED, held)
        return Lead(WAITS)

    def write(self, number: int, lead: Lead, held: str | int) -> Lead:
        """Return where an id in JSON leads as it is to be written there: as TEXT where TEXT was held, if that does."""
        found = self._maps[number]
        for form in (_as_written(lead.values[0], held), lead.values[0]):
            new = write_id(form)
            if new is not None:
                look = self._parents.find_targets
                meant = look(found, (new,)) or look(found, (other_form(new),))
                if meant and all(is_same_row(row, lead.values) for row in meant):
                    return Lead(MOVED, (new,))
        return Lead(WAITS)

    def _finds(self, found: ParentMap, values: tuple[Value, ...], wanted: Sequence[Row]) -> bool:
        """Tell whether values refer to rows of the target, and to none that is referred to by something else."""
        held = self._parents.find_targets(found, values)
        return bool(held) and all(any(is_same_row(row, one) for one in wanted) for row in held)


def _as_written(new: Value, own: Value) -> Value:
    """Return a parent's new id as the child writes ids: TEXT stays TEXT."""
    if isinstance(own, str) and not isinstance(new, str | bytes) and new is not None:
        return str(new)
    return new


def _name(parent: Parent) -> tuple[int, int]:
    return parent.entry.number, parent.row


def _is_number(value: Value) -> bool:
    """Tell whether a value is an id as ``renumber`` gives them, be it as TEXT."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdecimal() and str(int(value)) == value:
        value = int(value)
    return isinstance(value, int) and value <= _PLENTY
