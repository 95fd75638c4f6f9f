"""``backup.list`` and ``backup.show``: the sets of a store, and what one of them holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from strongroom.backup.catalog import BackupSet, Catalog
from strongroom.backup.documents import Action, EvidenceDocument, MemberRecord, Missing
from strongroom.backup.fetching import read_manifest
from strongroom.backup.stores.model import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSet:
    """One set, as the catalog tells of it."""

    set: str
    began: datetime
    state: str
    """``verified``, ``partial`` or ``damaged``; ``unaccepted`` where it looks wrong beside the one before."""
    members: int
    rows: int
    size: int
    seconds: float
    """That it took."""
    verified: datetime | None
    """When somebody last read it and found it sound."""
    drilled: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The sets of a store, oldest first."""

    system: str
    store: str
    sets: tuple[ListedSet, ...]
    damaged: Mapping[str, str]
    """Documents that cannot be read, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One set, and what came of looking at it."""

    system: str
    store: str
    set: str
    began: datetime
    ended: datetime
    state: str
    locator: str
    members: tuple[MemberRecord, ...]
    missing: tuple[Missing, ...]
    alarms: tuple[str, ...]
    evidence: tuple[EvidenceDocument, ...]


def list_sets(system: str, store: str, catalog: Catalog) -> Listed:
    """List the sets of a catalog. Read-only."""
    return Listed(system=system, store=store, sets=tuple(map(_list_one, catalog.sets)), damaged=catalog.damaged)


def _list_one(one: BackupSet) -> ListedSet:
    verified, drilled = one.last(Action.VERIFY), one.last(Action.DRILL)
    return ListedSet(
        set=one.id,
        began=one.entry.began,
        state=tell_state(one),
        members=len(one.entry.members),
        rows=one.entry.rows,
        size=one.entry.size,
        seconds=round((one.entry.ended - one.entry.began).total_seconds(), 1),
        verified=None if verified is None else verified.at,
        drilled=None if drilled is None else drilled.at,
    )


def tell_state(one: BackupSet) -> str:
    """Say in a word what is known of a set."""
    if not one.is_sound:
        return "damaged"
    if not one.entry.is_whole:
        return "partial"
    return "verified" if one.is_accepted else "unaccepted"


def show_set(store: Store, one: BackupSet) -> Shown:
    """Read the manifest of a set. Read-only. Raises DifferencesError for one that is damaged."""
    manifest = read_manifest(store, one)
    return Shown(
        system=one.entry.system,
        store=store.place,
        set=one.id,
        began=one.entry.began,
        ended=one.entry.ended,
        state=tell_state(one),
        locator=one.entry.locator,
        members=manifest.members,
        missing=manifest.missing,
        alarms=one.entry.alarms,
        evidence=one.evidence,
    )
