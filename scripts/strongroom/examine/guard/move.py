"""Move stray databases to where the application keeps its own, each whole with its write-ahead log."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from strongroom.core.errors import GuardError, TargetBusyError, TargetExistsError, UnreachableError
from strongroom.core.files import COMPANIONS, explain_os_error, find_databases, sync_folder
from strongroom.sqlite.openers import find_openers


def move_stray(directory: Path, target: Path, *, dry_run: bool) -> tuple[str, ...]:
    """Move every database that lies directly in ``directory`` into ``target``; return their names.

    Everything is checked before anything moves; killed in between, the same command goes on. Raises
    UnreachableError, TargetExistsError for a name that is taken, TargetBusyError for a file in use, GuardError
    across file systems.
    """
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --source DIRECTORY")
    files = [file for file in find_databases(directory) if file.parent == directory]
    openers = find_openers(files)
    if openers:
        first = openers[0]
        fact = f"is held open by process {first.pid} ({first.command})"
        raise TargetBusyError(first.path, fact, "stop it, then run the same command again")
    for file in files:
        there = target / file.name
        if there.exists() and not there.samefile(file):
            raise TargetExistsError(there, "is there already", "look at both files, and move one away yourself")
    if not dry_run:
        for file in files:
            _move(file, target)
    return tuple(file.name for file in files)


def _move(file: Path, target: Path) -> None:
    """Give the pair its new names before it loses the old ones: at every moment one place has all of it."""
    parts = [file.with_name(file.name + suffix) for suffix in ("-wal", "-journal", "")]
    present = [part for part in parts if part.exists()]
    try:
        target.mkdir(parents=True, exist_ok=True)
        for part in present:
            there = target / part.name
            if not (there.exists() and there.samefile(part)):
                os.link(part, there)
        sync_folder(target)
        for part in [*reversed(present), *(file.with_name(file.name + suffix) for suffix in COMPANIONS)]:
            part.unlink(missing_ok=True)
        sync_folder(file.parent)
    except FileExistsError as error:
        raise TargetExistsError(target / file.name, "has a log already", "look at both, then run again") from error
    except OSError as error:
        if error.errno == errno.EXDEV:
            fact = f"and {target} are on different file systems"
            raise GuardError(file, fact, "copy it there with its -wal, and compare") from error
        raise explain_os_error(file, error) from error
