"""Keys in files: mounted secrets of Kubernetes and Docker, and files of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from strongroom.core.files import explain_os_error, sync_folder
from strongroom.core.key_entries import FileKey
from strongroom.core.secret import Secret
from strongroom.keys.encoding import decode_key, encode_key, fingerprint_key
from strongroom.keys.errors import KeyConflictError, KeyNotFoundError, ProviderMisnamedError
from strongroom.keys.held import Holding, find_version, list_holdings, name_by_fingerprint
from strongroom.keys.model import Description, Key, KeyVersion
from strongroom.keys.secret_files import describe_readers, read_secret_file


class FileProvider:
    """A key in a file, and those that were active before in others; a version is a key's fingerprint."""

    def __init__(self, name: str, entry: FileKey, variable: Callable[[str], str | None]) -> None:
        """Ask for variables by ``variable``."""
        self._name, self._entry, self._variable = name, entry, variable

    def get(self, version: str | None = None) -> Key:
        """Read the active key, or the one of a version; the file is opened anew each time."""
        if version is None:
            return self._read(self._find())
        return find_version(self._name, version, self._hold())

    def list_versions(self) -> tuple[KeyVersion, ...]:
        """Return the keys that are there."""
        return list_holdings(self._hold())

    def describe(self) -> Description:
        """Say which file it is, and who may read it."""
        try:
            path = self._find()
        except KeyNotFoundError:
            return Description(provider="file", place=f"the file that {self._entry.variable} names")
        return Description(provider="file", place=str(path), notes=describe_readers(path))

    def check_health(self) -> str:
        """Say nothing: there is always a file system."""
        return ""

    def create(self, secret: Secret) -> str:
        """Write the file (0600), which must not be there; durable when this returns.

        Raises KeyConflictError where something is, NoSpaceError, UnreachableError.
        """
        path = self._find()
        if not path.parent.is_dir():
            raise ProviderMisnamedError(f"key {self._name}", f"there is no folder {path.parent}", "make it, mode 0700")
        content = encode_key(secret, self._entry.encoding) + (b"" if self._entry.encoding == "raw" else b"\n")
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            _write_whole(part, content)
            os.link(part, path)  # never over another file, and never half
        except FileExistsError:
            fact = f"{path} is there already"
            raise KeyConflictError(f"key {self._name}", fact, "keys.show says what is in it") from None
        except OSError as error:
            raise explain_os_error(path, error) from error
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path.parent)
        return str(fingerprint_key(secret, self._entry.encoding))

    def _hold(self) -> list[Holding]:
        paths = (self._find(), *map(Path, self._entry.previous))
        return [Holding(place=str(path), read=partial(self._read, path)) for path in paths]

    def _find(self) -> Path:
        if self._entry.path is not None:
            return Path(self._entry.path)
        named = self._variable(str(self._entry.variable))
        if named is None:
            hint = "let it name the file that holds the key"
            raise KeyNotFoundError(f"key {self._name}", f"{self._entry.variable} is not set", hint)
        return Path(named)

    def _read(self, path: Path) -> Key:
        content = read_secret_file(f"key {self._name}", path)
        secret = decode_key(f"key {self._name} in {path}", content, self._entry.encoding)
        created = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return name_by_fingerprint(self._name, secret, self._entry.encoding, created)


def _write_whole(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
