"""What a table's columns hold, as far as their types depend on it.

The storage classes of all columns come from one pass inside SQLite; a second one, through Python and many rows at a
time, tries the values of those columns whose declared type takes only some of them. Memory stays flat.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.core.quoting import quote, quote_all
from strongroom.load.convert import Packer, Reading, UnfitError, choose_packer
from strongroom.load.draft.epochs import find_unit
from strongroom.load.draft.reading import read_batches, texts_as_str
from strongroom.load.stage.columns import ServerType
from strongroom.sqlite.connection import Connection

_COLUMNS = 500
"""So many are asked for in one statement; SQLite answers with at most 2000."""
_SERVER_NAMES = {
    "bigint": "int8",
    "boolean": "bool",
    "double precision": "float8",
    "integer": "int4",
    "real": "float4",
    "smallint": "int2",
}


def name_server_type(written: str, labels: Sequence[str] = ()) -> ServerType:
    """Return a type as the catalogue names it, without what stands in parentheses."""
    plain = written.partition("(")[0]
    return ServerType(name=_SERVER_NAMES.get(plain, plain), labels=tuple(labels))


def read_classes(connection: Connection, table: str, columns: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """Return the storage classes of each column's values (integer, real, text, blob), NULL aside. Read-only."""
    found: dict[str, frozenset[str]] = {}
    with texts_as_str(connection):
        for start in range(0, len(columns), _COLUMNS):
            names = columns[start : start + _COLUMNS]
            asked = ", ".join(f"group_concat(DISTINCT typeof({quote(name)}))" for name in names)
            (row,) = connection.execute(f"SELECT {asked} FROM {quote(table)}")
            found.update(
                (name, frozenset((said or "").split(",")) - {"", "null"}) for name, said in zip(names, row, strict=True)
            )
    return found


def find_first_class(connection: Connection, table: str, column: str) -> str | None:
    """Return the storage class of a column's first value; None where it holds NULL only. Read-only."""
    name = quote(column)
    with texts_as_str(connection):
        row = connection.execute(
            f"SELECT typeof({name}) FROM {quote(table)} WHERE {name} IS NOT NULL LIMIT 1"
        ).fetchone()
    return None if row is None else str(row[0])


def holds_class(connection: Connection, table: str, column: str, kind: str) -> bool:
    """Tell whether a column holds a value of a storage class. Read-only."""
    asked = f"SELECT 1 FROM {quote(table)} WHERE typeof({quote(column)}) = ? LIMIT 1"
    return connection.execute(asked, (kind,)).fetchone() is not None


def holds_null(connection: Connection, table: str, columns: Sequence[str]) -> bool:
    """Tell whether one of some columns holds NULL. Read-only."""
    asked = " OR ".join(f"{quote(name)} IS NULL" for name in columns)
    return connection.execute(f"SELECT 1 FROM {quote(table)} WHERE {asked} LIMIT 1").fetchone() is not None


class Trial:
    """Whether a type takes every value of a column; once it does not, no more are tried."""

    def __init__(self, packer: Packer) -> None:
        """Try values with what packs them."""
        self._packer = packer
        self.failure: str | None = None
        """Why a value does not fit, without the value."""

    def try_values(self, values: Sequence[Any]) -> None:
        """Try some of the column's values."""
        if self.failure is None:
            try:
                self._pack(values)
            except UnfitError as error:
                self.failure = str(error)

    def conclude(self) -> None:
        """Judge what only all values together tell."""

    def _pack(self, values: Sequence[Any]) -> None:
        self._packer.pack_all(list(set(values)))  # equal values fit alike, or not at all


class NumberTrial(Trial):
    """The same of columns of numbers alone, where all but infinity fit."""

    def _pack(self, values: Sequence[Any]) -> None:
        self._packer.pack_all([value for value in (math.inf, -math.inf) if value in values])


class InstantTrial(Trial):
    """The same of ``timestamptz``, where the unit of numbers is known at the end only."""

    def __init__(self, reading: Reading) -> None:
        """Read times as ``reading`` says, numbers in the unit that fits all where it says none."""
        super().__init__(_choose("timestamptz", reading))
        self._reading = reading
        self._lowest: float | None = None
        self._highest: float | None = None

    def _pack(self, values: Sequence[Any]) -> None:
        numbers = [value for value in values if type(value) in (int, float)]
        if numbers:
            self._lowest = min(numbers) if self._lowest is None else min(self._lowest, *numbers)
            self._highest = max(numbers) if self._highest is None else max(self._highest, *numbers)
        super()._pack([value for value in values if type(value) not in (int, float)] if numbers else values)

    def conclude(self) -> None:
        """Find the unit, and see that the first and the last number are instants."""
        if self.failure is not None or self._lowest is None:
            return
        unit = self._reading.epoch or find_unit(self._lowest, self._highest)
        if unit is None:
            self.failure = "is a number, and there is no unit in which all lie between 1980 and 2100"
            return
        numbers = Trial(_choose("timestamptz", Reading(epoch=unit)))
        numbers.try_values([self._lowest, self._highest])
        self.failure = numbers.failure


def begin_trial(kind: str, holds: frozenset[str], reading: Reading) -> Trial:
    """Return what tries the values of a column of a type, whose storage classes are known."""
    if kind == "timestamptz":
        return InstantTrial(reading)
    is_number = kind in {"jsonb", "numeric"} and "text" not in holds
    return (NumberTrial if is_number else Trial)(_choose(kind, reading))


def try_columns(connection: Connection, table: str, trials: Mapping[str, Trial]) -> None:
    """Try every value of some columns, until none of them is in question any more. Read-only."""
    asked = f"SELECT {quote_all(trials)} FROM {quote(table)}"
    for rows in read_batches(connection, asked) if trials else ():
        for trial, values in zip(trials.values(), zip(*rows, strict=True), strict=True):
            trial.try_values(values)
        if all(trial.failure is not None for trial in trials.values()):
            break
    for trial in trials.values():
        trial.conclude()


def _choose(kind: str, reading: Reading) -> Packer:
    packer = choose_packer(name_server_type(kind), reading)
    if packer is None:
        raise ValueError(f"nothing packs {kind}")
    return packer
