"""Schedules of CronJobs: read as Kubernetes' controller reads them, and asked when they fire.

The form is robfig/cron's standard one, version 3: five fields, names of months and days, ``@daily`` and its like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

DAY = 24 * 60
"""A day in minutes."""
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: place for place, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: place for place, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_FREE = {"*", "?", "*/1", "?/1"}
_FIRST, _YEARS = date(2024, 1, 1), 9
"""Two leap years and all that lies between them."""


class ScheduleError(ValueError):
    """A text is no schedule; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a CronJob fires, in the hours of its own time zone."""

    minutes: tuple[int, ...]
    """Of a day, in order."""
    days: frozenset[date]
    """Of some years that hold every kind of day."""

    @property
    def period(self) -> int | None:
        """The shortest time between two starts, in minutes; None where it never starts, or once in years."""
        gaps = [later - sooner for sooner, later in pairwise(self.minutes)]
        ordered = sorted(self.days)
        nights = [(later - sooner).days * DAY for sooner, later in pairwise(ordered)]
        if nights and self.minutes:
            gaps.append(min(nights) - self.minutes[-1] + self.minutes[0])
        return min(gaps, default=None)

    def meets(self, other: Schedule) -> int | None:
        """Return a minute of the day at which both start, on one day at least; None where they never do."""
        shared = sorted(set(self.minutes) & set(other.minutes))
        return shared[0] if shared and self.days & other.days else None


@lru_cache(maxsize=128)
def read_schedule(text: str) -> Schedule:
    """Read a schedule. Raises ScheduleError, also for one that can never fire."""
    if re.match(r"(CRON_)?TZ=", text):
        raise ScheduleError("a time zone is no part of a schedule: say timeZone")
    if text.startswith("@every"):
        raise ScheduleError("@every counts from whenever the controller began: say minutes and hours")
    fields = _DESCRIPTORS.get(text, text).split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(f"has {len(fields)} fields instead of five")
    minutes, hours, month_days, months, week_days = (
        frozenset(_read_field(text, *about)) for text, about in zip(fields, _FIELDS, strict=True)
    )
    is_free = [bool(_FREE & set(fields[place].split(","))) for place in (2, 4)]
    days = frozenset(
        day for day in _list_days()
        if day.month in months and _falls_on(day, month_days, week_days, both=any(is_free))
    )  # fmt: skip
    if not days:
        raise ScheduleError("can never fire: no year has such a day")
    return Schedule(minutes=tuple(sorted(hour * 60 + minute for hour in hours for minute in minutes)), days=days)


def _falls_on(day: date, month_days: frozenset[int], week_days: frozenset[int], *, both: bool) -> bool:
    """Tell whether a day is meant: where both kinds of day are narrowed, either is enough, as in cron(8)."""
    fits = (day.day in month_days, day.isoweekday() % 7 in week_days)
    return all(fits) if both else any(fits)


def _list_days() -> Iterator[date]:
    day = _FIRST
    while day.year < _FIRST.year + _YEARS:
        yield day
        day += timedelta(days=1)


def _read_field(text: str, name: str, least: int, most: int, words: Mapping[str, int]) -> Iterator[int]:
    for part in text.split(","):
        found = re.fullmatch(r"(?P<all>[*?])|(?P<from>\w+)(?:-(?P<to>\w+))?", part.partition("/")[0])
        if found is None:
            raise ScheduleError(f"its {name} cannot be read")
        has_step, step = "/" in part, _read_number(part.partition("/")[2] or "1", name, {})
        first = least if found["all"] else _read_number(found["from"], name, words)
        last = most if found["all"] or (has_step and not found["to"]) else first
        last = _read_number(found["to"], name, words) if found["to"] else last
        if not least <= first <= last <= most or step < 1:
            raise ScheduleError(f"its {name} must lie in {least} to {most}, the smaller one first")
        yield from range(first, last + 1, step)


def _read_number(text: str, name: str, words: Mapping[str, int]) -> int:
    if text.lower() in words:
        return words[text.lower()]
    if not text.isdecimal():
        raise ScheduleError(f"its {name} cannot be read")
    return int(text)
