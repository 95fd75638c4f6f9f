"""Plans, drafts and what was recovered, on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from strongroom.binding import Work
from strongroom.core.plan import Plan, TableRule
from strongroom.examine.draft.model import Proposal
from strongroom.examine.recovery import Recovered
from strongroom.report.screen import new_table, open_console, print_json


def show_plan(plan: Plan, work: Work | None, *, expanded: bool, as_json: bool, color: bool) -> None:
    """Print that a plan is good, and with ``expanded`` every rule."""
    tables = {rule.into: _describe(rule) for rule in plan.tables if rule.table != "*"}
    if as_json:
        full: dict[str, Any] = {
            "plan": str(plan.path),
            "sources": len(plan.sources),
            "targets": len(plan.targets),
            "tables": tables,
        }
        print_json({**full, "rules": [asdict(rule) for rule in plan.tables]} if expanded else full)
        return
    console = open_console(color=color)
    if expanded:
        table = new_table("target table", "rule", "from", numbers=False)
        for name, rule in tables.items():
            table.add_row(name, str(rule["rule"]), ", ".join(rule["from"]))
        console.print(table)
    fits = (
        ""
        if work is None
        else f"; fits the sources ({sum(len(target.tables) for target in work.targets)} tables to fill, "
        f"{len(work.absent)} named and not there)"
    )
    console.print(
        f"{plan.path.name} is good: {len(plan.sources)} sources, {len(plan.targets)} targets, "
        f"{len(tables)} tables{fits}",
        soft_wrap=True,
    )


def show_draft(proposal: Proposal, output: str, choices: Sequence[str], *, as_json: bool) -> None:
    """Print what was drafted in one sentence, and the lines that a person has to decide."""
    found, unread = len(proposal.survey.found), dict(proposal.survey.unread)
    tables = len(proposal.copies) + len(proposal.rules)
    if as_json:
        print_json({"plan": output, "sources": found, "unread": unread, "tables": tables, "choices": list(choices)})
        return
    for path, reason in unread.items():
        print(f"left out: {path}: {reason}")
    for choice in choices:
        print(f"to choose: {choice}")
    print(f"drafted {output}: {found} sources, {tables} tables, {len(choices)} lines to choose")


def _describe(rule: TableRule) -> dict[str, Any]:
    by = f" by {', '.join(rule.conflict.by)}" if rule.conflict.by else ""
    order = f" ({' > '.join(rule.conflict.order)})" if rule.conflict.order else ""
    return {
        "rule": f"{rule.conflict.rule}{by}{order}",
        "from": [entry.name for entry in rule.inputs],
        "key": list(rule.key or ()),
        "at": rule.origin,
    }


def show_recovered(recovered: Recovered, *, as_json: bool) -> None:
    """Print what was saved, and what was lost."""
    if as_json:
        print_json(asdict(recovered))
        return
    for line in recovered.lost:
        print(f"lost: {line}")
    if recovered.nameless:
        print(f"{recovered.nameless} rows whose table is not known are in lost_and_found")
    rows = sum(recovered.tables.values())
    said = f"recovered {len(recovered.tables)} tables, {rows} rows into {recovered.file} ({recovered.way})"
    print(f"{said}; look at it before you use it")
