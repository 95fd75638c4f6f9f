"""What a load or a proof of it ended with, as one value: the JSON that users, CI and tests read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import ClassVar

from strongroom.core.errors import ExitCode
from strongroom.core.results import ReferenceTally, TableTally, TargetTally, Verdict, Verification
from strongroom.runs.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Document):
    """The end of a load; ``as_json`` is the documented contract."""

    kind: ClassVar[str] = "outcome of a load"

    verdict: Verdict
    exit: ExitCode
    load: str
    server: str
    schemas: Mapping[str, str]
    """Target to the schema in which its rows stand."""
    seconds: float
    rows_read: int
    unexplained: int
    quarantined: int
    budget: int
    tables: Mapping[str, TableTally]
    targets: Mapping[str, TargetTally]
    references: Mapping[str, ReferenceTally] = field(default_factory=dict)
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    """The first rows that wait, each with its column and the reason."""
    carried: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    run: str | None = None
    """The consolidation that the same command did first."""
    nothing_done: bool = False
    dry_run: bool = False

    @property
    def is_proven(self) -> bool:
        """Tell whether every row is explained, and nothing is different or still to be proven."""
        return self.verdict in (Verdict.PROVEN, Verdict.PROVEN_WITH_QUARANTINE)

    def after(self, run: str, said: str, waiting: tuple[str, ...]) -> Outcome:
        """Return it as the end of a command that consolidated first: the run, what to say of it, what waits since."""
        return replace(self, run=run, notes=(said, *self.notes), waiting=(*self.waiting, *waiting))

    def as_json(self) -> dict[str, object]:
        """Return the outcome as JSON values."""
        return asdict(self)


def judge(differences: tuple[str, ...], unexplained: int, quarantined: int) -> Verdict:
    """Return the verdict on what verification found (design, section 5)."""
    if differences or unexplained:
        return Verdict.DIFFERENT
    return Verdict.PROVEN_WITH_QUARANTINE if quarantined else Verdict.PROVEN


def choose_exit(verdict: Verdict, quarantined: int, budget: int) -> ExitCode:
    """Return the code that goes with a verdict."""
    if verdict is Verdict.DIFFERENT:
        return ExitCode.DIFFERENCES
    return ExitCode.DECISION if quarantined > budget else ExitCode.DONE


def bring_together(parts: list[Verification]) -> Verification:
    """Return what was found of all targets as one."""
    return Verification(
        target="",
        tables={name: tally for part in parts for name, tally in sorted(part.tables.items())},
        targets={name: tally for part in parts for name, tally in sorted(part.targets.items())},
        references={name: tally for part in parts for name, tally in sorted(part.references.items())},
        differences=tuple(line for part in parts for line in part.differences),
        notes=tuple(line for part in parts for line in part.notes),
    )
