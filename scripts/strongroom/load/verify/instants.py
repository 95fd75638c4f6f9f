"""Instants as the paper reads them (``.github/POSTGRES.md``, *Instants*), in microseconds since 1970, UTC."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from zoneinfo import ZoneInfo

from strongroom.load.verify.unfit import UnfitError

_BEGIN = datetime(1970, 1, 1)  # noqa: DTZ001  # it is counted in, and has no zone
_FIRST = (datetime(1, 1, 1) - _BEGIN) // timedelta(microseconds=1)  # noqa: DTZ001
_BEYOND = (date(9999, 12, 31) - date(1970, 1, 1)).days * 86_400_000_000 + 86_400_000_000
_TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)?"
    r"(?: ?(?:(Z|UTC)|([+-])([0-9]{2})(?::?([0-9]{2}))?))?"
)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_WHOLE = 6
_HOURS, _MINUTES = 23, 59
_BEGIN_OF_DAYS = Fraction(4881175, 2)
"""1970 in Julian days."""
EPOCHS = {
    "s": (315_532_800, 4_102_444_800),
    "ms": (315_532_800_000, 4_102_444_800_000),
    "us": (315_532_800_000_000, 4_102_444_800_000_000),
    "julian": (2444239.5, 2488069.5),
}
"""Where numbers of each unit lie that mean 1980 to 2100."""


def read_zone(name: str | None) -> tzinfo | None:
    """Return a zone by its name; None for none."""
    if name is None:
        return None
    return UTC if name == "UTC" else ZoneInfo(name)


def read_instant(text: str, zone: tzinfo | None) -> int:
    """Return the instant that a text means; one without a zone is in ``zone``. Raises UnfitError."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise UnfitError("is no instant")
    micro = _count(found.groups()[:7])
    if found[8]:
        return _within(micro)
    if found[9]:
        hours, minutes = int(found[10]), int(found[11] or 0)
        if hours > _HOURS or minutes > _MINUTES:
            raise UnfitError("has a zone that is none")
        away = (hours * 60 + minutes) * 60_000_000
        return _within(micro - away if found[9] == "+" else micro + away)
    if zone is UTC:
        return _within(micro)
    return _within(micro - _find_offset(micro, zone))


def read_local(text: str) -> int:
    """Return the date and time that a text means which has no zone, counted as if it were UTC. Raises UnfitError."""
    found = _TEXT.fullmatch(text)
    if found is None or found[8] or found[9]:
        raise UnfitError("is no date and time without a zone")
    return _within(_count(found.groups()[:7]))


def read_date(text: str) -> str:
    """Return a date as it is written, where it is one. Raises UnfitError."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise UnfitError("is no date")
    try:
        date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise UnfitError("is no date") from None
    return text


def read_number(number: float, unit: str) -> int:
    """Return the instant that a number means, REAL to the nearest microsecond, half to even. Raises UnfitError."""
    if not math.isfinite(number):
        raise UnfitError("is no instant")
    if unit == "julian":
        return _within(round((Fraction(number) - _BEGIN_OF_DAYS) * 86_400_000) * 1000)
    return _within(round(Fraction(number) * _UNITS[unit]))


def detect_unit(least: float, most: float) -> str | None:
    """Return the unit in which two numbers, and all between them, lie between 1980 and 2100."""
    return next((unit for unit, (low, high) in EPOCHS.items() if low <= least and most <= high), None)


def _count(parts: tuple[str | None, ...]) -> int:
    year, month, day, hour, minute, second = (int(part or 0) for part in parts[:6])
    fraction = parts[6] or ""
    if fraction[_WHOLE:].strip("0"):
        raise UnfitError("has more than microseconds")
    try:
        found = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # its zone comes after
    except ValueError:
        raise UnfitError("is no instant") from None
    since = found - _BEGIN
    return (since.days * 86_400 + since.seconds) * 1_000_000 + int(fraction[:_WHOLE].ljust(_WHOLE, "0"))


def _find_offset(micro: int, zone: tzinfo | None) -> int:
    if zone is None:
        raise UnfitError("has no zone, and nobody says one")
    local = (_BEGIN + timedelta(microseconds=micro)).replace(tzinfo=zone)
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    if first is None or first != second:
        raise UnfitError("is a local time that its zone has twice, or never")
    return first // timedelta(microseconds=1)


def _within(micro: int) -> int:
    if not _FIRST <= micro < _BEYOND:
        raise UnfitError("lies beyond the years 1 to 9999")
    return micro
