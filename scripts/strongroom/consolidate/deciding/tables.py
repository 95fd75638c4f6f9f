"""What may be decided in a table: which columns stay the shown row's, and whether all rows may stand side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.consolidate.masking import Masks, read_masks
from strongroom.core.plan import Plan, TableRule
from strongroom.core.quoting import fold
from strongroom.sqlite.schema import Schema, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class TableForm:
    """One target table, as far as decisions go."""

    into: str
    """``target.table``."""
    key: tuple[str, ...]
    """The columns on which rows match."""
    primary_key: tuple[str, ...] = ()
    """Which stay the shown row's too."""
    identity: str | None = None
    """The column of the surrogate id, which stays the shown row's."""
    is_compared: bool = True
    """Whether rows with other ids are different rows for that alone."""
    hidden: frozenset[str] = frozenset()
    """Columns whose values are shown nowhere; folded."""
    why_not_all: str = ""
    """Why not all rows of a group may be published; empty where they may."""

    def stays(self, column: str) -> bool:
        """Tell whether a column is the shown row's, whatever is taken."""
        return fold(column) in {fold(name) for name in (*self.key, *self.primary_key, *filter(None, [self.identity]))}

    def hides(self, column: str) -> bool:
        """Tell whether the values of a column are shown nowhere."""
        return fold(column) in self.hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """What a run's plan and targets say of tables."""

    rules: Mapping[str, TableRule]
    masks: Masks

    def of(self, into: str, schema: Schema | None) -> TableForm:
        """Describe a table; ``schema`` is its target's, None where that is not there."""
        rule = self.rules.get(fold(into))
        table = None if schema is None else schema.find(into.partition(".")[2])
        key = _find_key(rule, table)
        identity = None if rule is None or rule.identity is None else rule.identity
        return TableForm(
            into=into,
            key=key,
            primary_key=() if table is None else table.primary_key,
            identity=None if identity is None else identity.column,
            is_compared=identity is None or identity.strategy == "keep",
            hidden=self.masks.of(into).columns,
            why_not_all=_refuse_all(rule, table, key),
        )


def read_forms(plan: Plan) -> Forms:
    """Return what a plan says of tables."""
    return Forms(rules={fold(rule.into): rule for rule in plan.tables}, masks=read_masks(plan))


def _find_key(rule: TableRule | None, table: Table | None) -> tuple[str, ...]:
    if rule is not None and rule.key:
        return rule.key
    return () if table is None else table.primary_key


def _refuse_all(rule: TableRule | None, table: Table | None, key: tuple[str, ...]) -> str:
    """Say why no second row with the same key can be published."""
    if rule is None or rule.identity is None or rule.identity.strategy == "keep":
        return "the plan keeps its ids (identity), so no row can get another one"
    fixed = {fold(name) for name in key} - {fold(rule.identity.column)}
    if table is None or rule.normalize:
        return ""
    uniques = [index.columns for index in table.indexes if index.unique and not index.partial and index.columns]
    for columns in (table.primary_key, *uniques):
        if columns and {fold(name) for name in columns} <= fixed:
            return f"it may hold one row of each {', '.join(columns)} only"
    return ""
