"""Hand each table of a run what people decided about it."""

from __future__ import annotations

from dataclasses import replace

from strongroom.binding import TableJob, TargetJob, Work
from strongroom.core.errors import PlanError
from strongroom.core.plan.decisions import ALL, Decision, Decisions
from strongroom.core.quoting import fold


def hand_out(work: Work, decisions: Decisions | None) -> Work:
    """Return the work with each table's decisions.

    Raises PlanError for a table that is none, and for a decision that its table cannot follow.
    """
    if decisions is None:
        return work
    by_table: dict[str, list[Decision]] = {}
    for decision in decisions.decided:
        by_table.setdefault(decision.table, []).append(decision)
    targets = tuple(_hand_target(target, by_table) for target in work.targets)
    if by_table:
        table, (decision, *_) = next(iter(by_table.items()))
        fact = f"there is no table {table} in this run"
        raise PlanError(f"decisions: {decision.label}", fact, "take the decision out, or run with its plan")
    return replace(work, targets=targets)


def _hand_target(target: TargetJob, by_table: dict[str, list[Decision]]) -> TargetJob:
    tables = tuple(_hand_table(table, by_table.pop(table.into, [])) for table in target.tables)
    return replace(target, tables=tables)


def _hand_table(table: TableJob, decided: list[Decision]) -> TableJob:
    for decision in decided:
        _refuse_impossible(table, decision)
    return replace(table, decisions=tuple(decided)) if decided else table


def _refuse_impossible(table: TableJob, decision: Decision) -> None:
    """Make sure that a table can follow a decision, whatever its rows hold. Raises PlanError."""
    subject = f"decisions: {decision.label}"
    if decision.take == ALL and table.identity is None:
        fact = "take: all needs another id for all rows but one, and the plan lets this table keep its ids"
        raise PlanError(subject, fact, "take one row, or say identity: in the plan")
    if isinstance(decision.take, int | str):
        return
    known = {fold(column.name) for column in table.columns}
    fixed = {fold(name) for name in table.fixed}
    for name in decision.take:
        if fold(name) not in known:
            raise PlanError(subject, f"there is no column {name} in {table.into}", "name a column of the target")
        if fold(name) in fixed:
            raise PlanError(subject, f"{name} is of its key or its id, which stays the shown row's", "leave it out")
