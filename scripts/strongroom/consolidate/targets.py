"""Build and verify every target, several at a time, and say how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from strongroom.binding import TableJob, TargetJob, Work
from strongroom.consolidate.merge import archive_table, build_target
from strongroom.consolidate.verify import ARCHIVE, fingerprint_target, verify_content, verify_drops, verify_soundness
from strongroom.core.files import hash_file, make_private_folder, sync_file
from strongroom.core.plan import Plan
from strongroom.core.progress import Progress, forget_rows, take_rows
from strongroom.core.results import Build, Verification
from strongroom.core.workers import Workers
from strongroom.runs.folder import RunFolder
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.reading import ask, open_reading
from strongroom.sqlite.snapshot import Snapshot

SNAPSHOTS = "snapshots"
_LARGE = 100_000
"""Rows from which a table is verified in a job of its own."""
_BYTES_A_ROW = 300


class Ticker:
    """Tells the progress how large the files of a step have grown."""

    def __init__(self, progress: Progress) -> None:
        """Watch nothing yet."""
        self._progress = progress
        self._folders: list[Path] = []

    def watch(self, step: str, total: int, *folders: Path) -> None:
        """Begin a step whose files grow in ``folders``."""
        self._folders = list(folders)
        forget_rows()
        self._progress.start(step, total)

    def tick(self) -> None:
        """Look at the files once."""
        sizes = (
            file.stat().st_size
            for folder in self._folders
            if folder.is_dir()
            for file in folder.rglob("*")
            if file.is_file()
        )
        try:
            self._progress.update(sum(sizes), take_rows())
        except FileNotFoundError:
            return


def build_and_verify(
    work: Work,
    folder: RunFolder,
    snapshots: Mapping[str, Snapshot],
    workers: Workers,
    between: Callable[[list[Build]], None],
) -> tuple[list[Build], list[Verification]]:
    """Build every target into the stage and verify it; ``between`` is called when all are built.

    With several processes a target is verified while others are still being built, so that none is idle.
    """
    for directory in (folder.stage, folder.ledger):
        make_private_folder(directory)
    ordered = sorted(work.targets, key=lambda job: -_weight(job))
    building = {
        job.name: workers.submit(build_target, job, staged_database(folder, job), ledger_database(folder, job))
        for job in ordered
    }
    jobs = {job.name: job for job in ordered}
    checks: list[Future[Verification]] = []
    for name in workers.finished(building):
        for file in (building[name].result().file, building[name].result().ledger):
            workers.in_background(sync_file, Path(file))
        if workers.is_parallel:
            checks += _start_checks(jobs[name], folder, workers)
    for entry, _ in work.drops:
        archive_table(entry, archive_database(folder, work))
    builds = [building[job.name].result() for job in work.targets]
    between(builds)
    if not workers.is_parallel:
        return builds, verify_all(work, folder, snapshots, workers)
    return builds, _finish_checks(work, folder, checks, snapshots, workers)


def verify_all(
    work: Work, folder: RunFolder, snapshots: Mapping[str, Snapshot], workers: Workers
) -> list[Verification]:
    """Verify content and soundness of every staged target, and that no snapshot changed under us."""
    checks = [check for job in work.targets for check in _start_checks(job, folder, workers)]
    return _finish_checks(work, folder, checks, snapshots, workers)


def _finish_checks(
    work: Work,
    folder: RunFolder,
    checks: list[Future[Verification]],
    snapshots: Mapping[str, Snapshot],
    workers: Workers,
) -> list[Verification]:
    checks.append(workers.submit(verify_drops, work.drops, archive_database(folder, work)))
    checks += [workers.submit(verify_snapshot, snapshot) for snapshot in snapshots.values()]
    found = workers.gather(checks)
    names = [*(job.name for job in work.targets), ARCHIVE, SNAPSHOTS]
    return [_join([part for part in found if part.target == name]) for name in names]


def _start_checks(job: TargetJob, folder: RunFolder, workers: Workers) -> list[Future[Verification]]:
    """Start a target's checks, longest first; with several processes each large table is a job of its own."""
    staged, ledger = staged_database(folder, job), ledger_database(folder, job)
    parts = _split(job) if workers.is_parallel else [job]
    soundness = workers.submit(verify_soundness, job, staged)
    return [soundness, *(workers.submit(verify_content, part, staged, ledger) for part in parts)]


