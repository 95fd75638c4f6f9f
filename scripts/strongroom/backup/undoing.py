"""``backup.undo``: what a restore in place had put aside is live again, for seven days; nothing is given up unasked."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from strongroom.backup.going_back import Exchange, exchange
from strongroom.backup.live import open_home, reach_anyway, refuse_used, remove_folders
from strongroom.backup.request import Surroundings
from strongroom.backup.restores import (
    RESTORES,
    BuildSwap,
    Found,
    Phase,
    RestoreDocument,
    RestoreFolder,
    Swapped,
    clear_old,
    find_open,
    list_restores,
    no_servers,
    sweep_restores,
)
from strongroom.backup.since import describe_state, find_changed, find_lost
from strongroom.core.errors import GuardError, LockedError, RollbackFailedError, StrongroomError, UsageError
from strongroom.core.files import follow, locked
from strongroom.runs.home import Home

RUNBOOK = "follow .github/runbooks/lost-file.md"
_SAID = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What was taken back."""

    restore: str | None
    """None where there was nothing to take back."""
    set: str | None = None
    members: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Those that are as they were before; of one that had not been there, gone."""
    lost: tuple[str, ...] = ()
    """What was written since the restore, and is not live any more; of a dry run, what would not be."""
    kept: str | None = None
    """Where that is kept for seven days."""
    cleared: bool = False
    """Whether that restore had been interrupted before it touched anything live."""
    dry_run: bool = False


def undo(
    data_dir: Path,
    restore: str | None,
    around: Surroundings,
    build: BuildSwap = no_servers,
    *,
    discard_changes: bool = False,
    dry_run: bool = False,
) -> Undone:
    """Put back what a restore in place (the newest, or one by its id) had put aside, logs included.

    One that was interrupted is taken back first of all. Raises GuardError where rows would be lost that were written
    since, unless they are to be, and for a restore that a later one stands on; TargetBusyError while somebody uses the
    files; RollbackFailedError where what was put aside is not there any more; UsageError for an unknown id.
    """
    if dry_run and restore is None and data_dir.is_dir() and not (Home(target=data_dir).root / RESTORES).is_dir():
        return Undone(restore=None, dry_run=True)  # and nothing was made
    if dry_run:
        return _foresee(Home(target=follow(data_dir)), restore, around, build)
    home = open_home(data_dir)
    with locked(home.lock):
        sweep_restores(home)
        found = _choose(home, restore)
        if found is None or found[1].phase is Phase.UNDONE:
            return _describe(found, files=False)
        lost = put_all_back(found, around, build, discard_changes=discard_changes)
        is_cleared = found[1].phase is Phase.BRINGING
        kept = str(found[0].new) if lost else None
        return replace(_describe(found, files=not is_cleared), lost=lost, kept=kept, cleared=is_cleared)


def _foresee(home: Home, restore: str | None, around: Surroundings, build: BuildSwap) -> Undone:
    """Say what would be lost. Read-only."""
    found = _choose(home, restore)
    if found is None or found[1].phase is Phase.UNDONE:
        return replace(_describe(found, files=False), dry_run=True)
    is_cleared = found[1].phase is Phase.BRINGING
    lost = () if is_cleared else find_lost(found, find_changed(found), around, build)
    return replace(_describe(found, files=not is_cleared), lost=lost, cleared=is_cleared, dry_run=True)


def _describe(found: Found | None, *, files: bool) -> Undone:
    if found is None:
        return Undone(restore=None)
    folder, document = found
    lives = tuple(one.live for one in document.files)
    return Undone(restore=folder.name, set=document.set, members=document.names, files=lives if files else ())


def clear_expired(data_dir: Path, around: Surroundings) -> tuple[str, ...]:
    """Remove what restores in place put aside more than seven days ago, and tell of it; return their ids.

    For whoever works with the data directory anyway; where another run is at work there it does nothing.
    """
    home = Home(target=data_dir)
    if not (home.root / RESTORES).is_dir():
        return ()
    with suppress(LockedError), locked(home.lock):
        return tell_cleared(home, around)
    return ()


def tell_cleared(home: Home, around: Surroundings) -> tuple[str, ...]:
    """Remove what was put aside more than seven days ago, and tell of it. To be called under the lock."""
    gone = clear_old(home, around.now())
    for name in gone:
        around.say(f"restore {name}", "ended more than seven days ago: what it had put aside is gone")
    return gone


def _choose(home: Home, restore: str | None) -> Found | None:
    found = find_open(home)
    if found is not None:
        if restore not in (None, found[0].name):
            fact = f"restore {found[0].name} was interrupted"
            raise GuardError(home.target, fact, f"take that back first: ./inv backup.undo --restore {found[0].name}")
        return found
    known = list_restores(home)
    done = [one for one in known if one[1].phase is Phase.DONE]
    if restore is None:
        return done[-1] if done else None
    chosen = next((one for one in known if one[0].name == restore), None)
    if chosen is None:
        names = ", ".join(one[0].name for one in done[-3:])
        raise UsageError("--restore", f"there is no restore {restore}", f"one of: {names}" if names else "none is kept")
    _refuse_covered(chosen, done)
    return chosen


def _refuse_covered(chosen: Found, done: list[Found]) -> None:
    """Make sure that no later restore stands on what this one put live. Raises GuardError."""
    later = done[done.index(chosen) + 1 :] if chosen in done else []
    for folder, document in later:
        if set(document.names) & set(chosen[1].names):
            fact = f"is covered by restore {folder.name}, which came later"
            raise GuardError(f"restore {chosen[0].name}", fact, f"./inv backup.undo --restore {folder.name} first")


def put_all_back(found: Found, around: Surroundings, build: BuildSwap, *, discard_changes: bool) -> tuple[str, ...]:
    """Take a restore back, however far it came; return what was given up. Raises what ``undo`` raises."""
    folder, document = found
    if document.phase is Phase.BRINGING:
        folder.give_up(document)
        return ()
    refuse_used([folder.live(one) for one in document.files])
    changed = find_changed(found)
    lost = find_lost(found, changed, around, build)
    if lost and not discard_changes:
        fact = f"would lose what was written since: {'; '.join(lost[:_SAID])}"
        raise GuardError(f"undo of restore {folder.name}", fact, "say --discard-changes to lose it")
    _refuse_incomplete(folder, document)
    _go_back(found, changed, around, build)
    return lost


def take_back(found: Found, around: Surroundings, build: BuildSwap, fresh: Collection[Swapped]) -> None:
    """Take back a restore that failed while it was put live; nothing else than what it put live itself is given up.

    ``fresh`` are the files that it put live just now. Raises RollbackFailedError where that cannot be.
    """
    folder, document = found
    try:
        refuse_used([folder.live(one) for one in document.files if folder.is_swapped(one)])
        changed = find_changed(found)
        since = next((one.live for one in changed if one not in fresh), None)
        if since is not None:
            raise GuardError(since, "was written to since it was restored", "backup.undo --discard-changes")
        _refuse_incomplete(folder, document)
        _go_back(found, changed, around, build)
    except StrongroomError as error:
        fact = f"failed, and could not be taken back ({error}); {folder.root} holds everything that was live"
        raise RollbackFailedError(f"restore {folder.name}", fact, f"stop what uses the data, and {RUNBOOK}") from error


def _go_back(found: Found, changed: Collection[Swapped], around: Surroundings, build: BuildSwap) -> None:
    """Put everything back; what was written to is kept, and what it was is said, for whoever goes on after a kill."""
    folder, document = found
    states = {one.live: describe_state(folder.live(one)) for one in changed}
    document = replace(document, phase=Phase.GOING_BACK, discarded={**document.discarded, **states})
    folder.write(document)
    reach_anyway(around, "undo.intended")
    for one in document.files:
        _put_one_back(folder, one, around)
        reach_anyway(around, f"undo.live.{one.live}")
    for member in document.servers:
        build(member, folder.new, folder.root).take_back()
        reach_anyway(around, f"undo.live.{member.name}")
    remove_folders(folder.data_dir, (name for one in document.files for name in one.folders))
    document = folder.write(replace(document, phase=Phase.UNDONE, ended=around.now()))
    reach_anyway(around, "undo.done")
    folder.tidy(document)


def _put_one_back(folder: RestoreFolder, one: Swapped, around: Surroundings) -> None:
    aside = folder.aside(one)
    if aside.exists() or folder.is_swapped(one):
        exchange(
            Exchange(
                live=folder.live(one),
                incoming=aside if aside.exists() else None,
                outgoing=folder.brought(one),
                found=folder.found(one),
                between=partial(reach_anyway, around, f"undo.aside.{one.live}"),
            )
        )


def _refuse_incomplete(folder: RestoreFolder, document: RestoreDocument) -> None:
    """Make sure, before anything changes, that all that was put aside is there. Raises RollbackFailedError."""
    wanted = list[tuple[Path, int | None]]()
    if document.phase is Phase.DONE:
        wanted += [(folder.root / name, size) for name, size in document.kept.items()]
    if document.phase is Phase.SWAPPING:
        wanted += [(folder.aside(one), None) for one in document.files if one.had and not folder.brought(one).exists()]
    for path, size in wanted:
        if not path.is_file() or size not in (None, path.stat().st_size):
            fact = "was put aside, and is not there as it was: without it nothing can be as it was before"
            raise RollbackFailedError(path, fact, f"put it back, or {RUNBOOK}")
