"""Which files of a target directory lie under a key, by what the documents of its runs say; and how they say it anew.

A document names a key (``vault``) or a version of it (``vault@7``). What is not rotated with the rest keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from strongroom.core.files import hash_file
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.records import MergeDocument, RunDocument, SnapshotRecord, SnapshotsDocument
from strongroom.sqlite.database import Database, key_of, read_mark


class Part(StrEnum):
    """What a file under a key is."""

    LIVE = "live"
    """Applications open it."""
    RUN = "run"
    """A run's own: ledger, archive, what was live before."""
    BACKUP = "backup"
    """A copy of a source that counts as a backup: it keeps its key."""
    SOURCE = "source"
    """A legacy file, which is its application's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One file under a key."""

    run: str
    part: Part
    path: Path
    key: str
    """As the document names it, with or without a version."""


def list_kept(home: Home, name: str) -> tuple[Kept, ...]:
    """Return what lies under any version of a key in a target directory. Read-only. Raises VersionError, GuardError.

    Legacy files are named as they were found, for people.
    """
    live = home.read_current().run
    return tuple(kept for run in home.all_runs() for kept in _list_of_run(home, home.open_run(run), name, live))


def _list_of_run(home: Home, folder: RunFolder, name: str, live: str | None) -> Iterator[Kept]:
    def kept(part: Part, path: Path, key: str | None) -> Iterator[Kept]:
        if key is not None and key_of(key) == name and (part is Part.SOURCE or path.is_file()):
            yield Kept(run=folder.name, part=part, path=path, key=key)

    keys = folder.read_target_keys()
    for target, key in keys.items():
        yield from kept(Part.RUN, folder.ledger / f"{target}.db", key)
        yield from kept(Part.RUN, folder.stage / f"{target}.db", key)
    snapshots = _read_snapshots(folder)
    archive_key = next((key for key in (*keys.values(), *(one.key for one in snapshots)) if key is not None), None)
    yield from kept(Part.RUN, folder.archive, archive_key)
    journal = folder.place(home.target).read_journal()
    for swap in () if journal is None else journal.swaps:
        place = folder.place(home.target)
        yield from kept(Part.RUN, place.previous(swap), swap.key_before)
        if folder.name == live:
            yield from kept(Part.LIVE, place.live(swap), swap.key)
    part = Part.BACKUP if _has_backup(folder) else Part.RUN
    for snapshot in snapshots:
        yield from kept(part, folder.snapshots / snapshot.file, snapshot.key)
        yield from kept(Part.SOURCE, Path(snapshot.original), snapshot.source_key)


def _read_snapshots(folder: RunFolder) -> tuple[SnapshotRecord, ...]:
    known = folder.read(SnapshotsDocument)
    return () if known is None else tuple(known.sources.values())


def _has_backup(folder: RunFolder) -> bool:
    about = folder.read(RunDocument)
    return about is not None and about.has_backup


def count_uses(homes: Iterable[Home], names: Iterable[str]) -> dict[str, dict[Part, int]]:
    """Count the files under each version of keys in target directories, by what they are. Read-only.

    A key that documents name without a version stands for the active one.
    """
    found: dict[str, dict[Part, int]] = {}
    for one in (kept for name in names for home in homes for kept in list_kept(home, name)):
        uses = found.setdefault(one.key, dict.fromkeys(Part, 0))
        uses[one.part] += 1
    return found


def find_untouched(home: Home, name: str) -> tuple[str, ...]:
    """Return the live files under a key, relative to the target, to which nobody wrote since publish. Read-only."""
    current = home.read_current().run
    journal = None if current is None else home.open_run(current).place(home.target).read_journal()
    if current is None or journal is None:
        return ()
    place = home.open_run(current).place(home.target)
    ours = (swap for swap in journal.swaps if key_of(swap.key) == name and place.live(swap).is_file())
    return tuple(swap.live for swap in ours if read_mark(place.database(swap)) == swap.mark)


Rename = Callable[[str | None], str | None]


def name_anew(home: Home, name: str, before: str, after: str, untouched: tuple[str, ...]) -> None:
    """Let every document say under which version its files are: ``after``; those of backups and sources ``before``.

    What says so already stays, so that it may be done again after a kill. ``untouched``: see ``find_untouched``; their
    marks are noted anew, those of other live files stay what they are no more.
    """
    move, keep = _moving(name, after), _keeping(name, before)
    for run in home.all_runs():
        folder = home.open_run(run)
        marks = _rename_journal(home, folder, move, untouched)
        _rename_targets(folder, move, marks)
        is_backup = _has_backup(folder)
        _rename_snapshots(folder, keep if is_backup else move, keep, is_rewritten=not is_backup)


def _moving(name: str, after: str) -> Rename:
    """Return what names every version of a key by another one."""
    return lambda key: after if key_of(key) == name else key


def _keeping(name: str, before: str) -> Rename:
    """Return what gives a key that is named without a version the one that it had."""
    return lambda key: before if key == name else key


def _rename_journal(home: Home, folder: RunFolder, rename: Rename, untouched: tuple[str, ...]) -> dict[str, str]:
    """Rename the keys of what was put live; return the new mark of each target that is live, by its old one."""
    place = folder.place(home.target)
    journal = place.read_journal()
    if journal is None:
        return {}
    is_live = folder.name == home.read_current().run
    marks, swaps = {}, []
    for swap in journal.swaps:
        mark = swap.mark
        if is_live and swap.live in untouched:
            mark = marks[swap.mark] = read_mark(place.database(swap))
        swaps.append(replace(swap, key=rename(swap.key), key_before=rename(swap.key_before), mark=mark))
    if tuple(swaps) != journal.swaps:
        place.write_journal(replace(journal, swaps=tuple(swaps)))
    return marks


def _rename_targets(folder: RunFolder, rename: Rename, marks: dict[str, str]) -> None:
    known = folder.read(MergeDocument)
    if known is None:
        return
    renamed = {}
    for target, record in known.targets.items():
        key, stage = rename(record.key), folder.stage / f"{target}.db"
        mark = read_mark(Database(stage)) if key != record.key and stage.is_file() else record.mark
        renamed[target] = replace(record, key=key, mark=marks.get(mark, mark))
    if renamed != dict(known.targets):
        folder.write(replace(known, targets=renamed))


def _rename_snapshots(folder: RunFolder, of_copy: Rename, of_source: Rename, *, is_rewritten: bool) -> None:
    known = folder.read(SnapshotsDocument)
    if known is None:
        return
    renamed = {}
    for source, record in known.sources.items():
        one = replace(record, key=of_copy(record.key), source_key=of_source(record.source_key))
        copy = folder.snapshots / record.file
        if is_rewritten and one.key != record.key and copy.is_file():
            one = replace(one, sha256=hash_file(copy), size=copy.stat().st_size)
        renamed[source] = one
    if renamed != dict(known.sources):
        folder.write(replace(known, sources=renamed))
