"""The way back: put the previous files in place of what was published."""

from __future__ import annotations

import os
from pathlib import Path

from strongroom.core.errors import GuardError
from strongroom.core.files import read_json, sync_folder, write_json
from strongroom.runs.exclusive import held
from strongroom.runs.journal import Place, change_mode, drop_companions, read_modes, read_swaps
from strongroom.sqlite.database import read_mark


def find_changes(place: Place) -> list[str]:
    """Return the published files that were written to since, in words."""
    intent = read_json(place.journal) or {}
    changes = []
    for swap in read_swaps(intent):
        live = place.live(swap)
        if not live.exists():
            changes.append(f"{live.name} is gone")
            continue
        wal = live.with_name(live.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            changes.append(f"{live.name} has a write-ahead log of {wal.stat().st_size} bytes")
        elif read_mark(place.database(swap)) != swap.mark:
            changes.append(f"{live.name} was written to")
    return changes


def put_back(place: Place, *, discard_changes: bool) -> list[str]:
    """Put the previous files back and make the sources writable again; return what was put back.

    Raises GuardError when the published files were written to, TargetBusyError when they are in use.
    """
    intent = read_json(place.journal)
    if intent is None or intent.get("undone"):
        return []
    changes = [] if discard_changes else find_changes(place)
    if changes:
        raise GuardError(
            "rollback",
            f"would lose what was written since publish: {'; '.join(changes)}",
            "say --discard-changes to lose it",
        )
    lives = [place.database(swap) for swap in read_swaps(intent)]
    with held(lives):
        write_json(place.journal, {**intent, "state": "undoing"})
        return undo(place, intent)


def resume_undo(place: Place, intent: dict[str, object]) -> list[str]:
    """Finish a rollback that was interrupted; return what was put back.

    Raises TargetBusyError when an application uses a file that is still to be put back.
    """
    pending = [place.database(swap) for swap in read_swaps(intent) if place.previous(swap).exists() or not swap.had]
    with held(pending):
        return undo(place, intent)


def undo(place: Place, intent: dict[str, object]) -> list[str]:
    """Put every previous file back, however far an earlier attempt came; return what was put back."""
    restored = []
    for swap in read_swaps(intent):
        live, previous = place.live(swap), place.previous(swap)
        for alias in swap.aliases:
            _drop_alias(live, live.parent / alias)
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
        restored.append(live.name)
    for path, mode in read_modes(intent).items():
        change_mode(Path(path), mode)
    write_json(place.journal, {**intent, "state": "closed", "undone": True})
    return restored


def _drop_alias(live: Path, alias: Path) -> None:
    if alias.is_symlink() and Path(os.path.realpath(alias)) == Path(os.path.realpath(live)):
        alias.unlink()
