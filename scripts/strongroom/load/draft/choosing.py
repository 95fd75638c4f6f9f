"""The choice of types: what the plan says, else what is declared where all values fit, else what holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.core.errors import PlanError
from strongroom.core.plan.form import ColumnType, Defaults, Target
from strongroom.core.quoting import fold
from strongroom.load.convert import Reading
from strongroom.load.draft.census import Trial, begin_trial, read_classes, try_columns
from strongroom.load.draft.epochs import describe_numbers, detect_epoch, find_zoneless
from strongroom.load.draft.model import Chosen
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.schema import Column, Table

_OF_AFFINITY = {"INTEGER": "bigint", "REAL": "double precision", "TEXT": "text"}
_OF_WORD = (
    (re.compile(r"bool.*"), "boolean"),
    (re.compile(r"(datetime|timestamp).*"), "timestamptz"),
    (re.compile(r"date"), "date"),
    (re.compile(r"jsonb?"), "jsonb"),
    (re.compile(r"(uuid|guid)\b.*"), "uuid"),
    (re.compile(r"(decimal|numeric)\b.*"), "numeric"),
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
_LONGEST_LABEL = 63


def choose_types(
    connection: Connection, target: Target, defaults: Defaults, table: Table, columns: Sequence[Column]
) -> tuple[Chosen, ...]:
    """Return the types of some columns of a table, in their order. Read-only.

    Raises PlanError for a column whose values no type holds, and for what the plan says and cannot be.
    """
    classes = _look(connection, table, columns)
    said = {fold(column): kind for (name, column), kind in target.types.items() if fold(name) == fold(table.name)}
    wishes = {column.name: _find_wish(column) for column in columns}
    readings = {column.name: _find_reading(said.get(fold(column.name)), defaults) for column in columns}
    trials = {
        name: begin_trial(wish, readings[name])
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
            chosen.append(_obey(connection, subject, table.name, plain, kind))
        else:
            chosen.append(_choose(subject, table.name, plain, wishes[column.name], trials.get(column.name)))
    return tuple(chosen)


def refuse_unknown(target: Target, tables: Mapping[str, Table]) -> None:
    """Raise PlanError where the plan says a type of a column that is not there."""
    known = {(fold(table.name), name) for table in tables.values() for name in table.by_name}
    for table, column in target.types:
        if (fold(table), fold(column)) not in known:
            subject = f"{target.name}.{table}.{column}"
            raise PlanError(subject, "has a type in the plan, and is not there", "correct its name under types:")


def _look(connection: Connection, table: Table, columns: Sequence[Column]) -> Mapping[str, frozenset[str]]:
    """Look at the storage classes of all columns whose declaration does not settle them."""
    settled = {
        column.name: frozenset({column.affinity.lower()})
        for column in columns
        if column.name == table.integer_key or (column.strict and column.affinity in _OF_AFFINITY)
    }
    return {**settled, **read_classes(connection, table.name, [one.name for one in columns if one.name not in settled])}


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


def _obey(connection: Connection, subject: str, table: str, plain: Chosen, said: ColumnType) -> Chosen:
    """Take the type that the plan says; who says how times are read says that they are times."""
    kind = said.type or "timestamptz"
    if kind == "timestamptz":
        _refuse_unread(connection, subject, table, plain)
    if kind == "enum":
        _refuse_labels(subject, said.values)
    return replace(plain, type=kind, labels=said.values)


def _refuse_unread(connection: Connection, subject: str, table: str, plain: Chosen) -> None:
    name, reading = plain.column.name, plain.reading
    if plain.holds & _NUMBERS and reading.epoch is None and detect_epoch(connection, table, name) is None:
        fact = f"is to be a time, and its numbers are of no one unit ({describe_numbers(connection, table, name)})"
        raise PlanError(
            subject, fact, f"say it under types: {table}.{name}: {{type: timestamptz, epoch: s}}, or ms, us"
        )
    if "text" in plain.holds and reading.zone is None and find_zoneless(connection, table, name):
        fact = "is to be a time, and holds times without a zone"
        raise PlanError(subject, fact, "say time_zone: UTC (or another) under defaults:, or of the column under types:")


def _refuse_labels(subject: str, labels: Sequence[str]) -> None:
    for label in labels:
        if len(label.encode()) > _LONGEST_LABEL:
            raise PlanError(
                subject, f"has a label of more than {_LONGEST_LABEL} bytes: {label}", "shorten it, or say text"
            )
    if len(set(labels)) < len(labels):
        raise PlanError(subject, "has a label twice", "name each of its values once under types:")


def _choose(subject: str, table: str, plain: Chosen, wish: str | None, trial: Trial | None) -> Chosen:
    """Take the declared type where all fits, else what holds everything as it is."""
    holds, declared = plain.holds, plain.column.declared
    if wish is not None and holds <= _TAKES[wish] and (trial is None or trial.failure is None):
        return replace(plain, type=wish)
    kind = _find_holder(plain.column, holds)
    if kind is None and wish in _OF_AFFINITY.values():
        told = f"{table}.{plain.column.name}: declared {declared}, and holds {_name(holds)}: rows that do not fit wait"
        return replace(plain, type=str(wish), reported=told)
    if kind is None:
        said = f"is declared {declared}" if declared else "declares no type"
        fact = f"{said} and holds {_name(holds)}, which no one type holds"
        raise PlanError(subject, fact, f"say it under types: {table}.{plain.column.name}: text (the other rows wait)")
    if plain.column.affinity == "BLOB" and wish is None:
        return replace(plain, type=kind)
    why = (
        f": a value {trial.failure}"
        if trial is not None and trial.failure
        else f": it holds {_name(holds)}"
        if holds
        else ""
    )
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