def _split(job: TargetJob) -> list[TargetJob]:
    large = [table for table in job.tables if _count_roughly(table) >= _LARGE]
    rest = tuple(table for table in job.tables if table not in large)
    large.sort(key=lambda table: -_count_roughly(table))
    return [replace(job, tables=(table,)) for table in large] + [replace(job, tables=rest)]


def add_fingerprints(
    work: Work, folder: RunFolder, verifications: list[Verification], workers: Workers
) -> list[Verification]:
    """Return the verifications with the fingerprint of every target table."""
    parts = workers.gather(
        [workers.submit(fingerprint_target, job, staged_database(folder, job)) for job in work.targets]
    )
    found = {into: fingerprint for part in parts for into, fingerprint in part.items()}
    return [
        replace(
            part,
            targets={into: replace(tally, fingerprint=found.get(into)) for into, tally in part.targets.items()},
        )
        for part in verifications
    ]


def verify_snapshot(snapshot: Snapshot) -> Verification:
    """Make sure that a snapshot did not change since it was taken. Read-only."""
    is_same = hash_file(snapshot.copy.path) == snapshot.sha256
    changed = () if is_same else (f"snapshot of {snapshot.path}: its bytes changed since it was taken",)
    return Verification(target=SNAPSHOTS, tables={}, targets={}, differences=changed)


def _join(parts: list[Verification]) -> Verification:
    return Verification(
        target=parts[0].target,
        tables={name: tally for part in parts for name, tally in part.tables.items()},
        targets={name: tally for part in parts for name, tally in part.targets.items()},
        differences=tuple(difference for part in parts for difference in part.differences),
        notes=tuple(note for part in parts for note in part.notes),
        damaged=any(part.damaged for part in parts),
    )


def _weight(job: TargetJob) -> int:
    """Return roughly what a target costs: its bytes, and so many more for each row."""
    databases = {entry.database for table in job.tables for entry in table.inputs}
    rows = sum(_count_roughly(table) for table in job.tables)
    return sum(database.path.stat().st_size for database in databases) + _BYTES_A_ROW * rows


def _count_roughly(table: TableJob) -> int:
    return sum(entry.highest_rowid for entry in table.inputs)


def staged_file(folder: RunFolder, job: TargetJob) -> Path:
    """Return where a target is built."""
    return folder.stage / f"{job.name}.db"


def staged_database(folder: RunFolder, job: TargetJob) -> Database:
    """Return the handle of the target that is built."""
    return replace(job.template, path=staged_file(folder, job))


def ledger_database(folder: RunFolder, job: TargetJob) -> Database:
    """Return where a target's ledger is kept: it holds its losers, and is opened as it is."""
    return replace(job.template, path=folder.ledger / f"{job.name}.db")


def archive_database(folder: RunFolder, work: Work) -> Database:
    """Return where dropped tables are kept."""
    return under_key(folder.archive, work.archive_key, folder.engine)


def ask_checks(plan: Plan, work: Work, folder: RunFolder) -> list[str]:
    """Put the plan's questions to the staged targets; return the wrong answers in words."""
    if not plan.checks:
        return []
    databases = {job.name: staged_database(folder, job) for job in work.targets}
    wrong = []
    with open_reading(databases) as connection:
        for check in plan.checks:
            answer = ask(connection, check.sql)
            if answer != check.expect:
                said = "another value" if work.is_secret else repr(answer)
                wrong.append(f"check: {check.sql} gives {said} and should give {check.expect!r}")
    return wrong
