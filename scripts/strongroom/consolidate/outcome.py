"""What a run ended with, as one value: the JSON that users, CI and tests read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import ClassVar

from strongroom.core.errors import ExitCode
from strongroom.core.results import ReferenceTally, TableTally, TargetTally, Verdict, Verification
from strongroom.runs.documents import Document
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home

VERDICT, REPORT = "verdict.json", "report.json"
"""The outcome as verification saw it, and at the end of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Document):
    """The end of a consolidation; ``as_json`` is the documented contract."""

    kind: ClassVar[str] = "outcome"

    verdict: Verdict
    exit: ExitCode
    run: str
    seconds: float
    rows_read: int
    unexplained: int
    quarantined: int
    budget: int
    published: tuple[str, ...]
    tables: Mapping[str, TableTally]
    targets: Mapping[str, TargetTally]
    references: Mapping[str, ReferenceTally] = field(default_factory=dict)
    """By the columns that refer to another table (``target.table.column``)."""
    undecided: Mapping[str, int] = field(default_factory=dict)
    """Groups that nothing decided, by the source whose version is shown until somebody does."""
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    open_sources: tuple[str, ...] = ()
    """Sources that somebody may write to after the last look: what is written there is not in the targets."""
    strays: tuple[str, ...] | None = None
    """What applications wrote beside the targets since publish; None where nobody looked."""
    written: tuple[str, ...] = ()
    """Targets to which applications wrote between publish and a decision: only the change is proven of them."""
    discarded: tuple[str, ...] = ()
    """Rows that no run had put into the targets that were replaced; the run keeps them in ``previous``."""
    carried: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    dropped: Mapping[str, str] | None = None
    nothing_done: bool = False
    dry_run: bool = False
    backup: str | None = None
    """The folder of the verified snapshots: relative to the target in a document, else where it is found now."""

    @property
    def is_proven(self) -> bool:
        """Tell whether every row is explained, and nothing is different or still to be proven."""
        return self.verdict in (Verdict.PROVEN, Verdict.PROVEN_WITH_QUARANTINE)

    def as_json(self) -> dict[str, object]:
        """Return the outcome as JSON values."""
        return asdict(self)


def read_report(folder: RunFolder) -> Outcome | None:
    """Read how a run ended, or how far verification came. Raises VersionError, GuardError."""
    return folder.read(Outcome, REPORT) or folder.read(Outcome, VERDICT)


def show_backup(outcome: Outcome, home: Home) -> Outcome:
    """Return an outcome whose backup is named as it is found from here."""
    return outcome if outcome.backup is None else replace(outcome, backup=str(home.target / outcome.backup))


def tally_up(
    verifications: list[Verification],
) -> tuple[dict[str, TableTally], dict[str, TargetTally], tuple[str, ...]]:
    """Bring the findings of all targets together."""
    tables = {name: tally for part in verifications for name, tally in part.tables.items()}
    targets = {name: tally for part in verifications for name, tally in part.targets.items()}
    differences = tuple(difference for part in verifications for difference in part.differences)
    return dict(sorted(tables.items())), dict(sorted(targets.items())), differences


def tally_references(verifications: list[Verification]) -> dict[str, ReferenceTally]:
    """Bring the references of all targets together."""
    found = {name: tally for part in verifications for name, tally in part.references.items()}
    return dict(sorted(found.items()))


def add_up(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of several counts by name, the highest first."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common())


def judge(differences: tuple[str, ...], unexplained: int, quarantined: int) -> Verdict:
    """Return the verdict on what verification found (design, section 5)."""
    if differences or unexplained:
        return Verdict.DIFFERENT
    return Verdict.PROVEN_WITH_QUARANTINE if quarantined else Verdict.PROVEN
