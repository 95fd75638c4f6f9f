"""Bring members of a set out of its store. What came counts only once it is, byte for byte, what the manifest lists."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from strongroom.backup.catalog import BackupSet
from strongroom.backup.documents import MANIFEST_FILE, FileRecord, ManifestDocument, MemberRecord
from strongroom.backup.stores.model import Store
from strongroom.core.errors import DifferencesError, GuardError, UsageError
from strongroom.core.files import explain_os_error, hash_file
from strongroom.runs.documents import decode_document

_ANOTHER = "take another set: backup.list shows them, backup.verify says which are sound"
_NAMED = 5


def fetch_members(
    store: Store, chosen: BackupSet, names: Collection[str] | None, into: Path
) -> tuple[ManifestDocument, tuple[MemberRecord, ...]]:
    """Bring a set's manifest, and its members (those of these names, or all), into an empty folder.

    Files lie at ``into / file.path`` then, and each is what the manifest lists. Raises DifferencesError naming the
    member and what differs, UsageError for a name that the set does not have, and what the store raises.
    """
    manifest = read_manifest(store, chosen)
    members = manifest.members if names is None else choose_members(manifest, names)
    paths = [file.path for member in members for file in member.files]
    store.fetch(chosen.entry.locator, into, None if names is None else paths)
    for member in members:
        wrong = find_wrong(into, member)
        if wrong:
            raise DifferencesError(f"{member.name} of set {chosen.id}", "; ".join(wrong[:_NAMED]), _ANOTHER)
    return manifest, members


def read_manifest(store: Store, chosen: BackupSet) -> ManifestDocument:
    """Return the manifest of a set, as the catalog knows it. Raises DifferencesError, and what the store raises."""
    content = store.read_file(chosen.entry.locator, MANIFEST_FILE)
    subject = f"manifest of set {chosen.id}"
    if hashlib.sha256(content).hexdigest() != chosen.entry.manifest_sha256:
        raise DifferencesError(subject, "is not the one that the catalog lists (its SHA-256 is another)", _ANOTHER)
    try:  # its owner may be another store, from which the set was copied: the hash says that it is the right one
        manifest = decode_document(content, subject, ManifestDocument)
    except GuardError as error:
        raise DifferencesError(subject, error.fact, _ANOTHER) from error
    if (manifest.set, manifest.system) != (chosen.id, chosen.entry.system):
        fact = f"is that of set {manifest.set} of {manifest.system}"
        raise DifferencesError(subject, fact, _ANOTHER)
    for member in manifest.members:
        for file in member.files:
            _refuse_way_out(subject, file)
    return manifest


def _refuse_way_out(subject: str, file: FileRecord) -> None:
    """Make sure that a path stays inside the folder into which it is brought."""
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts or str(path) != file.path or "\0" in file.path or not path.name:
        raise DifferencesError(subject, f"names a path that leads out of its set: {file.path}", _ANOTHER)


def choose_members(manifest: ManifestDocument, names: Collection[str]) -> tuple[MemberRecord, ...]:
    """Return the members of these names, in the manifest's order. Raises UsageError for one that it does not have."""
    there = {member.name for member in manifest.members}
    absent = {one.name: one.fact for one in manifest.missing}
    for name in sorted(set(names) - there):
        if name in absent:
            fact = f"set {manifest.set} is without {name}, which could not be taken ({absent[name]})"
        else:
            fact = f"set {manifest.set} holds no {name}"
        raise UsageError(name, fact, f"backup.show --set {manifest.set} lists what it holds")
    return tuple(member for member in manifest.members if member.name in set(names))


def find_wrong(folder: Path, member: MemberRecord) -> tuple[str, ...]:
    """Return what is other than the manifest lists, file by file; nothing for a member that came whole. Read-only.

    ``folder`` is where the set's files lie by their paths. Raises UnreachableError where a file cannot be read.
    """
    found = (find_difference(folder / file.path, file) for file in member.files)
    return tuple(fact for fact in found if fact is not None)


def find_difference(path: Path, file: FileRecord) -> str | None:
    """Return in words what is other about a file than was recorded; None for one that is, byte for byte. Read-only.

    Raises UnreachableError where it cannot be read.
    """
    try:
        if path.is_symlink() or not path.is_file():
            return f"{file.path} is not there"
        size = path.stat().st_size
        if size != file.size:
            return f"{file.path} has {size} bytes, and should have {file.size}"
        return None if hash_file(path) == file.sha256 else f"{file.path} has other content (its SHA-256 is another)"
    except OSError as error:
        raise explain_os_error(path, error) from error
