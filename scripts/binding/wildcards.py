"""Expand ``source.*`` once it is known which tables are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scripts.databases.schema import Schema
from scripts.plan import Input, Plan, TableRule
from scripts.quoting import fold


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
    return list(rules.values())


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
