"""Choose the names of target tables whose definitions come from a source."""

from __future__ import annotations

from dataclasses import replace

from strongroom.binding.template import Template
from strongroom.core.plan import Input, TableRule
from strongroom.core.quoting import fold
from strongroom.sqlite.schema import Table

Present = list[tuple[str, Table, Input]]
"""The inputs of a rule that are there: source, table, and what the plan says of it."""


def list_renames(found: list[tuple[TableRule, Present]], template: Template) -> dict[str, dict[str, str]]:
    """Return, per source, the tables whose definitions are taken from it under another name."""
    renames: dict[str, dict[str, str]] = {}
    for rule, inputs in found:
        if inputs and template.schema().find(rule.table) is None:
            source, table, _ = inputs[0]
            if fold(table.name) != fold(rule.table):
                renames.setdefault(source, {})[table.name] = rule.table
    return renames


def name_carried(rules: list[TableRule], template: Template) -> list[TableRule]:
    """Give the tables that are carried names of their own: theirs where it is free, else with the source's."""
    taken = {fold(name) for name in template.schema().tables}
    taken |= {fold(rule.table) for rule in rules if not rule.is_carried}
    named = []
    for rule in rules:
        name = rule.table
        if rule.is_carried and fold(name) in taken:
            name = f"{rule.inputs[0].source}_{name}"
        if rule.is_carried:
            taken.add(fold(name))
        named.append(replace(rule, table=name))
    return named
