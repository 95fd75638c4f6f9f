"""Keys on screen: ids, places and states, never a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom.core.errors import ExitCode
from strongroom.keys import State
from strongroom.keys.checking import CheckedKey, KeyFailure, ListedKey, ListedVersion
from strongroom.keys.creating import CreatedKey
from strongroom.report.columns import say_columns_done
from strongroom.report.screen import Screen
from strongroom.rotate.keys import Retired, Rotated
from strongroom.runs.key_names import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedKeys:
    """What keys.check found."""

    exit: ExitCode
    keys: tuple[CheckedKey, ...]
    audit_log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKeys:
    """What keys.show found."""

    exit: ExitCode
    keys: tuple[ListedKey, ...]
    uses: Mapping[str, Mapping[Part, int]]
    """By version: how many files lie under it in the target directories that were named, by what they are."""


RESULTS = {
    "keys.init": CreatedKey,
    "keys.check": CheckedKeys,
    "keys.show": ShownKeys,
    "keys.rotate": Rotated,
    "keys.retire": Retired,
}


def show_created(made: CreatedKey, *, as_json: bool) -> None:
    """Print where a key is now, and where its copy."""
    screen = Screen(as_json=as_json)
    if made.escrow is not None:
        screen.say(f"copy for escrow: {made.escrow} (keep it where the key is not, and try it)")
    elif made.without_escrow is not None:
        screen.say(f"no copy: {made.without_escrow}")
    what = f"would make key {made.key}" if made.dry_run else f"made {made.id_}, fingerprint {made.fingerprint}"
    screen.conclude(f"{what}: {made.provider}, {made.place}")
    screen.end(made)


def show_checked(found: Sequence[CheckedKey], audit_log: str, *, as_json: bool) -> ExitCode:
    """Print each key as it was found; return the exit code of the first that cannot be had."""
    code = _judge([one.failure for one in found])
    screen = Screen(as_json=as_json)
    for one in found:
        screen.lines(
            [f"{one.key}: {_state(one)}", f"  {one.provider}: {one.place}", *(f"  {note}" for note in one.notes)]
        )
        screen.lines(_explain(one.failure), style="red")
    good = sum(one.failure is None for one in found)
    screen.conclude(f"{good} of {len(found)} keys can be used; noted in {audit_log}")
    screen.end(CheckedKeys(exit=code, keys=tuple(found), audit_log=audit_log))
    return code


def show_keys(
    found: Sequence[ListedKey], uses: Mapping[str, Mapping[Part, int]], *, as_json: bool, color: bool
) -> ExitCode:
    """Print the versions of each key; return the exit code of the first that cannot be listed."""
    code = _judge([one.failure for one in found])
    screen = Screen(as_json=as_json, color=color)
    rows = [
        (
            version.id_,
            str(version.state),
            "·" if version.age_days is None else str(version.age_days),
            _spell_uses(one.key, version, uses),
            one.place,
        )
        for one in found
        for version in one.versions
    ]
    if rows:
        screen.table(("id", "state", "days", "files", "place"), rows, numbers=False)
    for one in found:
        if one.failure is not None:
            screen.lines([f"{one.key} ({one.provider}): {one.place}", *_explain(one.failure)])
    if not found:
        screen.conclude("this system names no keys: keys: in its system.yaml does")
    screen.end(ShownKeys(exit=code, keys=tuple(found), uses=uses))
    return code


def _spell_uses(name: str, version: ListedVersion, uses: Mapping[str, Mapping[Part, int]]) -> str:
    """Say how much lies under a version: 3 live, 2 backup; documents that name none mean the active one."""
    names = {version.id_, *([name] if version.state is State.ACTIVE else [])}
    counts = {part: sum(uses[one][part] for one in names if one in uses) for part in Part}
    return ", ".join(f"{count} {part}" for part, count in counts.items() if count) or "·"


def show_rotated(rotated: Rotated, *, as_json: bool) -> ExitCode:
    """Print what lies under which version now; return 4 where rows of columns are left, 7 where some are due again."""
    screen = Screen(as_json=as_json)
    if rotated.escrow is not None:
        screen.say(f"copy for escrow: {rotated.escrow} (keep it where the key is not, and try it)")
    if rotated.backups:
        screen.say(f"{len(rotated.backups)} files of backups keep the version under which they were made")
    for path in rotated.sources:
        screen.say(f"not touched: {path}, a legacy file (--database names it)")
    if rotated.columns is not None:
        say_columns_done(screen, rotated.columns)
    if rotated.columns is not None and not rotated.files:
        screen.conclude(f"{rotated.after} {'would be' if rotated.dry_run else 'is'} the active version of its key")
    elif rotated.before is None:
        screen.conclude(f"nothing lay under another version; {rotated.after} is the active one")
    else:
        done = "would go" if rotated.dry_run else "went"
        screen.conclude(f"{len(rotated.files)} files {done} from {rotated.before} to {rotated.after}")
    screen.end(rotated)
    return ExitCode.DONE if rotated.columns is None else rotated.columns.exit


def show_retired(retired: Retired, *, as_json: bool) -> None:
    """Print which version is gone."""
    screen = Screen(as_json=as_json)
    done = "could be retired" if retired.dry_run else "is retired, and opens nothing any more"
    screen.conclude(f"{retired.id_} {done}; nothing names it in {', '.join(retired.looked_at)}")
    screen.end(retired)


def _state(one: CheckedKey) -> str:
    if one.failure is not None:
        return "cannot be used"
    proof = f"fingerprint {one.fingerprint}" if one.fingerprint is not None else "a passphrase, for existing files only"
    opened = ", opens the database" if one.opens else ""
    server = f" ({one.health})" if one.health is not None else ""
    return f"{one.id_}, {one.encoding}, {proof}{opened}{server}"


def _explain(failure: KeyFailure | None) -> list[str]:
    return [] if failure is None else [f"  error: {failure.fact}", f"   hint: {failure.hint}"]


def _judge(failures: Sequence[KeyFailure | None]) -> ExitCode:
    return next((failure.exit_code for failure in failures if failure is not None), ExitCode.DONE)
