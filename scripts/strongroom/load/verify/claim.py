"""What is claimed of a load, and what goes to and fro between the processes that prove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.load.verify.faults import Faults
from strongroom.load.verify.pairing import Pair
from strongroom.sqlite.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That every row of a snapshot stands in a schema of the server, or waits in the ledger for a true reason."""

    target: str
    """Its name in the plan."""
    snapshot: Database
    """A copy that nothing writes any more."""
    ledger: Database
    """What waits; without a file nothing does."""
    schema: str
    """Where the rows stand now."""
    plan: Path
    """The text of the plan as the load keeps it."""
    shares: bool = False
    """Whether the tables may hold other rows besides."""
    reported: tuple[str, ...] = ()
    """What the load says that it does not carry: virtual tables, ``table.index``, ``table.column``; up to a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of the work: the rows of one table, a range of them, or what waits of it."""

    pair: Pair
    way: str
    """``range`` (by an integer key, both sides in its order), ``join`` (by another key), ``bag``, ``waiting``."""
    low: int | None = None
    """The rowid from which it begins; None: from the first, and below it in the server too."""
    high: int | None = None
    """The rowid before which it ends; None: behind the last."""
    first: str | None = None
    beyond: str | None = None
    """Where in the server's file the rows of these rowids may begin and end, both None: anywhere."""
    is_in_order: bool = False
    """Whether they may stand there in the source's order, which is tried first."""
    weight: int = 0

    @property
    def name(self) -> str:
        """Return what is looked at, for people."""
        return f"{self.pair.into}: {self.way} {self.low or ''}-{self.high or ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one part."""

    part: Part
    standing: int = 0
    """Rows of the source that do not wait, by the ledger."""
    matched: int = 0
    """Of these, those that stand in the server as they are."""
    present: int = 0
    """Of these, those whose key the server has, whatever else it has of them."""
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Entries of the ledger by disposition."""
    refused: int = 0
    """Of the rows that wait, those that the server refused."""
    referring: int = 0
    """Of the rows that wait, those that wait for what they refer to."""
    faults: Faults
    notes: tuple[str, ...] = ()
