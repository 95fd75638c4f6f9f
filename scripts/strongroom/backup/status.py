"""``backup.status``: how old the newest of each is, by the catalog alone. No key is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.backup.catalog import BackupSet, Catalog
from strongroom.backup.documents import Action
from strongroom.core.backup_entry import Objectives
from strongroom.core.errors import ExitCode

_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old the newest of something is, beside how old it may be."""

    name: str
    """``backup``, ``drill`` or ``escrow``."""
    set: str | None
    at: datetime | None
    hours: float | None
    """None: there is none."""
    objective_hours: float
    is_required: bool = True

    @property
    def is_stale(self) -> bool:
        """Whether it is older than it may be, or is not there."""
        return self.hours is None or self.hours > self.objective_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Whether the backups of a system can be relied on now."""

    system: str
    store: str
    ages: tuple[Age, ...]
    sets: int
    verified: int
    """Sets that count."""
    waiting: tuple[str, ...]
    """What waits for a person: alarms of the newest set, members that it lacks, damage."""

    @property
    def exit(self) -> ExitCode:
        """7 where something is stale or waits."""
        is_stale = any(age.is_stale for age in self.ages if age.is_required)
        return ExitCode.PENDING if is_stale or self.waiting else ExitCode.DONE


def look_at(system: str, store: str, catalog: Catalog, objectives: Objectives, now: datetime) -> Status:
    """Say how old the newest of each is. What began in the future is as old as its clock is wrong."""
    counting = [one for one in catalog.sets if one.is_verified]
    newest = catalog.sets[-1] if catalog.sets else None
    latest = catalog.latest()
    backup = _age("backup", latest, None if latest is None else latest.entry.began, objectives.backup_hours, now)
    drill = _newest_evidence("drill", catalog, (Action.DRILL, Action.ESCROW), objectives.drill_hours, now)
    escrow = _newest_evidence("escrow", catalog, (Action.ESCROW,), objectives.escrow_days * 24, now)
    waiting = [] if newest is None or newest.is_accepted else list(newest.entry.alarms)
    waiting += [] if newest is None else [f"{one.name} is missing: {one.fact}" for one in newest.entry.missing]
    waiting += [f"set {one.id} is damaged: {', '.join(one.list_damaged())}" for one in catalog.sets if not one.is_sound]
    waiting += [f"{name}: {fact}" for name, fact in catalog.damaged.items()]
    return Status(
        system=system,
        store=store,
        ages=(backup, drill, escrow),
        sets=len(catalog.sets),
        verified=len(counting),
        waiting=tuple(waiting),
    )


def _newest_evidence(name: str, catalog: Catalog, actions: tuple[Action, ...], hours: float, now: datetime) -> Age:
    pieces = ((one.last(action), one) for one in catalog.sets for action in actions)
    found = [(piece.at, one) for piece, one in pieces if piece is not None]
    at, one = max(found, key=lambda pair: pair[0], default=(None, None))
    return _age(name, one, at, hours, now, is_required=name != "escrow")


def _age(
    name: str, one: BackupSet | None, at: datetime | None, hours: float, now: datetime, *, is_required: bool = True
) -> Age:
    age = None if at is None else abs(now - at) if at > now else now - at
    return Age(
        name=name,
        set=None if one is None else one.id,
        at=at,
        hours=None if age is None else round(age / timedelta(hours=1), 2),
        objective_hours=hours,
        is_required=is_required,
    )
