"""Restore over the live files: brought and compared beside them, what is live put aside, swapped in, compared again.

Nobody else may hold them. A restore that was killed is finished by the same command; any other takes it back first.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from strongroom import __version__
from strongroom.backup.bringing import bring_members, dress, note_restore, sync_tree
from strongroom.backup.catalog import BackupSet
from strongroom.backup.documents import MemberRecord
from strongroom.backup.fetching import choose_members, find_difference, read_manifest
from strongroom.backup.going_back import Exchange, exchange
from strongroom.backup.live import make_folders, open_home, reach_anyway, refuse_unfit, refuse_used, tell_old_keys
from strongroom.backup.members.model import Phases
from strongroom.backup.request import Surroundings
from strongroom.backup.restores import (
    SERVERS,
    BuildSwap,
    Found,
    Phase,
    RestoreDocument,
    RestoreFolder,
    Swapped,
    begin_restore,
    find_open,
    list_files,
    list_restores,
    no_servers,
    sweep_restores,
)
from strongroom.backup.restoring import Restored, Wish
from strongroom.backup.since import find_changed
from strongroom.backup.stores.model import Store
from strongroom.backup.undoing import put_all_back, take_back, tell_cleared
from strongroom.core.errors import DifferencesError, RolledBackError, StrongroomError, UsageError
from strongroom.core.files import follow, locked
from strongroom.runs.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    store: Store
    chosen: BackupSet
    wish: Wish
    around: Surroundings
    build: BuildSwap
    phases: Phases


def restore_in_place(
    store: Store, chosen: BackupSet, wish: Wish, around: Surroundings, build: BuildSwap = no_servers
) -> Restored:
    """Replace what is live by what a set holds; a file that the set lacks stays untouched.

    ``build`` says how a member of a server is put live and taken back. Raises TargetBusyError, GuardError,
    DifferencesError (a backup that is not what its manifest lists), and what the store raises; then nothing live was
    touched. RolledBackError where something went wrong later and everything is back, RollbackFailedError where it
    is not.
    """
    if wish.into is not None or wish.table is not None:
        raise UsageError("--in-place", "replaces whole files where they are", "say neither --into nor --table with it")
    case = _Case(store=store, chosen=chosen, wish=wish, around=around, build=build, phases=Phases())
    members = _choose(case)
    if wish.dry_run:
        return _foresee_all(case, Home(target=follow(wish.data_dir)), members)
    home = open_home(wish.data_dir)
    with locked(home.lock):
        sweep_restores(home)
        tell_cleared(home, around)
        found = find_open(home)
        if found is not None and _is_same(case, found[1], members):
            return _finish(case, found)
        if found is not None:
            _take_back_other(case, found)
        done = _find_done(case, home, members)
        if done is not None:
            return _conclude(case, *done, (), is_finishing=True)
        refuse_unfit(home.target, [one.live for one in list_files(members)])
        document = _begin(case, members)
        return _restore(case, begin_restore(home, document), document, members)


def _foresee_all(case: _Case, home: Home, members: Sequence[MemberRecord]) -> Restored:
    """Say what would be restored, and what of an interrupted restore would end first. Read-only."""
    found = find_open(home)
    if found is not None:
        ending = "finished" if _is_same(case, found[1], members) else "taken back first"
        case.around.say(f"restore {found[0].name}", f"was interrupted, and would be {ending}")
    refuse_unfit(home.target, [one.live for one in list_files(members)])
    return _describe(case, members)


def _choose(case: _Case) -> tuple[MemberRecord, ...]:
    """Return the members that are meant. Without names, those of servers only where they can be put live."""
    manifest = read_manifest(case.store, case.chosen)
    if case.wish.members:
        return choose_members(manifest, case.wish.members)
    if case.build is not no_servers:
        return manifest.members
    for member in manifest.members:
        if member.kind in SERVERS:
            case.around.say(member.name, "is no file of the data directory, and stays as it is")
    return tuple(member for member in manifest.members if member.kind not in SERVERS)


def _begin(case: _Case, members: Sequence[MemberRecord]) -> RestoreDocument:
    return RestoreDocument(
        set=case.chosen.id,
        store=case.store.about.id,
        phase=Phase.BRINGING,
        tool=__version__,
        began=case.around.now(),
        names=tuple(sorted(member.name for member in members)),
    )


def _is_same(case: _Case, document: RestoreDocument, members: Sequence[MemberRecord]) -> bool:
    """Tell whether a restore that was begun, and had put something live at least, is the one that is asked for."""
    meant = (case.chosen.id, case.store.about.id, tuple(sorted(member.name for member in members)))
    is_live = document.phase in (Phase.SWAPPING, Phase.DONE)
    return is_live and (document.set, document.store, document.names) == meant


def _find_done(case: _Case, home: Home, members: Sequence[MemberRecord]) -> Found | None:
    """Return the newest restore where it is the one that is asked for, and still what is live: a kill came late.

    What servers hold is not asked.
    """
    known = list_restores(home)
    if not known or not _is_same(case, known[-1][1], members) or known[-1][1].servers or find_changed(known[-1]):
        return None
    folder, document = known[-1]
    return known[-1] if all(folder.live(one).exists() for one in document.files) else None


def _take_back_other(case: _Case, found: Found) -> None:
    """End a restore that was interrupted, and is not the one that is asked for, by taking it back."""
    folder, document = found
    put_all_back(found, case.around, case.build, discard_changes=False)
    if document.phase is not Phase.BRINGING:
        case.around.say(f"restore {folder.name}", "had been interrupted: it was taken back first")


def _restore(
    case: _Case, folder: RestoreFolder, document: RestoreDocument, members: Sequence[MemberRecord]
) -> Restored:
    around = case.around
    around.progress.begin(folder.name)
    try:
        around.reach("restore.begun")
        names = [member.name for member in members]
        with case.phases.measured("fetch"):
            bring_members(case.store, case.chosen, names, folder.new, around)
        around.reach("restore.brought")
        document = replace(document, members=tuple(members), files=list_files(members))
        for one in document.files:
            dress(folder.brought(one), document.find_member(one))
        with case.phases.measured("prepare"):
            sync_tree(folder.new)
            for member in document.servers:
                case.build(member, folder.new, folder.root).prepare()
        around.reach("restore.prepared")
        refuse_unfit(folder.data_dir, [one.live for one in document.files])
        document = folder.write(_foresee(folder, replace(document, phase=Phase.SWAPPING)))
    except BaseException:
        for member in document.servers:
            with suppress(StrongroomError):
                case.build(member, folder.new, folder.root).discard()
        with suppress(StrongroomError, OSError):  # what stood in the way first is said; the next command clears it
            folder.give_up(document)
        raise
    return _swap(case, folder, document)


def _foresee(folder: RestoreFolder, document: RestoreDocument) -> RestoreDocument:
    """Note, before anything changes, what the way back needs to know."""
    files = []
    for one in document.files:
        had = one.had or (folder.brought(one).exists() and folder.live(one).exists())
        parents = reversed(Path(one.live).parents[:-1])
        made = tuple(str(parent) for parent in parents if not (folder.data_dir / parent).exists())
        files.append(replace(one, had=had, folders=one.folders or made))
    return replace(document, files=tuple(files))


def _swap(case: _Case, folder: RestoreFolder, document: RestoreDocument, *, is_finishing: bool = False) -> Restored:
    """Put everything live and compare it; where that fails everything goes back. Raises RolledBackError."""
    pending = [one for one in document.files if folder.brought(one).exists()]
    try:
        reach_anyway(case.around, "restore.intended")
        with case.phases.measured("swap"):
            found = _put_live(case, folder, document, pending)
        with case.phases.measured("compare"):
            _compare(case, folder, document, pending)
        reach_anyway(case.around, "restore.compared")
    except StrongroomError as error:
        take_back((folder, document), case.around, case.build, pending)
        fact = f"failed and was taken back, everything is as it was before: {error}"
        raise RolledBackError(f"restore {folder.name}", fact, error.hint) from error
    kept = {path.relative_to(folder.root).as_posix(): path.stat().st_size for path in _list_kept(folder)}
    document = folder.write(replace(document, phase=Phase.DONE, kept=kept, ended=case.around.now()))
    reach_anyway(case.around, "restore.done")
    folder.tidy(document)
    return _conclude(case, folder, document, found, is_finishing=is_finishing)


def _put_live(
    case: _Case, folder: RestoreFolder, document: RestoreDocument, pending: Sequence[Swapped]
) -> tuple[str, ...]:
    """Put every file live that is not yet; return those in whose place something was found."""
    found = []
    for one in pending:
        make_folders(folder.data_dir, one.folders)
        is_found = exchange(
            Exchange(
                live=folder.live(one),
                incoming=folder.brought(one),
                outgoing=folder.aside(one),
                found=folder.found(one),
                between=partial(reach_anyway, case.around, f"restore.aside.{one.live}"),
            )
        )
        found += [one.live] if is_found else []
        reach_anyway(case.around, f"restore.live.{one.live}")
    for member in document.servers:
        case.build(member, folder.new, folder.root).put_live()
        reach_anyway(case.around, f"restore.live.{member.name}")
    return tuple(found)


def _compare(case: _Case, folder: RestoreFolder, document: RestoreDocument, fresh: Sequence[Swapped]) -> None:
    """Make sure that what is live is what the set holds, and that nobody had opened what was live before.

    A file that was put live before a kill may have been written to since: that is told. Raises DifferencesError,
    TargetBusyError.
    """
    for one in document.files:
        difference = find_difference(folder.live(one), one.file)
        if difference is None:
            continue
        if one in fresh:
            fact = f"is not what set {document.set} holds: {difference}"
            raise DifferencesError(folder.live(one), fact, "see to this disk, then run the same command again")
        case.around.say(one.live, "was written to since it was restored; that stays")
    refuse_used([folder.aside(one) for one in fresh if folder.aside(one).exists()])


def _finish(case: _Case, found: Found) -> Restored:
    """Finish a restore that was interrupted between its first and its last swap."""
    folder, document = found
    case.around.say(f"restore {folder.name}", "had been interrupted: it is finished")
    pending = [one for one in document.files if folder.brought(one).exists()]
    refuse_used([folder.live(one) for one in pending])
    for one in pending:
        difference = find_difference(folder.brought(one), one.file)
        if difference is not None:
            way = f"./inv backup.undo --restore {folder.name} takes the restore back"
            raise DifferencesError(folder.brought(one), f"is not what was brought: {difference}", way)
    return _swap(case, folder, folder.write(_foresee(folder, document)), is_finishing=True)


def _conclude(
    case: _Case, folder: RestoreFolder, document: RestoreDocument, found: tuple[str, ...], *, is_finishing: bool
) -> Restored:
    tell_old_keys(document.members, case.around)
    note_restore(case.store, case.chosen, document.names, case.around, seconds=case.phases.seconds)
    reach_anyway(case.around, "restore.noted")
    return replace(
        _describe(case, document.members),
        seconds=case.phases.seconds,
        restore=folder.name,
        kept=str(folder.old) if folder.old.is_dir() else None,
        found=found,
        finished=is_finishing,
    )


def _list_kept(folder: RestoreFolder) -> list[Path]:
    return [path for path in folder.old.rglob("*") if path.is_file() and not path.name.endswith("-shm")]


def _describe(case: _Case, members: Sequence[MemberRecord]) -> Restored:
    return Restored(
        set=case.chosen.id,
        store=case.store.place,
        place=str(case.wish.data_dir),
        members=tuple(member.name for member in members),
        files=sum(len(member.files) for member in members),
        size=sum(member.size for member in members),
        rows=sum(member.rows for member in members),
        missing=tuple(missing.name for missing in case.chosen.entry.missing),
        dry_run=case.wish.dry_run,
    )
