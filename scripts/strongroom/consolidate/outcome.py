"""What a run ended with, as one value: the JSON that users, CI and tests read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from strongroom.core.results import TableTally, TargetTally, Verdict, Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a consolidation; ``as_json`` is the documented contract."""

    verdict: Verdict
    exit: int
    run: str
    seconds: float
    rows_read: int
    unexplained: int
    quarantined: int
    budget: int
    published: tuple[str, ...]
    tables: Mapping[str, TableTally]
    targets: Mapping[str, TargetTally]
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    dropped: Mapping[str, str] | None = None
    nothing_done: bool = False
    dry_run: bool = False
    backup: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the outcome as JSON values."""
        return asdict(self)


def read_outcome(content: Mapping[str, object], **changes: object) -> Outcome:
    """Read an outcome that an earlier run wrote."""
    values: dict[str, object] = {**content, **changes}
    values["verdict"] = Verdict(str(values["verdict"]))
    tables, targets = values["tables"], values["targets"]
    if isinstance(tables, dict) and isinstance(targets, dict):
        values["tables"] = {name: TableTally(**tally) for name, tally in tables.items()}
        values["targets"] = {name: TargetTally(**tally) for name, tally in targets.items()}
    for name in ("published", "differences", "notes", "carried", "reported"):
        entries = values[name]
        values[name] = tuple(entries) if isinstance(entries, list | tuple) else ()
    return Outcome(**values)  # type: ignore[arg-type]


def tally_up(
    verifications: list[Verification],
) -> tuple[dict[str, TableTally], dict[str, TargetTally], tuple[str, ...]]:
    """Bring the findings of all targets together."""
    tables = {name: tally for part in verifications for name, tally in part.tables.items()}
    targets = {name: tally for part in verifications for name, tally in part.targets.items()}
    differences = tuple(difference for part in verifications for difference in part.differences)
    return dict(sorted(tables.items())), dict(sorted(targets.items())), differences


def judge(differences: tuple[str, ...], unexplained: int, quarantined: int) -> Verdict:
    """Return the verdict on what verification found (design, section 5)."""
    if differences or unexplained:
        return Verdict.DIFFERENT
    return Verdict.PROVEN_WITH_QUARANTINE if quarantined else Verdict.PROVEN
