"""Take files along that the plan does not name, where it says ``unmapped_file: carry``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from strongroom.core.plan import Conflict, Input, Plan, Source, TableRule, Target
from strongroom.core.quoting import fold


def carry_paths(plan: Plan, paths: Iterable[str]) -> Plan:
    """Give these files, relative to the source directory, targets of their own.

    The same paths get the same names, in whatever order they come.
    """
    sources, targets, rules = dict(plan.sources), dict(plan.targets), list(plan.tables)
    taken = {fold(name) for name in (*sources, *targets)}
    for path in sorted(paths):
        name = _name_carried(path, taken)
        sources[name] = Source(name=name, path=path, trust=50, optional=False, format="sqlite", rows={})
        targets[name] = Target(name=name, path=path, schema=None, aliases=())
        rules.append(
            TableRule(
                target=name,
                table="*",
                inputs=(Input(source=name, table="*", columns={}),),
                key=None,
                identity=None,
                conflict=Conflict(rule=plan.defaults.on_conflict),
                defaults={},
                transform={},
                where=None,
                origin=f"{plan.path} (unmapped_file: carry)",
            )
        )
    return replace(plan, sources=sources, targets=targets, tables=tuple(rules))


def _name_carried(path: str, taken: set[str]) -> str:
    """Return a name that no other has: two paths may differ in what no name can hold."""
    base = name = "carried_" + re.sub(r"\W", "_", path)
    number = 1
    while fold(name) in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(fold(name))
    return name
