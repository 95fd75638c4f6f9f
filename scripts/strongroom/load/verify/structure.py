"""What goes with the rows: keys, NOT NULL, references, indexes and triggers, as the source declares them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from strongroom.core.quoting import fold
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.parts import Both
from strongroom.load.verify.server import ServerIndex, ServerTable
from strongroom.load.verify.source import BINARY, SourceIndex, SourceKey, SourceTable, has_null_in_key
from strongroom.sqlite.connection import Connection


@dataclass(slots=True)
class Structure:
    """What the server lacks of one table."""

    connection: Connection
    """To the source."""
    both: Both
    pair: Pair
    reported: frozenset[str]
    """``table.thing``, folded, of what the load says that it does not carry."""
    shares: bool
    """Whether the server's table was there before, with keys of its own."""
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(self) -> None:
        """Compare everything."""
        source, table = self.both.tables_of(self.pair)
        self._compare_columns(source, table)
        self._compare_primary_key(source, table)
        for index in source.indexes:
            self._compare_index(source, index, table)
        for key in source.foreign_keys:
            self._compare_reference(key, table)
        for name in table.disabled:
            self._say(f"trigger or foreign key {name} is switched off")
        if not table.is_logged:
            self._say("is UNLOGGED: a crash of the server would empty it")

    def _compare_columns(self, source: SourceTable, table: ServerTable) -> None:
        for column in source.columns:
            into = self._into(column.name)
            if into is None:
                self._say(f"column {column.name} is not in PostgreSQL")
                continue
            held = table.find(into)
            if column.is_not_null and held is not None and not held.is_not_null and not self._is_reported(column.name):
                self._say(f"column {column.name} is NOT NULL in the source, and may be NULL in PostgreSQL")
        for cell in self.pair.cells:
            element = cell.kind.element
            if not cell.kind.name or (element is not None and element.name in ("", "array")):
                self._say(f"column {cell.into} has type {cell.kind.shown}, which no load makes")

    def _compare_primary_key(self, source: SourceTable, table: ServerTable) -> None:
        names = self._into_all(source.primary_key)
        if not source.primary_key or names is None or self._is_reported("primary key"):
            return
        holds_null = has_null_in_key(self.connection, source)
        is_meant = self._takes_null if holds_null else _is_primary
        found = any(index.is_unique and set(index.plain) == names and is_meant(index) for index in table.indexes)
        if not found and not self._has_folded(source, table, names):
            named = f"the primary key ({', '.join(source.primary_key)})"
            self._say(f"{named}, which holds NULL in the source, is not there as UNIQUE" if holds_null
                      else f"{named} is not there")  # fmt: skip

    def _takes_null(self, index: ServerIndex) -> bool:
        """Tell whether a unique index takes NULL, as often as it comes; one that was there before need not."""
        return self.shares or not (index.is_primary or index.knows_null)

    def _has_folded(self, source: SourceTable, table: ServerTable, names: set[str]) -> bool:
        """Tell whether a key under another collation became a unique index that folds its columns."""
        own = [index for index in source.indexes if set(map(fold, index.plain)) == set(map(fold, source.primary_key))]
        is_folded = any(set(index.collations) != {BINARY} for index in own)
        return is_folded and any(index.is_unique and _names_of(index.columns, index.folded) == names
                                 for index in table.indexes)  # fmt: skip

    def _compare_index(self, source: SourceTable, index: SourceIndex, table: ServerTable) -> None:
        if set(map(fold, index.plain)) == set(map(fold, source.primary_key)) or self._is_reported(index.name):
            return
        if self._finds(index, table):
            return
        named = ", ".join(name or "an expression" for name in index.columns)
        what = f"uniqueness of ({named}), index {index.name}," if index.is_unique else f"index {index.name} ({named})"
        self._say(f"{what} is not there")

    def _finds(self, index: SourceIndex, table: ServerTable) -> bool:
        names = [None if name is None else self._into(name) for name in index.columns]
        for held in table.indexes:
            if held.is_unique < index.is_unique or held.is_partial != index.is_partial:
                continue
            theirs = [name or folded.partition(" ")[2] or None for name, folded in
                      zip(held.columns, held.folded, strict=True)]  # fmt: skip
            if names == theirs or (index.is_unique and None not in names and set(names) == set(theirs)):
                return True
        return False

    def _compare_reference(self, key: SourceKey, table: ServerTable) -> None:
        parent = self.both.find_pair(key.parent)
        named = f"foreign key ({', '.join(key.columns)}) to {key.parent}"
        if parent is None or not self._is_unique_in(parent, key):
            self.notes.append(f"{self.pair.into}: {named} means no key of a table that is loaded")
            return
        mine = [self._into(name) for name in key.columns]
        theirs = [_into(parent, name) for name in key.parent_columns]
        wanted = set(zip(mine, theirs, strict=False))
        if any(
            held.parent == parent.table and set(zip(held.columns, held.parent_columns, strict=True)) == wanted
            for held in table.foreign_keys
        ):
            return
        if not any(self._is_reported(name) for name in key.columns):
            self._say(f"{named} is not there")

    def _is_unique_in(self, parent: Pair, key: SourceKey) -> bool:
        wanted = frozenset(map(fold, key.parent_columns))
        source = self.both.tables_of(parent)[0]
        return bool(wanted) and (wanted in source.uniques() or wanted == frozenset(map(fold, source.primary_key)))

    def _into(self, name: str) -> str | None:
        return _into(self.pair, name)

    def _into_all(self, names: tuple[str, ...]) -> set[str] | None:
        found = [self._into(name) for name in names]
        return None if None in found else {name for name in found if name is not None}

    def _is_reported(self, name: str) -> bool:
        return fold(f"{self.pair.source}.{name}") in self.reported

    def _say(self, what: str) -> None:
        self.differences.append(f"{self.pair.into}: {what}")


def _into(pair: Pair, name: str) -> str | None:
    return next((cell.into for cell in pair.cells if fold(cell.source) == fold(name)), None)


def _is_primary(index: ServerIndex) -> bool:
    return index.is_primary


def _names_of(columns: tuple[str | None, ...], folded: tuple[str, ...]) -> set[str]:
    return {name or how.partition(" ")[2] for name, how in zip(columns, folded, strict=True)}


def read_reported(lines: tuple[str, ...]) -> frozenset[str]:
    """Return what is named before the colon of each line, folded, without the word that says what it is."""
    return frozenset(name for line in lines for name in _names_before_colon(line))


def _names_before_colon(line: str) -> Iterator[str]:
    name = line.partition(":")[0].strip()
    yield fold(name)
    yield fold(name.removeprefix("table ").removeprefix("index ").removeprefix("column ").removeprefix("foreign key "))
