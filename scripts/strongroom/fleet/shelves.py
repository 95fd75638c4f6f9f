"""Where results are kept: a folder, or a prefix of a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from strongroom.core.errors import LockedError, UnreachableError
from strongroom.core.files import explain_os_error, locked, make_private_folder, sync_folder
from strongroom.fleet.results import Attempt, Growing, Result, read_name

_PART = ".part"
_LOCK = ".lock"
_MOST_LINES = 10_000
"""Of an object: an attempt that has more goes on in the next one."""


class FolderShelf:
    """Results in a folder, on this machine or a volume that several mount."""

    def __init__(self, root: Path) -> None:
        """Nothing is made yet."""
        self._root = root

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    @contextmanager
    def hold(self, share: str) -> Iterator[None]:
        """Hold a lock that ends with the process; the folder is made where it is missing. Raises LockedError."""
        path = self._root / f"{share}{_LOCK}"
        make_private_folder(self._root)
        try:
            holding = locked(path)
            holding.__enter__()
        except LockedError as error:
            fact = f"another process is at work on it ({error.fact.rpartition('(')[2].rstrip(')')})"
            raise LockedError(f"{self._root}/{share}", fact, error.hint) from None
        except OSError as error:
            raise explain_os_error(path, error) from error
        try:
            yield
        finally:
            holding.__exit__(None, None, None)

    def list(self, start: str) -> list[str]:
        """Return the names of the files that begin so; none where there is no folder yet."""
        try:
            return [name for name in os.listdir(self._root) if name.startswith(start)]  # noqa: PTH208  names only
        except FileNotFoundError:
            return []
        except OSError as error:
            raise explain_os_error(self._root, error) from error

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file."""
        path = self._root / name
        try:
            with path.open("rb") as stream:
                yield from stream
        except OSError as error:
            raise explain_os_error(path, error) from error

    def take_over(self, share: str) -> None:
        """Give what a process that died left its name, but for a line that it did not end."""
        for name in self.list(share):
            attempt = read_name(name.removesuffix(_PART))
            if attempt is not None and attempt.share == share and name.endswith(_PART):
                self._take_over(self._root / name)

    def _take_over(self, part: Path) -> None:
        try:
            with part.open("rb+") as stream:
                whole = 0
                for line in stream:
                    whole += len(line) if line.endswith(b"\n") else 0
                stream.truncate(whole)
                os.fsync(stream.fileno())
            _conclude(part, whole)
        except OSError as error:
            raise explain_os_error(part, error) from error

    def begin(self, attempt: Attempt) -> Growing:
        """Begin a file."""
        return _GrowingFile(self._root / f"{attempt.name}{_PART}")


def _conclude(part: Path, size: int) -> None:
    if size:
        part.rename(part.with_name(part.name.removesuffix(_PART)))
    else:
        part.unlink()
    sync_folder(part.parent)


class _GrowingFile:
    """A file that gets its name at its end; each line is the system's at once, so that a kill takes none."""

    def __init__(self, part: Path) -> None:
        self._part, self._size = part, 0
        try:
            self._descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise explain_os_error(part, error) from error

    def write(self, result: Result) -> None:
        left = memoryview(result.encode())
        try:
            while left:
                written = os.write(self._descriptor, left)
                left, self._size = left[written:], self._size + written
        except OSError as error:
            raise explain_os_error(self._part, error) from error

    def close(self) -> None:
        try:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            _conclude(self._part, self._size)
        except OSError as error:
            raise explain_os_error(self._part, error) from error


class Objects(Protocol):
    """Objects below a prefix of a bucket."""

    @property
    def place(self) -> str:
        """Where they are, for people."""

    def list(self, prefix: str) -> list[str]:
        """Return the names below a prefix, sorted."""

    def read(self, name: str) -> bytes | None:
        """Return an object; None where there is none."""

    def create(self, name: str, content: bytes) -> bool:
        """Write an object where there is none, and tell whether that was so."""


class BucketShelf:
    """Results as objects of a bucket."""

    def __init__(self, objects: Objects, hold: Callable[[str], AbstractContextManager[None]]) -> None:
        """Nobody is asked yet; ``hold`` holds the lease of an index."""
        self._objects, self.hold = objects, hold

    @property
    def place(self) -> str:
        """The bucket and the prefix."""
        return self._objects.place

    def list(self, start: str) -> list[str]:
        """Return the names of the objects that begin so."""
        return self._objects.list(start)

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the lines of an object."""
        content = self._objects.read(name)
        if content is None:
            raise UnreachableError(f"{self.place}/{name}", "is not there any more", "run the same command again")
        yield from content.splitlines(keepends=True)

    def take_over(self, share: str) -> None:
        """Find nothing: what was not created is lost."""

    def begin(self, attempt: Attempt) -> Growing:
        """Begin to gather lines."""
        return _GrowingObject(self._objects, attempt)


class _GrowingObject:
    """Lines that become an object."""

    def __init__(self, objects: Objects, attempt: Attempt) -> None:
        self._objects, self._attempt, self._lines = objects, attempt, list[bytes]()

    def write(self, result: Result) -> None:
        self._lines.append(result.encode())
        if len(self._lines) == _MOST_LINES:
            self.close()

    def close(self) -> None:
        if not self._lines:
            return
        name, content = self._attempt.name, b"".join(self._lines)
        if not self._objects.create(name, content) and self._objects.read(name) != content:
            place = f"{self._objects.place}/{name}"
            raise LockedError(place, "was written by another process", "see that no index runs twice, then run again")
        self._lines.clear()
        following = self._attempt.number + 1
        self._attempt = Attempt(
            task=self._attempt.task, of=self._attempt.of, index=self._attempt.index, number=following
        )
