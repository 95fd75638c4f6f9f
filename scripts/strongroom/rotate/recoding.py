"""Put a plain database under a key, or an encrypted one in plain: built beside it, proven, swapped in by one rename.

At every moment the live file is the whole old one or the whole new one. The old one is kept.
"""

from __future__ import annotations

from dataclasses import replace

from strongroom.core.errors import DamagedSourceError, DifferencesError, RollbackFailedError, UsageError
from strongroom.core.files import explain_os_error, sync_file, sync_folder
from strongroom.rotate.changing import Case, Change, carry_out, end_document
from strongroom.rotate.look import Look
from strongroom.rotate.place import RotationFolder
from strongroom.rotate.records import Phase, RotationDocument, Work
from strongroom.rotate.request import Request, Surroundings
from strongroom.rotate.results import Changed
from strongroom.rotate.settling import opens
from strongroom.runs.exclusive import held_within
from strongroom.runs.journal import drop_companions
from strongroom.runs.keeping import dress_like, keep_file
from strongroom.sqlite.connection import Connection, connect_live, open_source, open_stage
from strongroom.sqlite.database import Database
from strongroom.sqlite.messages import translated
from strongroom.sqlite.same_content import compare_content
from strongroom.sqlite.transfer import copy_attached, copy_statistics

_LIVE = "src"
_SEE = "see to the disk and the memory of this machine, then run the same command again"


def encrypt(request: Request, around: Surroundings) -> Changed:
    """Put a plain database under a key, where it stands; the plain file is kept in our own directory beside it.

    Nobody else may have it open. Raises TargetBusyError, DamagedSourceError, DifferencesError when the encrypted copy
    is not what the plain one is, NoSpaceError, KeyMissingError, UsageError for a passphrase; then nothing is changed.
    RollbackFailedError where a killed command left what no key opens.
    """
    return carry_out(_ENCRYPT, request, around, None, request.key)


def decrypt(request: Request, around: Surroundings) -> Changed:
    """Put an encrypted database in plain, for a reason that is recorded; the encrypted file is kept.

    Raises UsageError without a reason, and what ``encrypt`` raises.
    """
    if not (request.reason or "").strip():
        raise UsageError("--reason", "must say why the database is to be plain", "it is recorded beside the database")
    return carry_out(_DECRYPT, request, around, request.key, None)


def _build(case: Case, look: Look, folder: RotationFolder, document: RotationDocument) -> RotationDocument:
    stage = replace(case.after, path=folder.stage)
    try:
        stage.path.touch(mode=0o600)
    except OSError as error:
        raise explain_os_error(stage.path, error) from error
    with open_stage(stage) as connection:
        _prepare(connection, look)
        with held_within(connection, case.before, _LIVE):
            try:
                document = _copy(connection, case, document)
            except (DamagedSourceError, DifferencesError) as error:
                raise _find_damage(connection, case) or error from error
            _finish_stage(stage, is_write_ahead=document.is_write_ahead)
            case.around.reach("proven")
            return _swap(connection, case, folder, document)


def _prepare(connection: Connection, look: Look) -> None:
    """Give the new file what cannot be changed later, and leave it unlocked, so that it can be proven from outside."""
    connection.execute("PRAGMA main.locking_mode = NORMAL")
    connection.execute(f"PRAGMA encoding = '{look.encoding}'")
    connection.execute(f"PRAGMA main.auto_vacuum = {look.auto_vacuum}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA cell_size_check = ON")  # of each page that is read


def _copy(connection: Connection, case: Case, document: RotationDocument) -> RotationDocument:
    """Copy what is live and held in one transaction, and compare all of it.

    Raises DamagedSourceError, DifferencesError.
    """
    case.around.progress.start("copy", 0)
    with translated(case.before):
        connection.execute("BEGIN")
        copy_attached(connection)
        copy_statistics(connection)
        connection.execute("COMMIT")
    case.around.reach("copied")
    case.around.progress.start("compare", 0)
    dear, other = ("main", _LIVE) if case.key_before is None else (_LIVE, "main")
    with translated(case.before):
        found = compare_content(connection, dear, other)
    if found.differences:
        raise DifferencesError(case.place.database, f"its copy has another {found.differences[0]}", _SEE)
    return replace(document, tables=found.tables, rows=found.rows)


def _find_damage(connection: Connection, case: Case) -> DamagedSourceError | None:
    """Return what is wrong with what is live, where it could not be copied; what can be is not asked: it takes long."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA {_LIVE}.quick_check(1)")]
    except connection.DatabaseError as error:
        found = [str(error)]
    if found == ["ok"]:
        return None
    way = "restore it from a backup, or save what is left with inventory.recover, then run again"
    return DamagedSourceError(case.place.database, f"is damaged: {found[0].splitlines()[-1]}", way)


def _finish_stage(stage: Database, *, is_write_ahead: bool) -> None:
    """Open the new file afresh, as an application will; give it its journal mode, and see that it stands alone."""
    if not opens(stage):
        raise DifferencesError(stage.path, "is not opened as it should be", _SEE)
    if is_write_ahead:
        with translated(stage):
            connection = connect_live(stage)
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            finally:
                connection.close()
    left = [suffix for suffix in ("-wal", "-journal") if stage.beside(suffix).exists()]
    if left:
        raise DifferencesError(stage.beside(left[0]), "is left beside the new file", _SEE)
    sync_file(stage.path)
    sync_folder(stage.path.parent)


def _swap(connection: Connection, case: Case, folder: RotationFolder, document: RotationDocument) -> RotationDocument:
    """Put the new file in the place of the old one, which is held until then and kept under another name."""
    live = case.place.database
    # Closes the old file's journal, which is empty: left open, closing this connection would delete whatever has
    # that name by then.
    connection.execute(f"PRAGMA {_LIVE}.journal_mode = OFF")
    dress_like(folder.stage, live)
    document = replace(document, phase=Phase.CHANGING)
    folder.write(document)
    case.around.reach("intended")
    drop_companions(live)
    keep_file(live, folder.kept)
    case.around.reach("kept")
    folder.stage.replace(live)
    sync_folder(live.parent)
    sync_folder(folder.root)
    case.around.reach("swapped")
    return document


def _finish(case: Case, folder: RotationFolder, document: RotationDocument) -> RotationDocument:
    """See that what is live is opened as it is to be, and that what was there is kept."""
    if not opens(case.after) or not folder.kept.exists():
        fact = f"is not what sqlcipher.{case.work} put there"
        raise RollbackFailedError(case.place.database, fact, f"change nothing, and look at {folder.root}")
    with open_source(case.after) as connection:
        connection.execute("SELECT * FROM sqlite_master").fetchall()
    done = end_document(case, document)
    folder.write(done)
    case.around.reach("done")
    return done


_ENCRYPT = Change(work=Work.ENCRYPT, copies=1, build=_build, finish=_finish)
_DECRYPT = Change(work=Work.DECRYPT, copies=1, build=_build, finish=_finish)
