"""What was decided about a run, what is left, and the one command that comes next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.consolidate.account import write_run
from strongroom.consolidate.deciding.desk import Desk, Survey
from strongroom.consolidate.outcome import Outcome, read_report


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided about a run, and what is left."""

    run: str
    is_live: bool
    """Whether its targets are live: then what is decided changes these."""
    decided: int
    """Groups that this command decided."""
    known: int
    """Groups that are decided and wait to be carried out, those of this command among them."""
    open: int
    """Groups that nobody decided."""
    left: Mapping[str, int] = field(default_factory=dict)
    """Of a rule: why groups stay open, and how many for each reason."""
    waiting: int
    """Rows that wait for other reasons: no decision settles them."""
    stale: tuple[str, ...] = ()
    """Kept decisions that fit no group of the run."""
    file: str
    """Where decisions are kept."""
    draft: str | None = None
    drafted: int = 0
    """Groups in the draft."""
    next: str | None
    """What to type next; None where nothing is left to do."""
    staged_again: int = 0
    """Rows that would wait in the next run all the same, where that is more than its budget allows."""
    applied: Outcome | None = None
    """How the change of the live targets ended; None where there was none."""
    dry_run: bool = False


def tell(desk: Desk, counted: Survey, *, decided: int = 0, left: Mapping[str, int] | None = None) -> Decided:
    """Say what was decided, and what is left."""
    waiting = counted.count_others()
    report = read_report(desk.folder)
    budget = desk.plan.defaults.quarantine_budget if report is None else report.budget
    still = counted.open_rows + waiting
    is_staged_again = counted.known and not desk.is_live and still > budget
    return Decided(
        run=desk.folder.name,
        is_live=desk.is_live,
        decided=decided,
        known=counted.known,
        open=counted.open,
        left={} if left is None else left,
        waiting=waiting,
        stale=tuple(counted.stale),
        file=str(desk.home.decisions),
        next=_say_next(desk, counted, budget),
        staged_again=still if is_staged_again else 0,
        dry_run=desk.dry_run,
    )


def say_filling(desk: Desk, draft: Path) -> str:
    """Return the command that takes what a draft decides."""
    return f"{_begin(desk)} --decisions {shlex.quote(str(draft))}"


def _begin(desk: Desk) -> str:
    run = "" if desk.is_live else f" --run {desk.folder.name}"
    return f"./inv consolidate.decide --target {shlex.quote(str(desk.home.target))}{run}"


def _say_next(desk: Desk, counted: Survey, budget: int) -> str | None:
    """Return the command that carries out what was decided; where that is nothing, the one that decides."""
    if not counted.known:
        return _begin(desk) if counted.open else None
    if desk.is_live:
        return f"{_begin(desk)} --apply"
    asked = "" if budget == desk.plan.defaults.quarantine_budget else f" --quarantine-budget {budget}"
    return f"{write_run(desk.about, f'--target {shlex.quote(str(desk.home.target))}')}{asked}"
