"""One thing that is said of a way to a server, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Grade(StrEnum):
    """How much it matters, from the least."""

    OK = "ok"
    NOTE = "note"
    SOON = "soon"
    """It only ends soon."""
    UNREACHABLE = "unreachable"
    WRONG = "wrong"
    """Of the server, or of what it shows."""
    SETTING = "setting"
    """Of what we are told: it is wrong, or lets too much through."""


class Complaint(NamedTuple):
    """What is said of one server."""

    grade: Grade
    fact: str
    hint: str = ""
    """What to do; empty when there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is said, and of which server."""

    grade: Grade
    server: str
    """Its kind: postgres, redis, vault, secrets, s3; empty for this machine."""
    place: str
    named_by: str
    fact: str
    hint: str

    @property
    def line(self) -> str:
        """Return it as one line."""
        named = f" ({self.named_by})" if self.named_by else ""
        way = f"; {self.hint}" if self.hint else ""
        return f"{self.place}{named}: {self.fact}{way}"
