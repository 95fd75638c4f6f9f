"""Which table and column of the server is which of the source: by its name, else by its name in any case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from strongroom.core.quoting import fold
from strongroom.load.verify.kinds import INTEGERS, Kind
from strongroom.load.verify.papers import Papers
from strongroom.load.verify.server import ServerTable
from strongroom.load.verify.source import SourceTable

TEXTS = ("text", "varchar")
_FOUND_BY = (*INTEGERS, *TEXTS, "bytea")
"""Types in which different values of a source stay different, and that are handed to the server as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One column on both sides."""

    source: str
    affinity: str
    into: str
    kind: Kind
    is_nullable: bool
    """In the server."""
    zone: str | None
    unit: str | None
    """Of numbers that are instants, where the plan says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One table on both sides."""

    target: str
    source: str
    rowid: str | None
    is_virtual: bool
    order: tuple[str, ...]
    """The primary key, in whose order the rows of a table without a rowid are numbered."""
    schema: str
    table: str
    """In the server."""
    cells: tuple[Cell, ...]
    alias: int | None
    """The place of the cell that is the rowid."""
    key: tuple[int, ...]
    """Places of the cells by which a row is found in the server; none: by nothing."""
    is_ordered: bool
    """Whether that key is the rowid on the one side and an indexed integer on the other."""
    kept: str | None
    """The ledger's table, where it has entries."""
    secret: frozenset[str] = frozenset()
    """Columns of the source, folded, whose values are shown nowhere."""

    @property
    def into(self) -> str:
        """Return ``target.table``, with the name of the source's table."""
        return f"{self.target}.{self.source}"

    @property
    def hides_addresses(self) -> bool:
        """Whether the rows' addresses are values that are shown nowhere."""
        return self.alias is not None and fold(self.cells[self.alias].source) in self.secret


def find_name(name: str, others: Iterable[str]) -> str | None:
    """Return the same name, else the one that is the same but for the case of its letters."""
    there = list(others)
    if name in there:
        return name
    alike = [other for other in there if fold(other) == fold(name)]
    return alike[0] if len(alike) == 1 else None


def pair_cells(source: SourceTable, table: ServerTable, papers: Papers) -> tuple[Cell, ...]:
    """Return the columns that both sides have, in the source's order."""
    cells = []
    for column in source.columns:
        into = find_name(column.name, (other.name for other in table.columns))
        held = None if into is None else table.find(into)
        if held is not None:
            cells.append(
                Cell(
                    source=column.name,
                    affinity=column.affinity,
                    into=held.name,
                    kind=replace(held.kind, takes_numbers=papers.is_said_text(source.name, column.name)),
                    is_nullable=not held.is_not_null,
                    zone=papers.zone_of(source.name, column.name),
                    unit=papers.unit_of(source.name, column.name),
                )
            )
    return tuple(cells)


def choose_key(source: SourceTable, table: ServerTable, cells: tuple[Cell, ...]) -> tuple[int, ...]:
    """Return the places of cells in which both sides are unique, and the server finds rows; none where there are none.

    Only types count in which different values of the source are different values of the server.
    """
    places = {cell.into: place for place, cell in enumerate(cells)}
    uniques = source.uniques()
    for index in sorted(table.indexes, key=lambda index: (not index.is_primary, len(index.columns), index.name)):
        if not index.is_unique or not index.plain or any(name not in places for name in index.plain):
            continue
        held = [cells[places[name]] for name in index.plain]
        is_fit = all(
            cell.kind.name in _FOUND_BY and not cell.kind.takes_numbers and not cell.is_nullable for cell in held
        )
        if is_fit and any(unique <= {fold(cell.source) for cell in held} for unique in uniques):
            return tuple(places[name] for name in index.plain)
    return ()


def find_alias(source: SourceTable, cells: tuple[Cell, ...]) -> int | None:
    """Return the place of the cell that is the rowid."""
    if source.alias is None:
        return None
    alias = fold(source.alias)
    return next((place for place, cell in enumerate(cells) if fold(cell.source) == alias), None)
