"""``backup.verify``: read what is kept, compare it with the manifests, and keep what was found as evidence."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.backup.catalog import BackupSet, Catalog
from strongroom.backup.documents import Action
from strongroom.backup.evidence import note_look
from strongroom.backup.fetching import fetch_members, find_wrong, read_manifest
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.model import Store
from strongroom.core.errors import DifferencesError, ExitCode
from strongroom.core.files import make_private_folder

_PARTS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What reading the sets of a store showed."""

    store: str
    sets: Mapping[str, tuple[str, ...]]
    """What is wrong with each that was looked at; nothing for a sound one."""
    documents: Mapping[str, str]
    """Documents of the store that cannot be read, and why."""
    unlisted: tuple[str, ...]
    """Sets in the store that the catalog does not list: the next ``backup.create`` lists them."""
    engine: tuple[str, ...] = ()
    """What the repository's own check finds wrong, also where every set can be restored."""
    part: tuple[int, int] | None
    """Which part of a repository was read; None: all that the sets need."""
    size: int
    """Bytes of the sets."""

    @property
    def exit(self) -> ExitCode:
        """3 for anything wrong, 7 where only the catalog lacks a set."""
        if any(self.sets.values()) or self.documents or self.engine:
            return ExitCode.DIFFERENCES
        return ExitCode.PENDING if self.unlisted else ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is looked at, and how closely."""

    sets: Sequence[BackupSet]
    scratch: Path
    """A folder that is made where something is damaged, and gone afterwards."""
    full: bool = False
    """Read all of a packed repository, not only the seventh of today."""
    dry_run: bool = False
    """Keep no evidence."""


def verify_sets(store: Store, catalog: Catalog, look: Look, around: Surroundings) -> Verified:
    """Read sets as they are kept. Of a packed repository a seventh is read each day unless all is asked for.

    Raises what the store raises; what is damaged is no error but a finding.
    """
    chosen = look.sets
    packed = [one for one in chosen if store.find_files(one.entry.locator) is None]
    part = None if look.full or not packed else choose_part(around.now())
    found = {one.id: _compare(store, one) for one in chosen}
    engine = store.examine([one.entry.locator for one in packed], part) if packed else ()
    # A part that is sound says nothing of a set that another part was found damaged for.
    doubtful = packed if engine else [one for one in packed if part is not None and not one.is_sound]
    found |= {one.id: found[one.id] or _fetch_and_compare(store, one, look.scratch) for one in doubtful}
    for one in chosen if not look.dry_run else ():
        note_look(store, one, Action.VERIFY, around, facts=found[one.id])
        around.reach("verify.noted")
    listed = {one.entry.locator for one in catalog.sets}
    return Verified(
        store=store.place,
        sets=found,
        documents=catalog.damaged,
        engine=engine,
        unlisted=tuple(kept.set for kept in store.list_content() if kept.locator not in listed),
        part=part,
        size=sum(one.entry.size for one in chosen),
    )


def choose_part(now: datetime) -> tuple[int, int]:
    """Return which seventh of a repository is read today: after a week all of it was."""
    return now.isoweekday(), _PARTS


def check_kept(store: Store, one: BackupSet, scratch: Path) -> tuple[str, ...]:
    """Return what is wrong with a set; out of a repository it is brought, unless somebody did before. Read-only."""
    brought = any(one.last(action) for action in (Action.DRILL, Action.ESCROW, Action.RESTORE))
    is_packed = store.find_files(one.entry.locator) is None
    wrong = _compare(store, one)
    return _fetch_and_compare(store, one, scratch) if is_packed and not (wrong or brought) else wrong


def _compare(store: Store, one: BackupSet) -> tuple[str, ...]:
    """Compare the manifest with the catalog, and with it the files where they lie as they are."""
    try:
        manifest = read_manifest(store, one)
    except DifferencesError as error:
        return (f"{error}",)
    folder = store.find_files(one.entry.locator)
    if folder is None:
        return ()
    return tuple(f"{member.name}: {fact}" for member in manifest.members for fact in find_wrong(folder, member))


def _fetch_and_compare(store: Store, one: BackupSet, scratch: Path) -> tuple[str, ...]:
    """Bring a set out of a repository that is damaged somewhere, and return what is wrong with it."""
    shutil.rmtree(scratch, ignore_errors=True)
    make_private_folder(scratch)
    try:
        fetch_members(store, one, None, scratch)
    except DifferencesError as error:
        return (f"{error}",)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return ()
