"""What the plan says of types, and what it has to say where columns alone do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.core.errors import PlanError
from strongroom.core.plan.form import ColumnType, Target
from strongroom.core.quoting import fold, quote
from strongroom.load.draft.epochs import describe_numbers, detect_epoch, find_zoneless
from strongroom.load.draft.model import Chosen
from strongroom.load.draft.reading import texts_as_str
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.schema import Table

_NUMBERS = {"integer", "real"}
_LONGEST_LABEL = 63
"""Bytes."""
_NAMED = 10
"""So many columns an error names."""


def refuse_unknown(target: Target, tables: Mapping[str, Table]) -> None:
    """Raise PlanError where the plan says a type of a column that is not there."""
    known = {(fold(table.name), name) for table in tables.values() for name in table.by_name}
    for table, column in target.types:
        if (fold(table), fold(column)) not in known:
            subject = f"{target.name}.{table}.{column}"
            raise PlanError(subject, "has a type in the plan, and is not there", "correct its name under types:")


def obey_plan(connection: Connection, subject: str, table: str, plain: Chosen, said: ColumnType) -> Chosen:
    """Take the type that the plan says; who says how times are read says that they are times. Raises PlanError."""
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


def refuse_undecided(connection: Connection, target: Target, columns: Sequence[tuple[str, Chosen]]) -> None:
    """Raise PlanError where no type holds what columns hold: of the first with its counts, and the names of others."""
    undecided = [(table, chosen) for table, chosen in columns if chosen.is_undecided]
    if not undecided:
        return
    (table, chosen), *others = undecided
    counts = _count_classes(connection, table, chosen.column.name)
    declared = chosen.column.declared
    told = ", ".join(f"{count} {name.upper()}" for name, count in counts.items())
    said = f"is declared {declared}" if declared else "declares no type"
    fact = f"{said} and holds {told}, which no one type holds"
    if others:
        names = [f"{name}.{one.column.name}" for name, one in others]
        more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        fact += f"; it is the same of {', '.join(names[:_NAMED])}{more}"
    example = "numeric" if sum(counts.get(name, 0) for name in _NUMBERS) * 2 > sum(counts.values()) else "text"
    hint = f"say under types: what they are, as {table}.{chosen.column.name}: {example}; rows that do not fit wait"
    raise PlanError(f"{target.name}.{table}.{chosen.column.name}", fact, hint)


def _count_classes(connection: Connection, table: str, column: str) -> dict[str, int]:
    """Count a column's values by storage class, the most first, NULL aside."""
    name = quote(column)
    asked = f"SELECT typeof({name}), count(*) FROM {quote(table)} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC"
    with texts_as_str(connection):
        return dict(connection.execute(asked).fetchall())
