"""Find, open and initialise the store that ``system.yaml`` names, or that was named instead of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strongroom.backup.catalog import ABOUT, find_about, infer_about
from strongroom.backup.documents import StoreDocument
from strongroom.backup.place import Site
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.folder import FolderStore
from strongroom.backup.stores.model import Store
from strongroom.backup.stores.objects import FolderObjects, Objects
from strongroom.core import backup_entry
from strongroom.core.backup_entry import StoreEntry
from strongroom.core.errors import GuardError, NotInitialisedError, UsageError
from strongroom.core.files import explain_os_error, make_private_folder
from strongroom.core.secret import Secret
from strongroom.keys.escrow import Escrow, write_escrow
from strongroom.runs.documents import encode_document

LOST = "lost+found"
"""What a new file system has at its top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """A store that was made."""

    system: str
    store: str
    engine: str
    id: str | None
    """None for a dry run."""
    escrow: str | None = None
    """The file, or ``shown``, in which the escrow password is; a folder has none."""
    without_escrow: str | None = None
    dry_run: bool = False


def find_objects(entry: StoreEntry, around: Surroundings) -> Objects:
    """Return where a store keeps its documents: the password is not needed for them. Nothing is asked yet.

    Raises KeyMissingError where the credentials of a bucket are missing.
    """
    if isinstance(entry, backup_entry.ResticStore) and entry.bucket is not None:
        found: Objects = _restic().open_bucket(entry.bucket, around)
        return found
    return FolderObjects(Path(str(entry.path)))


def _restic() -> Any:
    """Import what speaks to buckets, a tenth of a second, only where it is needed."""
    from strongroom.backup.stores import restic_making  # noqa: PLC0415

    return restic_making


def read_about(entry: StoreEntry, system: str, objects: Objects) -> StoreDocument:
    """Return what a store is: where it cannot say so itself, what the sets that it lists say of it.

    Raises NotInitialisedError where there is none, GuardError where it is another system's, or of another engine.
    """
    damaged: dict[str, str] = {}
    about = find_about(objects, None, damaged) or infer_about(objects)
    if about is None and damaged:
        hint = "put it back from a copy of the store, or let backup.init make a store in an empty place"
        raise GuardError(f"{objects.place}/{ABOUT}", damaged[ABOUT], hint)
    if about is None:
        raise NotInitialisedError(
            objects.place, "is no store of backups", "is it mounted? backup.init makes a store, once"
        )
    if about.system != system:
        fact = f"holds the backups of {about.system}, and these are those of {system}"
        raise GuardError(objects.place, fact, "give each system a store of its own")
    if about.engine != entry.kind:
        fact = f"is a {about.engine} store, and system.yaml says {entry.kind}"
        raise GuardError(objects.place, fact, "correct store: in system.yaml")
    return about


def refuse_inside(entry: StoreEntry, site: Site) -> None:
    """Make sure that a store does not lie in the data that it is to outlive. Raises UsageError."""
    if entry.path is None:
        return
    place, data = Path(entry.path).resolve(), site.data_dir.resolve()
    if place.is_relative_to(data) or data.is_relative_to(place):
        fact = f"lies in one tree with the data directory {site.data_dir}"
        raise UsageError(entry.path, fact, "name a store on another disk, or at least beside it")


def open_store(entry: StoreEntry, site: Site, around: Surroundings, password: Secret | None = None) -> Store:
    """Open a store, with another ``password`` than the one of ``system.yaml`` where one is given.

    Raises NotInitialisedError, GuardError, KeyMissingError, UnreachableError, VersionError.
    """
    refuse_inside(entry, site)
    objects = find_objects(entry, around)
    about = read_about(entry, site.system, objects)
    if isinstance(entry, backup_entry.FolderStore):
        return FolderStore(Path(entry.path), about)
    secret = around.keys[entry.password] if password is None else password
    opened: Store = _restic().open_restic(
        entry, objects=objects, about=about, password=secret, stage=site.find_stage(about.id), around=around
    )
    return opened


def initialise(
    entry: StoreEntry, site: Site, around: Surroundings, escrow: Escrow | None, *, dry_run: bool
) -> Initialised:
    """Make a store where there is none; of a repository the second password goes into ``escrow``.

    What was begun and not finished is gone on with. Raises GuardError where there is a store, or where something else
    lies, and what ``open_store`` raises.
    """
    refuse_inside(entry, site)
    objects = find_objects(entry, around)
    _refuse_taken(entry, objects)
    about = StoreDocument(id=secrets.token_hex(16), system=site.system, engine=entry.kind, made=around.now())
    made = Initialised(system=site.system, store=objects.place, engine=entry.kind, id=None, dry_run=dry_run)
    if dry_run:
        return made
    if isinstance(objects, FolderObjects):
        make_private_folder(objects.root)
    if isinstance(entry, backup_entry.ResticStore) and escrow is not None:
        copy = _make_repository(entry, objects, about, site=site, around=around, escrow=escrow)
        made = replace(made, escrow=copy, without_escrow=escrow.reason)
    if not objects.create(ABOUT, encode_document(about, about.id).encode()):
        raise _taken(objects)
    around.reach("init.written")
    return replace(made, id=about.id)


def _make_repository(
    entry: backup_entry.ResticStore,
    objects: Objects,
    about: StoreDocument,
    *,
    site: Site,
    around: Surroundings,
    escrow: Escrow,
) -> str | None:
    """Make a repository; return the file with its second password, None where there is to be none."""
    _, password = _restic().make_restic(
        entry,
        objects=objects,
        about=about,
        password=around.keys[entry.password],
        stage=site.find_stage(about.id),
        around=around,
    )
    copy = write_escrow(escrow, f"{site.system}-backups-{about.id[:8]}", password.reveal().encode())
    return None if copy is None else str(copy)


def _refuse_taken(entry: StoreEntry, objects: Objects) -> None:
    """Make sure that nothing is there that a store would be mixed with: also not what is left of one."""
    if objects.read(ABOUT) is not None:
        raise _taken(objects)
    begun = {"restic", LOST} if entry.kind == "restic" else {LOST}
    others = sorted(_list_names(objects) - begun)
    if others:
        fact = f"is not empty ({others[0]}), and there is no {ABOUT} in it"
        way = f"name an empty place; where only {ABOUT} was lost, backup.create makes it anew"
        raise GuardError(objects.place, fact, way)


def _list_names(objects: Objects) -> set[str]:
    """Return the names at the top of a place."""
    if not isinstance(objects, FolderObjects):
        return {name.partition("/")[0] for name in objects.list("")}
    try:
        return {path.name for path in objects.root.iterdir()}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise explain_os_error(objects.root, error) from error


def _taken(objects: Objects) -> GuardError:
    return GuardError(objects.place, "is a store already", "backup.list shows what it holds")
