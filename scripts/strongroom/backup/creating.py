"""``backup.create``: stage, check, manifest, store, read back, and the catalog's entry last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom import __version__
from strongroom.backup.catalog import Catalog, write_entry
from strongroom.backup.documents import MANIFEST_FILE, ManifestDocument, MemberRecord, Missing
from strongroom.backup.entries import hash_text, list_anew, make_entry
from strongroom.backup.members.model import Phases, Source
from strongroom.backup.place import Found
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.model import Kept, Store
from strongroom.core.errors import DifferencesError, ExitCode, GuardError, LockedError, NoSpaceError, StrongroomError
from strongroom.core.files import write_text
from strongroom.runs.documents import encode_document
from strongroom.runs.naming import choose_free_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """What came of taking a set."""

    set: str | None
    """None where nothing was taken: it was a dry run."""
    store: str
    members: tuple[str, ...]
    missing: tuple[Missing, ...] = ()
    alarms: tuple[str, ...] = ()
    """What looks wrong beside the set before."""
    left_out: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    """Files of the data directory that nothing names: not in the set."""
    size: int = 0
    rows: int = 0
    seconds: dict[str, float]
    """By phase."""
    dry_run: bool = False

    @property
    def exit(self) -> ExitCode:
        """4 for a set that is not whole."""
        return ExitCode.DECISION if self.missing else ExitCode.DONE


def foresee_set(store: Store, found: Found, servers: Sequence[Source]) -> Created:
    """Say what a set would hold. Read-only. Raises GuardError where there is nothing to take."""
    sources = _require_some(found, servers)
    return Created(
        set=None,
        store=store.place,
        members=tuple(source.name for source in sources),
        missing=found.missing,
        left_out=found.left_out,
        unnamed=found.unnamed,
        seconds={},
        dry_run=True,
    )


def create_set(
    store: Store,
    found: Found,
    servers: Sequence[Source],
    around: Surroundings,
    recheck: Callable[[], None] = lambda: None,
) -> Created:
    """Take one set of everything and publish it. To be called under the store's lease.

    ``recheck`` is asked once everything is taken, and raises where it is not of one state. A member that fails is
    named as missing; where all fail, the first one's error is raised and nothing is published. Raises GuardError where
    there is nothing to take, and what the store raises.
    """
    sources = _require_some(found, servers)
    content = store.list_content()
    catalog = _put_in_order(store, content, around)
    taken = {kept.set for kept in content} | {one.id for one in catalog.sets}
    began = around.now()
    name = choose_free_name(began, taken.__contains__)
    around.progress.begin(name)
    staged, phases = store.stage(name), Phases()
    around.reach("create.staged")
    members, missing = _take_all(sources, staged, phases, around)
    recheck()
    manifest = ManifestDocument(
        set=name,
        system=store.about.system,
        tool=__version__,
        began=began,
        ended=around.now(),
        members=tuple(members),
        missing=(*found.missing, *missing),
    )
    locator, digest = _store(store, manifest, staged, phases, around)
    entry = make_entry(manifest, digest, locator, catalog, seconds=phases.seconds)
    write_entry(store.objects, store.about.id, entry)
    around.reach("create.listed")
    return Created(
        set=name,
        store=store.place,
        members=tuple(member.name for member in members),
        missing=manifest.missing,
        alarms=entry.alarms,
        left_out=found.left_out,
        unnamed=found.unnamed,
        size=entry.size,
        rows=entry.rows,
        seconds=phases.seconds,
    )


def _put_in_order(store: Store, content: Sequence[Kept], around: Surroundings) -> Catalog:
    """Return the catalog, once all that is whole is listed, and nothing to come is built on what is damaged."""
    catalog = list_anew(store, content, around)
    for fact in store.mend() if _was_damage_found(catalog) else ():
        around.say(store.place, fact)
    return catalog


def _was_damage_found(catalog: Catalog) -> bool:
    """Tell whether damage was found since the newest set began: what is known longer, that one was built around."""
    newest = catalog.sets[-1].entry.began if catalog.sets else None
    found = (piece.at for one in catalog.sets for piece in one.evidence if not piece.is_sound)
    return newest is not None and any(at > newest for at in found)


def _require_some(found: Found, servers: Sequence[Source]) -> tuple[Source, ...]:
    sources: tuple[Source, ...] = (*found.sources, *servers)
    if not sources:
        way = "is the data directory mounted? correct data_dir: and backup: in system.yaml"
        raise GuardError("backup", "there is nothing to take: no database, no file that is named", way)
    return sources


def _take_all(
    sources: Sequence[Source], staged: Path, phases: Phases, around: Surroundings
) -> tuple[list[MemberRecord], list[Missing]]:
    """Take one member after the other.

    A disk that is full, and a lease that is lost, end it all: the next member would fare no better.
    """
    members, missing, errors = list[MemberRecord](), list[Missing](), list[StrongroomError]()
    around.progress.start("take", 0)
    for source in sources:
        try:
            with phases.measured("take"):
                members.append(source.take(staged, around))
        except (NoSpaceError, LockedError):
            raise
        except StrongroomError as error:
            errors.append(error)
            missing.append(Missing(name=source.name, fact=f"{error}", exit_code=error.exit_code))
        around.progress.update(sum(member.size for member in members), sum(member.rows for member in members))
        around.reach("create.taken")
    if not members:
        raise errors[0]
    return members, missing


def _store(
    store: Store, manifest: ManifestDocument, staged: Path, phases: Phases, around: Surroundings
) -> tuple[str, str]:
    """Store a staged set and read its manifest back; return the locator, and the manifest's hash.

    Raises DifferencesError for one that came otherwise, or whose files changed since they were looked over.
    """
    text = encode_document(manifest, store.about.id)
    _refuse_changed(staged, manifest)
    _keep_only(staged, manifest)
    write_text(staged / MANIFEST_FILE, text)
    around.reach("create.manifest")
    with phases.measured("store"):
        locator = store.put(manifest.set, staged)
    around.reach("create.stored")
    with phases.measured("read_back"):
        if store.read_file(locator, MANIFEST_FILE) != text.encode():
            fact = "does not read back from the store as it was written"
            raise DifferencesError(f"manifest of set {manifest.set}", fact, "see to the store's disk or server")
    around.reach("create.read_back")
    return locator, hash_text(text.encode())


def _refuse_changed(staged: Path, manifest: ManifestDocument) -> None:
    """Make sure that what lies in the stage is as long as it was when it was hashed: a disk may have cut it."""
    for file in (file for member in manifest.members for file in member.files):
        path = staged / file.path
        size = path.stat().st_size if path.is_file() else 0
        if size != file.size:
            fact = f"has {size} bytes now, and had {file.size} when it was looked over"
            raise DifferencesError(path, fact, "see to the disk of the stage, then run the same command again")


def _keep_only(staged: Path, manifest: ManifestDocument) -> None:
    """Take away what members left that were not taken in the end: a set holds what its manifest lists."""
    listed = {staged / file.path for member in manifest.members for file in member.files}
    for path in [path for path in staged.rglob("*") if path not in listed and not path.is_dir()]:
        path.unlink()
    for folder in sorted((path for path in staged.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
