"""What stands in one place, as it is seen from outside: nothing is opened but to tell two files apart."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from strongroom.consolidate.verify.names import show

_PAGE = 4096


class Kind(StrEnum):
    """What stands in a place, in the words of a sentence."""

    NOTHING = "not there"
    FILE = "a file"
    LINK = "a link"
    FOLDER = "a folder"
    OTHER = "neither file nor folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One place, links not followed."""

    kind: Kind
    inode: int = 0
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0
    """Permissions only."""
    uid: int = 0
    gid: int = 0
    goal: str = ""
    """What a link says."""


def see(path: Path, *, through: bool = False) -> Seen:
    """Look at one place, ``through`` a link if wanted; what nobody can reach is not there. Read-only."""
    try:
        found = path.stat() if through else path.lstat()
    except OSError:
        return Seen(kind=Kind.NOTHING)
    tests = ((stat.S_ISREG, Kind.FILE), (stat.S_ISLNK, Kind.LINK), (stat.S_ISDIR, Kind.FOLDER))
    kind = next((kind for is_it, kind in tests if is_it(found.st_mode)), Kind.OTHER)
    return Seen(
        kind=kind,
        inode=found.st_ino,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        goal=show(path.readlink()) if kind is Kind.LINK else "",
    )


def is_unchanged(now: Seen, before: Seen) -> bool:
    """Tell whether it is the same, written to by nobody; permissions and owner aside."""
    return (now.kind, now.inode, now.size, now.mtime_ns, now.goal) == (
        before.kind,
        before.inode,
        before.size,
        before.mtime_ns,
        before.goal,
    )


def hash_ends(path: Path) -> str:
    """Return the SHA-256 of a file's first and last page, in hex. Read-only."""
    with path.open("rb") as stream:
        digest = hashlib.sha256(stream.read(_PAGE))
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _PAGE))
        digest.update(stream.read(_PAGE))
    return digest.hexdigest()


def name_beside(file: Path, suffix: str) -> Path:
    """Return the path of a file's log, or of another file that is called after it."""
    return file.with_name(file.name + suffix)


def list_names(folder: Path) -> tuple[str, ...]:
    """List a folder in words; one that is not there holds nothing."""
    return tuple(sorted(_show_names(folder))) if folder.is_dir() else ()


def _show_names(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        yield show(Path(path.name))
