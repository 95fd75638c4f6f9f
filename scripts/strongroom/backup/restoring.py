"""``backup.restore``: which set is meant, and putting it into a folder of its own, beside the live data.

The folder gets its name once all of it is whole and on disk: a kill leaves none.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from strongroom.backup.bringing import bring_members, dress, note_restore, sync_tree
from strongroom.backup.catalog import CATALOG, BackupSet, Catalog
from strongroom.backup.documents import FileRecord, MemberRecord
from strongroom.backup.extracting import extract_table, is_extracted, refuse_other_kind
from strongroom.backup.fetching import choose_members, find_difference, read_manifest
from strongroom.backup.members.local import DATA
from strongroom.backup.members.model import Phases, record_file
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.model import Store
from strongroom.core.errors import DifferencesError, GuardError, StaleError, UsageError
from strongroom.core.files import explain_os_error, follow, make_private_folder, sync_folder
from strongroom.core.quoting import fold

LATEST = "latest"
_ID = re.compile(r"\d{8}_\d{6}(_\d+)?\Z")
_LIST = "backup.list shows the sets"
_WHICH = "--set, --at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be restored, as asked for."""

    data_dir: Path
    """Where the live data is, absolute."""
    members: tuple[str, ...] = ()
    """Those of these names only; none: all that the set holds."""
    into: Path | None = None
    """An empty or new folder, beside the live data."""
    table: str | None = None
    """``MEMBER:TABLE``: one table only."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored, and where it is."""

    set: str
    store: str
    place: str
    """The folder; of a restore in place the data directory."""
    members: tuple[str, ...]
    files: int
    size: int
    rows: int
    seconds: dict[str, float] = field(default_factory=dict)
    """By phase."""
    missing: tuple[str, ...] = ()
    """Members that the set is without."""
    restore: str | None = None
    """In place: what ``backup.undo`` takes back."""
    kept: str | None = None
    """In place: where what was live is kept."""
    found: tuple[str, ...] = ()
    """In place: files that something had written in the place of a live one after a kill; they are kept too."""
    finished: bool = False
    """Whether this is a restore that was interrupted, and finished now."""
    dry_run: bool = False


def choose_set(catalog: Catalog, text: str, around: Surroundings) -> BackupSet:
    """Return the set that is meant: ``latest``, an id, or an instant (ISO 8601; without a zone it is UTC).

    ``latest`` is the newest that is whole and sound, an instant the newest of those that had ended by then; which newer
    ones are passed over is told. An id is taken at its word. Raises StaleError where no set counts, UsageError where
    there is no such set.
    """
    named = catalog.find(text)
    if named is not None:
        fact = _say_why_not(named) or _say_alarms(named)
        if fact is not None:
            around.say(f"set {named.id}", fact)
        return named
    if text == LATEST:
        return _choose_newest(catalog, list(catalog.sets), text, around)
    if _ID.match(text):
        raise UsageError(_WHICH, f"there is no set {text}", _LIST)
    moment = read_moment(text)
    return _choose_newest(catalog, [one for one in catalog.sets if one.entry.ended <= moment], text, around)


