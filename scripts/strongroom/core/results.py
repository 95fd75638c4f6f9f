"""What a run finds, as frozen values: each is written as JSON into the run directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FileStates = Mapping[str, tuple[int, int, int, int]]
"""What ``database.state_of`` says of a database and its journals, by suffix."""
DISPOSITIONS = ("inserted", "merged_identical", "merged_changed", "superseded", "quarantined", "filtered")


class Verdict(StrEnum):
    """What verification says about a run (design, section 5)."""

    PROVEN = "PROVEN"
    PROVEN_WITH_QUARANTINE = "PROVEN_WITH_QUARANTINE"
    DIFFERENT = "DIFFERENT"
    INCOMPLETE = "INCOMPLETE"
    UNVERIFIED = "UNVERIFIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTally:
    """Where the rows of one source table ended, re-derived by verification."""

    into: str
    read: int
    inserted: int = 0
    merged_identical: int = 0
    merged_changed: int = 0
    superseded: int = 0
    quarantined: int = 0
    filtered: int = 0
    rewritten: int = 0
    unexplained: int = 0
    undecided: Mapping[str, int] = field(default_factory=dict)
    """Groups that nothing decided, by the source whose version is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTally:
    """What verification found in one target table."""

    rows: int
    explained: int
    seeded: int = 0
    fingerprint: str | None = None
    """On request: rows and the sum of their hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTally:
    """What became of the rows of one column (or path in JSON) that refer to another table."""

    parent: str
    """``target.table`` of what it refers to."""
    followed: int = 0
    """Rows that refer to their parent by another value now."""
    orphans_before: int = 0
    """Rows of the sources that have no parent."""
    orphans_after: int = 0
    """Those that stand in the target without one."""
    waiting: int = 0
    """Rows that wait for what they refer to."""
    nulled: int = 0
    """Orphans whose value became NULL, as the plan says."""
    kept: int = 0
    """Orphans whose value a row of the target has, and that the plan keeps all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Everything verification found in one target."""

    target: str
    tables: Mapping[str, TableTally]
    targets: Mapping[str, TargetTally]
    references: Mapping[str, ReferenceTally] = field(default_factory=dict)
    """By ``target.table.column``, with the path in JSON where there is one."""
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    damaged: bool = False
    """Whether SQLite's integrity check found something: a source's damage may have come along."""
    identity: tuple[int, ...] = ()
    """Of the file that was verified: it changes whenever the file does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What making one target left behind."""

    target: str
    file: str
    ledger: str
    rows: int
    mark: str
    """Of the built file (``database.read_mark``)."""
    state: FileStates
    """Of the built file, when it was built."""
    carried: tuple[str, ...] = ()
    """What was taken along without the plan naming it: columns, indexes, views, triggers."""
    reported: tuple[str, ...] = ()
    """What could not be taken along."""
    key: str | None = None
    """The name of its key, and of its ledger's."""
