"""Where the parents of what a table holds are looked for, and how a row is found among them."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.binding import BoundInput, Rewrite, TableJob
from strongroom.consolidate.merge.maps import declare_olds, olds
from strongroom.consolidate.merge.raw import find_collation
from strongroom.core.quoting import dotted, fold, quote
from strongroom.sqlite.connection import Connection, attached
from strongroom.sqlite.schema import Table

_NUMBERS, _BLOB = ("INTEGER", "NUMERIC", "REAL"), "BLOB"


def list_fed(parent: TableJob, rewrite: Rewrite) -> list[BoundInput]:
    """Return the parent's inputs that have what is held."""
    return [one for one in parent.inputs if all(name in one.columns for name in rewrite.parent_columns)]


def compares_alike(connection: Connection, parent: TableJob, rewrite: Rewrite, home: BoundInput) -> bool:
    """Tell whether a parent's file compares what is held as the target does; numbers need no collation."""
    held = [home.columns[name] for name in rewrite.parent_columns]
    mine = [_kind(home.table, name) for name in held]
    if mine != [_kind(parent.table, name) for name in rewrite.parent_columns]:
        return False
    if held == [home.table.integer_key]:
        return True
    with attached(connection, home.database, "src"):
        found = [find_collation(connection, dotted("src", home.table.name), name) for name in held]
    return found == [collation.upper() for collation in rewrite.collations]


def tells_apart(table: Table, columns: tuple[str, ...], collations: tuple[str, ...]) -> bool:
    """Tell whether a table keeps columns unique, as these collations compare them."""
    if table.integer_key is not None and table.integer_key in columns:
        return True
    compared = {fold(name): collation.upper() for name, collation in zip(columns, collations, strict=True)}
    return any(
        index.unique
        and not index.partial
        and index.columns
        and all(compared.get(fold(str(name))) in ("BINARY", how.upper()) for name, _, how in index.parts)
        for index in table.indexes
    )


def finds_what_is_written(child: TableJob, parent: TableJob, rewrite: Rewrite) -> bool:
    """Tell whether the target finds a parent by its id, however the child's column stores that.

    Where ids have no type it finds what stays; what is written anew must be of the id's own type.
    """
    for mine, theirs in zip(rewrite.columns, rewrite.parent_columns, strict=True):
        stored = _BLOB if rewrite.json is not None else child.table.by_name[fold(mine)].affinity
        affinity = parent.table.by_name[fold(theirs)].affinity
        if affinity == "TEXT":
            found = stored in ("TEXT", _BLOB)
        elif affinity in _NUMBERS:
            is_whole = theirs == parent.table.integer_key
            found = (is_whole or stored in _NUMBERS) and (stored != "REAL" or affinity == "REAL")
        else:
            found = stored == _BLOB and rewrite.json is None
        if not found:
            return False
    return True


def _kind(table: Table, name: str) -> str:
    """Return how a column compares: numbers of all kinds do so alike."""
    affinity = table.by_name[fold(name)].affinity
    return "NUMERIC" if affinity in _NUMBERS else affinity


@dataclass(frozen=True, slots=True, kw_only=True)
class Parents:
    """The parents of one reference of one input of a table."""

    connection: Connection
    child: TableJob
    parent: TableJob
    rewrite: Rewrite
    entry: BoundInput
    is_odd: bool
    """Whether what a value means in its file need not be what the target finds by it."""

    @property
    def own(self) -> list[BoundInput]:
        """The parent's inputs in the child's own file."""
        return [home for home in self._fed if home.source == self.entry.source]

    @property
    def is_own(self) -> bool:
        """Whether parents are looked for in the child's own file only."""
        return not self.rewrite.homes and (bool(self.own) or self.entry.source in self.rewrite.bereft)

    @property
    def homes(self) -> list[BoundInput]:
        """The parent's inputs in which the rows are looked for."""
        if self.rewrite.homes:
            return [one for one in self._fed if f"{one.source}.{fold(one.table.name)}" in self.rewrite.homes]
        return self.own if self.is_own else self._fed

    @property
    def _fed(self) -> list[BoundInput]:
        return list_fed(self.parent, self.rewrite)

    @property
    def is_typed(self) -> bool:
        """Whether a number and its digits are one id to the target."""
        names = map(fold, self.rewrite.parent_columns)
        return all(self.parent.table.by_name[name].affinity != _BLOB for name in names)

    @property
    def has_one_home(self) -> bool:
        """Whether each value has one row at most, which is found by it as the target's is."""
        homes = self.homes
        return len(homes) == 1 and not self.is_odd and self.tells_apart(homes[0].table, self.columns_of(homes[0]))

    @property
    def declared(self) -> str:
        """The columns of old values: those of the parents, or those of the child, each by itself."""
        if self.has_one_home:
            return declare_olds(self.parent, self.rewrite)
        return ", ".join(olds(len(self.rewrite.columns)))

    @property
    def near(self) -> list[BoundInput]:
        """Where the plan names the parents: those in the child's own file, which count alone where they have a value.

        Be it that the row which has it is left out.
        """
        return [home for home in self.homes if home.source == self.entry.source] if self.rewrite.homes else []

    def columns_of(self, home: BoundInput) -> tuple[str, ...]:
        """Return the columns of a parent's input that are held."""
        return tuple(home.columns[name] for name in self.rewrite.parent_columns)

    def tells_apart(self, table: Table, columns: tuple[str, ...]) -> bool:
        """Tell whether a table keeps its columns for what is held unique, as they compare."""
        return tells_apart(table, columns, self.rewrite.collations)

    def goes_in(self, home: BoundInput, table: str, rid: str) -> str:
        """Return the condition that the plan does not leave a row of a parent out, asked in a scope of its own."""
        if self.parent.where is None or home.is_seed:
            return "1"
        same = f"f.{rid.partition('.')[2]} = {rid}"
        return f"EXISTS (SELECT 1 FROM {table} f WHERE {same} AND ({self.parent.where.sql}) IS TRUE)"

    def find_parent(self, home: BoundInput, table: str, held: list[str]) -> str:
        """Return the query for a parent's row that has these values, and goes in."""
        rid = "_strongroom_row" if home.table.rowid is None else home.table.rowid
        pairs = zip(self.columns_of(home), held, strict=True)
        same = " AND ".join(f"p.{quote(name)} = {value}" for name, value in pairs)
        return f"SELECT 1 FROM {table} p WHERE {same} AND {self.goes_in(home, table, f'p.{quote(rid)}')}"
