"""The marks that a guessed plan carries where a person has yet to decide."""

from __future__ import annotations

from pathlib import Path


def find_choices(plan: Path) -> tuple[str, ...]:
    """Return the lines of a plan that a person has yet to decide, as ``file:line: what``. Read-only."""
    lines = plan.read_text(encoding="utf-8").splitlines()
    marked = ((number, line.partition("# CHOOSE:")) for number, line in enumerate(lines, start=1))
    return tuple(f"{plan}:{number}: {what.strip()}" for number, (_, mark, what) in marked if mark)
