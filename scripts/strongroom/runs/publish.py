"""Put staged files live as a set, and finish what an interrupted publishing began."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from strongroom.core.errors import RollbackFailedError, SourceChangedError, TargetBusyError
from strongroom.core.files import hash_file, sync_file, sync_folder
from strongroom.runs.exclusive import held, refuse_busy
from strongroom.runs.journal import (
    Checkpoint,
    JournalDocument,
    JournalState,
    LegacyFile,
    Place,
    Swap,
    drop_companions,
    make_read_only,
)
from strongroom.runs.keeping import dress_like, keep_file
from strongroom.runs.legacy import give_way, lead, refuse_other
from strongroom.runs.undo import resume_undo
from strongroom.sqlite.connection import fold_log, is_write_ahead
from strongroom.sqlite.database import Database, state_of


def publish(
    place: Place,
    swaps: list[Swap],
    legacy: tuple[LegacyFile, ...],
    checkpoint: Checkpoint,
    recheck: Callable[[], None] = lambda: None,
) -> None:
    """Put staged files live and make legacy files read-only, where they lie in what was typed.

    ``recheck`` is asked once the live files are held. Raises TargetBusyError, and what it raises, before
    anything changed.
    """
    refuse_busy([place.before(swap) for swap in swaps] + _giving_way(place, legacy))
    for swap in swaps:
        _dress(place, swap, legacy)
        _keep_raw(place, swap)
    swaps = [_foresee(place, swap) for swap in swaps]
    intent = JournalDocument(state=JournalState.OPEN, swaps=tuple(swaps), legacy=legacy)
    # Said before the files are held: holding one folds its log in, which is a change already.
    place.write_journal(intent)
    try:
        with held([place.before(swap) for swap in swaps]):
            recheck()
            checkpoint("publish.intent")
            for swap in swaps:
                _put_live(place, swap)
                checkpoint(f"publish.{swap.live}")
            for one in legacy:
                _let_way(place, one, checkpoint)
    except (TargetBusyError, SourceChangedError):
        place.journal.unlink()
        raise
    _finish(place, intent)
    checkpoint("publish.closed")


def _keep_raw(place: Place, swap: Swap) -> None:
    """Keep a database with a write-ahead log as it is, log and all: holding it folds the log in.

    Raises TargetBusyError when it changes meanwhile.
    """
    live, previous = place.live(swap), place.previous(swap)
    if not live.exists() or previous.exists() or not is_write_ahead(place.before(swap)):
        return
    previous.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = state_of(place.before(swap))
    for suffix in ("", "-wal"):
        file = live.with_name(live.name + suffix)
        if file.exists():
            kept = previous.with_name(previous.name + suffix)
            shutil.copy2(file, kept)
            sync_file(kept)
    sync_folder(previous.parent)
    if state_of(place.before(swap)) != before:
        raise TargetBusyError(
            live, "changes under our hands", "stop what writes to it, then run the same command again"
        )


def _foresee(place: Place, swap: Swap) -> Swap:
    """Note, before anything changes, what the way back needs to know."""
    live = place.live(swap)
    missing = tuple(alias for alias in swap.aliases if not os.path.lexists(place.target / alias))
    parents = {parent for name in (swap.live, *missing) for parent in PurePosixPath(name).parents}
    folders = sorted(str(parent) for parent in parents if not (place.target / parent).exists())
    return replace(swap, had=live.exists(), aliases=missing, folders=tuple(folders))


def _dress(place: Place, swap: Swap, legacy: tuple[LegacyFile, ...]) -> None:
    """Give a staged file the owner and permissions of the file it replaces, else of the first legacy file."""
    staged, live = place.staged(swap), place.live(swap)
    found = (path for path in map(place.find, legacy) if path is not None and path.is_file())
    model = live if live.exists() else next(found, None)
    if model is None:
        return
    dress_like(staged, model)


def _finish(place: Place, intent: JournalDocument) -> None:
    for legacy in intent.legacy:
        path = place.find(legacy)
        if path is not None:
            make_read_only(path)
    place.write_journal(replace(intent, state=JournalState.CLOSED))


def _giving_way(place: Place, legacy: tuple[LegacyFile, ...]) -> list[Database]:
    """Return the legacy files that are still to move out of the way of links."""
    files = (place.original(one) for one in legacy if one.gives_way_to is not None)
    return [Database(file, place.engine) for file in files if not file.is_symlink()]


def _let_way(place: Place, legacy: LegacyFile, checkpoint: Checkpoint = lambda _: None) -> None:
    if legacy.gives_way_to is not None:
        give_way(place, legacy, place.target / legacy.gives_way_to)
        checkpoint(f"publish.legacy.{legacy.path}")


def _put_live(place: Place, swap: Swap) -> None:
    staged, live, previous = place.staged(swap), place.live(swap), place.previous(swap)
    if staged.exists():
        previous.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        live.parent.mkdir(parents=True, exist_ok=True)
        if live.exists() and not previous.exists():
            keep_file(live, previous)
        drop_companions(live)
        staged.replace(live)
        sync_folder(live.parent)
        sync_folder(staged.parent)
    for alias in swap.aliases:
        _make_alias(live, place.target / alias)


def _make_alias(live: Path, alias: Path) -> None:
    """Link an old name to the new file, unless something has that name."""
    if not alias.exists() and not alias.is_symlink():
        alias.parent.mkdir(parents=True, exist_ok=True)
        alias.symlink_to(lead(alias, live))


def recover(place: Place) -> bool:
    """Finish what an open journal began; return whether there was one.

    Raises RollbackFailedError when neither the old nor the new file is to be found, TargetBusyError when an
    application was started again meanwhile, GuardError for another file in the place of a legacy one that moved.
    """
    intent = place.read_journal()
    if intent is None or not intent.is_open:
        return False
    if intent.state is JournalState.UNDOING:
        resume_undo(place, intent)
        return True
    swaps = intent.swaps
    for swap in swaps:
        if not place.staged(swap).exists() and not place.live(swap).exists():
            raise RollbackFailedError(
                place.live(swap),
                "neither the staged nor the live file is there",
                f"restore it from the backup beside {place.folder}",
            )
    pending = [swap for swap in swaps if place.staged(swap).exists()]
    for one in intent.legacy:
        if one.gives_way_to is not None:
            refuse_other(place, one)
    refuse_busy([place.before(swap) for swap in pending] + _giving_way(place, intent.legacy))
    for swap in pending:
        _forget_stale_copy(place, swap)
        _keep_raw(place, swap)
    with held([place.before(swap) for swap in pending]):
        for swap in swaps:
            _put_live(place, swap)
        for one in intent.legacy:
            _let_way(place, one)
    _finish(place, intent)
    return True


def _forget_stale_copy(place: Place, swap: Swap) -> None:
    """Drop a copy of a live file that an application has written to since; a second name of it stays."""
    live, previous = place.live(swap), place.previous(swap)
    if not live.exists() or not previous.exists() or previous.samefile(live) or _is_folded(place, swap):
        return
    previous.unlink()
    previous.with_name(previous.name + "-wal").unlink(missing_ok=True)


def _is_folded(place: Place, swap: Swap) -> bool:
    """Tell whether the live file is its raw copy with the log folded in, as holding it leaves it."""
    live, previous = place.before(swap), place.previous(swap)
    with tempfile.TemporaryDirectory(prefix="fold-", dir=previous.parent) as scratch:
        copy = replace(live, path=Path(scratch) / "copy.db")
        for suffix in ("", "-wal"):
            file = previous.with_name(previous.name + suffix)
            if file.exists():
                shutil.copyfile(file, copy.beside(suffix))
        fold_log(copy)
        return hash_file(copy.path) == hash_file(live.path)
