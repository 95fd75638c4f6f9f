"""Read a file that holds a secret: opened by its path each time, its mode looked at, a mounted one read as mounted.

Kubernetes puts the files of a Secret behind one link, ``..data``, and turns that to a new folder when the Secret
changes. It is followed once, so that several files are of one state. A file that is mounted by itself (``subPath``)
never changes; the kernel says ``//deleted`` of one whose Secret has changed since.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import StrongroomError
from strongroom.keys.errors import (
    KeyDeniedError,
    KeyExposedError,
    KeyFormatError,
    KeyNotFoundError,
    ProviderUnreachableError,
)

_DATA = "..data"
_MOUNTS = Path("/proc/self/mountinfo")
_MOST_BYTES = 64 * 1024
_IN_MEMORY = ("tmpfs", "ramfs")
_GROUP_MAY_READ = 0o040


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of ``/proc/self/mountinfo`` (proc(5))."""

    device: str
    root: str
    point: str
    kind: str

    @property
    def is_outdated(self) -> bool:
        """Whether what was mounted has been removed where it came from."""
        return self.root.endswith("//deleted")


def read_secret_file(subject: str, path: Path, *, is_private: bool = True) -> bytes:
    """Return a file's content.

    With ``is_private`` only its owner may read it, or, in memory where it was mounted, its group. Raises
    KeyNotFoundError, KeyDeniedError, KeyExposedError, ProviderUnreachableError, and KeyFormatError for what is no file
    of a sensible size.
    """
    for is_last in (False, True):  # the folder behind ..data may be replaced while we look
        try:
            with _open_file(path) as (descriptor, is_kubernetes):
                about = os.fstat(descriptor)
                _require_file(subject, path, about)
                if is_private:
                    _require_private(subject, path, about, is_kubernetes=is_kubernetes)
                return os.read(descriptor, _MOST_BYTES)
        except FileNotFoundError:
            if is_last:
                break
        except OSError as error:
            raise _explain(subject, path, error) from None
    raise KeyNotFoundError(subject, f"there is no file {path}", "mount or write it there, or correct the path")


def describe_readers(path: Path) -> tuple[str, ...]:
    """Say who may read a file, and what is special about its mount; nothing where it is not there. Read-only."""
    try:
        about = path.stat()
    except OSError:
        return ()
    who = {0o400: "its owner", 0o040: "its group", 0o004: "everybody"}
    readers = [name for bit, name in who.items() if about.st_mode & bit]
    owned = f"user {about.st_uid}, group {about.st_gid}, mode {stat.S_IMODE(about.st_mode):04o}"
    return (f"read by {', '.join(readers) or 'root alone'} ({owned})", *_describe_mount(path))


def find_mount(path: Path, mounts: str) -> Mount | None:
    """Return the mount of which a path is the mount point itself, the last one over the others."""
    return next((one for one in reversed(list(_parse(mounts))) if one.point == str(path)), None)


def _describe_mount(path: Path) -> Iterator[str]:
    mount = find_mount(path.parent.resolve() / path.name, _read_mounts())
    if mount is None:
        return
    yield "mounted by itself (subPath): it does not change with its Secret; mount the folder instead"
    if mount.is_outdated:
        yield "outdated: its Secret has changed since it was mounted; start the Pod again"


@contextmanager
def _open_file(path: Path) -> Iterator[tuple[int, bool]]:
    """Open a file for reading, in the folder behind ``..data`` where there is one; say whether it was."""
    folder, is_kubernetes = path.parent, False
    try:
        where = os.open(folder / _DATA, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        is_kubernetes = True
    except OSError:
        where = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Without waiting: nobody may have the other end of a pipe.
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where)
    finally:
        os.close(where)
    try:
        yield descriptor, is_kubernetes
    finally:
        os.close(descriptor)


def _require_file(subject: str, path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise KeyFormatError(subject, f"{path} is no file", "name the file itself")
    if about.st_size > _MOST_BYTES:
        fact = f"{path} has {about.st_size} bytes: no key is so long"
        raise KeyFormatError(subject, fact, "name the file of the key")


def _require_private(subject: str, path: Path, about: os.stat_result, *, is_kubernetes: bool) -> None:
    """Kubernetes gives a Secret's files to fsGroup, mode 0440, in memory: the group is the Pod's own."""
    mode = stat.S_IMODE(about.st_mode)
    others = mode & 0o077
    if not others:
        return
    is_mounted = is_kubernetes or about.st_uid != os.geteuid()
    if others == _GROUP_MAY_READ and is_mounted and _is_in_memory(about):
        return
    who = "be changed by others" if others & 0o022 else "be read by others"
    way = "mount it with defaultMode: 0400 (with fsGroup 0440)" if is_mounted else f"chmod 0600 {path}"
    raise KeyExposedError(subject, f"{path} may {who} (mode {mode:04o})", way)


def _is_in_memory(about: os.stat_result) -> bool:
    device = f"{os.major(about.st_dev)}:{os.minor(about.st_dev)}"
    return any(one.device == device and one.kind in _IN_MEMORY for one in _parse(_read_mounts()))


def _read_mounts() -> str:
    try:
        return _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _parse(mounts: str) -> Iterator[Mount]:
    for line in mounts.splitlines():
        words, _, rest = line.partition(" - ")
        fields, kind = words.split(" "), rest.split(" ")[0]
        if len(fields) > 4:  # noqa: PLR2004  device, root and mount point are the third to fifth
            root, point = (field.replace("\\040", " ").replace("\\134", "\\") for field in fields[3:5])
            yield Mount(device=fields[2], root=root, point=point, kind=kind)


def _explain(subject: str, path: Path, error: OSError) -> StrongroomError:
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = f"it must be readable by user {os.geteuid()}: chown it, or in Kubernetes set fsGroup"
        return KeyDeniedError(subject, f"{path} may not be read by us", hint)
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO):
        return KeyFormatError(subject, f"{path} is no file", "name the file itself")
    return ProviderUnreachableError(subject, f"{path} cannot be read ({error.strerror})", "check its mount")
