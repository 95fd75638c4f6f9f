"""Restores in place, each with a folder of its own in the data directory: what it meant, what it put aside.

The document is written before what it says, so that whoever comes after a kill knows what to do.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import ClassVar, Protocol

from strongroom.backup.documents import FileRecord, Kind, MemberRecord
from strongroom.backup.members.local import DATA
from strongroom.core.errors import DifferencesError, GuardError, UsageError
from strongroom.core.files import make_private_folder, sync_folder
from strongroom.runs.cleanup import sweep
from strongroom.runs.documents import Document, read_document, write_document
from strongroom.runs.home import Home
from strongroom.runs.naming import choose_name

RESTORES = "restores"
KEPT_FOR = timedelta(days=7)
SERVERS = (Kind.POSTGRES, Kind.REDIS)
_DOCUMENT = "restore.json"


class Phase(StrEnum):
    """How far it is."""

    BRINGING = "bringing"
    """Nothing live was touched: whatever else there is may go."""
    SWAPPING = "swapping"
    """Each live file is the old or the new one; both are here."""
    DONE = "done"
    GOING_BACK = "going back"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """One file to put live."""

    member: str
    file: FileRecord
    had: bool = False
    """Whether a file was live before."""
    folders: tuple[str, ...] = ()
    """The folders that were made for it, relative to the data directory, the outermost first."""

    @property
    def live(self) -> str:
        """Return its path in the data directory."""
        return PurePosixPath(self.file.path).relative_to(DATA).as_posix()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreDocument(Document):
    """``restore.json``: what is put live in the place of what, and how far that is. No cell, no key."""

    kind: ClassVar[str] = "backup-restore"

    set: str
    store: str
    """The id of the store."""
    phase: Phase
    tool: str
    began: datetime
    names: tuple[str, ...]
    """Of the members, sorted."""
    members: tuple[MemberRecord, ...] = ()
    """As the manifest has them, once they were brought."""
    files: tuple[Swapped, ...] = ()
    kept: Mapping[str, int] = field(default_factory=dict)
    """What was put aside, relative to the restore's folder, in bytes; once it is done."""
    discarded: Mapping[str, str] = field(default_factory=dict)
    """When it is taken back although files were written to: what these were then, by their paths."""
    ended: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether it was begun and not finished."""
        return self.phase in (Phase.BRINGING, Phase.SWAPPING, Phase.GOING_BACK)

    @property
    def servers(self) -> tuple[MemberRecord, ...]:
        """Return the members that are no files here."""
        return tuple(member for member in self.members if member.kind in SERVERS)

    def find_member(self, one: Swapped) -> MemberRecord:
        """Return the member to which a file belongs."""
        return next(member for member in self.members if member.name == one.member)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreFolder:
    """The folder of one restore; everything in it is the owner's only."""

    root: Path
    data_dir: Path
    owner: str
    """What marks its document."""

    @property
    def name(self) -> str:
        """Return the id of the restore."""
        return self.root.name

    @property
    def new(self) -> Path:
        """Where the set's files are brought, by their paths in it; those that are taken back return there."""
        return self.root / "new"

    @property
    def old(self) -> Path:
        """Where what was live is put aside, by its path in the data directory."""
        return self.root / "old"

    def live(self, one: Swapped) -> Path:
        """Return the file that applications open."""
        return self.data_dir / one.live

    def brought(self, one: Swapped) -> Path:
        """Return where the file of the set is as long as it is not live."""
        return self.new / one.file.path

    def aside(self, one: Swapped) -> Path:
        """Return where the file is put that was live."""
        return self.old / one.live

    def found(self, one: Swapped) -> Path:
        """Return where a file is put that an application made while there was none."""
        return self.root / "found" / one.live

    def is_swapped(self, one: Swapped) -> bool:
        """Tell whether the file of the set is the one that is live, or was."""
        return not self.brought(one).exists() and (self.aside(one).exists() or not one.had)

    def write(self, document: RestoreDocument) -> RestoreDocument:
        """Say how far it is, durably; return what was said."""
        write_document(self.root / _DOCUMENT, document, self.owner)
        return document

    def read(self) -> RestoreDocument | None:
        """Read how far it is; None when nobody said so yet. Raises VersionError, GuardError."""
        return read_document(self.root / _DOCUMENT, RestoreDocument, self.owner)

    def tidy(self, document: RestoreDocument) -> None:
        """Remove what a restore that has ended needs no more; what people wrote stays."""
        if document.phase is Phase.UNDONE:
            shutil.rmtree(self.old, ignore_errors=True)
        if document.phase is Phase.DONE or (document.phase is Phase.UNDONE and not document.discarded):
            shutil.rmtree(self.new, ignore_errors=True)

    def give_up(self, document: RestoreDocument) -> None:
        """Remove all of a restore that came to nothing: first say so, so that a kill in between is no riddle."""
        self.write(replace(document, phase=Phase.BRINGING))
        self.remove()

    def remove(self) -> None:
        """Remove all of it, what says what it was last."""
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        shutil.rmtree(self.root)
        sync_folder(self.root.parent)


