"""``keys.rotate`` and ``keys.retire``: a new version of a key, all that lies under the old one, and its end.

The new version is pending until everything is under it, then it is promoted; killed anywhere, the same command goes on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from strongroom.core.errors import GuardError, UsageError
from strongroom.core.files import show_path
from strongroom.core.secret import Secret
from strongroom.keys import KeyVersion, ProvidedKeys, State
from strongroom.keys.provided import KEPT_SECONDS
from strongroom.rotate.columns.driving import Store
from strongroom.rotate.columns.keys import bring_columns, find_marked, foresee_columns, mark_columns, refuse_needed
from strongroom.rotate.columns.model import ColumnsDone
from strongroom.rotate.request import Surroundings
from strongroom.rotate.trees import (
    end_rotation,
    find_before,
    find_version,
    foresee_rekey,
    is_opened,
    rekey_to,
    rotate_tree,
)
from strongroom.runs.home import Home
from strongroom.runs.key_names import Kept, Part, list_kept
from strongroom.sqlite.database import VERSION
from strongroom.sqlite.keyring import hold_needed

KEY_BYTES = 32
_QUIET = timedelta(seconds=KEPT_SECONDS + 10)
"""So long after a promotion an application may encrypt under the version of before."""
_USABLE = (State.ACTIVE, State.PENDING, State.PREVIOUS)
Escrow = Callable[[Secret], Path | None]
"""Puts a copy of a new key where it is not lost; returns the file with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which key, and what lies under it."""

    key: str
    targets: tuple[Home, ...]
    databases: tuple[Path, ...] = ()
    """Files that are in no target directory of ours, such as legacy ones."""
    list_backups: Callable[[str], tuple[str, ...]] = lambda _: ()
    """Names the backups that only a version (``NAME@VERSION``) opens."""
    columns: tuple[Store, ...] = ()
    """The columns that are encrypted under it, or hold values of an earlier format that are."""
    is_at_once: bool = False
    """Whether a version is retired though applications may write to columns under it for some minutes."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did, or would do."""

    key: str
    before: str | None
    """The version under which all was, as ``NAME@VERSION``; None where nothing was."""
    after: str
    """The version under which all is; in a dry run it may not be there yet."""
    files: tuple[str, ...]
    """Under the new version now."""
    backups: tuple[str, ...]
    """Keep the version under which they were made, which is not retired before they go."""
    sources: tuple[str, ...]
    """Legacy files, which nobody touched: name them with --database."""
    escrow: str | None
    """The file with the copy of the new version."""
    columns: ColumnsDone | None
    """What became of its columns; None where it has none."""
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A version that is given up for good, or would be."""

    key: str
    id_: str
    looked_at: tuple[str, ...]
    """Target directories in which nothing names it, and columns of which no value does."""
    dry_run: bool


def rotate_key(keys: ProvidedKeys, wish: Wish, around: Surroundings, keep_copy: Escrow) -> Rotated:
    """Put everything under a new version of a key, and make that the active one.

    Where the provider is not ours to write to, the active version is the new one: it was put there by hand. Raises
    UsageError, KeyMissingError, TargetBusyError, StaleError, LockedError, and what the provider raises. What is done by
    then stays, each file is opened by exactly one version, and the same command goes on.
    """
    if not wish.targets and not wish.databases and not wish.columns:
        fact = "or --database must name what lies under the key, as no column does: all else would be left behind"
        raise UsageError("--target", fact, "name every target directory; keys.show --target says what is in one")
    versions = [one for one in keys.list_versions(wish.key) if one.state in _USABLE]
    known = [_spell(wish.key, one.version) for one in versions]
    after, escrow = _find_begun(keys, wish, versions), None
    with hold_needed(keys, {*known, after}):
        before = _find_before(wish, known, after, around)
    if wish.dry_run:
        meant = after or _spell(wish.key, "new")
        return _describe(wish, _first(before), meant, None, foresee_columns(wish.columns, meant))
    if after is None:
        secret = Secret(secrets.token_hex(KEY_BYTES))
        escrow = keep_copy(secret)
        after = _spell(wish.key, keys.put_pending(wish.key, secret))
        around.reach("pending")
    with hold_needed(keys, {*known, after}):
        before = _find_before(wish, known, after, around)
        _rotate(wish, before, [after, *known], around)
    around.reach("all rotated")
    mark_columns(wish.columns, wish.key, after)
    around.reach("columns marked")
    if keys.can_rotate(wish.key):
        keys.promote(wish.key, after.partition(VERSION)[2])
    around.reach("promoted")
    for home in wish.targets:
        end_rotation(home)
    return _describe(wish, _first(before), after, escrow, bring_columns(wish.columns, keys, around))


def _spell(name: str, version: str) -> str:
    return f"{name}{VERSION}{version}"


def _find_begun(keys: ProvidedKeys, wish: Wish, versions: Sequence[KeyVersion]) -> str | None:
    """Return the version to which everything goes; None where it is still to be made.

    It is that of a rotation which was interrupted, the pending one, or what was put by hand where we do not write.
    """
    documents = (home.read_key_rotation() for home in wish.targets)
    begun = {found.after for found in documents if found is not None and found.key == wish.key}
    if len(begun) > 1:
        fact = f"are in the middle of rotations to different versions ({', '.join(sorted(begun))})"
        raise GuardError("--target", fact, "finish them one by one")
    if begun:
        return begun.pop()
    coming = [one.version for one in versions if one.state in (State.ACTIVE, State.PENDING)]
    marked = find_marked(wish.columns, [_spell(wish.key, version) for version in coming])
    if marked is not None:
        return marked
    wanted = State.PENDING if keys.can_rotate(wish.key) else State.ACTIVE
    return next((_spell(wish.key, one.version) for one in versions if one.state is wanted), None)


def _find_before(wish: Wish, known: Sequence[str], after: str | None, around: Surroundings) -> dict[Path, str | None]:
    """Look at everything before anything is changed; return the version of each directory and database. Read-only.

    None where that is ``after`` already: they may have been left behind by different rotations.
    """
    found = {home.target: find_before(home, wish.key, known, after, around) for home in wish.targets}
    for database in wish.databases:
        opener = find_version(_name(wish, database), [*([after] if after else []), *known])
        found[database] = None if opener == after else opener
        if opener != after and after is not None:
            foresee_rekey(database, opener, after, around)
    return found


def _name(wish: Wish, database: Path) -> Kept:
    return Kept(run="", part=Part.SOURCE, path=database, key=wish.key)


def _first(before: Mapping[Path, str | None]) -> str | None:
    return next((one for one in before.values() if one is not None), None)


def _rotate(wish: Wish, before: Mapping[Path, str | None], versions: Sequence[str], around: Surroundings) -> None:
    """Put everything under the first of the versions."""
    for home in wish.targets:
        had = before[home.target]
        if had is not None:
            rotate_tree(home, had, versions[0], versions, around)
    for database in wish.databases:
        if before[database] is not None:
            rekey_to(_name(wish, database), versions, versions[0], around)


def _describe(wish: Wish, before: str | None, after: str, escrow: Path | None, columns: ColumnsDone | None) -> Rotated:
    kept = [one for home in wish.targets for one in list_kept(home, wish.key)]
    parts = {part: tuple(show_path(one.path) for one in kept if one.part is part) for part in Part}
    return Rotated(
        key=wish.key,
        before=before,
        after=after,
        files=(*parts[Part.LIVE], *parts[Part.RUN], *map(show_path, wish.databases)),
        backups=parts[Part.BACKUP],
        sources=tuple(path for path in dict.fromkeys(parts[Part.SOURCE])),
        escrow=None if escrow is None else str(escrow),
        columns=columns,
        dry_run=wish.dry_run,
    )


def retire_key(keys: ProvidedKeys, wish: Wish, version: str, around: Surroundings) -> Retired:
    """Give up a version of a key for good, once nothing names it in the target directories. Nothing opens it again.

    Raises GuardError for the active and the pending version, for one under which something or a backup lies, naming it,
    and for one under which applications may still write to columns; UsageError where the provider is not ours to write
    to, or there is no such version.
    """
    if not wish.targets and not wish.columns:
        raise UsageError("--target", "must name every directory in which something may lie under the key", "name them")
    states = {one.version: one.state for one in keys.list_versions(wish.key)}
    wanted = _spell(wish.key, version)
    if version not in states:
        raise UsageError("--version", f"{wanted} is none of its versions", f"one of: {', '.join(states)}")
    if states[version] in (State.ACTIVE, State.PENDING):
        fact = f"is the {states[version]} version of its key"
        raise GuardError(f"key {wanted}", fact, "keys.rotate makes another one active first")
    with hold_needed(keys, {wanted} if states[version] is State.PREVIOUS else set()):
        for home in wish.targets:
            home.refuse_open_rotation()
            _refuse_used(home, wanted)
    refuse_needed(wish.columns, wish.key, wanted)
    _refuse_backed_up(wish, wanted)
    if not keys.can_rotate(wish.key):
        about = keys.describe(wish.key)
        fact = f"is kept in {about.place}, where this tool does not write ({about.provider})"
        raise UsageError(f"key {wanted}", fact, "take it out there, and out of previous: in system.yaml")
    if not wish.is_at_once:
        _refuse_recent(keys, wish, wanted, around.now())
    if not wish.dry_run:
        keys.retire(wish.key, version)
        around.reach("retired")
    columns = tuple(f"{store.place}: {store.entry.table}.{store.entry.column}" for store in wish.columns)
    targets = (*(show_path(home.target) for home in wish.targets), *columns)
    return Retired(key=wish.key, id_=wanted, looked_at=targets, dry_run=wish.dry_run)


def _refuse_recent(keys: ProvidedKeys, wish: Wish, wanted: str, now: datetime) -> None:
    """Make sure that no application has in memory that it is the active version, and writes under it."""
    since = keys.find_promotion(wish.key) if any(one.entry.key == wish.key for one in wish.columns) else None
    if since is None or now >= since + _QUIET:
        return
    fact = (
        f"may have been the active version until {since:%H:%M:%S}, and applications write under that for five minutes"
    )
    way = f"run the same command again after {since + _QUIET:%H:%M:%S} UTC, or with --at-once where none is running"
    raise GuardError(f"key {wanted}", fact, way)


def _refuse_backed_up(wish: Wish, wanted: str) -> None:
    """Make sure that no backup that is kept needs a version."""
    backups = wish.list_backups(wanted)
    if backups:
        more = f" and {len(backups) - 1} more" if len(backups) > 1 else ""
        way = "backup.prune lets go of sets that are old enough; until then the version stays"
        raise GuardError(f"key {wanted}", f"still opens {backups[0]}{more}", way)


def _refuse_used(home: Home, wanted: str) -> None:
    """Make sure that nothing in a target directory lies under a version.

    Documents may name the key alone, in a directory that a rotation left behind: so files are asked, not only names.
    """
    kept = list_kept(home, wanted.partition(VERSION)[0])
    users = [one for one in kept if one.key == wanted or (one.part is not Part.SOURCE and is_opened(one, wanted))]
    if users:
        first, others = users[0], len(users) - 1
        more = f" and {others} more" if others else ""
        way = "keys.rotate moves live files; consolidate.clean and .finalize let go of backups that are old enough"
        raise GuardError(f"key {wanted}", f"still opens {show_path(first.path)} ({first.part}){more}", way)
