"""The data directory while files in it are replaced: nobody uses them, nothing else is half done, folders are made."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from strongroom.backup.documents import MemberRecord
from strongroom.backup.request import Surroundings
from strongroom.core.errors import GuardError, LockedError, StrongroomError, TargetBusyError, UnreachableError
from strongroom.core.files import COMPANIONS, explain_os_error, follow
from strongroom.runs.exclusive import refuse_busy
from strongroom.runs.home import Home
from strongroom.runs.interrupted import refuse_open
from strongroom.runs.journal import lies_under
from strongroom.sqlite.database import Database, key_of
from strongroom.sqlite.openers import find_openers


def open_home(data_dir: Path) -> Home:
    """Return our own directory in a data directory, made where it is not there.

    Raises UnreachableError where there is no data directory, GuardError and StaleError where something else was
    begun in it and not finished.
    """
    if not data_dir.is_dir():
        raise UnreachableError(data_dir, "there is no such directory", "mount it, or make it; then the same command")
    home = Home(target=follow(data_dir))
    home.refuse_links()
    home.provide()
    home.refuse_open_rotation()
    refuse_open(home)
    return home


def refuse_used(files: Sequence[Path]) -> None:
    """Make sure that nobody uses files, or the journals of those that are gone. Raises TargetBusyError."""
    refuse_busy([Database(file) for file in files if file.exists()])
    companions = [file.with_name(file.name + suffix) for file in files for suffix in COMPANIONS]
    for opener in find_openers([path for path in companions if path.exists()]):
        fact = f"is held open by process {opener.pid} ({opener.command})"
        raise TargetBusyError(opener.path, fact, "stop it, then run the same command again")


def refuse_unfit(data_dir: Path, names: Iterable[str]) -> None:
    """Make sure that files of a data directory can be replaced by a rename, and that nobody uses them. Read-only.

    Raises GuardError for links, folders, and what lies outside; TargetBusyError.
    """
    files = [data_dir / name for name in names]
    for file in files:
        if file.is_symlink() or lies_under(data_dir, file) is None:
            way = "put the file itself there, or restore it beside the live data with --into"
            raise GuardError(file, "is a link, or is reached by one: its target would stay what it is", way)
        if file.exists() and not file.is_file():
            raise GuardError(file, "is no file", "move it away, then run the same command again")
    refuse_used(files)


def make_folders(data_dir: Path, folders: Iterable[str]) -> None:
    """Make folders in a data directory, of its owner and with its permissions. Raises UnreachableError."""
    about = data_dir.stat()
    for name in folders:
        path = data_dir / name
        try:
            path.mkdir(exist_ok=True)
            path.chmod(stat.S_IMODE(about.st_mode))
            if os.geteuid() == 0:
                os.chown(path, about.st_uid, about.st_gid)
        except OSError as error:
            raise explain_os_error(path, error) from error


def remove_folders(data_dir: Path, folders: Iterable[str]) -> None:
    """Remove folders that were made, the innermost first; those in which something is stay."""
    for name in sorted(set(folders), reverse=True):
        with suppress(OSError):
            (data_dir / name).rmdir()


def tell_old_keys(members: Iterable[MemberRecord], around: Surroundings) -> None:
    """Tell of files that are under another version of their key than the one that is current by now."""
    for member in members:
        with suppress(StrongroomError, KeyError):
            current = None if member.key is None else key_of(member.key)
            if current is not None and around.keys[current].reveal() != around.keys[str(member.key)].reveal():
                fact = f"is encrypted with {member.key}, which is not the current version: sqlcipher.rekey changes that"
                around.say(member.name, fact)


def reach_anyway(around: Surroundings, step: str) -> None:
    """Say that a step is done; that the store's lease was lost meanwhile stops nothing here any more."""
    with suppress(LockedError):
        around.reach(step)
