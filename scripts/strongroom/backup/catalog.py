"""The sets of a store, as its documents tell of them. No key is needed, no content is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.backup.documents import Action, EntryDocument, EvidenceDocument
from strongroom.backup.stores.objects import Objects
from strongroom.core.errors import StrongroomError
from strongroom.runs.documents import Document, Kind, decode_document, encode_document

CATALOG, EVIDENCE = "catalog/", "evidence/"


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
        """Return the members that were last found damaged."""
        last: dict[str, bool] = {}
        for one in self.evidence:
            last.update(dict.fromkeys(one.members, one.is_sound))
        return tuple(name for name, is_sound in last.items() if not is_sound)

    def last(self, action: Action) -> EvidenceDocument | None:
        """Return the newest evidence of an action that found it sound."""
        return next((one for one in reversed(self.evidence) if one.action is action and one.is_sound), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Every set of a store, oldest first, and the documents of it that cannot be read."""

    sets: tuple[BackupSet, ...] = ()
    damaged: dict[str, str] = field(default_factory=dict)
    """What is wrong, by the document's name."""

    def find(self, set_id: str) -> BackupSet | None:
        """Return a set by its id."""
        return next((one for one in self.sets if one.id == set_id), None)

    def list_under(self, key: str) -> tuple[str, ...]:
        """Return the sets with a member that is encrypted with a version of a key (``NAME@VERSION``)."""
        return tuple(one.id for one in self.sets if any(member.key == key for member in one.entry.members))

    def latest(self) -> BackupSet | None:
        """Return the newest set that counts."""
        return next((one for one in reversed(self.sets) if one.is_verified), None)


def read_catalog(objects: Objects, owner: str, system: str) -> Catalog:
    """Read the catalog of a store for one system. Raises what ``Objects`` raises."""
    damaged: dict[str, str] = {}
    entries = _read_all(objects, CATALOG, EntryDocument, owner, damaged)
    evidence = _read_all(objects, EVIDENCE, EvidenceDocument, owner, damaged)
    by_set: dict[str, list[EvidenceDocument]] = {}
    for piece in sorted(evidence.values(), key=lambda piece: piece.at):
        by_set.setdefault(piece.set, []).append(piece)
    ours = (entry for entry in entries.values() if entry.system == system)
    sets = (BackupSet(entry=entry, evidence=tuple(by_set.get(entry.set, ()))) for entry in ours)
    return Catalog(sets=tuple(sorted(sets, key=_when)), damaged=damaged)


def _when(one: BackupSet) -> tuple[datetime, str]:
    return one.entry.began, one.id


def _read_all(objects: Objects, prefix: str, kind: type[Kind], owner: str, damaged: dict[str, str]) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for name in objects.list(prefix):
        content = objects.read(name)
        if content is None:  # removed meanwhile
            continue
        try:
            found[name] = decode_document(content, f"{objects.place}/{name}", kind, owner)
        except StrongroomError as error:
            damaged[name] = error.fact
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