def read_moment(text: str) -> datetime:
    """Read an instant: ISO 8601, UTC where it names no zone. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        way = f"one of: {LATEST}, an id ({_LIST}), or an instant such as 2026-11-27T08:30:00Z"
        raise UsageError(_WHICH, f"must be a set or an instant (got {text!r})", way) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _choose_newest(catalog: Catalog, sets: list[BackupSet], text: str, around: Surroundings) -> BackupSet:
    chosen = next((one for one in reversed(sets) if one.is_verified), None)
    if chosen is None:
        fact = "there is no set that is whole and sound" + ("" if text == LATEST else f" by {text}")
        names = ", ".join(one.id for one in sets[-3:])
        none = _LIST if catalog.sets else "backup.create makes one"
        way = f"name one that is not with --set: {names}" if names else none
        raise (StaleError if text == LATEST else UsageError)("backup", fact, way)
    for one in sets[sets.index(chosen) + 1 :]:
        around.say(f"set {one.id}", f"is passed over: it {_say_why_not(one)}")
    for name, fact in catalog.damaged.items():
        if PurePosixPath(name).stem > chosen.id and name.startswith(CATALOG):
            around.say(name, f"cannot be read, and may be of a newer set: {fact}")
    alarms = _say_alarms(chosen)
    if alarms is not None:
        around.say(f"set {chosen.id}", alarms)
    return chosen


def _say_why_not(one: BackupSet) -> str | None:
    """Say why a set does not count; None for one that does."""
    if not one.is_sound:
        return f"was found damaged ({', '.join(one.list_damaged())})"
    if not one.entry.is_whole:
        return f"is without {', '.join(missing.name for missing in one.entry.missing)}"
    return None


def _say_alarms(one: BackupSet) -> str | None:
    """Say what a person should know before relying on a set; None where nothing looked wrong."""
    return None if one.is_accepted else f"looks wrong beside the set before it: {'; '.join(one.entry.alarms)}"


Layout = Mapping[str, tuple[MemberRecord, FileRecord]]
"""What is to lie in a folder, by the path there."""


def restore_into(store: Store, chosen: BackupSet, wish: Wish, around: Surroundings) -> Restored:
    """Put a set, some members or one table of it into an empty or new folder (0700), whole or not at all.

    A folder that holds just that already is taken for done, so that the same command goes on after a kill. Raises
    GuardError for one that is not empty or lies in the live data, DifferencesError for anything that is not what the
    manifest lists, UsageError for a name that the set does not have, KeyMissingError where a table is encrypted and
    its key is not at hand, NoSpaceError, and what the store raises.
    """
    place = _require_place(wish)
    members, layout = _lay_out(store, chosen, wish)
    names = [member.name for member in members]
    is_there = _refuse_filled(place, layout)
    if wish.dry_run:
        return _describe(store, chosen, wish, members, place=place, seconds={})
    phases, part = Phases(), place.with_name(f".{place.name}.strongroom-part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        with phases.measured("fetch"):
            bring_members(store, chosen, names, part / "set", around)
        around.reach("into.fetched")
        ready = part / "ready"
        layout = _settle(part / "set", ready, layout, wish, around)
        around.reach("into.settled")
        if is_there:
            _refuse_other(place, ready, layout, wish, around)
        else:
            with phases.measured("publish"):
                sync_tree(ready)
                ready.rename(place)
                sync_folder(place.parent)
            around.reach("into.published")
            with phases.measured("compare"):
                _compare(place, layout, chosen)
    except OSError as error:
        raise explain_os_error(place, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    note_restore(store, chosen, names, around, seconds=phases.seconds)
    around.reach("into.noted")
    return _describe(store, chosen, wish, members, place=place, seconds=phases.seconds)


def _require_place(wish: Wish) -> Path:
    """Return the folder that is to be made. Raises UsageError, GuardError."""
    if wish.into is None:
        raise UsageError("--into", "is missing", "say --into FOLDER, or --in-place to replace what is live")
    place, live = follow(wish.into.absolute()), follow(wish.data_dir.absolute())
    if place.is_relative_to(live):
        way = "say a folder beside it, or --in-place to replace what is live"
        raise GuardError(place, f"lies in the live data ({live})", way)
    if place.is_mount():
        raise UsageError("--into", f"{place} is a mount of its own", "say a folder in it")
    return place


def _lay_out(store: Store, chosen: BackupSet, wish: Wish) -> tuple[tuple[MemberRecord, ...], Layout]:
    """Return what is wanted of a set, and where it is to lie: files of the data directory as they lie there."""
    manifest = read_manifest(store, chosen)
    if wish.table is not None:
        members = choose_members(manifest, [_split(wish)[0]])
        refuse_other_kind(members[0])
        return members, {members[0].name: (members[0], members[0].files[0])}
    members = choose_members(manifest, wish.members) if wish.members else manifest.members
    layout = {}
    for member in members:
        for file in member.files:
            path = PurePosixPath(file.path)
            layout[str(path.relative_to(DATA) if path.parts[0] == DATA else path)] = (member, file)
    return members, layout


def _split(wish: Wish) -> tuple[str, str]:
    member, _, table = (wish.table or "").partition(":")
    if not member or not table:
        raise UsageError("--table", f"must be MEMBER:TABLE (got {wish.table!r})", "as in core.db:debates")
    if wish.members:
        raise UsageError("--table", "means one table, and --file whole members", "say one of them")
    return member, table


def _refuse_filled(place: Path, layout: Layout) -> bool:
    """Make sure that a folder is empty or new; tell whether it holds files, and just those that are to lie there."""
    try:
        if not place.exists() or (place.is_dir() and not any(place.iterdir())):
            return False
        there = {path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()}
    except OSError as error:
        raise explain_os_error(place, error) from error
    if not place.is_dir() or there != set(layout):
        raise _filled(place)
    return True


def _filled(place: Path) -> GuardError:
    return GuardError(place, "is not empty", "say a new folder, or an empty one")


def _settle(brought: Path, ready: Path, layout: Layout, wish: Wish, around: Surroundings) -> Layout:
    """Put what was brought where it is to lie, with its permissions and owner; of one table, only that."""
    make_private_folder(ready)
    settled = {}
    for path, (member, file) in layout.items():
        target = ready / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if wish.table is None:
            (brought / file.path).rename(target)
            settled[path] = (member, file)
        else:
            extract_table(brought / file.path, member, _split(wish)[1], target, around.keys)
            settled[path] = (member, record_file(ready, target))
        dress(target, member)
    return settled


def _refuse_other(place: Path, ready: Path, layout: Layout, wish: Wish, around: Surroundings) -> None:
    """Make sure that what lies in a folder already is just what is to lie there. Raises GuardError."""
    for path, (member, file) in layout.items():
        if wish.table is None:
            is_other = find_difference(place / path, file) is not None
        else:
            is_other = not is_extracted(place / path, ready / path, member, _split(wish)[1], around.keys)
        if is_other:
            raise _filled(place)


def _compare(place: Path, layout: Layout, chosen: BackupSet) -> None:
    """Read what lies in its place again; a folder in which anything is other does not stay. Raises DifferencesError."""
    for path, (_, file) in layout.items():
        difference = find_difference(place / path, file)
        if difference is not None:
            shutil.rmtree(place)
            fact = f"is not what set {chosen.id} holds: {difference}"
            raise DifferencesError(place / path, fact, "see to this disk, then run the same command again")


def _describe(
    store: Store,
    chosen: BackupSet,
    wish: Wish,
    members: Sequence[MemberRecord],
    *,
    place: Path,
    seconds: dict[str, float],
) -> Restored:
    table = "" if wish.table is None else fold(_split(wish)[1])
    return Restored(
        set=chosen.id,
        store=store.place,
        place=str(place),
        members=tuple(member.name for member in members),
        files=1 if wish.table else sum(len(member.files) for member in members),
        size=sum(member.size for member in members),
        rows=sum(one.rows for member in members for name, one in member.tables.items() if table in ("", fold(name))),
        seconds=seconds,
        missing=tuple(one.name for one in chosen.entry.missing),
        dry_run=wish.dry_run,
    )
