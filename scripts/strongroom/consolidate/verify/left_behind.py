"""Find rows that refer to a row by what a decision after publish changes in it: nothing makes them follow then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from strongroom.consolidate.verify.collations import read_collations
from strongroom.consolidate.verify.desk import Desk, fill
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable
from strongroom.consolidate.verify.references import Reference, find_references
from strongroom.consolidate.verify.values import Row, is_same
from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import attached

_KIN = "kin"


class LeftBehind:
    """What rows of one table were referred to by, and are not any more."""

    def __init__(self, desk: Desk, fed: FedTable) -> None:
        """Find what refers to the table, in any target."""
        self._desk = desk
        children = (child for target in desk.house.targets.values() for child in target.tables)
        self._references = [
            (child, reference, self._make(number, reference))
            for number, (child, reference) in enumerate(
                (child, one)
                for child in children
                for one in find_references(desk.house, child)
                if one.parent.into == fed.into
            )
        ]

    def _make(self, number: int, reference: Reference) -> str:
        """Make a working table whose columns compare as the parent's do."""
        held = [reference.parent.stored[place] for place in reference.columns]
        names = [column.name for column in held]
        collations = read_collations(self._desk.connection, reference.parent.table, names)
        columns = ", ".join(
            f"v{place} {column.affinity} COLLATE {quote(collation)}"
            for place, (column, collation) in enumerate(zip(held, collations, strict=True))
        )
        return self._desk.make(f"left_{number}", columns)

    def add(self, old: Row, new: Row) -> None:
        """Keep what a row is not referred to by any more."""
        for _, reference, table in self._references:
            values = [old[place] for place in reference.columns]
            is_changed = any(not is_same(old[place], new[place]) for place in reference.columns)
            if is_changed and None not in values:
                holes = ", ".join(["{}"] * len(values))
                self._desk.connection.execute(*fill(f"INSERT INTO {table} VALUES ({holes})", values))

    def say(self, faults: Faults) -> None:
        """Note how many rows refer to what was."""
        for child, reference, table in self._references:
            if not self._desk.count(f"SELECT count(*) FROM {table}"):
                continue
            with self._reach(child) as schema:
                same = " AND ".join(_compare(child, reference))
                count = self._desk.count(
                    f"SELECT count(*) FROM {dotted(schema, child.table.name)} AS c CROSS JOIN {table} AS x ON {same}"
                )
            if count:
                name = reference.name(child)
                faults.say(f"{name} refers to what a decision changes (rows that would be left behind: {count})")

    @contextmanager
    def _reach(self, child: FedTable) -> Iterator[str]:
        """Return the name under which a child's target is attached."""
        if child.target == self._desk.target.name:
            yield "main"
        else:
            with attached(self._desk.connection, self._desk.house.evidence.targets[child.target], _KIN):
                yield _KIN


def _compare(child: FedTable, reference: Reference) -> Iterator[str]:
    """Yield the conditions that a child's row refers to what was: by the parent's affinity and collation."""
    for number, place in enumerate(reference.places):
        cell = f"c.{quote(child.stored[place].name)}"
        if reference.path is None:
            yield f"x.v{number} = +{cell}"
        else:
            held = f"CASE WHEN json_valid({cell}) THEN json_extract({cell}, {literal(reference.path)}) END"
            yield f"CAST(x.v{number} AS TEXT) = CAST({held} AS TEXT)"
