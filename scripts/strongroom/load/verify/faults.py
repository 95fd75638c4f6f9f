"""What differs, counted and shown by a few examples."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN = 20
"""Differences of one table that are said one by one."""


@dataclass(slots=True)
class Faults:
    """The differences of one table."""

    into: str
    """``target.table``."""
    count: int = 0
    _said: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        """Note one difference."""
        self.count += 1
        if len(self._said) < SHOWN:
            self._said.append(f"{self.into}: {what}")

    def join(self, other: Faults) -> None:
        """Take over what was found elsewhere of the same table."""
        self.count += other.count
        self._said.extend(other._said[: SHOWN - len(self._said)])

    def sentences(self) -> list[str]:
        """Return the first differences, and how many more there are."""
        left = self.count - len(self._said)
        return [*self._said, *([f"{self.into}: {left} more differences"] if left else [])]
