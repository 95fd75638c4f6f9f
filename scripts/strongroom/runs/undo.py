"""The way back: put the previous files in place of what was published."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from strongroom.core.errors import GuardError
from strongroom.core.files import COMPANIONS, sync_folder
from strongroom.runs.exclusive import held
from strongroom.runs.journal import JournalDocument, JournalState, Place, Swap, drop_companions, make_writable_again
from strongroom.runs.legacy import come_back
from strongroom.sqlite.database import read_mark

GONE = "is gone"
"""How the change of a file that is not there is told."""


def find_changes(place: Place) -> list[str]:
    """Return the published files that were written to since, in words."""
    intent = place.read_journal()
    changes = []
    for swap in intent.swaps if intent is not None else ():
        live = place.live(swap)
        if not live.exists():
            changes.append(f"{live.name} {GONE}")
            continue
        wal = live.with_name(live.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            changes.append(f"{live.name} has a write-ahead log of {wal.stat().st_size} bytes")
        elif read_mark(place.database(swap)) != swap.mark:
            changes.append(f"{live.name} was written to")
    return changes


def refuse_taken(place: Place) -> None:
    """Make sure that no other file stands where a legacy file comes back. Raises GuardError."""
    intent = place.read_journal()
    for legacy in intent.legacy if intent is not None else ():
        original = place.original(legacy)
        if legacy.gives_way_to is None or not place.kept(legacy).exists():
            continue
        beside = [original.with_name(original.name + suffix) for suffix in COMPANIONS]
        for file in [original] if original.exists() and not original.is_symlink() else filter(Path.exists, beside):
            fact = f"stands where the legacy file {legacy.path} comes back, which lies in {place.kept(legacy).parent}"
            raise GuardError(file, fact, "find out what wrote it; move it away, then run the same command again")


def find_lost(place: Place, *, is_finalized: bool = False) -> list[Path]:
    """Return what a rollback would need and the run does not keep any more: what was replaced, and what gave way.

    Once legacy files were put back from the backup they are whole: their logs went with the files that were removed.
    """
    intent = place.read_journal()
    swaps, legacy = (intent.swaps, intent.legacy) if intent is not None else ((), ())
    wanted = [place.previous(swap) for swap in swaps if swap.had]
    for one in legacy:
        if one.gives_way_to is not None and place.original(one).is_symlink():
            kept = place.kept(one)
            logs = () if is_finalized else one.logs
            wanted += [kept, *(kept.with_name(kept.name + suffix) for suffix in logs)]
    return [file for file in wanted if not file.is_file()]


def put_back(place: Place) -> list[str]:
    """Put the previous files back, whatever was written since, and make the sources writable again; return which.

    Raises GuardError for a file in the place of a legacy one, TargetBusyError when the published files are in use.
    """
    intent = place.read_journal()
    if intent is None or intent.state is JournalState.UNDONE:
        return []
    refuse_taken(place)
    with held([place.database(swap) for swap in intent.swaps]):
        place.write_journal(replace(intent, state=JournalState.UNDOING))
        return undo(place, intent)


def resume_undo(place: Place, intent: JournalDocument) -> list[str]:
    """Finish a rollback that was interrupted; return what was put back.

    Raises TargetBusyError when an application uses a file that is still to be put back.
    """
    pending = [place.database(swap) for swap in intent.swaps if place.previous(swap).exists() or not swap.had]
    with held(pending):
        return undo(place, intent)


def undo(place: Place, intent: JournalDocument) -> list[str]:
    """Put every previous file back, however far an earlier attempt came; return what was put back."""
    for legacy in intent.legacy:
        if legacy.gives_way_to is not None:
            come_back(place, legacy)  # before its target goes, so that the name always leads to a database
    for swap in intent.swaps:
        _put_one_back(place, swap)
    for folder in sorted((folder for swap in intent.swaps for folder in swap.folders), reverse=True):
        with suppress(OSError):  # something else is in it
            (place.target / folder).rmdir()
    for legacy in intent.legacy:
        path = place.find(legacy)
        if path is not None:
            make_writable_again(path, legacy.mode)
    place.write_journal(replace(intent, state=JournalState.UNDONE))
    return [place.live(swap).name for swap in intent.swaps]


def _put_one_back(place: Place, swap: Swap) -> None:
    live, previous = place.live(swap), place.previous(swap)
    for alias in swap.aliases:
        _drop_alias(live, place.target / alias)
    log = previous.with_name(previous.name + "-wal")
    if previous.exists():
        drop_companions(live)
        previous.replace(live)
    elif not swap.had and not place.staged(swap).exists():
        drop_companions(live)
        live.unlink(missing_ok=True)
    if log.exists() and not previous.exists():
        log.replace(live.with_name(live.name + "-wal"))
    if live.parent.is_dir():
        sync_folder(live.parent)


def _drop_alias(live: Path, alias: Path) -> None:
    if alias.is_symlink() and Path(os.path.realpath(alias)) == Path(os.path.realpath(live)):
        alias.unlink()
