"""What is known of a system's backups, as a text file that Prometheus' node exporter reads.

All of it is derived from the catalog, never from what a run hoped for: a run that failed moves its own exit code and
time, nothing else; where the store could not be read, the file goes on telling what it told before.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.backup.catalog import BackupSet, Catalog
from strongroom.backup.documents import Action, EvidenceDocument
from strongroom.core.backup_entry import Objectives
from strongroom.core.errors import ConfigurationError, LockedError
from strongroom.core.files import explain_os_error, write_text

if TYPE_CHECKING:  # it takes 60 ms to import, and few commands need it
    from prometheus_client import Metric

PREFIX = "strongroom_backup_"
MEANINGS = {
    "last_run_timestamp_seconds": "When a task of these backups last ended, whatever came of it.",
    "last_exit_code": "What it ended with (README, Exit codes).",
    "last_success_timestamp_seconds": "When the newest whole set was begun; 0: there is none.",
    "last_verified_timestamp_seconds": "When the newest set was begun that is whole and known to be sound; 0: none.",
    "last_check_timestamp_seconds": "When backup.verify last found a set sound; 0: never.",
    "last_drill_timestamp_seconds": "When a restored set last equalled what was backed up; 0: never.",
    "last_escrow_timestamp_seconds": "When the escrow password last opened a set; 0: never.",
    "recovery_time_seconds": "How long the last drill took to restore and compare.",
    "recovery_point_seconds": "How old the set of the last drill was.",
    "objective_seconds": "How old the newest of each may be (system.yaml, objectives).",
    "sets": "Sets in the store, by what is known of them.",
    "damaged_documents": "Documents of the store that cannot be read.",
    "waiting_alarms": "What looks wrong with the newest set and waits for backup.prune --accept.",
    "size_bytes": "Size of each member of the newest set.",
    "rows": "Rows of each member of the newest set.",
    "missing_members": "Members that the newest set lacks.",
    "duration_seconds": "How long each phase of the newest set took.",
}
"""Every metric that is written, without its prefix: what its HELP line says."""
_RUN = ("last_run_timestamp_seconds", "last_exit_code")
_DRILLS = (Action.DRILL, Action.ESCROW)
_LOCK_SECONDS, _LOOK_SECONDS = 5.0, 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFacts:
    """What one run knows when it ends."""

    system: str
    task: str
    """What ran: ``create``, ``verify``, ``drill``, ``prune``, ``copy`` or ``status``."""
    exit_code: int
    at: datetime
    """When it ended, with its zone."""
    objectives: Objectives
    catalog: Catalog | None
    """What the store holds now; None where it could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    name: str
    labels: Mapping[str, str]
    value: float


def write_metrics(path: Path, facts: MetricFacts) -> None:
    """Write the file anew, whole, readable by everybody.

    Raises ConfigurationError where it is no file of this system's, UnreachableError, NoSpaceError or LockedError where
    it cannot be written: what was there stays.
    """
    try:
        with _turn(path.parent):
            kept = [one for one in _read_samples(path, facts.system) if _is_kept(one, facts)]
            write_text(path, _render([*kept, *_list_samples(facts)]), mode=0o644)
    except OSError as error:
        raise explain_os_error(path, error) from error


def _is_kept(sample: _Sample, facts: MetricFacts) -> bool:
    """Tell whether a sample of before is still the newest that is known."""
    if sample.name in _RUN:
        return sample.labels.get("task") != facts.task
    return facts.catalog is None and sample.name in MEANINGS and sample.name != "objective_seconds"


def _list_samples(facts: MetricFacts) -> Iterator[_Sample]:
    for name, labels, value in _list_values(facts):
        yield _Sample(name=name, labels={"system": facts.system, **labels}, value=float(value))


_Values = Iterator[tuple[str, dict[str, str], float]]


def _list_values(facts: MetricFacts) -> _Values:
    yield "last_run_timestamp_seconds", {"task": facts.task}, facts.at.timestamp()
    yield "last_exit_code", {"task": facts.task}, facts.exit_code
    limits = facts.objectives
    for subject, limit in (
        ("backup", timedelta(hours=limits.backup_hours)),
        ("drill", timedelta(hours=limits.drill_hours)),
        ("escrow", timedelta(days=limits.escrow_days)),
    ):
        yield "objective_seconds", {"subject": subject}, limit.total_seconds()
    if facts.catalog is not None:
        yield from _tell_of_sets(facts.catalog)
        yield from _tell_of_evidence(facts.catalog)
        if facts.catalog.sets:
            yield from _tell_of_newest(facts.catalog.sets[-1])


