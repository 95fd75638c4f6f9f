"""Keys on screen: ids, places and states, never a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.errors import ExitCode
from strongroom.keys.checking import CheckedKey, KeyFailure, ListedKey
from strongroom.keys.creating import CreatedKey
from strongroom.report.screen import Screen


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


RESULTS = {"keys.init": CreatedKey, "keys.check": CheckedKeys, "keys.show": ShownKeys}


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


def show_keys(found: Sequence[ListedKey], *, as_json: bool, color: bool) -> ExitCode:
    """Print the versions of each key; return the exit code of the first that cannot be listed."""
    code = _judge([one.failure for one in found])
    screen = Screen(as_json=as_json, color=color)
    rows = [
        (version.id_, str(version.state), "·" if version.age_days is None else str(version.age_days), one.place)
        for one in found
        for version in one.versions
    ]
    if rows:
        screen.table(("id", "state", "days", "place"), rows, numbers=False)
    for one in found:
        if one.failure is not None:
            screen.lines([f"{one.key} ({one.provider}): {one.place}", *_explain(one.failure)])
    if not found:
        screen.conclude("this system names no keys: keys: in its system.yaml does")
    screen.end(ShownKeys(exit=code, keys=tuple(found)))
    return code


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
