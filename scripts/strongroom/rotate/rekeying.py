"""Put an encrypted database under another key, in its place: SQLite's own journal makes that whole or nothing.

What ``PRAGMA rekey`` says of itself is not believed: it says ok where a reader kept it from doing anything. A copy
under the old key is proven first, the file is held exclusively, and a fresh connection has the last word.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from io import FileIO
from typing import Any

from strongroom.core.errors import (
    DamagedSourceError,
    DifferencesError,
    GuardError,
    NoSpaceError,
    RollbackFailedError,
    StrongroomError,
    UnreachableError,
    UsageError,
)
from strongroom.core.files import explain_os_error, is_same_stream, sync_file, sync_folder
from strongroom.rotate.changing import Case, Change, carry_out, end_document
from strongroom.rotate.look import Look
from strongroom.rotate.place import RotationFolder
from strongroom.rotate.records import Phase, RotationDocument, Work
from strongroom.rotate.request import Request, Surroundings
from strongroom.rotate.results import Changed
from strongroom.rotate.settling import RUNBOOK, is_changed, opens, put_back_log
from strongroom.rotate.soundness import find_bad_pages_of, find_damage, find_disorder
from strongroom.runs.exclusive import held_open
from strongroom.sqlite.keyring import spell_key
from strongroom.sqlite.libraries import library_errors

_SAFE = ("delete", "truncate", "persist")
"""Journal modes in which a kill costs nothing; in memory and off it costs everything."""
_CHUNK = 1 << 20
_RESTORE = "restore it from a backup, or save what is left with inventory.recover, then run again"
_SEE = "see to the disk and the memory of this machine, then run the same command again"


def rekey(request: Request, around: Surroundings) -> Changed:
    """Put an encrypted database under ``new_key`` instead of ``key``, whatever mode it is in; rows stay where they lie.

    Nobody else may have it open. Raises TargetBusyError, DamagedSourceError, NoSpaceError, KeyMissingError,
    UsageError for a passphrase; then the old key opens it. RollbackFailedError where neither key does, or both do.
    """
    if request.new_key is None or request.new_key == request.key:
        raise UsageError("--new-key", "must name another key than --key", "say vault@7 for a version of key vault")
    return carry_out(_REKEY, request, around, request.key, request.new_key)


def _build(case: Case, _look: Look, folder: RotationFolder, document: RotationDocument) -> RotationDocument:
    # Opened first and closed last: POSIX drops SQLite's lock when any descriptor of the file is closed.
    with case.place.database.open("rb", buffering=0) as stream, held_open(case.before) as connection:
        _keep_copy(stream, case, folder)
        document = replace(document, phase=Phase.CHANGING)
        folder.write(document)
        case.around.reach("intended")
        case.around.progress.start("rekey", 0)
        failed = _change_key(connection, case)
    if failed is not None and not is_changed(case.place, folder, document):
        raise _explain(case, failed) from failed
    case.around.reach("rekeyed")
    return document


def _keep_copy(stream: FileIO, case: Case, folder: RotationFolder) -> None:
    """Copy the held file as it is, and prove the copy.

    Byte for byte, and page for page: each is as SQLCipher wrote it under the old key.
    """
    case.around.progress.start("copy", 0)
    try:
        folder.kept.touch(mode=0o600)
        with folder.kept.open("wb", buffering=0) as copy:
            stream.seek(0)
            shutil.copyfileobj(stream, copy, _CHUNK)
    except OSError as error:
        raise explain_os_error(folder.kept, error) from error
    sync_file(folder.kept)
    sync_folder(folder.root)
    case.around.reach("copied")
    stream.seek(0)
    with folder.kept.open("rb", buffering=0) as copy:
        is_same = is_same_stream(stream, copy)
    if not is_same:
        raise DifferencesError(folder.kept, "is not what was copied", _SEE)
    damage = find_bad_pages_of(replace(case.before, path=folder.kept))
    if damage:
        raise DamagedSourceError(case.place.database, f"is damaged: {damage[0]}", _RESTORE)
    case.around.reach("kept")


def _change_key(connection: Any, case: Case) -> Exception | None:
    """Let SQLCipher write every page anew; return what it complained of."""
    connection.execute("COMMIT")  # rekey would; the file is locked exclusively, and stays so
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode not in _SAFE or connection.in_transaction:
        raise GuardError(case.place.database, f"cannot be rekeyed safely (journal mode {mode})", "tell us")
    connection.execute("PRAGMA synchronous = FULL")
    try:
        connection.reset_key(spell_key(str(case.key_after)))
    except library_errors() as error:
        return error
    return None


def _explain(case: Case, error: Exception) -> StrongroomError:
    """Say why the key is the old one still; what SQLCipher says of it is the same whatever happened."""
    path = case.place.database
    damage = find_damage(case.before)
    if damage:
        return DamagedSourceError(path, f"is damaged: {damage[0]}", _RESTORE)
    if shutil.disk_usage(path.parent).free < path.stat().st_size:
        fact = "cannot be rekeyed: the disk is full; the old key opens it, and nothing is lost"
        return NoSpaceError(path, fact, "free some space, then run the same command again")
    fact = (
        f"cannot be rekeyed ({getattr(error, 'sqlite_errorname', 'an error')}); the old key opens it, nothing is lost"
    )
    return UnreachableError(path, fact, "check the disk, permissions and mounts, then run the same command again")


def _check_old(case: Case, folder: RotationFolder) -> None:
    """Make sure that a live file which the old key opens is whole, before its copy is let go of."""
    _refuse_damaged(case, find_damage(case.before), folder)


def _refuse_damaged(case: Case, damage: tuple[str, ...], folder: RotationFolder) -> None:
    if damage:
        fact = f"is damaged in the middle of sqlcipher.rekey: {damage[0]}"
        way = f"change nothing; {folder.kept} is what it was, under key {case.key_before}; {RUNBOOK}"
        raise RollbackFailedError(case.place.database, fact, way)


def _finish(case: Case, folder: RotationFolder, document: RotationDocument) -> RotationDocument:
    """See by fresh connections that the new key opens all of it and the old one nothing; then let the copy go.

    Every page that holds something is read again; the empty ones are not.
    """
    case.around.progress.start("verify", 0)
    if not opens(case.after) or opens(case.before):
        fact = "was said to be rekeyed, and is not: the new key must open it, and the old one must not"
        raise RollbackFailedError(case.place.database, fact, f"change nothing; {folder.kept} is what it was")
    _refuse_damaged(case, find_disorder(case.after), folder)
    case.around.reach("verified")
    put_back_log(case.after, document)
    folder.kept.unlink(missing_ok=True)
    sync_folder(folder.root)
    case.around.reach("let go")
    done = end_document(case, document)
    folder.write(done)
    case.around.reach("done")
    return done


_REKEY = Change(work=Work.REKEY, copies=2, build=_build, finish=_finish, check_old=_check_old)