def _tell_of_sets(catalog: Catalog) -> _Values:
    whole = [one for one in catalog.sets if one.entry.is_whole]
    verified = [one for one in whole if one.is_sound]
    yield "last_success_timestamp_seconds", {}, _last(one.entry.began for one in whole)
    yield "last_verified_timestamp_seconds", {}, _last(one.entry.began for one in verified)
    damaged = sum(not one.is_sound for one in catalog.sets)
    yield "sets", {"state": "verified"}, len(verified)
    yield "sets", {"state": "damaged"}, damaged
    yield "sets", {"state": "partial"}, len(catalog.sets) - len(verified) - damaged
    yield "damaged_documents", {}, len(catalog.damaged)


def _tell_of_evidence(catalog: Catalog) -> _Values:
    looked = (piece for one in catalog.sets for piece in one.evidence if piece.members)
    sound = [piece for piece in looked if piece.is_sound]
    names = {
        "last_check_timestamp_seconds": (Action.VERIFY,),
        "last_drill_timestamp_seconds": _DRILLS,
        "last_escrow_timestamp_seconds": (Action.ESCROW,),
    }
    for name, actions in names.items():
        yield name, {}, _last(piece.at for piece in sound if piece.action in actions)
    drills = [piece for piece in sound if piece.action in _DRILLS]
    if drills:
        yield from _tell_of_drill(max(drills, key=lambda piece: piece.at))


def _tell_of_drill(drill: EvidenceDocument) -> _Values:
    yield "recovery_time_seconds", {}, sum(drill.seconds.values())
    if drill.recovery_point_seconds is not None:
        yield "recovery_point_seconds", {}, drill.recovery_point_seconds


def _tell_of_newest(newest: BackupSet) -> _Values:
    entry = newest.entry
    for member in entry.members:
        yield "size_bytes", {"member": member.name}, member.size
        yield "rows", {"member": member.name}, sum(member.tables.values())
    for phase, seconds in entry.seconds.items():
        yield "duration_seconds", {"phase": phase}, seconds
    yield "missing_members", {}, len(entry.missing)
    yield "waiting_alarms", {}, 0 if newest.is_accepted else len(entry.alarms)


def _last(times: Iterable[datetime]) -> float:
    return max((time.timestamp() for time in times), default=0.0)


def _read_samples(path: Path, system: str) -> list[_Sample]:
    """Return what the file tells so far: nothing where there is none, or none of ours that can be read."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    try:
        told = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except ValueError:
        told = []
    theirs = {sample.labels.get("system", "") for sample in told if sample.name.startswith(PREFIX)}
    if (text.strip() and not theirs) or theirs - {system}:
        whose = ", ".join(sorted(theirs - {system})) or "something else"
        raise ConfigurationError(path, f"tells of {whose}", "give each system a file of its own: backup, metrics")
    return [
        _Sample(name=sample.name.removeprefix(PREFIX), labels=sample.labels, value=sample.value)
        for sample in told
        if sample.name.startswith(PREFIX)
    ]


class _Told:
    """The samples as a collector of Prometheus' client."""

    def __init__(self, samples: Iterable[_Sample]) -> None:
        self._samples = list(samples)

    def collect(self) -> Iterator[Metric]:
        """Yield what there is of each metric."""
        from prometheus_client.core import GaugeMetricFamily

        for name, meaning in MEANINGS.items():
            family = GaugeMetricFamily(f"{PREFIX}{name}", meaning)
            for one in self._samples:
                if one.name == name:
                    family.add_sample(family.name, dict(one.labels), one.value)
            if family.samples:
                yield family


def _render(samples: Iterable[_Sample]) -> str:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(samples))
    return generate_latest(registry).decode()


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Have the folder's lock, so that of two runs neither forgets what the other told."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + _LOCK_SECONDS
    try:
        while not _is_locked(descriptor):
            if time.monotonic() > deadline:
                raise LockedError(folder, "another process holds its lock", "see who: lsof; then the same command")
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Take a lock where it is free, and tell whether it is ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
