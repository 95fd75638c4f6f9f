"""Backups on screen: sets, what they hold, what looking at them showed, and how old the newest of each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from strongroom.backup.copying import Copied
from strongroom.backup.creating import Created
from strongroom.backup.listing import Listed, ListedSet, Shown
from strongroom.backup.pruning import Pruned
from strongroom.backup.rehearsing import Drilled
from strongroom.backup.restoring import Restored
from strongroom.backup.status import Age, Status
from strongroom.backup.stores.opening import Initialised
from strongroom.backup.undoing import Undone
from strongroom.backup.verifying import Verified
from strongroom.core.errors import ExitCode
from strongroom.report.screen import Screen, count

RESULTS = {
    "backup.init": Initialised,
    "backup.create": Created,
    "backup.list": Listed,
    "backup.show": Shown,
    "backup.verify": Verified,
    "backup.drill": Drilled,
    "backup.restore": Restored,
    "backup.undo": Undone,
    "backup.prune": Pruned,
    "backup.copy": Copied,
    "backup.status": Status,
}
_MEGABYTE = 1_000_000
_MOST, _FEW = 20, 5
_LONG_HOURS = 48
_WORDS = {"backup": "backup", "drill": "drill", "escrow": "escrow drill"}
_ALARMS = "looks wrong beside the set before (nothing is pruned until backup.prune --accept)"


def show_initialised(made: Initialised, *, as_json: bool) -> None:
    """Print what a store is now, and where the escrow password went."""
    screen = Screen(as_json=as_json)
    if made.escrow is not None:
        screen.say(f"escrow password: {made.escrow} (keep it where the keys are not; backup.drill --escrow tries it)")
    elif made.without_escrow is not None:
        screen.say(f"no escrow password: {made.without_escrow}")
    verb = "would make" if made.dry_run else "made"
    screen.conclude(f"{verb} a {made.engine} store for {made.system}: {made.store}")
    screen.end(made)


def show_created_set(created: Created, *, as_json: bool, color: bool) -> ExitCode:
    """Print what a set holds and what it lacks; return 4 for one that is not whole."""
    screen = Screen(as_json=as_json, color=color)
    screen.list("missing", [f"{one.name}: {one.fact}" for one in created.missing], style="red")
    screen.list(_ALARMS, created.alarms, most=_MOST, style="yellow")
    if created.left_out:
        screen.say(f"left out, as system.yaml says: {_few(created.left_out)}")
    if created.unnamed:
        files = _many(len(created.unnamed), "file")
        screen.say(f"not in the set: {files} that nothing under files: in system.yaml names ({_few(created.unnamed)})")
    members = _many(len(created.members), "member")
    if created.dry_run:
        screen.conclude(f"would take {members}: {_few(created.members, _MOST)}; nothing was written")
    else:
        figures = f"{members}, {_many(created.rows, 'row')}, {_size(created.size)}"
        word, style = ("PARTIAL", "red") if created.missing else ("VERIFIED", "green")
        screen.conclude(f"set {created.set}: {figures}; {created.store}", word=word, style=style)
    screen.end(created)
    return created.exit


def show_sets(listed: Listed, *, as_json: bool, color: bool) -> None:
    """Print the sets as a table, each size and time beside the one before it."""
    screen = Screen(as_json=as_json, color=color)
    if listed.sets:
        heads = ("set", "state", "members", "rows", "MB", "trend", "seconds", "trend", "read", "drilled")
        pairs = zip((None, *listed.sets), listed.sets, strict=False)
        screen.table(heads, [_row(before, one) for before, one in pairs])
    screen.list("cannot be read", [f"{name}: {fact}" for name, fact in listed.damaged.items()], style="red")
    screen.conclude(f"{_many(len(listed.sets), 'set')} of {listed.system}; {listed.store}")
    screen.end(listed)


def _row(before: ListedSet | None, one: ListedSet) -> tuple[str, ...]:
    return (
        one.set,
        one.state,
        count(one.members),
        count(one.rows),
        f"{one.size / _MEGABYTE:.1f}",
        _trend(None if before is None else before.size, one.size),
        f"{one.seconds:.1f}",
        _trend(None if before is None else before.seconds, one.seconds),
        _day(one.verified),
        _day(one.drilled),
    )


def _trend(before: float | None, now: float) -> str:
    """Say by how much something grew or shrank, in percent."""
    if not before:
        return "·"
    change = round(100 * (now - before) / before)
    return f"{change:+d} %" if change else "="


def _day(at: datetime | None) -> str:
    return "·" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def show_set(shown: Shown, *, as_json: bool, color: bool) -> None:
    """Print what a set holds, and what came of looking at it."""
    screen = Screen(as_json=as_json, color=color)
    rows = [
        (one.name, one.kind, count(len(one.tables)), count(one.rows), f"{one.size / _MEGABYTE:.2f}", one.key or "·")
        for one in shown.members
    ]
    screen.table(("member", "kind", "tables", "rows", "MB", "key"), rows)
    screen.list("missing", [f"{one.name}: {one.fact}" for one in shown.missing], style="red")
    screen.list(_ALARMS, shown.alarms, style="yellow")
    screen.list("looked at", [_tell(piece.at, piece.action, piece.facts) for piece in shown.evidence])
    window = f"{_instant(shown.began)} to {_instant(shown.ended)} UTC"
    screen.conclude(f"set {shown.set} ({shown.state}): taken from {window}; {shown.store}")
    screen.end(shown)


def _tell(at: datetime, action: str, facts: Sequence[str]) -> str:
    return f"{_instant(at)} UTC {action}: {'; '.join(facts) or 'sound'}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def show_verified(verified: Verified, *, as_json: bool, color: bool) -> ExitCode:
    """Print what reading the sets showed; return 3 for damage, 7 for a set that the catalog lacks."""
    screen = Screen(as_json=as_json, color=color)
    wrong = {name: facts for name, facts in verified.sets.items() if facts}
    screen.list("damaged", _flatten(wrong), most=_MOST, style="red")
    screen.list("found by restic's own check", verified.engine, most=_MOST, style="red")
    screen.list("cannot be read", [f"{name}: {fact}" for name, fact in verified.documents.items()], style="red")
    screen.list("in the store, not in the catalog (the next backup.create lists them)", verified.unlisted)
    if verified.part is not None:
        part, parts = verified.part
        screen.say(f"read part {part} of {parts} of the repository: each day of the week another one (--full: all)")
    words = {ExitCode.DONE: ("SOUND", "green"), ExitCode.PENDING: ("UNLISTED", "yellow")}
    word, style = words.get(verified.exit, ("DAMAGED", "red"))
    sound = f"{count(len(verified.sets) - len(wrong))} of {_many(len(verified.sets), 'set')}"
    if not (verified.sets or verified.exit):
        word, style, sound = "EMPTY", "yellow", "there is no set to read"
    said = f"{sound}, {_size(verified.size)}; {verified.store}"
    screen.conclude(said, word=word, style=style)
    screen.end(verified)
    return verified.exit


def _flatten(facts: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"set {name}: {fact}" for name, found in facts.items() for fact in found]


def show_drilled(drilled: Drilled, *, as_json: bool, color: bool) -> ExitCode:
    """Print what came of a drill; return 3 for a difference."""
    screen = Screen(as_json=as_json, color=color)
    screen.list("other than it was backed up", drilled.facts, most=_MOST, style="red")
    word, style = ("FAILED", "red") if drilled.exit else ("PASSED", "green")
    if drilled.unopened:
        screen.say(f"compared byte by byte, and not opened, as no key is asked for: {_few(drilled.unopened, _MOST)}")
    members, rows = _many(len(drilled.members), "member"), _many(drilled.rows, "row")
    took, age = sum(drilled.seconds.values()), _age(drilled.recovery_point_seconds / 3600)
    with_what = ", with the escrow password" if drilled.escrow else ""
    figures = f"{members}, {rows}, {_many(drilled.checks, 'check')} asked"
    said = f"set {drilled.set}{with_what}: {figures}; restored in {took:.1f} s, {age} old"
    screen.conclude(said, word=word, style=style)
    screen.end(drilled)
    return drilled.exit


def show_restored(restored: Restored, *, as_json: bool) -> None:
    """Print what was restored, where it is, and how to take it back."""
    screen = Screen(as_json=as_json)
    screen.list("the set is without", restored.missing)
    screen.list("written by others while the restore stood still, and kept", restored.found)
    if restored.restore is not None and not restored.dry_run:
        screen.say(f"taken back by: ./inv backup.undo --restore {restored.restore} (for seven days)")
    verb = "would restore" if restored.dry_run else "finished the restore of" if restored.finished else "restored"
    members, rows = _many(len(restored.members), "member"), _many(restored.rows, "row")
    figures = f"{members}, {rows}, {_size(restored.size)}"
    screen.conclude(f"{verb} set {restored.set}: {figures}; {restored.place}")
    screen.end(restored)


def show_undone(undone: Undone, *, as_json: bool) -> None:
    """Print what was taken back, and what was given up with it."""
    screen = Screen(as_json=as_json)
    screen.list("would be lost" if undone.dry_run else "given up", undone.lost, most=_MOST)
    if undone.kept is not None:
        screen.say(f"what was given up is kept for seven days: {undone.kept}")
    if undone.restore is None:
        said = "nothing to do: no restore in place is kept"
    elif undone.cleared:
        said = f"restore {undone.restore} had touched nothing live: it is cleared away"
    else:
        verb = "would take back" if undone.dry_run else "took back"
        said = f"{verb} restore {undone.restore} of set {undone.set}: {_few(undone.members)}"
    screen.conclude(said)
    screen.end(undone)


def show_pruned(pruned: Pruned, *, as_json: bool) -> None:
    """Print what was taken away, and what keeps the rest."""
    screen = Screen(as_json=as_json)
    screen.list("kept", [f"{name} ({', '.join(rules)})" for name, rules in pruned.kept.items()])
    screen.list("accepted", pruned.accepted)
    screen.list("would remove" if pruned.dry_run else "removed", pruned.removed)
    verb = "would remove" if pruned.dry_run else "removed"
    going, left = _many(len(pruned.removed), "set"), len(pruned.kept)
    said = f"{verb} {going} ({_size(pruned.size)}), {count(left)} {'stays' if left == 1 else 'stay'}"
    screen.conclude(f"{said}; {pruned.store}")
    screen.end(pruned)


def show_copied(copied: Copied, *, as_json: bool) -> ExitCode:
    """Print what was brought to a second store; return 3 where a set is damaged."""
    screen = Screen(as_json=as_json)
    damaged = [f"set {name}: {fact}" for name, fact in copied.damaged.items()]
    screen.list("damaged, and not copied", damaged, style="red")
    verb = "would copy" if copied.dry_run else "copied"
    there = f"{count(len(copied.there))} {'was' if len(copied.there) == 1 else 'were'} there already"
    screen.conclude(f"{verb} {_many(len(copied.copied), 'set')} ({_size(copied.size)}), {there}; {copied.second}")
    screen.end(copied)
    return copied.exit


def show_backup_status(status: Status, *, as_json: bool, color: bool) -> ExitCode:
    """Print how old the newest of each is; return 7 where something is stale or waits."""
    screen = Screen(as_json=as_json, color=color)
    screen.table(("newest", "age", "at most", "set", "is"), [_age_row(age) for age in status.ages])
    screen.list("waits for a person", status.waiting, most=_MOST, style="red")
    word, style = ("STALE", "red") if status.exit else ("FRESH", "green")
    counting = "counts" if status.sets == 1 else "count"
    said = f"{status.system}: {count(status.verified)} of {_many(status.sets, 'set')} {counting}; {status.store}"
    screen.conclude(said, word=word, style=style)
    screen.end(status)
    return status.exit


def _age_row(age: Age) -> tuple[str, ...]:
    found = "·" if age.hours is None else _age(age.hours)
    state = "fresh" if not age.is_stale else "not there" if age.hours is None else "too old"
    if age.is_stale and not age.is_required:
        state += " (a reminder)"
    return _WORDS[age.name], found, _age(age.objective_hours), age.set or "·", state


def _age(hours: float) -> str:
    """Write a time as a person says it: minutes below an hour, days from two on."""
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{round(hours, 1):g} h" if hours < _LONG_HOURS else f"{round(hours / 24, 1):g} days"


def _size(size: int) -> str:
    return f"{size / _MEGABYTE:.1f} MB" if size >= _MEGABYTE else f"{size / 1000:.1f} kB"


def _many(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{count(number)} {noun}s"


def _few(names: Sequence[str], most: int = _FEW) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
