"""Read an instant from whatever an application stored: ISO text of any form, or an epoch.

Naive text counts as UTC. Magnitudes tell seconds, milli- and microseconds apart.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # what is counted from where no zone is said
_FACTORS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_BEYOND = 2**63 - 1
"""Instants stay within SQLite's integers, and within what stands for never and for ever."""
_MILLISECONDS_FROM = 10**11
_MICROSECONDS_FROM = 10**14

Stored = int | float | str | bytes | None


def read_instant(value: Stored) -> int | None:
    """Return microseconds since 1970 in UTC, or None when ``value`` is no instant."""
    if isinstance(value, str | bytes):
        return _read_text(value)
    if isinstance(value, bool) or value is None:
        return None
    found = read_epoch(value, "auto")
    return found if found is not None and abs(found) < _BEYOND else None


def is_later(one: Stored, two: Stored) -> bool:
    """Tell whether ``one`` is a later instant than ``two``, or the only one of them that is an instant."""
    first, second = _read_pair(one, two)
    return first is not None and (second is None or bool(first > second))


def is_earlier(one: Stored, two: Stored) -> bool:
    """Tell whether ``one`` is an earlier instant than ``two``, or the only one of them that is an instant."""
    first, second = _read_pair(one, two)
    return first is not None and (second is None or bool(first < second))


def _read_pair(one: Stored, two: Stored) -> tuple[Any, Any]:
    """Return what compares as the two instants do: those of bytes without a zone need not be counted first."""
    if isinstance(one, bytes) and isinstance(two, bytes):
        try:
            mine, theirs = _read_moment(one), _read_moment(two)
        except (ValueError, UnicodeDecodeError):
            return read_instant(one), read_instant(two)
        if mine.tzinfo is None and theirs.tzinfo is None:
            return mine, theirs
    return read_instant(one), read_instant(two)


def _read_moment(value: str | bytes) -> datetime:
    return datetime.fromisoformat((value.decode() if isinstance(value, bytes) else value).strip())


def _read_text(value: str | bytes) -> int | None:
    try:
        moment = _read_moment(value)
    except (ValueError, UnicodeDecodeError):
        return None
    since = moment - (_EPOCH if moment.tzinfo else _NAIVE_EPOCH)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def read_epoch(value: float, unit: str) -> int | None:
    """Return microseconds for a number of seconds, ``ms`` or ``us``; ``auto`` goes by the magnitude."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  NaN is the one value unequal to itself
        return None
    if unit == "auto":
        size = abs(value)
        unit = "s" if size < _MILLISECONDS_FROM else "ms" if size < _MICROSECONDS_FROM else "us"
    factor = _FACTORS[unit]
    return value * factor if isinstance(value, int) else _multiply(value, factor)


def _multiply(value: float, factor: int) -> int:
    """Return the whole number that is nearest to the exact product, of two the even one."""
    above, below = value.as_integer_ratio()
    whole, rest = divmod(above * factor, below)
    return whole + (2 * rest + (whole & 1) > below)


def write_iso8601(microseconds: int) -> str | None:
    """Write an instant as ISO 8601 in UTC; None beyond the calendar's years."""
    try:
        moment = _NAIVE_EPOCH + timedelta(microseconds=microseconds)  # without a zone it is written twice as fast
    except OverflowError:
        return None
    return f"{moment.isoformat()}Z"
