"""What every restore does first: bring members out of a store, dress their files, have them on disk, keep a note."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from strongroom.backup.catalog import CATALOG, BackupSet
from strongroom.backup.documents import Action, MemberRecord
from strongroom.backup.evidence import note_look
from strongroom.backup.fetching import fetch_members
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.model import Store
from strongroom.core.errors import DifferencesError, StrongroomError
from strongroom.core.files import explain_os_error, make_private_folder, sync_file, sync_folder


def bring_members(
    store: Store, chosen: BackupSet, names: Sequence[str] | None, into: Path, around: Surroundings
) -> tuple[MemberRecord, ...]:
    """Bring members of a set (None: all) into a new folder, by their paths in it, and compare each file.

    What came otherwise is kept as evidence, unless the set was removed meanwhile. Raises what ``fetch_members`` raises.
    """
    make_private_folder(into)
    around.progress.start("fetch", 0)
    try:
        _, members = fetch_members(store, chosen, names, into)
    except DifferencesError as error:
        if store.objects.read(f"{CATALOG}{chosen.id}.json") is not None:
            note_restore(store, chosen, names, around, facts=(f"{error}",))
        raise
    return members


def note_restore(
    store: Store,
    chosen: BackupSet,
    names: Sequence[str] | None,
    around: Surroundings,
    *,
    facts: Sequence[str] = (),
    seconds: Mapping[str, float] | None = None,
) -> None:
    """Keep as evidence what restoring members showed; that a store cannot be written to is told, and no error."""
    try:
        note_look(store, chosen, Action.RESTORE, around, facts=facts, members=names, seconds=seconds)
    except StrongroomError as error:
        around.say(store.place, f"does not take a note of this restore: {error.fact}")


def dress(path: Path, member: MemberRecord) -> None:
    """Give a file the permissions that were recorded, and where we are root its owner."""
    path.chmod(0o600 if member.mode is None else member.mode)
    if member.owner is not None and os.geteuid() == 0:
        os.chown(path, *member.owner)


def sync_tree(root: Path) -> None:
    """Return when all of a folder is on disk. Raises NoSpaceError, UnreachableError."""
    try:
        for folder, _, names in os.walk(root, topdown=False):
            for name in names:
                sync_file(Path(folder) / name)
            sync_folder(Path(folder))
    except OSError as error:
        raise explain_os_error(root, error) from error
