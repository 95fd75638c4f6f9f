"""How a fleet stands: its list beside the results of every index. Read-only."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.core.errors import ExitCode, UsageError
from strongroom.fleet.desk import open_desk
from strongroom.fleet.outcome import Status, tally_states
from strongroom.fleet.results import Shelf, list_attempts, read_name, read_results
from strongroom.fleet.tenants import Tenant


def look_at(tenants: Iterator[Tenant], place: str, shelf: Shelf, task: str, *, most: int) -> Status:
    """Say what became of every tenant of a list; ``most`` of those that are not done are named (0: all).

    Attempts that are still under way are not looked at. Raises what reading the list and the results raises.
    """
    with open_desk() as desk:
        desk.take_tenants(tenants, place, index=None, of=1)
        for attempt in list_attempts(shelf, task):
            desk.take_results(read_results(shelf, attempt))
        tally = tally_states(desk.count_states())
        is_done = tally.done == desk.listed
        return Status(
            task=task,
            results=shelf.place,
            tenants=desk.listed,
            done=tally.done,
            waiting=tally.waiting,
            unproven=tally.unproven,
            not_begun=tally.not_begun,
            failed=tally.failed,
            strangers=desk.count_strangers(),
            undone=desk.list_undone(most),
            exit=ExitCode.DONE if is_done else ExitCode.PENDING,
        )


def choose_task(shelf: Shelf, named: str | None) -> str:
    """Return the task that is meant: the one named, else the only one that has results. Raises UsageError."""
    found = sorted({one.task for one in map(read_name, shelf.list("")) if one is not None})
    if named is not None:
        return named
    if len(found) == 1:
        return found[0]
    fact = f"is not said, and {shelf.place} holds results of {' and '.join(found) or 'none'}"
    raise UsageError("--task", fact, "name the task that fleet.run was given")
