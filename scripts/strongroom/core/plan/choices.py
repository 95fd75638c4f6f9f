"""The marks of a plan that is not decided yet: ``choose: what is guessed``, which no reader takes for a plan.

A mark stands in any entry whose keys are ours: in a table, its ``on_conflict``, one of its ``references``. The models
and the JSON Schema know no such key, so that editors underline it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strongroom.core.errors import PlanError
from strongroom.core.yaml_text import KeyPath, Positions, load_yaml

MARK = "choose"
_NAMING = frozenset({"sources", "targets", "copy", "rows", "columns", "normalize", "transform"})
"""Entries whose keys are names of the application's, among which a ``choose`` may be."""
_TOLD = 3


def find_choices(plan: Path) -> tuple[str, ...]:
    """Return what a person has yet to decide in a plan, as ``file:line: what``. Read-only.

    Raises PlanError for what is no YAML.
    """
    data, positions = load_yaml(plan, PlanError)
    return tuple(f"{plan}:{line}: {what}" for line, what in _list_marks(data, positions))


def refuse_choices(plan: Path, data: Mapping[str, Any], positions: Positions) -> None:
    """Refuse a plan with a mark left: every line of one, what is guessed there, and the way on.

    Raises PlanError.
    """
    marks = _list_marks(data, positions)
    if not marks:
        return
    lines = ", ".join(dict.fromkeys(str(line) for line, _ in marks))
    if len(marks) == 1:
        fact = f"a guess waits for a person: {marks[0][1]}"
    else:
        told = "; ".join(f"line {line}: {what}" for line, what in marks[:_TOLD])
        more = f"; and {len(marks) - _TOLD} more" if len(marks) > _TOLD else ""
        fact = f"{len(marks)} guesses wait for a person: {told}{more}"
    raise PlanError(f"{plan}:{lines}", fact, f"write there what is right or leave the guess, then delete {MARK}:")


def _list_marks(data: Mapping[str, Any], positions: Positions) -> list[tuple[int, str]]:
    """Return line and text of every mark, from the top."""
    found = [key for key in positions if key[-1:] == (MARK,) and not _names_things(key[:-1])]
    return sorted((positions[key][0], _read(data, key)) for key in found)


def _names_things(entry: KeyPath) -> bool:
    is_naming = entry[-1:] == ("defaults",) if len(entry) > 1 else False
    return is_naming or (bool(entry) and entry[-1] in _NAMING)


def _read(data: Mapping[str, Any], key: KeyPath) -> str:
    """Return what a mark says, after the table that it is about."""
    value: Any = data
    about = ""
    for part in key:
        value = value[part]
        if isinstance(value, dict) and isinstance(value.get("into"), str):
            about = f"{value['into']}: "
    said = " ".join(value.split()) if isinstance(value, str) else ""
    return f"{about}{said or 'is not decided'}"
