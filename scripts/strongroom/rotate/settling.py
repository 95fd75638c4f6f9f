"""What a killed command left: the document says what was meant, the file itself how far that came."""

from __future__ import annotations

from contextlib import closing

from strongroom.core.engines import Engine
from strongroom.core.errors import GuardError, KeyMissingError, RollbackFailedError, TargetBusyError
from strongroom.rotate.place import Place, RotationFolder
from strongroom.rotate.records import Phase, RotationDocument, Work
from strongroom.runs.exclusive import refuse_busy
from strongroom.sqlite.connection import connect_live, open_source
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.messages import translated

RUNBOOK = "see .github/runbooks/restore.md"
_WAIT_MILLISECONDS = 10_000


def under(place: Place, key: str | None) -> Database:
    """Return the handle of a database under a key, or as a plain one: of one library, whichever it is."""
    return Database(place.database, Engine.BUNDLED, key)


def find_open(place: Place) -> tuple[RotationFolder, RotationDocument] | None:
    """Return the change of a database that was begun and not finished. Read-only. Raises VersionError, GuardError."""
    return next((found for found in place.list_all() if found[1].is_open), None)


def refuse_other_command(place: Place, document: RotationDocument, work: Work, keys: set[str | None]) -> None:
    """Make sure that a command which was interrupted half-way is the one that is given. Raises GuardError."""
    if document.phase is Phase.CHANGING and (work, keys) != (document.work, document.name_keys()):
        fact = f"was interrupted in the middle of sqlcipher.{document.work}"
        raise GuardError(place.database, fact, f"finish that first: ./inv {document.describe(place.database)}")


def is_changed(place: Place, folder: RotationFolder, document: RotationDocument) -> bool:
    """Tell whether the live file is the new one already. A journal that lies beside it is rolled back, as by anybody.

    Raises RollbackFailedError where neither key opens it, or both do; TargetBusyError while somebody uses it.
    """
    refuse_busy([under(place, None)])
    if document.work is not Work.REKEY and folder.stage.exists():
        return False  # its rename is all that changes the live file
    before, after = (opens(under(place, key)) for key in (document.key_before, document.key_after))
    if before == after:
        fact = f"is opened by {'both' if before else 'neither'} of {document.name_both()}"
        raise RollbackFailedError(place.database, fact, f"change nothing; {folder.kept} is what it was; {RUNBOOK}")
    if before and document.work is not Work.REKEY:
        fact = f"is what it was before sqlcipher.{document.work} put another file there: somebody put it back"
        raise RollbackFailedError(place.database, fact, f"change nothing; {folder.kept} is what it was; {RUNBOOK}")
    return after


def put_back_log(database: Database, document: RotationDocument) -> None:
    """Put a database into WAL mode again, where it was when the change began: holding it ends that.

    Raises TargetBusyError where somebody uses it already and does not stop.
    """
    if not document.is_write_ahead:
        return
    with translated(database), closing(connect_live(database)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {_WAIT_MILLISECONDS}")
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except connection.OperationalError as error:
            if "locked" not in str(error):
                raise
            mode = "locked"
    if mode != "wal":
        fact = "is in use, so that it cannot be put back into WAL mode"
        raise TargetBusyError(database.path, fact, "stop what uses it, then run the same command again")


def opens(database: Database) -> bool:
    """Tell whether a key, or none, opens a live file.

    Read-only, but for a journal of a write that was interrupted: without rolling that back nothing can be told.
    """
    if (database.key is None) != has_plain_header(database):
        return False
    journal = database.beside("-journal")
    try:
        if journal.is_file() and journal.stat().st_size:
            with translated(database), closing(connect_live(database)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        else:
            with open_source(database):
                pass
    except KeyMissingError:
        return False
    return True
