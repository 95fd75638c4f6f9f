"""Plans, drafts and what was recovered, on screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom.binding import Work
from strongroom.core.plan import Plan, TableRule
from strongroom.examine.draft.model import Proposal
from strongroom.examine.recovery import Recovered
from strongroom.report.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTable:
    """How a target table comes about."""

    rule: str
    from_: tuple[str, ...]
    key: tuple[str, ...]
    at: str
    """The plan's line that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A plan that is good."""

    plan: str
    sources: int
    targets: int
    tables: Mapping[str, PlannedTable]
    rules: tuple[TableRule, ...] | None
    """Every rule in full form, on request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A plan that was drafted."""

    plan: str
    sources: int
    unread: Mapping[str, str]
    """Files that were left out, with the reason."""
    keys: Mapping[str, str]
    """Encrypted files, with the name of the key that opens each."""
    tables: int
    choices: tuple[str, ...]
    """Lines that a person has to decide."""
    text: str | None
    """The plan itself, in a dry run."""


RESULTS = {"consolidate.check": Checked, "inventory.draft": Drafted, "inventory.recover": Recovered}


def show_plan(plan: Plan, work: Work | None, *, expanded: bool, as_json: bool, color: bool) -> None:
    """Print that a plan is good, and with ``expanded`` every rule."""
    tables = {rule.into: _describe(rule) for rule in plan.tables if rule.table != "*"}
    screen = Screen(as_json=as_json, color=color)
    if expanded:
        rows = [(name, rule.rule, ", ".join(rule.from_)) for name, rule in tables.items()]
        screen.table(("target table", "rule", "from"), rows, numbers=False)
    fits = (
        ""
        if work is None
        else f"; fits the sources ({sum(len(target.tables) for target in work.targets)} tables to fill, "
        f"{len(work.absent)} named and not there)"
    )
    screen.conclude(
        f"{plan.path.name} is good: {len(plan.sources)} sources, {len(plan.targets)} targets, "
        f"{len(tables)} tables{fits}"
    )
    screen.end(
        Checked(
            plan=str(plan.path),
            sources=len(plan.sources),
            targets=len(plan.targets),
            tables=tables,
            rules=tuple(plan.tables) if expanded else None,
        )
    )


def show_draft(
    proposal: Proposal, output: str, choices: Sequence[str], *, as_json: bool, text: str | None = None
) -> None:
    """Print what was drafted in one sentence, and the lines that a person has to decide; or the draft itself.

    ``text``: the draft, where nothing was written.
    """
    screen = Screen(as_json=as_json)
    found, unread = len(proposal.survey.found), dict(proposal.survey.unread)
    keys = {one.path: one.database.key for one in proposal.survey.found if one.database.key is not None}
    tables = len(proposal.copies) + len(proposal.rules)
    if text is not None:
        screen.lines(text.splitlines())
    else:
        screen.lines([f"encrypted: {path}: key: {key}" for path, key in keys.items()])
        screen.lines([f"left out: {path}: {reason}" for path, reason in unread.items()])
        screen.lines([f"to choose: {choice}" for choice in choices])
        screen.conclude(f"drafted {output}: {found} sources, {tables} tables, {len(choices)} lines to choose")
    screen.end(
        Drafted(
            plan=output,
            sources=found,
            unread=unread,
            keys=keys,
            tables=tables,
            choices=tuple(choices),
            text=text,
        )
    )


def _describe(rule: TableRule) -> PlannedTable:
    by = f" by {', '.join(rule.conflict.by)}" if rule.conflict.by else ""
    order = f" ({' > '.join(rule.conflict.order)})" if rule.conflict.order else ""
    return PlannedTable(
        rule=f"{rule.conflict.rule}{by}{order}",
        from_=tuple(entry.name for entry in rule.inputs),
        key=tuple(rule.key or ()),
        at=rule.origin,
    )


def show_recovered(recovered: Recovered, *, as_json: bool) -> None:
    """Print what was saved, and what was lost."""
    screen = Screen(as_json=as_json)
    screen.lines([f"lost: {line}" for line in recovered.lost])
    if recovered.nameless:
        screen.say(f"{recovered.nameless} rows whose table is not known are in lost_and_found")
    rows = sum(recovered.tables.values())
    key = f"; key: {recovered.key}" if recovered.key is not None else ""
    said = f"recovered {len(recovered.tables)} tables, {rows} rows into {recovered.file} ({recovered.way}{key})"
    screen.conclude(f"{said}; look at it before you use it")
    screen.end(recovered)
