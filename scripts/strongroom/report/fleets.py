"""Fleets on screen: what an index did, how a fleet stands, and how far a run is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from strongroom.fleet.outcome import Run, Status
from strongroom.report.log import say_progress
from strongroom.report.screen import Screen, count

if TYPE_CHECKING:
    from strongroom.core.errors import ExitCode
    from strongroom.fleet.desk import Found

RESULTS = {"fleet.run": Run, "fleet.status": Status}
_EVERY_SECONDS = 5.0


class FleetProgress:
    """A line every few seconds."""

    def __init__(self) -> None:
        """Nothing has begun."""
        self._total, self._began, self._said = 0, 0.0, 0.0

    def start(self, total: int) -> None:
        """Say how many tenants there are to do."""
        self._total, self._began, self._said = total, time.monotonic(), time.monotonic()

    def advance(self, done: int) -> None:
        """Say how many have ended, unless that was said a moment ago."""
        now = time.monotonic()
        if now - self._said < _EVERY_SECONDS:
            return
        self._said = now
        rate = done / (now - self._began)
        left = (self._total - done) / rate
        line = f"{count(done)} of {count(self._total)} tenants, {rate:.1f} a second, about {left:,.0f} s left"
        say_progress(line, tenants=self._total, tenants_done=done, seconds_left=round(left))


def show_fleet(run: Run, *, as_json: bool, color: bool) -> ExitCode:
    """Print what an index did; return its exit code."""
    screen = Screen(as_json=as_json, color=color)
    _show_undone(screen, run.undone, run.tenants - run.done)
    share = f"index {run.index} of {run.of}: " if run.of > 1 else ""
    if run.dry_run:
        tenants = f"{count(run.pending)} of {count(run.tenants)} tenants"
        screen.conclude(f"dry run: {share}{run.task} would be carried out for {tenants}; nothing written")
    elif not run.tenants:
        screen.conclude(f"{share}nothing to do: none of {count(run.listed)} tenants is this index's")
    else:
        before = f" ({count(run.before)} of them before)" if run.before else ""
        took = f"{run.seconds:.1f} s, results in {run.results}"
        counts = _say_counts(run.waiting, run.unproven, run.failed)
        screen.conclude(f"{share}{run.task}: {_of(run.done, run.tenants)} done{before}{counts}, {took}")
    screen.end(run)
    return run.exit


def show_fleet_status(status: Status, *, as_json: bool, color: bool) -> ExitCode:
    """Print how a fleet stands; return 7 where a tenant is not done."""
    screen = Screen(as_json=as_json, color=color)
    _show_undone(screen, status.undone, status.tenants - status.done)
    if status.strangers:
        screen.say(f"{count(status.strangers)} tenants have results and are not in the list")
    counts = _say_counts(status.waiting, status.unproven, status.failed)
    begun = f", {count(status.not_begun)} not begun" if status.not_begun else ""
    screen.conclude(f"{status.task}: {_of(status.done, status.tenants)} done{counts}{begun}")
    screen.end(status)
    return status.exit


def _show_undone(screen: Screen, undone: Sequence[Found], total: int) -> None:
    if not undone:
        return
    rows = [(one.tenant, one.state, "" if one.exit is None else str(one.exit), one.error) for one in undone]
    screen.table(("tenant", "state", "exit", "what it said"), rows, numbers=False)
    if total > len(undone):
        screen.say(f"and {count(total - len(undone))} more (fleet.status --limit 0 names all)")


def _of(done: int, tenants: int) -> str:
    return f"{count(done)} of {count(tenants)} tenants"


def _say_counts(waiting: int, unproven: int, failed: Mapping[str, int]) -> str:
    parts = [f"{count(waiting)} waiting for a decision"] if waiting else []
    parts += [f"{count(unproven)} unproven"] if unproven else []
    if failed:
        codes = ", ".join(f"{count(number)} with {code}" for code, number in failed.items())
        parts.append(f"{count(sum(failed.values()))} failed ({codes})")
    return "".join(f", {part}" for part in parts)
