"""The unit of numbers that are times, by where they all lie: between 1980 and 2100, or nowhere."""

from __future__ import annotations

from strongroom.core.quoting import quote
from strongroom.load.convert import Reading, UnfitError, choose_packer
from strongroom.load.draft.reading import read_batches, texts_as_str
from strongroom.load.stage.columns import ServerType
from strongroom.sqlite.connection import Connection

_SECONDS = (315_532_800, 4_102_444_800)
_UNITS: dict[str, tuple[float, float]] = {
    "s": _SECONDS,
    "ms": (_SECONDS[0] * 1_000, _SECONDS[1] * 1_000),
    "us": (_SECONDS[0] * 1_000_000, _SECONDS[1] * 1_000_000),
    "julian": (2_444_239.5, 2_488_069.5),
}
_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "julian": "Julian days"}
_NUMBERS = "typeof({0}) IN ('integer', 'real')"
"""Aggregates over no rows are NULL, which no unit holds."""


def find_unit(lowest: float | None, highest: float | None) -> str | None:
    """Return the unit in which numbers from ``lowest`` to ``highest`` lie; None without one, or without numbers."""
    if lowest is None or highest is None:
        return None
    return next((unit for unit, (first, last) in _UNITS.items() if first <= lowest and highest <= last), None)


def detect_epoch(connection: Connection, table: str, column: str) -> str | None:
    """Return the unit (s, ms, us, julian) in which all numbers of a column lie; None without one, or without numbers.

    Read-only; one pass over the table.
    """
    name = quote(column)
    asked = f"SELECT min({name}), max({name}) FROM {quote(table)} WHERE {_NUMBERS.format(name)}"
    return find_unit(*connection.execute(asked).fetchone())


def describe_numbers(connection: Connection, table: str, column: str) -> str:
    """Count a column's numbers by the unit in which they lie, for people: ``3 as seconds, 1 as none``. Read-only."""
    name = quote(column)
    cases = " ".join(f"WHEN {name} BETWEEN {first} AND {last} THEN '{unit}'" for unit, (first, last) in _UNITS.items())
    unit = f"CASE {cases} ELSE '' END"
    asked = f"SELECT {unit}, count(*) FROM {quote(table)} WHERE {_NUMBERS.format(name)} GROUP BY 1"
    with texts_as_str(connection):
        counts = dict(connection.execute(asked).fetchall())
    told = [f"{counts[unit]} as {name}" for unit, name in (*_NAMES.items(), ("", "none")) if unit in counts]
    return f"numbers between 1980 and 2100: {', '.join(told)}" if told else "no numbers"


def find_zoneless(connection: Connection, table: str, column: str) -> bool:
    """Tell whether a column holds TEXT that is an instant as soon as somebody says its zone. Read-only."""
    name = quote(column)
    asked = f"SELECT {name} FROM {quote(table)} WHERE typeof({name}) = 'text'"
    return any(is_zoneless(value) for rows in read_batches(connection, asked) for (value,) in rows)


def is_zoneless(value: object) -> bool:
    """Tell whether a value is an instant without a zone."""
    return not fits_instant(value, None) and fits_instant(value, "UTC")


def fits_instant(value: object, zone: str | None) -> bool:
    """Tell whether TEXT is an instant where times without a zone are in ``zone``."""
    packer = choose_packer(ServerType(name="timestamptz"), Reading(zone=zone))
    try:
        return packer is not None and bool(packer.pack(value))
    except UnfitError:
        return False
