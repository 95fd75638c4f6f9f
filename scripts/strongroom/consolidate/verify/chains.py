"""For what waiting rows wait: where tables refer to themselves or in a circle, each chain must end in a cause."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.house import FedTable, House
from strongroom.consolidate.verify.references import find_references

Why = tuple[Sequence[tuple[str, int, int]], bool]
"""The rows for which a row waits, and whether it waits for something else."""


def find_circle(house: House, target: str) -> list[FedTable]:
    """Return the tables of a target that refer to each other in circles, or to themselves."""
    tables = {fed.into: fed for fed in house.targets[target].tables}
    graph = {
        into: {one.parent.into for one in find_references(house, fed)} & tables.keys() for into, fed in tables.items()
    }
    found = {into for into, parents in graph.items() if into in parents}
    rest = {into: parents - {into} for into, parents in graph.items()}
    while True:
        try:
            TopologicalSorter(rest).prepare()
        except CycleError as error:
            found |= set(error.args[1])
            one, other = error.args[1][:2]
            rest[other] = rest[other] - {one}
            continue
        return [tables[into] for into in tables if into in found]


class Chains:
    """Keeps for what rows wait, until all tables of a circle are gone through."""

    def __init__(self, desk: Desk) -> None:
        """Make the working tables."""
        self._desk = desk
        self._waits = desk.make("waits", "node TEXT PRIMARY KEY, into_table TEXT, is_root INTEGER", "WITHOUT ROWID")
        self._because = desk.make("because", "parent TEXT, child TEXT, PRIMARY KEY (parent, child)", "WITHOUT ROWID")

    def add(self, node: tuple[str, int, int], why: Why) -> None:
        """Keep for what a row waits."""
        because, is_root = why
        child = "|".join(map(str, node))
        execute = self._desk.connection.execute
        execute(f"INSERT OR REPLACE INTO {self._waits} VALUES (?, ?, ?)", (child, node[0], is_root))
        for parent in because:
            execute(f"INSERT OR IGNORE INTO {self._because} VALUES (?, ?)", ("|".join(map(str, parent)), child))

    def find_groundless(self) -> list[str]:
        """Say how many rows wait for nothing but each other.

        A row that is not kept here waits for a cause of its own.
        """
        grounded = (
            f"WITH RECURSIVE grounded (node) AS (SELECT node FROM {self._waits} WHERE is_root UNION "
            f"SELECT parent FROM {self._because} WHERE parent NOT IN (SELECT node FROM {self._waits}) UNION "
            f"SELECT child FROM {self._because} AS b JOIN grounded ON b.parent = grounded.node) "
        )
        rows = self._desk.connection.execute(
            f"{grounded} SELECT into_table, count(*) FROM {self._waits} "
            "WHERE node NOT IN (SELECT node FROM grounded) GROUP BY into_table"
        )
        return [f"{into}: {count} rows wait for each other, and for nothing else" for into, count in rows]
