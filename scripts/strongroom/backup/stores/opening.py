"""Find, open and initialise the store that ``system.yaml`` names, or that was named instead of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.backup.documents import StoreDocument
from strongroom.backup.place import Site
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.folder import FolderStore
from strongroom.backup.stores.model import Store
from strongroom.backup.stores.objects import FolderObjects, Objects
from strongroom.core.backup_entry import StoreEntry
from strongroom.core.errors import GuardError, NotInitialisedError, UsageError
from strongroom.core.files import make_private_folder
from strongroom.keys.escrow import Escrow
from strongroom.runs.documents import decode_document, encode_document

ABOUT = "store.json"


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
    """Return where a store keeps its documents: no password is needed for them. Nothing is asked yet."""
    if entry.path is not None:
        return FolderObjects(Path(entry.path))
    raise NotImplementedError


def read_about(entry: StoreEntry, site: Site, objects: Objects) -> StoreDocument:
    """Return what a store is.

    Raises NotInitialisedError where there is none, GuardError where it is another system's, or of another engine.
    """
    text = objects.read(ABOUT)
    if text is None:
        raise NotInitialisedError(
            objects.place, "is no store of backups", "is it mounted? backup.init makes a store, once"
        )
    about = decode_document(text, f"{objects.place}/{ABOUT}", StoreDocument)
    if about.system != site.system:
        fact = f"holds the backups of {about.system}, and these are those of {site.system}"
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


def open_store(entry: StoreEntry, site: Site, around: Surroundings) -> Store:
    """Open a store. Raises NotInitialisedError, GuardError, KeyMissingError, UnreachableError, VersionError."""
    refuse_inside(entry, site)
    objects = find_objects(entry, around)
    about = read_about(entry, site, objects)
    return FolderStore(Path(str(entry.path)), about)


def initialise(
    entry: StoreEntry, site: Site, around: Surroundings, escrow: Escrow | None, *, dry_run: bool
) -> Initialised:
    """Make a store where there is none.

    Raises GuardError where there is one, or where something else lies, and what ``open_store`` raises.
    """
    refuse_inside(entry, site)
    objects = find_objects(entry, around)
    _refuse_taken(entry, objects)
    made = Initialised(system=site.system, store=objects.place, engine=entry.kind, id=None, dry_run=dry_run)
    if dry_run:
        return made
    about = StoreDocument(id=secrets.token_hex(16), system=site.system, engine=entry.kind, made=around.now())
    if isinstance(objects, FolderObjects):
        make_private_folder(objects.root)
    if not objects.create(ABOUT, encode_document(about, about.id).encode()):
        raise _taken(objects)
    return replace(made, id=about.id)


def _refuse_taken(entry: StoreEntry, objects: Objects) -> None:
    """Make sure that nothing is there that a store would be mixed with: also not what is left of one."""
    if objects.read(ABOUT) is not None:
        raise _taken(objects)
    if entry.path is not None and Path(entry.path).is_dir() and any(Path(entry.path).iterdir()):
        fact = f"is not empty, and there is no {ABOUT} in it"
        raise GuardError(objects.place, fact, f"name an empty folder; where {ABOUT} was lost, put it back from a copy")


def _taken(objects: Objects) -> GuardError:
    return GuardError(objects.place, "is a store already", "backup.list shows what it holds")
