"""``backup.copy``: bring the sets that count to a second store, each checked here and there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from strongroom.backup.catalog import BackupSet, Catalog, write_entry
from strongroom.backup.documents import MANIFEST_FILE, Action
from strongroom.backup.entries import hash_text, list_anew
from strongroom.backup.evidence import note_look
from strongroom.backup.fetching import fetch_members
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.model import Store
from strongroom.core.errors import DifferencesError, ExitCode, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was brought to a second store."""

    store: str
    second: str
    copied: tuple[str, ...]
    there: tuple[str, ...]
    """Sets that were there already."""
    damaged: dict[str, str]
    """Sets that could not be copied, as they are not what their manifests say."""
    size: int
    dry_run: bool

    @property
    def exit(self) -> ExitCode:
        """3 where a set is damaged."""
        return ExitCode.DIFFERENCES if self.damaged else ExitCode.DONE


def copy_sets(
    store: Store, catalog: Catalog, second: Store, there: Catalog, around: Surroundings, *, dry_run: bool
) -> Copied:
    """Copy every set that counts and is not there yet, oldest first. Under the lease of the second store.

    Raises UsageError where both are one store, and what the stores raise.
    """
    if store.about.id == second.about.id:
        raise UsageError(second.place, "is the store itself", "name another under second: in system.yaml")
    listed = there if dry_run else list_anew(second, second.list_content(), around)
    known = {one.id for one in listed.sets}
    counting = [one for one in catalog.sets if one.is_verified]
    copied, damaged = list[BackupSet](), dict[str, str]()
    for one in counting:
        if one.id in known:
            continue
        try:
            if not dry_run:
                _copy(store, one, second, around)
            copied.append(one)
        except DifferencesError as error:
            damaged[one.id] = f"{error}"
    return Copied(
        store=store.place,
        second=second.place,
        copied=tuple(one.id for one in copied),
        there=_name(one for one in counting if one.id in known),
        damaged=damaged,
        size=sum(one.entry.size for one in copied),
        dry_run=dry_run,
    )


def _name(sets: Iterable[BackupSet]) -> tuple[str, ...]:
    return tuple(one.id for one in sets)


def _copy(store: Store, one: BackupSet, second: Store, around: Surroundings) -> None:
    staged = second.stage(one.id)
    try:
        fetch_members(store, one, None, staged)
    except DifferencesError as error:
        note_look(store, one, Action.COPY, around, facts=(f"{error}",))
        raise
    around.reach("copy.fetched")
    locator = second.put(one.id, staged)
    around.reach("copy.stored")
    text = second.read_file(locator, MANIFEST_FILE)
    if hash_text(text) != one.entry.manifest_sha256:
        fact = "does not read back from the second store as it was written"
        raise DifferencesError(f"manifest of set {one.id}", fact, "see to that store's disk or server")
    entry = replace(one.entry, locator=locator, origin=store.about.id)
    write_entry(second.objects, second.about.id, entry)
    around.reach("copy.listed")
