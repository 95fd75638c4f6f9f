"""The frame of every change: look, refuse, say what is meant, do it, prove it; and first what a killed one left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace

from strongroom import __version__
from strongroom.core.errors import StaleError, StrongroomError
from strongroom.core.files import locked, show_path
from strongroom.rotate.look import Look, look_at
from strongroom.rotate.place import Place, RotationFolder, find_place
from strongroom.rotate.records import Phase, RotationDocument, Work
from strongroom.rotate.refusals import naming_full_disk, refuse_unchangeable
from strongroom.rotate.request import Request, Surroundings
from strongroom.rotate.results import Changed, Earlier
from strongroom.rotate.settling import find_open, is_changed, opens, put_back_log, refuse_other_command, under
from strongroom.runs.exclusive import refuse_busy
from strongroom.sqlite.connection import is_write_ahead
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.keyring import hold_needed, refuse_passphrase


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One change of one database, with all that it takes."""

    place: Place
    work: Work
    key_before: str | None
    key_after: str | None
    request: Request
    around: Surroundings

    @property
    def before(self) -> Database:
        """Return the handle of the live file as long as it is the old one."""
        return under(self.place, self.key_before)

    @property
    def after(self) -> Database:
        """Return the handle of the live file once it is the new one."""
        return under(self.place, self.key_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a kind of change is done."""

    work: Work
    copies: int
    """How many times the database's size is written beside it."""
    build: Callable[[Case, Look, RotationFolder, RotationDocument], RotationDocument]
    """Make the live file the new one; said in the document before."""
    finish: Callable[[Case, RotationFolder, RotationDocument], RotationDocument]
    """Prove that it is, and end; to be asked again after a kill."""
    check_old: Callable[[Case, RotationFolder], None] = lambda _case, _folder: None
    """Make sure that a live file which is the old one is whole, before what was copied of it is let go of."""


def carry_out(change: Change, request: Request, around: Surroundings, before: str | None, after: str | None) -> Changed:
    """Change a database, or finish what a killed command began. Raises what its parts raise; then nothing is changed.

    StaleError for a dry run of what was interrupted, KeyMissingError, LockedError.
    """
    place = find_place(request.database, request.home)
    case = Case(place=place, work=change.work, key_before=before, key_after=after, request=request, around=around)
    found = find_open(place)
    with hold_needed(around.keys, (before, after, found[1].key_before if found else None)):
        if after is not None:
            refuse_passphrase(after)
        if request.dry_run:
            return _foresee(case, change)
        if found is None and _is_done(case):
            return _describe(case, nothing_done=True)
        place.provide()
        lock = nullcontext() if request.is_locked else locked(place.lock)
        with lock, naming_full_disk(place.folder):
            return _carry_out(case, change)


def _carry_out(case: Case, change: Change) -> Changed:
    case.place.sweep()
    earlier = Earlier.NONE
    for folder, document in case.place.list_all():
        if document.is_open:
            refuse_other_command(case.place, document, case.work, {case.key_before, case.key_after})
            if document.phase is Phase.CHANGING and is_changed(case.place, folder, document):
                return _describe(case, change.finish(case, folder, document), folder, earlier=Earlier.FINISHED)
            if document.phase is Phase.CHANGING:
                change.check_old(case, folder)
            _undo(case, folder, document)
            earlier = Earlier.UNDONE
    look = _examine(case, change)
    folder = case.place.begin(_begin_document(case, look))
    document = _build(case, change, look, folder)
    return _describe(case, change.finish(case, folder, document), folder, earlier=earlier)


def _build(case: Case, change: Change, look: Look, folder: RotationFolder) -> RotationDocument:
    """Make the live file the new one; an error before it is that leaves nothing behind."""
    document = _begin_document(case, look)
    try:
        case.around.reach("begun")
        return change.build(case, look, folder, document)
    except BaseException:
        said = folder.read() if folder.root.is_dir() else None
        if said is not None and not (said.phase is Phase.CHANGING and is_changed(case.place, folder, said)):
            with suppress(StrongroomError, OSError):  # what stood in the way first is said; the next command undoes it
                _undo(case, folder, said)
        raise


def _undo(case: Case, folder: RotationFolder, document: RotationDocument) -> None:
    """Let go of a change that came to nothing: the live file is the old one, in its old mode."""
    put_back_log(under(case.place, document.key_before), document)
    folder.give_up(document)


def _begin_document(case: Case, look: Look) -> RotationDocument:
    return RotationDocument(
        work=case.work,
        database=case.place.name,
        key_before=case.key_before,
        key_after=case.key_after,
        phase=Phase.COPYING,
        tool=__version__,
        began=case.around.now(),
        is_write_ahead=look.is_write_ahead,
        reason=case.request.reason,
    )


def _is_done(case: Case) -> bool:
    """Tell whether the database is what it is to be already. Read-only.

    Raises what looking at it raises, where it is under a key and that is not the one that it should get.
    """
    if case.key_before is None and not has_plain_header(case.before):
        look_at(case.after)
        return True
    return not _is_unclear(case.before) and opens(case.after)


def _is_unclear(database: Database) -> bool:
    """Tell whether nothing can be told from which key opens a file: each opens an empty one.

    Or a write to it was interrupted, which only its application may roll back.
    """
    journal = database.beside("-journal")
    is_interrupted = journal.is_file() and journal.stat().st_size > 0
    return is_interrupted or not database.path.stat().st_size


def _examine(case: Case, change: Change) -> Look:
    """Look at the database, and refuse what stands in the way. Read-only."""
    refuse_busy([case.before])
    look = look_at(case.before)
    refuse_unchangeable(case.place.database, look, change.copies)
    return look


def _foresee(case: Case, change: Change) -> Changed:
    """Say what would be done. Read-only."""
    found = find_open(case.place)
    if found is not None:
        fact = f"was interrupted in the middle of sqlcipher.{found[1].work}"
        raise StaleError(case.place.database, fact, f"./inv {found[1].describe(case.place.database)} finishes it")
    if _is_done(case):
        return _describe(case, nothing_done=True)
    look = _examine(case, change)
    return replace(_describe(case), size=look.size, journal_mode=look.journal_mode)


def end_document(case: Case, document: RotationDocument) -> RotationDocument:
    """Return the document of a change that is done."""
    return replace(document, phase=Phase.DONE, ended=case.around.now())


def _describe(
    case: Case,
    document: RotationDocument | None = None,
    folder: RotationFolder | None = None,
    *,
    earlier: Earlier = Earlier.NONE,
    nothing_done: bool = False,
) -> Changed:
    kept = folder.kept if folder is not None and folder.kept.exists() else None
    is_logged = document.is_write_ahead if document is not None else nothing_done and is_write_ahead(case.after)
    return Changed(
        work=case.work,
        database=show_path(case.place.database),
        key_before=case.key_before,
        key_after=case.key_after,
        size=case.place.database.stat().st_size,
        tables=0 if document is None else document.tables,
        rows=0 if document is None else document.rows,
        journal_mode="wal" if is_logged else "delete",
        kept=None if kept is None else show_path(kept),
        rotation=None if folder is None else folder.name,
        earlier=earlier,
        nothing_done=nothing_done,
        dry_run=case.request.dry_run,
    )
