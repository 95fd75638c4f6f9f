"""Verify what is live once more, from the plan and the snapshots that the run kept. Read-only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from strongroom.consolidate.kept_plan import read_kept_plan
from strongroom.consolidate.outcome import Outcome, add_up, judge, read_report, show_backup, tally_references, tally_up
from strongroom.consolidate.proving import gather_evidence, open_proving, verify_snapshot
from strongroom.consolidate.request import NO_KEYS
from strongroom.consolidate.since_publish import find_strays
from strongroom.consolidate.verify import Evidence, House, read_house
from strongroom.core.errors import ConfigurationError, ExitCode, StaleError, StrongroomError, UnreachableError
from strongroom.core.plan import Plan, read_plan
from strongroom.core.results import Verdict, Verification
from strongroom.core.secret import Secret
from strongroom.core.workers import Workers
from strongroom.runs import find_changes
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.records import RunDocument, RunState
from strongroom.sqlite.database import under_key
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What verifying again found."""

    outcome: Outcome
    is_sound: bool
    """Whether every table that was published is there, SQLite finds no damage, and what went live was right."""


def verify(
    home: Home,
    *,
    run: str | None,
    source: Path | None = None,
    plan_path: Path | None = None,
    keys: Mapping[str, Secret] = NO_KEYS,
) -> Outcome:
    """Join the targets with the run's snapshots and ledger again, all of them in this tree.

    With ``source``, the directory of the legacy files, the outcome says what was written there since publish (exit 7).
    Raises ConfigurationError when a plan is given that is not the run's; StaleError for a run that was interrupted
    while its targets changed places; UnreachableError for a run that did not finish or was rolled back, and for a
    target that is gone or in use; KeyMissingError; VersionError and GuardError for its documents.
    """
    folder, about = home.find_run(run)
    _refuse_unfinished(home, folder, about)
    if plan_path is not None and read_plan(plan_path).sha256 != read_kept_plan(folder).sha256:
        fact = f"is not the plan of run {folder.name}"
        raise ConfigurationError(plan_path, fact, "leave --plan out: the run has its plan with it")
    with hold_needed(keys, folder.name_keys()):
        outcome = prove(home, folder).outcome
    if source is None:
        return outcome
    strays = find_strays(home, source, keys)
    return replace(outcome, strays=strays, exit=outcome.exit or (ExitCode.PENDING if strays else ExitCode.DONE))


def _refuse_unfinished(home: Home, folder: RunFolder, about: RunDocument) -> None:
    journal = folder.place(home.target).read_journal()
    if journal is not None and journal.is_open:
        way = "run the same consolidate.run again, or consolidate.rollback"
        raise StaleError(f"run {folder.name}", "was interrupted while its targets changed places", way)
    if about.state is RunState.ROLLED_BACK:
        raise UnreachableError(f"run {folder.name}", "was rolled back: nothing of it is live", "name another --run")


def prove(home: Home, folder: RunFolder) -> Proof:
    """Verify a run again, whose keys are held. Raises what ``verify`` raises."""
    report = read_report(folder)
    if report is None:
        raise UnreachableError(folder.root, "is not a finished run", "name another --run")
    live = _find_wrong_when_live(folder, report)
    found = _verify_all(home, folder)
    tables, targets, differences = tally_up(found)
    differences = live + differences
    unexplained = sum(tally.unexplained for tally in tables.values())
    quarantined = sum(tally.quarantined for tally in tables.values())
    verdict = judge(differences, unexplained, quarantined)
    outcome = replace(
        report,
        verdict=verdict,
        exit=ExitCode.DIFFERENCES if verdict is Verdict.DIFFERENT else ExitCode.DONE,
        unexplained=unexplained,
        quarantined=quarantined,
        tables=tables,
        targets=targets,
        references=tally_references(found),
        undecided=add_up(tally.undecided for tally in targets.values()),
        differences=differences,
    )
    is_sound = report.targets.keys() <= targets.keys() and not any(part.damaged for part in found) and not live
    return Proof(outcome=show_backup(outcome, home), is_sound=is_sound)


