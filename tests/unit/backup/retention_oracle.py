"""Which sets stay, from the rules' words alone: each set is held against all others, whatever that costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from strongroom.backup.catalog import BackupSet
from strongroom.core.backup_entry import Keep

PERIODS: Mapping[str, Callable[[datetime], object]] = {
    "hourly": lambda at: (at.year, at.month, at.day, at.hour),
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: at.year,
}


def list_reasons(one: BackupSet, sets: Sequence[BackupSet], keep: Keep, now: datetime) -> set[str]:
    """Return the rules that keep a set; none: it goes."""
    newer = [other for other in sets if counts(other) and is_newer(other, one)]
    reasons = {"future"} if one.entry.began > now else set[str]()
    if not counts(one):
        return reasons | ({"verified"} if len(newer) < keep.verified else set())
    reasons |= {name for name in ("last", "verified") if len(newer) < getattr(keep, name)}
    if one.entry.began > now - timedelta(days=keep.days):
        reasons.add("days")
    for name, period in PERIODS.items():
        later = {period(universal(other)) for other in newer}
        if period(universal(one)) not in later and len(later) < getattr(keep, name):
            reasons.add(name)
    return reasons


def counts(one: BackupSet) -> bool:
    """Every member is there, and was sound when it was last looked at."""
    last = {name: piece.is_sound for piece in one.evidence for name in piece.members}
    return not one.entry.missing and all(last.values())


def is_newer(one: BackupSet, other: BackupSet) -> bool:
    return (one.entry.began, one.entry.set) > (other.entry.began, other.entry.set)


def universal(one: BackupSet) -> datetime:
    return one.entry.began.astimezone(UTC)
