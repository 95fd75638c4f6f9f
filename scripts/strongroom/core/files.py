"""Files as a careful operator treats them: hashed, synced, replaced whole, locked."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from strongroom.core.errors import LockedError, NoSpaceError, StrongroomError, UnreachableError, UsageError

SQLITE_HEADER = b"SQLite format 3\x00"
DATABASE_SUFFIXES = (".db", ".db3", ".sqlite", ".sqlite3")
COMPANIONS = ("-wal", "-shm", "-journal")
OWN_FOLDER = ".strongroom"
BACKUP_FOLDER = "backup"
MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_LOCK_TRIES, _LOCK_SECONDS = 5, 0.02


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb", buffering=0) as stream:
        return hash_stream(stream)


def hash_stream(stream: FileIO, before: bytes = b"") -> str:
    """Return the SHA-256 of some bytes and what is left of a stream, in hex."""
    digest = hashlib.sha256(before)
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    while count := stream.readinto(buffer):
        digest.update(view[:count])
    return digest.hexdigest()


def copy_stream(stream: FileIO, destination: Path) -> str:
    """Copy what is left of a stream into a file, and return the SHA-256 of these bytes, in hex."""
    digest = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    with destination.open("wb", buffering=0) as copy:
        while count := stream.readinto(buffer):
            digest.update(view[:count])
            written = 0
            while written < count:
                written += copy.write(view[written:count])
    return digest.hexdigest()


def is_same_content(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same bytes."""
    with one.open("rb", buffering=0) as first, other.open("rb", buffering=0) as second:
        return is_same_stream(first, second)


def is_same_stream(one: FileIO, other: FileIO) -> bool:
    """Tell whether what is left of two streams are the same bytes."""
    mine, theirs = bytearray(_CHUNK), bytearray(_CHUNK)
    while True:
        count = _fill(one, mine)
        if count != _fill(other, theirs):
            return False
        if count < _CHUNK:
            return mine[:count] == theirs[:count]
        if mine != theirs:
            return False


def _fill(stream: FileIO, buffer: bytearray) -> int:
    """Read until the buffer is full or the stream ends; return how much was read."""
    view, count = memoryview(buffer), 0
    while count < len(buffer) and (more := stream.readinto(view[count:])):
        count += more
    return count


def sync_file(path: Path) -> None:
    """Return when the file's content is on disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Return when the folder's entries are on disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a text durably and whole, readable by the owner only unless ``mode`` says otherwise."""
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8", opener=_open_private) as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    sync_folder(path.parent)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter.

    Raises UnreachableError when the place cannot be written to.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(path, error) from error


def make_private_folders(root: Path, folder: Path) -> None:
    """Make a folder below another one, and those between them, each for its owner only.

    Raises UnreachableError when the place cannot be written to.
    """
    between = [one for one in (folder, *folder.parents) if one != root and one.is_relative_to(root)]
    for one in reversed(between):
        make_private_folder(one)


def show_path(path: Path) -> str:
    """Return a path as text that every terminal and document can hold; bytes that are no UTF-8 stay visible."""
    return os.fsencode(path).decode(errors="backslashreplace")


def explain_os_error(path: Path, error: OSError) -> StrongroomError:
    """Say in our words what the operating system said about ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError(path, "the disk is full", "free some space, then run the same command again")
    return explain_closed_folder(path, error) or UnreachableError(
        path, (error.strerror or str(error)).lower(), "check the path, its permissions and its mount"
    )


def explain_closed_folder(path: Path, error: OSError) -> UsageError | None:
    """Name whose folder it is, where something was to be made in that of another user; None where it was not so."""
    if error.errno not in (errno.EACCES, errno.EPERM) or os.path.lexists(path):
        return None
    folder = next((parent for parent in path.absolute().parents if os.path.lexists(parent)), Path("/"))
    owner, ours = folder.stat().st_uid, os.geteuid()
    if os.access(folder, os.W_OK) or owner == ours:
        return None
    fact = f"is not ours to write to: it belongs to user {owner}, and this runs as {ours}"
    way = f"chown {ours}:{os.getegid()} {folder} (where it is mounted: the folder on the host), or run as user {owner}"
    return UsageError(folder, fact, way)


def follow(path: Path) -> Path:
    """Return where a path leads, its links followed, whether something is there or not.

    Raises UnreachableError for links that go in a circle.
    """
    try:
        return path.resolve()
    except RuntimeError as error:  # Python 3.11 and 3.12; later ones return what they have
        raise UnreachableError(path, "leads in a circle of symbolic links", "remove the link") from error


def find_databases(
    directory: Path, *, with_empty: bool = False, also: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """Find what is, or calls itself, a SQLite file, without our own folders and links; empty ones if asked for.

    ``also`` tells of all others whether they are to be found too.
    """
    for folder, folders, names in os.walk(directory):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not is_ours(here / name))
        for name in sorted(names):
            path = here / name
            if name.endswith(COMPANIONS) or path.is_symlink() or not path.is_file():
                continue
            if not with_empty and not path.stat().st_size:
                continue
            if name.endswith(DATABASE_SUFFIXES) or _has_sqlite_header(path) or (also is not None and also(path)):
                yield path


def is_ours(folder: Path) -> bool:
    """Tell whether a folder holds our own runs or backups."""
    return folder.name == OWN_FOLDER or (folder.parent.name == BACKUP_FOLDER and _is_manifest(folder / MANIFEST))


def _is_manifest(path: Path) -> bool:
    """Tell whether a file is the manifest of a backup of ours, and no file of another program with that name."""
    try:
        return '"document": "manifest"' in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _has_sqlite_header(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(SQLITE_HEADER)) == SQLITE_HEADER


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the run lock; it ends with the process, however that ends.

    Raises LockedError when another process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _take_lock(descriptor, fcntl.LOCK_EX) or not _is_still(path, descriptor):
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise LockedError(
                path.parent.parent,
                f"another run holds the lock (process {holder})",
                "wait for it, then run the same command again",
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether a file that was opened is what its name leads to: it may have been removed by who held it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def is_locked(path: Path) -> bool:
    """Tell whether a process holds the run lock. Read-only."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _take_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _take_lock(descriptor: int, kind: int) -> bool:
    """Try for a moment: whoever only looks whether a run is going on holds the lock for as long as that takes."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_SECONDS)
        else:
            return True
    return False
