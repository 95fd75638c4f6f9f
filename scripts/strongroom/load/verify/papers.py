"""What the plan says about the types of one target, read anew from its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import PlanError
from strongroom.core.plan.models import ColumnTypeModel, PlanModel
from strongroom.core.quoting import fold
from strongroom.core.yaml_text import read_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """How times are read that do not say it themselves."""

    zone: str | None
    """Of the whole plan."""
    columns: Mapping[str, ColumnTypeModel]
    """What is said of a column, by ``table.column``, folded."""
    secret: Mapping[str, frozenset[str]]
    """By table, the columns whose values are shown nowhere, all folded."""

    def zone_of(self, table: str, column: str) -> str | None:
        """Return the zone of a column's times that are written without one."""
        said = self.columns.get(fold(f"{table}.{column}"))
        return self.zone if said is None or said.time_zone is None else said.time_zone

    def is_said_text(self, table: str, column: str) -> bool:
        """Tell whether the plan says of a column that it becomes text."""
        said = self.columns.get(fold(f"{table}.{column}"))
        return said is not None and said.type == "text"

    def unit_of(self, table: str, column: str) -> str | None:
        """Return the unit of a column's numbers, where the plan says one."""
        said = self.columns.get(fold(f"{table}.{column}"))
        return None if said is None else said.epoch


def _read_secret(model: PlanModel, target: str) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for rule in model.tables:
        into, _, table = rule.into.partition(".")
        if fold(into) == fold(target):
            found[fold(table)] = found.get(fold(table), frozenset()) | frozenset(map(fold, rule.secret))
    return found


def read_papers(plan: Path, target: str) -> Papers:
    """Read the text of a plan. Raises PlanError where it is none, or has no such target."""
    model = read_model(plan, PlanModel, PlanError)[0]
    found = model.targets.get(target)
    if found is None:
        raise PlanError(plan, f"has no target {target}")
    return Papers(
        zone=model.defaults.time_zone,
        columns={
            fold(name): ColumnTypeModel(type=said) if isinstance(said, str) else said
            for name, said in found.types.items()
        },
        secret=_read_secret(model, target),
    )
