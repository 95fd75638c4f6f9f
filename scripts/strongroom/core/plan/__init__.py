"""The plan: which source table goes where, and what happens when two rows claim one place.

``read_plan`` gives the full form; everything behind it knows only these dataclasses.
"""

from strongroom.core.plan.choices import MARK, find_choices
from strongroom.core.plan.expand import read_plan
from strongroom.core.plan.form import (
    ColumnRule,
    ColumnType,
    Conflict,
    Defaults,
    Drop,
    Filter,
    Identity,
    Input,
    Plan,
    Reference,
    Scalar,
    Source,
    TableRule,
    Target,
    Transform,
)

__all__ = [
    "MARK",
    "ColumnRule",
    "ColumnType",
    "Conflict",
    "Defaults",
    "Drop",
    "Filter",
    "Identity",
    "Input",
    "Plan",
    "Reference",
    "Scalar",
    "Source",
    "TableRule",
    "Target",
    "Transform",
    "find_choices",
    "read_plan",
]
