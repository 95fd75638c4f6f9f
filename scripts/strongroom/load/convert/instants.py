"""``timestamptz``, ``timestamp`` and ``date``: microseconds and days since 2000."""

from __future__ import annotations

import math
import re
import struct
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from fractions import Fraction
from zoneinfo import ZoneInfo

from strongroom.load.convert.model import Fixed, Packer, UnfitError, Value, refuse_class

_FORM = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?)?"
    r"(?P<zone> ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_BEGIN = datetime(2000, 1, 1)  # noqa: DTZ001  # what is counted from, in whatever zone
_BEGIN_UTC = _BEGIN.replace(tzinfo=UTC)
_DAY_ZERO = date(2000, 1, 1)
_UNIX = int((_BEGIN_UTC - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000
_JULIAN = Fraction(4_903_089, 2)
"""The Julian day of 2000-01-01 00:00 is 2451544.5."""
_FIRST = (datetime(1, 1, 1) - _BEGIN) // timedelta(microseconds=1)  # noqa: DTZ001
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_999) - _BEGIN) // timedelta(microseconds=1)  # noqa: DTZ001
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_KNOWN: tuple[dict[str, int], dict[str, int]] = ({}, {})
"""Days and times of day in UTC that were read, in microseconds: of all columns, for as long as the process lives."""
_DAY = 2 * 86_400_000_000
"""Beyond what a zone moves an instant by."""
_BEYOND = "lies outside of the years 1 to 9999"
_DIGITS, _LAST_HOUR = 6, 23
_REMEMBERED = 100_000


class InstantPacker(Packer):
    """``timestamptz``: text of any zone, numbers of one unit."""

    def __init__(self, zone: str | None, epoch: str | None) -> None:
        """Take times without a zone as of ``zone``, numbers as of ``epoch``; None: not at all."""
        self._zone: tzinfo | None = None if zone is None else UTC if zone == "UTC" else ZoneInfo(zone)
        self._epoch = epoch
        if self._zone is UTC and epoch is None:
            self.inline = Fixed(code="q", size=8, write="at{n}({v})", names={"at": self._look_up})

    def pack(self, value: Value) -> bytes:
        """Return an instant in microseconds since 2000."""
        return struct.pack(">q", self._read_within(value))

    def _look_up(self, text: str) -> int:
        """Return an instant in microseconds since 2000; in UTC its day and its time of day are known once read."""
        days, times = _KNOWN
        try:
            return days[text[:10]] + times[text[10:]]
        except KeyError:
            found, start = self._read_within(text), self._read_text(text[:10])
        if _FIRST + _DAY <= start <= _LAST - _DAY and len(days) + len(times) < _REMEMBERED:
            days[text[:10]], times[text[10:]] = start, found - start
        return found

    def _read_within(self, value: Value) -> int:
        found = self._read_text(value) if type(value) is str else self._read_number(value)
        if not _FIRST <= found <= _LAST:
            raise UnfitError(_BEYOND)
        return found

    def _read_text(self, text: str) -> int:
        moment, zone = _read(text)
        if zone is not None:
            return (moment - _BEGIN) // timedelta(microseconds=1) - zone // timedelta(microseconds=1)
        if self._zone is None:
            raise UnfitError("has no time zone, and nobody says which it is in")
        return (moment - _BEGIN) // timedelta(microseconds=1) - _offset(moment, self._zone)

    def _read_number(self, value: Value) -> int:
        if type(value) not in (int, float):
            raise refuse_class(value, "timestamptz")
        if self._epoch is None:
            raise UnfitError("is a number, and nobody says of which unit")
        if type(value) is float and not math.isfinite(value):
            raise UnfitError("is infinite")
        if self._epoch == "julian":
            return round((Fraction(value) - _JULIAN) * 86_400_000) * 1_000
        return round(Fraction(value) * _MICROSECONDS[self._epoch]) - _UNIX


class LocalPacker(Packer):
    """``timestamp``: text without a zone."""

    def pack(self, value: Value) -> bytes:
        """Return a date and time in microseconds since 2000."""
        if type(value) is not str:
            raise refuse_class(value, "timestamp")
        moment, zone = _read(value)
        if zone is not None:
            raise UnfitError("has a time zone, which timestamp would drop")
        return struct.pack(">q", (moment - _BEGIN) // timedelta(microseconds=1))


class DatePacker(Packer):
    """``date``."""

    def pack(self, value: Value) -> bytes:
        """Return a day since 2000."""
        if type(value) is not str:
            raise refuse_class(value, "date")
        found = _FORM.fullmatch(value)
        if found is None or found["hour"] is not None or found["zone"] is not None:
            raise UnfitError("is no date, YYYY-MM-DD")
        return struct.pack(">i", (_day(value) - _DAY_ZERO).days)


def _read(text: str) -> tuple[datetime, timedelta | None]:
    """Return the time that is written, and its distance from UTC where that is written too."""
    found = _FORM.fullmatch(text)
    if found is None or (found["zone"] and found["hour"] is None):
        raise UnfitError("is no instant: another form, or a day that is none")
    fraction = (found["fraction"] or "").ljust(_DIGITS, "0")
    if fraction[_DIGITS:].strip("0"):
        raise UnfitError("is finer than a microsecond")
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    try:
        day = _day(found["day"])
        moment = datetime(day.year, day.month, day.day, hour, minute, second, int(fraction[:_DIGITS]))  # noqa: DTZ001
    except ValueError as error:
        raise UnfitError("is no instant: another form, or a day that is none") from error
    return moment, _read_zone(found["zone"])


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UnfitError("is no instant: another form, or a day that is none") from error


def _read_zone(text: str | None) -> timedelta | None:
    if not text:
        return None
    written = text.strip()
    if written in ("Z", "UTC"):
        return timedelta()
    digits = written[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > _LAST_HOUR or minutes > 59:  # noqa: PLR2004  # of an hour
        raise UnfitError("has a time zone that is none")
    apart = timedelta(hours=hours, minutes=minutes)
    return -apart if written[0] == "-" else apart


def _offset(moment: datetime, zone: tzinfo) -> int:
    """Return how many microseconds a zone is ahead of UTC then; a local time is once, or it is none."""
    if isinstance(zone, timezone):
        return int(zone.utcoffset(moment) / timedelta(microseconds=1))
    before, after = (moment.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if before != after:
        raise UnfitError("is a local time that its zone has twice, or never")
    return before // timedelta(microseconds=1)
