"""Small objects of a store, by name: read whole, written whole. In a folder; ``bucket`` has those of S3."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from strongroom.core.errors import UnreachableError
from strongroom.core.files import explain_os_error, make_private_folders, sync_folder, write_text


class Objects(Protocol):
    """What a store keeps beside the content of sets. Names have ``/`` between their parts.

    Every call raises UnreachableError where the store cannot be reached, KeyMissingError where it refuses us.
    """

    @property
    def place(self) -> str:
        """Where they are, for people; without secrets."""

    def list(self, prefix: str) -> list[str]:
        """Return the names below a prefix such as ``catalog/``, sorted."""

    def read(self, name: str) -> bytes | None:
        """Return an object; None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write an object durably and whole, also over another one."""

    def create(self, name: str, content: bytes) -> bool:
        """Write an object where there is none, and tell whether that was so: of two who try, one succeeds."""

    def delete(self, name: str) -> None:
        """Remove an object; nothing to do where there is none."""


class FolderObjects:
    """Objects as the files of a folder."""

    def __init__(self, root: Path) -> None:
        """Keep them in ``root``; nothing is made yet."""
        self.root = root

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def list(self, prefix: str) -> list[str]:
        """Return the names below a prefix, sorted; what is being written is left out."""
        try:
            found = list(self._walk(self.root / prefix))
        except OSError as error:
            raise explain_os_error(self.root / prefix, error) from error
        return sorted(str(path.relative_to(self.root)) for path in found)

    def read(self, name: str) -> bytes | None:
        """Return an object; None where there is none."""
        path = self.root / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise explain_os_error(path, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Write an object durably and whole."""
        path = self._make_room(name)
        try:
            write_text(path, content.decode())
        except OSError as error:
            raise explain_os_error(path, error) from error

    def create(self, name: str, content: bytes) -> bool:
        """Write an object where there is none, and tell whether that was so."""
        path = self._make_room(name)
        part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
        try:
            write_text(part, content.decode())
            try:
                os.link(part, path)
            except FileExistsError:
                return False
            sync_folder(path.parent)
        except OSError as error:
            raise explain_os_error(path, error) from error
        else:
            return True
        finally:
            part.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Remove an object."""
        path = self.root / name
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)
        except OSError as error:
            raise explain_os_error(path, error) from error

    def _make_room(self, name: str) -> Path:
        path = self.root / name
        if not self.root.is_dir():
            hint = "mount it, or correct store: in system.yaml; backup.init makes a new one"
            raise UnreachableError(self.root, "there is no such folder", hint)
        make_private_folders(self.root, path.parent)
        return path

    def _walk(self, folder: Path) -> Iterator[Path]:
        if not folder.is_dir():
            return
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(Path(entry.path))
                elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(".part"):
                    yield Path(entry.path)
