"""Put all of a target directory that lies under a key under another version of it, backups aside.

A document says first which key is rotated; until it is gone, nobody else reads the directory. Every step may be done
again: each file is opened by exactly one of the versions, and what the new one opens is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import DifferencesError, KeyMissingError, StaleError, UnreachableError, WrongKeyError
from strongroom.core.files import locked, sync_file, sync_folder
from strongroom.rotate.place import find_place
from strongroom.rotate.rekeying import rekey
from strongroom.rotate.request import Request, Surroundings
from strongroom.rotate.settling import find_open, opens
from strongroom.runs.exclusive import refuse_busy
from strongroom.runs.home import Home
from strongroom.runs.key_names import Kept, Part, find_untouched, list_kept, name_anew
from strongroom.runs.records import KeyRotationDocument
from strongroom.sqlite.connection import Connection, attached, copy_database, open_snapshot
from strongroom.sqlite.database import Database, key_of, under_key
from strongroom.sqlite.messages import translated
from strongroom.sqlite.same_content import compare_content

_ASIDE = ".rekeyed"


def find_before(home: Home, name: str, versions: Sequence[str], after: str | None, around: Surroundings) -> str | None:
    """Make sure that a target directory can be rotated; return the version under which it is. Read-only.

    None where nothing lies under another one than ``after`` (None: the version that is still to be made). Raises
    UnreachableError where nothing ever ran, StaleError where something was interrupted, WrongKeyError, TargetBusyError,
    and what ``rekey`` raises.
    """
    if not home.current_file.is_file():
        raise UnreachableError(home.target, "holds no run of ours", "name a target directory")
    begun = home.read_key_rotation()
    if begun is not None and begun.key != name:
        raise StaleError(home.target, f"is in the middle of a rotation of key {begun.key}", "finish that one first")
    _refuse_open_journals(home)
    found = begun.before if begun is not None else None
    moving = [one for one in list_kept(home, name) if one.part in (Part.LIVE, Part.RUN)]
    for one in sorted(moving, key=lambda one: one.part is not Part.LIVE):
        opener = find_version(one, [*([after] if after else []), *versions])
        if opener == after:
            continue
        found = found or opener
        if one.part is Part.LIVE and after is None:
            refuse_busy([_under(one.path, opener)])
        elif one.part is Part.LIVE:
            foresee_rekey(one.path, opener, str(after), around)
    return found


def foresee_rekey(database: Path, before: str, after: str, around: Surroundings) -> None:
    """Make sure that a database can be rekeyed, unless that was begun already. Raises what ``rekey`` raises."""
    begun = find_open(find_place(database))
    if begun is None or begun[1].key_after != after:
        rekey(Request(database=database, key=before, new_key=after, dry_run=True), around)


def _refuse_open_journals(home: Home) -> None:
    for run in home.all_runs():
        journal = home.open_run(run).place(home.target).read_journal()
        if journal is not None and journal.is_open:
            way = "run the same consolidate.run again, or consolidate.rollback"
            raise StaleError(f"run {run}", "was interrupted while its targets changed places", way)


def _under(path: Path, key: str) -> Database:
    return under_key(path, key, Engine.BUNDLED)


def find_version(kept: Kept, versions: Iterable[str]) -> str:
    """Return the version of a key that opens a file. Raises WrongKeyError where none does."""
    names = list(dict.fromkeys(versions))
    for name in names:
        if is_opened(kept, name):
            return name
    raise WrongKeyError(kept.path, f"is opened by none of {', '.join(names)}", "bring back the version that opens it")


def is_opened(kept: Kept, key: str) -> bool:
    """Tell whether a version opens a file; what is only ours is not written to by looking, whatever mode it is in."""
    database = _under(kept.path, key)
    if kept.part is not Part.RUN:
        return opens(database)
    try:
        with open_snapshot(database) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except KeyMissingError:
        return False
    return True


def rotate_tree(home: Home, before: str, after: str, versions: Sequence[str], around: Surroundings) -> None:
    """Put a target directory under another version of a key, whichever of ``versions`` its files have. They are held.

    ``before`` is what its backups have. What is in the middle of it stays marked until ``end_rotation``. Raises
    LockedError, WrongKeyError, and what ``rekey`` raises.
    """
    name = str(key_of(after))
    with locked(home.lock):
        document = home.read_key_rotation() or KeyRotationDocument(
            key=name, before=before, after=after, untouched=find_untouched(home, name)
        )
        home.write_key_rotation(document)
        around.reach("marked")
        moving = [one for one in list_kept(home, name) if one.part in (Part.LIVE, Part.RUN)]
        for one in moving:
            if one.part is Part.RUN:
                _write_anew(one, versions, document.after, around)
    for one in moving:
        if one.part is Part.LIVE:  # by itself it takes the lock
            rekey_to(one, versions, document.after, around)
    around.reach("files rotated")
    with locked(home.lock):
        name_anew(home, name, document.before, document.after, document.untouched)
        around.reach("named anew")


def rekey_to(kept: Kept, versions: Sequence[str], after: str, around: Surroundings) -> None:
    """Put a database that applications open under another version, or finish that. Raises what ``rekey`` raises."""
    begun = find_open(find_place(kept.path))
    opener = find_version(kept, versions) if begun is None else str(begun[1].key_before)
    if opener != after:
        rekey(Request(database=kept.path, key=opener, new_key=after), around)


def end_rotation(home: Home) -> None:
    """Say that nothing is in the middle of a rotation any more."""
    with locked(home.lock):
        home.key_rotation.unlink(missing_ok=True)
        sync_folder(home.root)


def _write_anew(kept: Kept, versions: Sequence[str], after: str, around: Surroundings) -> None:
    """Put a file that is only ours under the new key: a copy, proven, in its place."""
    aside = _under(_beside(kept.path), after)
    aside.path.unlink(missing_ok=True)
    old = _under(kept.path, find_version(kept, [after, *versions]))
    if old.key == after:
        return
    aside.path.touch(mode=0o600)
    with open_snapshot(old) as connection, translated(aside):
        copy_database(connection, aside)
    with open_snapshot(aside) as connection:
        _refuse_other(connection, old, kept.path)
    sync_file(aside.path)
    os.replace(aside.path, kept.path)  # noqa: PTH105  # the same as everywhere that renames durably
    sync_folder(kept.path.parent)
    around.reach("file rotated")


def _refuse_other(connection: Connection, old: Database, path: Path) -> None:
    with attached(connection, old, "old"):
        found = compare_content(connection, "old", "main")
    if found.differences:
        raise DifferencesError(path, f"its copy has another {found.differences[0]}", "see to the disk, then run again")


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _ASIDE)
