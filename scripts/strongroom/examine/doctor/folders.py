"""Look at a folder: its file system, free space, and whether a database can be published there safely."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from strongroom.core.errors import StrongroomError
from strongroom.core.files import sync_file, sync_folder
from strongroom.examine.doctor.finding import Finding, Level
from strongroom.examine.doctor.mounts import MOUNTS, find_mount
from strongroom.sqlite.connection import connect_live
from strongroom.sqlite.database import Database
from strongroom.sqlite.messages import translated

_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "vboxsf", "virtiofs", "afs", "ceph", "glusterfs")
_FLEETING = ("tmpfs", "ramfs")
_PRIVATE = 0o700
_SMALLEST = 1 << 30
_SLOW_SYNC_SECONDS = 0.1
_COPIES = 3
"""A run keeps snapshots, staged targets and ledgers beside the live files: so many times the sources."""


def examine_space(subject: str, folder: Path, sources: int = 0) -> Iterator[Finding]:
    """Look at free space; ``sources`` are the bytes of the databases to be consolidated there. Read-only."""
    here = nearest_folder(folder)
    try:
        status = os.statvfs(here)
    except OSError as error:
        yield Finding(level=Level.ERROR, subject=subject, fact=f"{here}: {error.strerror}", hint="check the mount")
        return
    free = status.f_bavail * status.f_frsize
    needed = sources * _COPIES
    fact = f"{here}: {free >> 20:,} MB free on {read_file_system(here)}"
    if sources and free < needed:
        level = Level.ERROR if free < sources * (_COPIES - 1) else Level.WARNING
        yield Finding(
            level=level,
            subject=subject,
            fact=f"{fact}; a run may need {needed >> 20:,} MB",
            hint="free some space, or choose another --target",
        )
    elif not sources and free < _SMALLEST:
        yield Finding(level=Level.WARNING, subject=subject, fact=fact, hint="free some space")
    else:
        yield Finding(level=Level.OK, subject=subject, fact=fact)
    if status.f_files and status.f_favail < 1000:  # noqa: PLR2004  a run makes a few hundred files
        yield Finding(level=Level.WARNING, subject=subject, fact=f"{here}: {status.f_favail} inodes left")


def examine_file_system(subject: str, folder: Path) -> Iterator[Finding]:
    """Look at the kind of file system. Read-only."""
    here = nearest_folder(folder)
    kind = read_file_system(here)
    if kind in _REMOTE or kind.startswith("fuse"):
        yield Finding(
            level=Level.WARNING,
            subject=subject,
            fact=f"{here} is on {kind}: SQLite's locks and WAL mode are not safe between machines there",
            hint="use a local disk, or make sure that only this machine opens the files",
        )
    elif kind in _FLEETING:
        yield Finding(level=Level.NOTE, subject=subject, fact=f"{here} is on {kind}: gone after a restart")


def nearest_folder(path: Path) -> Path:
    """Return a folder, or the nearest one above it that is there. Read-only."""
    here = path.absolute()
    while not here.is_dir() and here != here.parent:
        here = here.parent
    return here


def read_file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of file system that a folder is on: ``ext4``, ``nfs4``, … Read-only."""
    mount = find_mount(folder, mounts)
    return "an unknown file system" if mount is None else mount.kind


def examine_promises(subject: str, folder: Path) -> Iterator[Finding]:
    """Try, in a scratch folder that is removed again, what publishing relies on."""
    here = nearest_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".strongroom-doctor-", dir=here) as scratch:
            failed = list(_try(subject, here, Path(scratch)))
            seconds = _time_sync(Path(scratch)) if not failed else 0.0
    except OSError as error:
        yield Finding(
            level=Level.ERROR,
            subject=subject,
            fact=f"{here} cannot be written to ({error.strerror})",
            hint="check permissions and mount options, or choose another folder",
        )
        return
    yield from failed
    if seconds > _SLOW_SYNC_SECONDS:
        yield Finding(level=Level.NOTE, subject=subject, fact=f"{here}: fsync takes {seconds * 1000:.0f} ms")
    if not failed:
        yield Finding(
            level=Level.OK,
            subject=subject,
            fact=f"{here}: fsync, rename, links, locks and private folders work",
        )


def _try(subject: str, here: Path, scratch: Path) -> Iterator[Finding]:
    for level, what, probe in _PROBES:
        try:
            probe(scratch)
        except (OSError, StrongroomError) as error:
            fact = f"{here}: {what} does not work ({error})"
            yield Finding(level=level, subject=subject, fact=fact, hint="use a local disk for the target")


def _probe_rename(scratch: Path) -> None:
    old, new = scratch / "old", scratch / "new"
    old.write_bytes(b"old")
    new.write_bytes(b"new")
    sync_file(new)
    new.replace(old)
    sync_folder(scratch)
    if old.read_bytes() != b"new" or new.exists():
        raise OSError(0, "the renamed file is not in place")


def _probe_link(scratch: Path) -> None:
    (scratch / "alias").symlink_to("old")
    if (scratch / "alias").read_bytes() != b"new":
        raise OSError(0, "the link leads elsewhere")


def _probe_lock(scratch: Path) -> None:
    first, second = (os.open(scratch / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        raise OSError(0, "two holders got one lock")
    finally:
        os.close(first)
        os.close(second)


def _probe_private(scratch: Path) -> None:
    (scratch / "private").mkdir(mode=_PRIVATE)
    if (scratch / "private").stat().st_mode & 0o777 != _PRIVATE:
        raise OSError(0, "permissions are not kept")


def _probe_wal(scratch: Path) -> None:
    path = scratch / "probe.db"
    path.touch()
    database = Database(path)
    with translated(database), closing(connect_live(database)) as connection:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        connection.execute("CREATE TABLE probes (id INTEGER PRIMARY KEY)")
    if mode != "wal":
        raise OSError(0, f"SQLite stays in {mode} mode")


_PROBES: tuple[tuple[Level, str, Callable[[Path], None]], ...] = (
    (Level.ERROR, "rename", _probe_rename),
    (Level.WARNING, "symbolic links", _probe_link),
    (Level.ERROR, "locking", _probe_lock),
    (Level.WARNING, "a private folder", _probe_private),
    (Level.WARNING, "a WAL database", _probe_wal),
)


def _time_sync(scratch: Path) -> float:
    (scratch / "old").write_bytes(b"x" * 4096)
    started = time.monotonic()
    sync_file(scratch / "old")
    return time.monotonic() - started
