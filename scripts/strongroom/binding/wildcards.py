"""Expand ``source.*``, and find places for what the plan does not name, once it is known what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from strongroom.core.errors import PlanError
from strongroom.core.plan import Conflict, Input, Plan, TableRule
from strongroom.core.quoting import fold
from strongroom.sqlite.schema import Schema


def expand_wildcards(plan: Plan, schemas: Mapping[str, Schema]) -> list[TableRule]:
    """Return the rules with every wildcard replaced by the tables that no other rule names."""
    named = {(entry.source, fold(entry.table)) for rule in plan.tables for entry in rule.inputs}
    named |= {(drop.source, fold(drop.table)) for drop in plan.drops}
    rules = {(rule.target, fold(rule.table)): rule for rule in plan.tables if rule.table != "*"}
    for rule in plan.tables:
        if rule.table == "*":
            source = rule.inputs[0].source
            for table in find_unnamed(schemas, source, named):
                _add_input(rules, rule, Input(source=source, table=table, columns={}))
    if plan.defaults.unmapped_table == "carry":
        return [*rules.values(), *_carry_tables(plan, schemas, list(rules.values()))]
    return list(rules.values())


def _carry_tables(plan: Plan, schemas: Mapping[str, Schema], rules: list[TableRule]) -> Iterable[TableRule]:
    """Give every table that the plan does not name a rule of its own, where most of its file goes."""
    named = {(entry.source, fold(entry.table)) for rule in rules for entry in rule.inputs}
    named |= {(drop.source, fold(drop.table)) for drop in plan.drops}
    emptied = {drop.source for drop in plan.drops if drop.table == "*"}
    for source, settings in plan.sources.items():
        if settings.format != "sqlite" or source in emptied:
            continue
        for table in find_unnamed(schemas, source, named):
            yield TableRule(
                target=_choose_target(plan, rules, source, table),
                table=table,
                inputs=(Input(source=source, table=table, columns={}),),
                key=None,
                identity=None,
                conflict=Conflict(rule=plan.defaults.on_conflict),
                defaults={},
                transform={},
                where=None,
                origin=f"{plan.path} (unmapped_table: carry)",
                is_carried=True,
            )


def _choose_target(plan: Plan, rules: Iterable[TableRule], source: str, table: str) -> str:
    fed = Counter(rule.target for rule in rules if any(entry.source == source for entry in rule.inputs))
    if fed:
        return fed.most_common(1)[0][0]
    if len(plan.targets) == 1:
        return next(iter(plan.targets))
    fact = f"the plan names no table of {source}, so that nothing says where {table} goes"
    raise PlanError(plan.path, fact, f"give one table of {source} a place, and the others follow it")


def find_unnamed(schemas: Mapping[str, Schema], source: str, named: set[tuple[str, str]]) -> list[str]:
    """Return the tables of a source that are not among the named ones."""
    schema = schemas.get(source)
    return [name for name in (schema.tables if schema else ()) if (source, fold(name)) not in named]


def _add_input(rules: dict[tuple[str, str], TableRule], rule: TableRule, entry: Input) -> None:
    """Let a table feed the rule of its name, or one of its own."""
    place = (rule.target, fold(entry.table))
    existing = rules.get(place)
    if existing is None:
        rules[place] = replace(rule, table=entry.table, inputs=(entry,))
    else:
        rules[place] = replace(existing, inputs=(*existing.inputs, entry))
