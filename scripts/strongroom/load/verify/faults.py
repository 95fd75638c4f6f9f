"""What differs, counted and shown by a few examples."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from strongroom.load.verify.pairing import Pair

SHOWN = 20
"""Differences of one table that are said one by one."""
_ADDRESS = re.compile(r"\brow -?\d+")


@dataclass(slots=True)
class Faults:
    """The differences of one table."""

    pair: Pair
    count: int = 0
    _said: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        """Note one difference."""
        self.count += 1
        if len(self._said) < SHOWN:
            told = _ADDRESS.sub("row •••", what) if self.pair.hides_addresses else what
            self._said.append(f"{self.pair.into}: {told}")

    def join(self, other: Faults) -> None:
        """Take over what was found elsewhere of the same table."""
        self.count += other.count
        self._said.extend(other._said[: SHOWN - len(self._said)])

    def sentences(self) -> list[str]:
        """Return the first differences, and how many more there are."""
        left = self.count - len(self._said)
        return [*self._said, *([f"{self.pair.into}: {left} more differences"] if left else [])]