def find_rows_since(home: Home, folder: RunFolder) -> tuple[str, ...]:
    """Say which rows of the live run's targets no run put there, and which are gone; nothing where none are.

    Where a file was touched, all of it is proven again. The keys are held. Read-only.
    """
    changes = tuple(find_changes(folder.place(home.target)))
    if not changes:
        return ()
    try:
        outcome = prove(home, folder).outcome
    except StrongroomError as error:
        return (*changes, f"what they hold cannot be proven: {error}")
    if outcome.verdict is not Verdict.DIFFERENT:
        return ()
    return (*changes, *outcome.differences)


def _find_wrong_when_live(folder: RunFolder, report: Outcome) -> tuple[str, ...]:
    """Return what was found wrong when the run's targets went live: rows prove nothing of names, links, a way back.

    Raises StaleError for a run that was interrupted before anybody looked.
    """
    about = folder.read(RunDocument)
    if about is None or about.state not in (RunState.PUBLISHED, RunState.RUNNING):
        return ()
    if report.verdict is Verdict.INCOMPLETE and not report.differences:
        way = "run the same consolidate.run again, or consolidate.rollback"
        raise StaleError(f"run {folder.name}", "was interrupted before it was seen whether all of it is live", way)
    return report.differences


@contextmanager
def open_house(home: Home, folder: RunFolder) -> Iterator[House]:
    """Read what must be in a run's targets, staged or live; the keys are held. Raises what ``prove`` raises."""
    plan, snapshots = read_kept_plan(folder), folder.read_snapshots()
    if snapshots is None:
        raise UnreachableError(folder.root, "does not say what its sources were", "name another --run")
    with TemporaryDirectory(prefix="strongroom-") as scratch:
        yield read_house(_name_evidence(home, folder, plan, snapshots), Path(scratch))


def _verify_all(home: Home, folder: RunFolder) -> list[Verification]:
    plan, snapshots = read_kept_plan(folder), folder.read_snapshots()
    if snapshots is None:
        raise UnreachableError(folder.root, "does not say what its sources were", "name another --run")
    for snapshot in snapshots.values():
        if not snapshot.copy.path.is_file():
            raise UnreachableError(snapshot.copy.path, "is not there, and what it held cannot be proven", "put it back")
    found = [verify_snapshot(snapshot) for snapshot in snapshots.values()]
    if any(part.differences for part in found):
        return found
    if not folder.ledger.is_dir():
        raise UnreachableError(folder.ledger, "is not there, and what it held cannot be proven", "put it back")
    evidence = _name_evidence(home, folder, plan, snapshots)
    for database in evidence.targets.values():
        if not database.path.is_file():
            raise UnreachableError(database.path, "is not there", "roll back or run again")
        _refuse_log(database.path)
    with open_proving(evidence, Workers(None, lambda: None)) as proving:
        for name in evidence.targets:
            proving.start(name)
        return proving.finish(snapshots, folder.snapshots, is_source=False)


def _name_evidence(home: Home, folder: RunFolder, plan: Plan, snapshots: Mapping[str, Snapshot]) -> Evidence:
    """Name what the proof reads: targets in the stage while they are there, else where they are live."""
    keys = folder.read_target_keys()
    staged = {name: folder.stage / f"{name}.db" for name in plan.targets}
    files = {name: staged[name] if staged[name].is_file() else home.target / plan.targets[name].path for name in staged}
    dropped = [snapshots[drop.source].copy.key for drop in plan.drops if drop.source in snapshots]
    of_targets = [key for name, key in keys.items() if name in plan.targets]
    archive_key = next((key for key in (*of_targets, *dropped) if key is not None), None) if any(dropped) else None
    return gather_evidence(
        folder,
        snapshots,
        {name: under_key(file, keys.get(name), home.engine) for name, file in files.items()},
        {name: under_key(folder.ledger / f"{name}.db", keys.get(name), home.engine) for name in files},
        under_key(folder.archive, archive_key, home.engine),
    )


def _refuse_log(file: Path) -> None:
    log = file.with_name(file.name + "-wal")
    if log.is_file() and log.stat().st_size:
        raise UnreachableError(
            file,
            "is being written to (its write-ahead log holds data)",
            "stop the application, then verify again",
        )
