"""The choice of types: what the plan says, else what is declared where all values fit, else what holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.core.plan.form import ColumnType, Defaults, Target
from strongroom.core.quoting import fold
from strongroom.load.convert import Reading
from strongroom.load.draft.census import Trial, begin_trial, find_first_class, holds_class, read_classes, try_columns
from strongroom.load.draft.model import Chosen
from strongroom.load.draft.planned import obey_plan
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.schema import Column, Table

_OF_AFFINITY = {"INTEGER": "bigint", "REAL": "double precision", "TEXT": "text"}
_OF_WORD = (
    (re.compile(r"bool.*"), "boolean"),
    (re.compile(r"(datetime|timestamp).*"), "timestamptz"),
    (re.compile(r"date"), "date"),
    (re.compile(r"jsonb?"), "jsonb"),
    (re.compile(r"(uuid|guid)\b.*"), "uuid"),
    (re.compile(r"(currency|dec|decimal|fixed|money|number|numeric)\b.*"), "numeric"),
)
_OF_CLASS = {"integer": "bigint", "real": "double precision", "text": "text", "blob": "bytea"}
_TAKES = {
    "bigint": {"integer"},
    "boolean": {"integer", "text"},
    "bytea": {"blob"},
    "date": {"text"},
    "double precision": {"real"},
    "jsonb": {"integer", "real", "text"},
    "numeric": {"integer", "real", "text"},
    "text": {"text"},
    "timestamptz": {"integer", "real", "text"},
    "uuid": {"blob", "text"},
}
"""The storage classes of which a type takes all or some values."""
_TRIED = {"boolean", "date", "jsonb", "numeric", "timestamptz", "uuid"}
_NUMBERS = {"integer", "real"}


def choose_types(
    connection: Connection, target: Target, defaults: Defaults, table: Table, columns: Sequence[Column]
) -> tuple[Chosen, ...]:
    """Return the types of some columns of a table, in their order. Read-only.

    One whose values no type holds is left undecided. Raises PlanError for what the plan says and cannot be.
    """
    classes = _look(connection, table, columns)
    said = {fold(column): kind for (name, column), kind in target.types.items() if fold(name) == fold(table.name)}
    wishes = {column.name: _find_wish(column) for column in columns}
    readings = {column.name: _find_reading(said.get(fold(column.name)), defaults) for column in columns}
    trials = {
        name: begin_trial(wish, classes[name], readings[name])
        for name, wish in wishes.items()
        if wish in _TRIED and fold(name) not in said and classes[name] and classes[name] <= _TAKES[wish]
    }
    try_columns(connection, table.name, trials)
    chosen = []
    for column in columns:
        plain = Chosen(column=column, type="text", holds=classes[column.name], reading=readings[column.name])
        kind = said.get(fold(column.name))
        subject = f"{target.name}.{table.name}.{column.name}"
        if kind is not None:
            chosen.append(obey_plan(connection, subject, table.name, plain, kind))
        else:
            chosen.append(_choose(table.name, plain, wishes[column.name], trials.get(column.name)))
    return tuple(chosen)


def _look(connection: Connection, table: Table, columns: Sequence[Column]) -> Mapping[str, frozenset[str]]:
    """Return the storage classes of columns, as far as types depend on them.

    Where the first value of a TEXT, REAL or INTEGER column is of the column's own class, others change nothing of its
    type, but for a REAL in an INTEGER column; those that do not fit wait, and are told then.
    """
    found: dict[str, frozenset[str]] = {}
    for column in columns:
        own = column.affinity.lower()
        if column.name == table.integer_key or (column.strict and column.affinity in _OF_AFFINITY):
            found[column.name] = frozenset({own})
        elif column.affinity in _OF_AFFINITY and find_first_class(connection, table.name, column.name) == own:
            has_real = own == "integer" and holds_class(connection, table.name, column.name, "real")
            if not has_real:
                found[column.name] = frozenset({own})
    rest = [column.name for column in columns if column.name not in found]
    return {**found, **(read_classes(connection, table.name, rest) if rest else {})}


def _find_wish(column: Column) -> str | None:
    """Return the type that a column declares, if it does."""
    if column.affinity in _OF_AFFINITY:
        return _OF_AFFINITY[column.affinity]
    word = fold(column.declared).strip()
    if column.affinity == "BLOB":
        return "bytea" if word.startswith("blob") else None
    return next((kind for pattern, kind in _OF_WORD if pattern.fullmatch(word)), None)


def _find_reading(said: ColumnType | None, defaults: Defaults) -> Reading:
    zone = said.time_zone if said is not None else None
    return Reading(zone=zone or defaults.time_zone, epoch=said.epoch if said is not None else None)


def _choose(table: str, plain: Chosen, wish: str | None, trial: Trial | None) -> Chosen:
    """Take the declared type where all fits, else what holds everything as it is."""
    holds, declared = plain.holds, plain.column.declared
    if wish is not None and holds <= _TAKES[wish] and (trial is None or trial.failure is None):
        return replace(plain, type=wish)
    kind = _find_holder(plain.column, holds)
    if kind is None and wish in _OF_AFFINITY.values():
        told = f"{table}.{plain.column.name}: declared {declared}, and holds {_name(holds)}: rows that do not fit wait"
        return replace(plain, type=str(wish), reported=told)
    if kind is None:
        return replace(plain, is_undecided=True)
    if plain.column.affinity == "BLOB" and wish is None:
        return replace(plain, type=kind)
    why = f": it holds {_name(holds)}" if holds else ""
    if trial is not None and trial.failure is not None:
        why = f": a value {trial.failure}"
    return replace(plain, type=kind, reported=f"{table}.{plain.column.name}: declared {declared}, comes as {kind}{why}")


def _find_holder(column: Column, holds: frozenset[str]) -> str | None:
    """Return the type that holds values of these storage classes as they are."""
    if not holds:
        return "text"
    if len(holds) == 1:
        return _OF_CLASS[next(iter(holds))]
    return "numeric" if holds == _NUMBERS and column.affinity != "BLOB" else None


def _name(holds: frozenset[str]) -> str:
    return " and ".join(sorted(one.upper() for one in holds))
