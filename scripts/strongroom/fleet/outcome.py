"""What came of a fleet's run, and how a fleet stands: the JSON that users, CI and tests read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from strongroom.core.errors import ExitCode
from strongroom.fleet.desk import Found

_GRAVEST = (
    ExitCode.ROLLBACK_FAILED,
    ExitCode.DIFFERENCES,
    ExitCode.KEY,
    ExitCode.NO_SPACE,
    ExitCode.NOT_INITIALISED,
    ExitCode.VERSION,
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.ROLLED_BACK,
    ExitCode.PENDING,
    ExitCode.DECISION,
)
"""What no retry mends, the gravest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one index did."""

    task: str
    index: int
    of: int
    results: str
    """Where they are kept."""
    listed: int
    """Tenants of the whole list."""
    tenants: int
    """Those of this index."""
    done: int
    before: int
    """Of these so many were done before."""
    waiting: int
    """For a decision."""
    unproven: int
    failed: Mapping[str, int]
    """By exit code."""
    undone: tuple[Found, ...] = ()
    """The first of those that are not done."""
    pending: int = 0
    """Those that a dry run would take."""
    seconds: float
    dry_run: bool = False
    exit: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a fleet stands."""

    task: str
    results: str
    tenants: int
    done: int
    waiting: int
    """For a decision."""
    unproven: int
    not_begun: int
    """Those too whose line in the list is another one now."""
    failed: Mapping[str, int]
    """By exit code."""
    strangers: int
    """Tenants with results that the list does not name."""
    undone: tuple[Found, ...]
    """The first of those that are not done."""
    exit: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many tenants stand how."""

    done: int = 0
    waiting: int = 0
    unproven: int = 0
    not_begun: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)

    @property
    def codes(self) -> set[int]:
        """What the tenants that are not done ended with."""
        codes = {int(code) for code in self.failed}
        codes |= {ExitCode.DECISION} if self.waiting else set()
        return codes | ({ExitCode.PENDING} if self.unproven else set())


def tally_states(states: Mapping[tuple[str, int | None], int]) -> Tally:
    """Bring together how many tenants stand how, by state and exit code."""
    counts: dict[str, int] = {}
    failed: dict[str, int] = {}
    for (state, code), number in states.items():
        counts[state] = counts.get(state, 0) + number
        if state == "failed":
            failed[str(code)] = number
    return Tally(
        done=counts.get("done", 0),
        waiting=counts.get("waiting", 0),
        unproven=counts.get("unproven", 0),
        not_begun=counts.get("not begun", 0),
        failed=failed,
    )


def choose_exit(codes: Collection[int]) -> ExitCode:
    """Return how an index ends whose tenants ended with these codes (none of them 0).

    While a retry may mend one tenant it is worth one for all: the others are asked again, and cost little. The lowest
    of such codes is taken, 1 where anything crashed; else the gravest of those that no retry mends.
    """
    known = {ExitCode.find(code) or ExitCode.BUG for code in codes}
    mended = sorted(code for code in known if code.job == "retry")
    if mended:
        return mended[0]
    return next((code for code in _GRAVEST if code in known), ExitCode.DONE)
