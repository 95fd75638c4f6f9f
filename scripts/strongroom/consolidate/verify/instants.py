"""Instants, from whatever a column holds, and a time that is written in one way."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from strongroom.consolidate.verify.values import Value

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN_BARE = _BEGIN.replace(tzinfo=None)
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_SECONDS_BELOW, _MILLISECONDS_BELOW = 10**11, 10**14
_BEYOND = 2**63 - 1


def read_instant(value: Value) -> int | None:
    """Return microseconds since 1970 in UTC; None for what is no instant."""
    if isinstance(value, str):
        return _read_text(value)
    if isinstance(value, bytes):
        try:
            return _read_text(value.decode("utf-8"))
        except UnicodeDecodeError:
            return None
    micro = None if value is None else count_micro(value, "auto")
    return micro if micro is not None and abs(micro) < _BEYOND else None


def _read_text(text: str) -> int | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    since = found - (_BEGIN if found.tzinfo is not None else _BEGIN_BARE)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def count_micro(number: float, unit: str) -> int | None:
    """Return a number of seconds, ms or us (``auto``: by its magnitude) in whole microseconds, half to even."""
    if unit == "auto":
        size = abs(number)
        unit = "s" if size < _SECONDS_BELOW else "ms" if size < _MILLISECONDS_BELOW else "us"
    if isinstance(number, int):
        return number * _UNITS[unit]
    return round(Fraction(number) * _UNITS[unit]) if math.isfinite(number) else None


def write_instant(value: Value, unit: str) -> Value:
    """Write a number as ISO 8601 in UTC; anything else, and what lies beyond the years 1 to 9999, stays."""
    if not isinstance(value, int | float):
        return value
    micro = count_micro(value, unit)
    if micro is None:
        return value
    try:
        found = _BEGIN_BARE + timedelta(microseconds=micro)
    except OverflowError:
        return value
    return found.isoformat() + "Z"  # with six digits of a second's fraction, or none
