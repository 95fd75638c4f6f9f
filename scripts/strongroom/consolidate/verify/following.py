"""Where a child's references lead, as far as a row's derivation needs to know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What a row's references make of it."""

    values: Mapping[int, Value]
    """Places of columns whose value is another one now."""
    waits: bool = False


class Follower(Protocol):
    """Follows the references of one target table's rows."""

    @property
    def places(self) -> frozenset[int]:
        """Return the places of the columns that may come to hold another value."""

    def follow(self, entry: Input, cells: Sequence[Value]) -> Moves:
        """Return what the references of one source row make of it."""

    def keeps(self, entry: Input) -> list[str]:
        """Return SQL conditions on source row ``s`` under which its references lead where they did."""
