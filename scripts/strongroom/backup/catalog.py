"""The sets of a store, as its documents tell of them. No key is needed, no content is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import TypeVar

from strongroom.backup.documents import Action, EntryDocument, EvidenceDocument, StoreDocument, Summary
from strongroom.backup.stores.objects import Objects
from strongroom.core.errors import GuardError, StrongroomError, VersionError
from strongroom.runs.documents import Document, decode_document, encode_document, tell_owner

ABOUT, CATALOG, EVIDENCE = "store.json", "catalog/", "evidence/"
OfSet = TypeVar("OfSet", EntryDocument, EvidenceDocument)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSet:
    """One set: its entry, and what came of looking at it, oldest first."""

    entry: EntryDocument
    evidence: tuple[EvidenceDocument, ...] = ()

    @property
    def id(self) -> str:
        """Its id: when it began, in UTC."""
        return self.entry.set

    @property
    def is_sound(self) -> bool:
        """Whether whoever last looked at each of its members found it sound: its maker did first."""
        return not self.list_damaged()

    @property
    def is_verified(self) -> bool:
        """Whether it counts: whole, and sound."""
        return self.entry.is_whole and self.is_sound

    @property
    def is_accepted(self) -> bool:
        """Whether nothing looked wrong with it, or a person accepted it."""
        return not self.entry.alarms or any(one.accepted for one in self.evidence)

    def list_damaged(self) -> tuple[str, ...]:
        """Return the members that were last found damaged; what a drill found, only a drill takes back."""
        last: dict[tuple[str, bool], bool] = {}
        for one in self.evidence:
            is_drill = one.action is Action.DRILL
            for name in one.members:
                last[name, is_drill] = one.is_sound
                if is_drill and one.is_sound:
                    last[name, False] = True
        return tuple(dict.fromkeys(name for (name, _), is_sound in last.items() if not is_sound))

    def last(self, action: Action) -> EvidenceDocument | None:
        """Return the newest evidence of an action that found it sound."""
        found = (one for one in reversed(self.evidence) if one.action is action and one.is_sound and one.members)
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Every set of a store, oldest first, and the documents of it that cannot be read."""

    sets: tuple[BackupSet, ...] = ()
    damaged: dict[str, str] = field(default_factory=dict)
    """What is wrong, by the document's name."""

    def find(self, set_id: str) -> BackupSet | None:
        """Return a set by its id."""
        return next((one for one in self.sets if one.id == set_id), None)

    def list_under(self, key: str, holds_columns: Callable[[Summary], bool] = lambda _: False) -> tuple[str, ...]:
        """Return the sets with a member of which files or columns are encrypted with a version of a key.

        ``key`` is ``NAME@VERSION``. A member that ``holds_columns`` of that key, and of which nobody noted under which
        versions these were, may need any.
        """
        return tuple(
            one.id for one in self.sets if any(_needs(member, key, holds_columns) for member in one.entry.members)
        )

    def latest(self) -> BackupSet | None:
        """Return the newest set that counts."""
        return next((one for one in reversed(self.sets) if one.is_verified), None)


def _needs(member: Summary, key: str, holds_columns: Callable[[Summary], bool]) -> bool:
    if member.key == key or (member.column_keys is None and holds_columns(member)):
        return True
    return not {key, key.partition("@")[0]}.isdisjoint(member.column_keys or ())


def read_catalog(objects: Objects, owner: str, system: str) -> Catalog:
    """Read the catalog of a store for one system. Raises what ``Objects`` raises."""
    damaged: dict[str, str] = {}
    if find_about(objects, owner, damaged) is None and not damaged:
        damaged[ABOUT] = "is gone"
    entries = _read_all(objects, CATALOG, EntryDocument, owner, damaged)
    evidence = _read_all(objects, EVIDENCE, EvidenceDocument, owner, damaged)
    by_set: dict[str, list[EvidenceDocument]] = {}
    for piece in sorted(evidence.values(), key=lambda piece: piece.at):
        by_set.setdefault(piece.set, []).append(piece)
    ours = (entry for entry in entries.values() if entry.system == system)
    sets = (BackupSet(entry=entry, evidence=tuple(by_set.get(entry.set, ()))) for entry in ours)
    return Catalog(sets=tuple(sorted(sets, key=_when)), damaged=damaged)


def find_about(objects: Objects, owner: str | None, damaged: dict[str, str]) -> StoreDocument | None:
    """Return what a store says that it is; None where it does not, and why not in ``damaged``. Raises VersionError."""
    content, place = objects.read(ABOUT), f"{objects.place}/{ABOUT}"
    try:
        if content is not None:
            return decode_document(content, place, StoreDocument, owner)
    except GuardError as error:
        damaged[ABOUT] = error.fact
    except VersionError as error:
        raise VersionError(place, error.fact, "use the bundle that made the store; this one needs another") from error
    return None


def infer_about(objects: Objects) -> StoreDocument | None:
    """Return what a store is by the sets that its catalog lists; None where these do not agree, or are none."""
    found: dict[tuple[str, str], EntryDocument] = {}
    for name in objects.list(CATALOG):
        content = objects.read(name)
        with suppress(StrongroomError):
            if content is not None:
                entry = decode_document(content, name, EntryDocument)
                found.setdefault((tell_owner(content, name), entry.system), entry)
    if len(found) != 1:
        return None
    ((owner, system), entry) = found.popitem()
    engine = "folder" if entry.locator == entry.set else "restic"
    return StoreDocument(id=owner, system=system, engine=engine, made=entry.began)


def _when(one: BackupSet) -> tuple[datetime, str]:
    return one.entry.began, one.id


def _read_all(
    objects: Objects, prefix: str, kind: type[OfSet], owner: str, damaged: dict[str, str]
) -> dict[str, OfSet]:
    found: dict[str, OfSet] = {}
    for name in objects.list(prefix):
        content = objects.read(name)
        if content is None:  # removed meanwhile
            continue
        try:
            document = decode_document(content, f"{objects.place}/{name}", kind, owner)
        except StrongroomError as error:
            damaged[name] = error.fact
            continue
        if document.set in (PurePosixPath(name).stem, PurePosixPath(name).parent.name):
            found[name] = document
        else:
            damaged[name] = f"is that of set {document.set}"
    return found


def write_entry(objects: Objects, owner: str, entry: EntryDocument) -> None:
    """List a set in the catalog: from now on it counts."""
    _write(objects, f"{CATALOG}{entry.set}.json", entry, owner)


def write_evidence(objects: Objects, owner: str, evidence: EvidenceDocument) -> None:
    """Keep what came of looking at a set."""
    stamp = evidence.at.strftime("%Y%m%d_%H%M%S_%f")
    _write(objects, f"{EVIDENCE}{evidence.set}/{stamp}-{evidence.action}.json", evidence, owner)


def remove_entries(objects: Objects, sets: Iterable[str]) -> None:
    """Take sets off the catalog, with the evidence of them: they do not count any more."""
    for set_id in sets:
        objects.delete(f"{CATALOG}{set_id}.json")
        for name in objects.list(f"{EVIDENCE}{set_id}/"):
            objects.delete(name)


def _write(objects: Objects, name: str, document: Document, owner: str) -> None:
    objects.write(name, encode_document(document, owner).encode())
