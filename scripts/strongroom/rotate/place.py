"""Where changes of a database keep their things: in our own directory beside it, a folder for each."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.core.errors import GuardError, UnreachableError
from strongroom.core.files import follow, make_private_folder, sync_folder
from strongroom.rotate.records import Phase, RotationDocument
from strongroom.runs.cleanup import sweep
from strongroom.runs.documents import read_document, write_document
from strongroom.runs.home import Home
from strongroom.runs.naming import choose_name

_DOCUMENT = "rotation.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationFolder:
    """The folder of one change; everything in it is the owner's only."""

    root: Path
    owner: str
    """What marks its document."""

    @property
    def name(self) -> str:
        """Return the id of the change."""
        return self.root.name

    @property
    def stage(self) -> Path:
        """Where the new file is made."""
        return self.root / "new.db"

    @property
    def kept(self) -> Path:
        """Where the file is kept that was there before."""
        return self.root / "original.db"

    def write(self, document: RotationDocument) -> None:
        """Say how far the change is, durably."""
        write_document(self.root / _DOCUMENT, document, self.owner)

    def read(self) -> RotationDocument | None:
        """Read how far it is; None when nobody said so yet. Raises VersionError, GuardError."""
        return read_document(self.root / _DOCUMENT, RotationDocument, self.owner)

    def give_up(self, document: RotationDocument) -> None:
        """Remove all of a change that came to nothing: first say so, so that a kill in between is no riddle."""
        self.write(replace(document, phase=Phase.COPYING))
        for path in self.root.iterdir():
            if path.name != _DOCUMENT:
                path.unlink()
        shutil.rmtree(self.root)
        sync_folder(self.root.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database lies, links followed: what is changed is the file, never a name that leads to it."""

    database: Path
    folder: Path
    """The folder in which our own directory lies: the database's own, or one above it."""

    @property
    def name(self) -> str:
        """Return the database's path, relative to that folder."""
        return self.database.relative_to(self.folder).as_posix()

    @property
    def home(self) -> Home:
        """Return our own directory: the one in which runs are, where it is a target of theirs."""
        return Home(target=self.folder)

    @property
    def lock(self) -> Path:
        """The file that a run locks too."""
        return self.home.lock

    @property
    def root(self) -> Path:
        """Where the folders of all changes are."""
        return self.home.root / "rotations"

    def provide(self) -> None:
        """Make the directory. Raises UnreachableError, and GuardError where it leads elsewhere."""
        self.home.refuse_links()
        self.home.provide()
        if self.root.is_symlink():
            raise GuardError(self.root, "is a link", "put the folder itself there")
        make_private_folder(self.root)

    def begin(self, document: RotationDocument) -> RotationFolder:
        """Make the folder of a new change, and say what it is. Raises UnreachableError."""
        root = self.root / choose_name(document.began, (self.root,))
        make_private_folder(root)
        folder = self._open(root)
        folder.write(document)
        return folder

    def list_all(self) -> list[tuple[RotationFolder, RotationDocument]]:
        """Return the changes of this database, in the order in which they began. Read-only.

        Raises VersionError, GuardError.
        """
        return [found for found in self.list_everything() if found[1].database == self.name]

    def list_everything(self) -> list[tuple[RotationFolder, RotationDocument]]:
        """Return the changes of all databases of the folder; see ``list_all``."""
        found = []
        for root in self.root.iterdir() if self.root.is_dir() else ():
            folder = self._open(root)
            document = folder.read() if root.is_dir() and not root.is_symlink() else None
            if document is not None:
                found.append((folder, document))
        return sorted(found, key=lambda pair: (pair[1].began, len(pair[0].name), pair[0].name))

    def sweep(self) -> None:
        """Remove what a kill left of a change that was not yet said: an empty folder, a document half written."""
        for root in self.root.iterdir():
            if root.is_dir() and not root.is_symlink():
                sweep(root)
                if not any(root.iterdir()):
                    root.rmdir()

    def _open(self, root: Path) -> RotationFolder:
        return RotationFolder(root=root, owner=f"{self.home.id}/{root.name}")


def find_place(database: Path, home: Path | None = None) -> Place:
    """Return where a database lies, and our own directory: beside it, or in a folder above it.

    Raises UnreachableError when it is not there, GuardError when it does not lie in that folder.
    """
    found = follow(database.absolute())
    folder = found.parent if home is None else follow(home.absolute())
    if not found.is_file():
        raise UnreachableError(database, "there is no such file", "check the path and its mount")
    if not found.is_relative_to(folder):
        raise GuardError(database, f"does not lie in {folder}", "name the folder in which it lies")
    return Place(database=found, folder=folder)
