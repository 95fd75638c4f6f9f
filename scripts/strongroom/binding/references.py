"""Bind references: which columns hold which table's ids, and which table is filled first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.binding.model import Holder, Rewrite, TableJob
from strongroom.binding.template import Template
from strongroom.core.errors import PlanError
from strongroom.core.plan import Reference, TableRule
from strongroom.core.quoting import fold


def bind_references(jobs: Sequence[TableJob], rules: Sequence[TableRule], template: Template) -> list[TableJob]:
    """Give each table the references it holds, and put referenced tables before those that hold their ids.

    The plan's references count, and the foreign keys that the target declares. Raises PlanError for a
    reference to a column that is not there.
    """
    by_name = {fold(job.table.name): job for job in jobs}
    found: dict[str, list[Rewrite]] = {fold(job.table.name): [] for job in jobs}
    for rule in rules:
        parent = by_name.get(fold(rule.table))
        if parent is None:
            continue
        declared = [key for key in template.foreign_keys() if fold(key[2]) == fold(rule.table)]
        references = [*rule.references, *(Reference(table=key[0], column=key[1], json=None) for key in declared)]
        for reference in references:
            child = by_name.get(fold(reference.table))
            if child is None:
                _refuse_unknown(template, rule, reference)
                continue
            rewrite = _bind_reference(rule, parent, child, reference)
            if rewrite is not None and rewrite not in found[fold(child.table.name)]:
                found[fold(child.table.name)].append(rewrite)
    return _order([replace(job, rewrites=tuple(found[fold(job.table.name)])) for job in jobs])


def _refuse_unknown(template: Template, rule: TableRule, reference: Reference) -> None:
    if template.schema().find(reference.table) is None:
        fact = f"references name {rule.target}.{reference.table}, and there is no such table"
        raise PlanError(rule.origin, fact, "correct the name, or leave it out")


def _bind_reference(rule: TableRule, parent: TableJob, child: TableJob, reference: Reference) -> Rewrite | None:
    """Return the rewrite, or None where the ids of the parent never change."""
    column = child.table.by_name.get(fold(reference.column))
    if column is None:
        names = ", ".join(column.name for column in child.columns)
        raise PlanError(rule.origin, f"{child.into} has no column {reference.column!r}", f"one of: {names}")
    own = parent.identity or (parent.table.primary_key[0] if len(parent.table.primary_key) == 1 else None)
    may_change = parent.identity is not None or (own is not None and parent.key != (own,))
    if own is None or not may_change:
        return None
    if parent.table.rowid is None:
        raise PlanError(rule.origin, f"{parent.into} has no rowid, and its ids cannot be followed", "keep its ids")
    return Rewrite(
        column=column.name,
        json=reference.json,
        parent=parent.table.name,
        parent_rowid=parent.table.rowid,
        parent_id=own,
        holders=tuple(_list_holders(parent, own)),
    )


def _list_holders(parent: TableJob, own: str) -> list[Holder]:
    holders = []
    for entry in parent.inputs:
        names = [column.name for column in entry.table.columns]
        if own in entry.columns and not entry.is_seed:
            holders.append(Holder(source=entry.source, kept=entry.name, place=names.index(entry.columns[own])))
    return holders


def _order(jobs: list[TableJob]) -> list[TableJob]:
    """Put parents first; what goes in a circle is rewritten late, by the ids of the round before."""
    waiting = {fold(job.table.name): job for job in jobs}
    ordered: list[TableJob] = []
    while waiting:
        free = [name for name, job in waiting.items() if not _open_parents(name, job, waiting)]
        # A circle: begin with the table that waits for the fewest others.
        chosen = free or [min(waiting, key=lambda name: len(_open_parents(name, waiting[name], waiting)))]
        for name in chosen:
            job = waiting[name]
            late = _open_parents(name, job, waiting) | {name}
            job = replace(
                job,
                rewrites=tuple(replace(rewrite, is_late=fold(rewrite.parent) in late) for rewrite in job.rewrites),
            )
            ordered.append(job)
        for name in chosen:
            del waiting[name]
    return ordered


def _open_parents(name: str, job: TableJob, waiting: Mapping[str, TableJob]) -> set[str]:
    return {fold(rewrite.parent) for rewrite in job.rewrites if fold(rewrite.parent) in waiting} - {name}
