"""What is wrong, gathered row by row and said in a few sentences that a tired person can act on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_VERB = re.compile(r"(^|, and )(are|do|have|stand|hold|wait|refer)\b")
_OF_ONE = {"are": "is", "do": "does", "have": "has"}


@dataclass(slots=True)
class Faults:
    """Counts what is wrong with the rows of each source table."""

    into: str
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _examples: dict[tuple[str, str], object] = field(default_factory=dict)
    _said: list[str] = field(default_factory=list)

    def add(self, name: str, what: str, row: object = None, count: int = 1) -> None:
        """Note that rows of ``name`` … ``what``; ``row`` is the number of one of them."""
        if count:
            self._counts[name, what] = self._counts.get((name, what), 0) + count
            if row is not None:
                self._examples.setdefault((name, what), row)

    def say(self, what: str) -> None:
        """Note something about the whole table."""
        self._said.append(f"{self.into}: {what}")

    def sentences(self) -> list[str]:
        """Return everything that is wrong."""
        found = []
        for (name, what), count in self._counts.items():
            row = self._examples.get((name, what))
            example = "" if row is None else f" (row {row}{' is one' if count > 1 else ''})"
            said = f"{count} rows of {name} {what}" if count > 1 else f"1 row of {name} {_speak_of_one(what)}"
            found.append(f"{self.into}: {said}{example}")
        return found + self._said


def _speak_of_one(what: str) -> str:
    """Turn what is said of several rows into what is said of one."""
    return _VERB.sub(lambda match: match[1] + _OF_ONE.get(match[2], f"{match[2]}s"), what)
