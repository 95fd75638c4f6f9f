"""What stands in the way of changing a database, asked before anything is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strongroom.core.errors import GuardError, NoSpaceError, TargetBusyError, UnreachableError
from strongroom.core.files import explain_closed_folder
from strongroom.rotate.look import Look

_WRITING = 0o222
_MEGABYTE = 1_000_000
_LEAST = 1 << 17
"""Bytes: with less SQLite cannot make a log and its index."""
_MARGIN = 1.1
"""For what is written beside pages: journals' headers, reserved bytes, folders."""


def refuse_unchangeable(path: Path, look: Look, copies: int) -> None:
    """Make sure that a file may be changed and replaced, and that there is room for so many copies of it. Read-only.

    Raises GuardError for one that is read-only or has another name, UnreachableError, UsageError, NoSpaceError.
    """
    stat = path.stat()
    if not stat.st_mode & _WRITING:
        fact = f"is read-only (mode {stat.st_mode & 0o7777:04o})"
        raise GuardError(
            path, fact, "legacy files of a run are; else give it back what lets its owner write: chmod u+w"
        )
    if stat.st_nlink > 1:
        fact = f"has {stat.st_nlink} names (hard links): under the others it would stay what it is"
        raise GuardError(path, fact, f"find them with find -samefile {path.name}, and leave one")
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            closed = explain_closed_folder(place / "new", PermissionError(13, "Permission denied"))
            raise closed or UnreachableError(place, "cannot be written to", "check permissions and mounts")
    _refuse_small_disk(path, look, copies)


def _refuse_small_disk(path: Path, look: Look, copies: int) -> None:
    needed = int(look.pages * max(look.page_size, 1) * copies * _MARGIN) + _MEGABYTE
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        fact = f"{needed / _MEGABYTE:.1f} MB are needed beside it, {free / _MEGABYTE:.1f} MB are free"
        raise NoSpaceError(path.parent, fact, "free some space, then run the same command again")


@contextmanager
def naming_full_disk(folder: Path) -> Iterator[None]:
    """Say that a disk is full, where SQLite says of that something else: that it cannot read, or not lock.

    Raises NoSpaceError.
    """
    try:
        yield
    except (TargetBusyError, UnreachableError) as error:
        if shutil.disk_usage(folder).free < _LEAST:
            way = "free some space, then run the same command again"
            raise NoSpaceError(folder, "the disk is full", way) from error
        raise
