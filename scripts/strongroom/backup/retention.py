"""Which sets stay. Only sets that count, whole and sound, fill the places that the rules give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strongroom.backup.catalog import BackupSet
from strongroom.core.backup_entry import Keep

_PERIODS: Mapping[str, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": lambda at: (at.year, at.month, at.day, at.hour),
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: tuple(at.isocalendar())[:2],
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: (at.year,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What stays, each with what keeps it, and what may go."""

    kept: Mapping[str, tuple[str, ...]]
    """By the id of the set, oldest first: the rules that keep it."""
    removed: tuple[str, ...]
    """Oldest first."""


def choose_kept(sets: Sequence[BackupSet], keep: Keep, now: datetime) -> Decision:
    """Decide over the sets of one system.

    The newest set of each of the newest hours, days, ISO weeks, months and years that have one stays, in UTC by when
    it began; so do the newest of all, those younger than ``days``, and in any case the newest ``verified``. One that
    is not whole, or was found damaged, takes nobody's place, and goes once so many verified ones are newer. One that
    began in the future stays: the clock may be wrong.
    """
    newest = sorted(sets, key=lambda one: (one.entry.began, one.id), reverse=True)
    counting = [one for one in newest if one.is_verified]
    reasons: dict[str, list[str]] = {one.id: [] for one in reversed(newest)}
    for rule, one in _apply(counting, keep, now):
        reasons[one.id].append(rule)
    for rule, one in _spare(newest, keep, now):
        reasons[one.id].append(rule)
    kept = {name: tuple(found) for name, found in reasons.items() if found}
    return Decision(kept=kept, removed=tuple(name for name in reasons if name not in kept))


def _apply(counting: Sequence[BackupSet], keep: Keep, now: datetime) -> Iterator[tuple[str, BackupSet]]:
    """Yield what the rules keep of the sets that count, newest first."""
    for one in counting[: keep.verified]:
        yield "verified", one
    for one in counting[: keep.last]:
        yield "last", one
    for one in counting:
        if one.entry.began > now - timedelta(days=keep.days):
            yield "days", one
    for rule, period in _PERIODS.items():
        seen: set[tuple[int, ...]] = set()
        for one in counting:
            place = period(one.entry.began.astimezone(UTC))
            if place not in seen and len(seen) < getattr(keep, rule):
                yield rule, one
            seen.add(place)


def _spare(newest: Sequence[BackupSet], keep: Keep, now: datetime) -> Iterator[tuple[str, BackupSet]]:
    """Yield what stays for want of better ones, or because the clock may be wrong."""
    newer = 0
    for one in newest:
        if one.entry.began > now:
            yield "future", one
        elif not one.is_verified and newer < keep.verified:
            yield "not yet replaced", one
        newer += one.is_verified
