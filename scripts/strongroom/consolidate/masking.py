"""Values that the plan calls secret (``tables[].secret``) are shown nowhere: a fixed text stands in their place.

What is hidden is the value, and that it is one of several; whether there is one at all is shown: NULL stays NULL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.core.plan import Plan, TableRule
from strongroom.core.plan.models import PlanModel
from strongroom.core.quoting import fold

MASK = "•••"
_VALUE = r"(?='|X'|NULL\b|[-+.]?[0-9])"
"""How a value begins, as SQL writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """What of one target table, and of the tables that feed it, is hidden. Names are folded."""

    columns: frozenset[str] = frozenset()
    """Of the target's table."""
    of_inputs: Mapping[tuple[str, str], frozenset[str]]
    """Source and table to columns: those of the same names, and those that feed the target's."""

    def hide_target(self, values: dict[str, str]) -> dict[str, str]:
        """Return a target row's values, as written for people, without the secret ones."""
        return _hide(values, self.columns)

    def hide_source(self, source: str, table: str, values: dict[str, str]) -> dict[str, str]:
        """Return a source row's values, as written for people, without the secret ones."""
        return _hide(values, self.of_inputs.get((source, fold(table)), self.columns))

    def hide_reason(self, reason: str) -> str:
        """Return a reason without what it says from the first secret value on."""
        for name in sorted(self.columns):
            reason = re.sub(rf"(?s)(?<!\w)((?i:{re.escape(name)})) {_VALUE}.*", rf"\1 {MASK}", reason)
        return reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """What a plan hides, by ``target.table``."""

    tables: Mapping[str, Mask]

    def of(self, into: str) -> Mask:
        """Return what is hidden of a target table."""
        return self.tables.get(fold(into), _NOTHING)

    def are_named_in(self, sql: str) -> bool:
        """Tell whether a text names a column that is hidden, or a table with one."""
        words = {fold(word) for word in re.findall(r"\w+", sql)}
        hidden = {name for mask in self.tables.values() for name in mask.columns}
        return not words.isdisjoint(hidden | {into.partition(".")[2] for into in self.tables})


_NOTHING = Mask(of_inputs={})


def read_masks(plan: Plan) -> Masks:
    """Return what a plan hides."""
    return Masks(tables={fold(rule.into): _read_mask(rule) for rule in plan.tables if rule.secret})


def read_masks_of_targets(plan: PlanModel) -> Masks:
    """Return what a plan hides of targets that are sources themselves, as those of a load are."""
    hidden = {fold(rule.into): frozenset(map(fold, rule.secret)) for rule in plan.tables if rule.secret}
    return Masks(tables={into: Mask(columns=columns, of_inputs={}) for into, columns in hidden.items()})


def _read_mask(rule: TableRule) -> Mask:
    columns = frozenset(map(fold, rule.secret))
    of_inputs = {
        (entry.source, fold(entry.table)): columns
        | {fold(held) for into, held in entry.columns.items() if fold(into) in columns}
        for entry in rule.inputs
    }
    return Mask(columns=columns, of_inputs=of_inputs)


def _hide(values: dict[str, str], secret: frozenset[str]) -> dict[str, str]:
    return {name: MASK if fold(name) in secret and value != "NULL" else value for name, value in values.items()}
