"""Where a reference leads, and what a row's references make of it (``.github/PLAN.md``, section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from strongroom.consolidate.verify.values import Value

KEPT, MOVED, ORPHAN = "kept", "moved", "orphan"
Node = tuple[str, int, int]
"""A source row: ``target.table`` that it feeds, number of the input, number of the row."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Where one reference of one row leads."""

    kind: str
    values: tuple[Value, ...] = ()
    """What stands in the child's columns in place of its own, where it moved."""
    is_adopted: bool = False
    """An orphan whose value a row of the target has."""
    is_usurped: bool = False
    """And that row got this number in place of its own."""
    had_parent: bool = False
    """An orphan whose parent was left out."""
    because: tuple[Node, ...] = ()
    """The parents that wait, where the child waits for nothing else."""


@dataclass(slots=True)
class Moves:
    """What a row's references make of it."""

    values: dict[int, Value] = field(default_factory=dict)
    """Places of columns whose value is another one now."""
    in_json: list[tuple[int, str, Value]] = field(default_factory=list)
    """Place of a column, path in its text, and what stands there now."""
    waits: bool = False
    because: list[Node] = field(default_factory=list)
    """The rows for which it waits."""
    is_root: bool = False
    """It waits for something else than rows that wait."""
    events: list[tuple[int, str]] = field(default_factory=list)
    """What is to be counted: number of the reference, name of the figure."""
