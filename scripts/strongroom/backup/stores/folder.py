"""Sets as folders of plain files: a copy of each member, and the manifest that knows its hash."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from strongroom.backup.documents import StoreDocument
from strongroom.backup.stores.model import Kept
from strongroom.backup.stores.objects import FolderObjects
from strongroom.core.errors import DifferencesError, UnreachableError
from strongroom.core.files import explain_os_error, make_private_folders, sync_file, sync_folder

SETS = "sets"
_PART, _GONE = ".part", ".gone"


class FolderStore:
    """Keeps the content of sets below ``PATH/sets``."""

    def __init__(self, root: Path, about: StoreDocument) -> None:
        """Open the store in a folder."""
        self.root, self.about = root, about
        self.objects = FolderObjects(root)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def find_files(self, locator: str) -> Path | None:
        """Return the folder in which the files of a set lie as they are."""
        return self.root / SETS / locator

    def restoring(self) -> FolderStore:
        """Return the store: there is nothing to make anew."""
        return self

    def stage(self, set_id: str) -> Path:
        """Return an empty folder beside the sets: what is put together there need not be copied once more."""
        if not self.root.is_dir():
            raise UnreachableError(self.root, "there is no such folder", "mount it, or correct store: in system.yaml")
        self.sweep()
        folder = self.root / SETS / f"{set_id}{_PART}"
        make_private_folders(self.root, folder)
        return folder

    def put(self, set_id: str, staged: Path) -> str:
        """Give a staged set its name, once all of it is on disk."""
        final = self.root / SETS / set_id
        try:
            for folder, _, names in os.walk(staged, topdown=False):
                for name in names:
                    sync_file(Path(folder) / name)
                sync_folder(Path(folder))
            staged.rename(final)
            sync_folder(final.parent)
        except OSError as error:
            raise explain_os_error(final, error) from error
        return set_id

    def list_content(self) -> tuple[Kept, ...]:
        """Return the sets that are whole in their place."""
        folder = self.root / SETS
        if not folder.is_dir():
            return ()
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
        return tuple(Kept(locator=name, set=name) for name in names if not name.endswith((_PART, _GONE)))

    def fetch(self, locator: str, into: Path, paths: Sequence[str] | None = None) -> None:
        """Copy a set's files into an empty folder."""
        source = self.root / SETS / locator
        for path in self._list_files(source) if paths is None else paths:
            self._copy(source / path, into / path, into)

    def _list_files(self, source: Path) -> Iterator[str]:
        for folder, _, names in os.walk(source):
            for name in names:
                yield (Path(folder) / name).relative_to(source).as_posix()

    def _copy(self, source: Path, copy: Path, into: Path) -> None:
        try:
            make_private_folders(into, copy.parent)
            copy.touch(mode=0o600)
            shutil.copyfile(source, copy)
        except FileNotFoundError as error:
            raise _missing(source) from error
        except OSError as error:
            raise explain_os_error(copy, error) from error

    def read_file(self, locator: str, path: str) -> bytes:
        """Return a small file of a set."""
        file = self.root / SETS / locator / path
        try:
            return file.read_bytes()
        except FileNotFoundError as error:
            raise _missing(file) from error
        except OSError as error:
            raise explain_os_error(file, error) from error

    def examine(self, locators: Sequence[str], part: tuple[int, int] | None = None) -> tuple[str, ...]:
        """Find nothing by itself: the hashes of the manifest tell."""
        del locators, part
        return ()

    def mend(self) -> tuple[str, ...]:
        """Do nothing: no set here is built on another."""
        return ()

    def remove(self, locators: Sequence[str]) -> None:
        """Take away the folders of sets, their names first."""
        for locator in locators:
            folder = self.root / SETS / locator
            if folder.is_dir():
                try:
                    folder.rename(folder.with_name(f"{locator}{_GONE}"))
                    sync_folder(folder.parent)
                except OSError as error:
                    raise explain_os_error(folder, error) from error

    def sweep(self) -> None:
        """Take away what was being put together, and what was given up."""
        folder = self.root / SETS
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            if entry.name.endswith((_PART, _GONE)):
                try:
                    shutil.rmtree(entry)
                except OSError as error:
                    raise explain_os_error(entry, error) from error


def _missing(file: Path) -> DifferencesError:
    return DifferencesError(file, "is missing from its set", "backup.list shows other sets; backup.create makes one")