def list_files(members: Sequence[MemberRecord]) -> tuple[Swapped, ...]:
    """Return the files of members that are to be put live here. Raises DifferencesError for one of another place."""
    local = [member for member in members if member.kind not in SERVERS]
    for member in local:
        outside = next((file.path for file in member.files if not file.path.startswith(f"{DATA}/")), None)
        if outside is not None:
            raise DifferencesError(member.name, f"has a file that is not of the data directory: {outside}")
    return tuple(Swapped(member=member.name, file=file) for member in local for file in member.files)


Found = tuple[RestoreFolder, RestoreDocument]


class Swap(Protocol):
    """A member of a server that is put live, and taken back. Each may be called again after a kill."""

    def prepare(self) -> None:
        """Bring it up beside what is live, and compare it; nothing live is touched."""

    def discard(self) -> None:
        """Remove what was brought up; nothing live is touched."""

    def put_live(self) -> None:
        """Put it in the place of what is live, which is kept."""

    def find_changes(self) -> tuple[str, ...]:
        """Return what was written to it since it was put live, in words; nothing where it is not live. Read-only."""

    def take_back(self) -> None:
        """Put what was live before in its place again; nothing to do where it is."""


BuildSwap = Callable[[MemberRecord, Path, Path], Swap]
"""Of a member, the folder with the set's files by their paths, and the folder of the restore, to keep things in."""


def no_servers(member: MemberRecord, _brought: Path, _folder: Path) -> Swap:
    """Refuse a member of a server. Raises UsageError."""
    raise UsageError(member.name, "is no file of the data directory", "restore it with --into DSN")


def begin_restore(home: Home, document: RestoreDocument) -> RestoreFolder:
    """Make the folder of a restore, and say what it is. Raises UnreachableError, and GuardError for a link."""
    folder = _root(home)
    if folder.is_symlink():
        raise GuardError(folder, "is a link", "put the folder itself there")
    root = folder / choose_name(document.began, (folder,))
    make_private_folder(root)
    opened = _open(home, root)
    opened.write(document)
    sync_folder(folder)
    return opened


def list_restores(home: Home) -> list[Found]:
    """Return the restores of a data directory, in the order in which they began. Read-only.

    Raises VersionError, GuardError.
    """
    found = []
    for folder in _list_folders(home):
        document = folder.read()
        if document is not None:
            found.append((folder, document))
    return sorted(found, key=lambda one: (one[1].began, len(one[0].name), one[0].name))


def sweep_restores(home: Home) -> None:
    """Remove what a kill left: of a restore that had not said yet what it was, and of one that had ended already.

    To be called under the lock of the data directory. Raises VersionError, GuardError.
    """
    for folder in _list_folders(home):
        sweep(folder.root)
        if not any(folder.root.iterdir()):
            folder.root.rmdir()
    for folder, document in list_restores(home):
        folder.tidy(document)


def find_open(home: Home) -> Found | None:
    """Return the restore that was begun and not finished. Read-only. Raises VersionError, GuardError."""
    return next((found for found in list_restores(home) if found[1].is_open), None)


def clear_old(home: Home, now: datetime) -> tuple[str, ...]:
    """Remove the restores that ended more than seven days ago, with what they put aside; return their ids.

    To be called under the lock of the data directory.
    """
    gone = []
    for folder, document in list_restores(home):
        if document.ended is not None and not document.is_open and now - document.ended > KEPT_FOR:
            folder.remove()
            gone.append(folder.name)
    return tuple(gone)


def _root(home: Home) -> Path:
    return home.root / RESTORES


def _list_folders(home: Home) -> Iterator[RestoreFolder]:
    root = _root(home)
    for path in sorted(root.iterdir()) if root.is_dir() and not root.is_symlink() else ():
        if path.is_dir() and not path.is_symlink():
            yield _open(home, path)


def _open(home: Home, root: Path) -> RestoreFolder:
    return RestoreFolder(root=root, data_dir=home.target, owner=f"{home.id}/{root.name}")
