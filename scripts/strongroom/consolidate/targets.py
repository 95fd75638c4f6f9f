"""Build every target and have it proven, several at a time, and say how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from strongroom.binding import TableJob, TargetJob, Work
from strongroom.consolidate.masking import read_masks
from strongroom.consolidate.merge import archive_table, build_target
from strongroom.consolidate.proving import Proving, gather_evidence
from strongroom.consolidate.verify import Evidence
from strongroom.core.files import make_private_folder, sync_file
from strongroom.core.plan import Plan
from strongroom.core.progress import Progress, forget_rows, take_rows
from strongroom.core.results import Build
from strongroom.core.workers import Workers
from strongroom.runs.folder import RunFolder
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.reading import ask, open_reading
from strongroom.sqlite.snapshot import Snapshot

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


def build_and_prove(
    work: Work, folder: RunFolder, proving: Proving, workers: Workers, between: Callable[[list[Build]], None]
) -> list[Build]:
    """Build every target into the stage and start its proof; ``between`` is called when all are built.

    With several processes a target is proven while others are still being built, so that none is idle.
    """
    for directory in (folder.stage, folder.ledger):
        make_private_folder(directory)
    ordered = sorted(work.targets, key=lambda job: -_weight(job))
    building = {
        job.name: workers.submit(build_target, job, staged_database(folder, job), ledger_database(folder, job))
        for job in ordered
    }
    for name in workers.finished(building):
        for file in (building[name].result().file, building[name].result().ledger):
            workers.in_background(sync_file, Path(file))
        if workers.is_parallel:
            proving.start(name)
    for entry, _ in work.drops:
        archive_table(entry, archive_database(folder, work))
    builds = [building[job.name].result() for job in work.targets]
    between(builds)
    for job in work.targets if not workers.is_parallel else ():
        proving.start(job.name)
    return builds


def name_evidence(work: Work, folder: RunFolder, snapshots: Mapping[str, Snapshot]) -> Evidence:
    """Name what the proof of a stage reads."""
    return gather_evidence(
        folder,
        snapshots,
        {job.name: staged_database(folder, job) for job in work.targets},
        {job.name: ledger_database(folder, job) for job in work.targets},
        archive_database(folder, work),
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
    wrong, masks = [], read_masks(plan)
    with open_reading(databases) as connection:
        for check in plan.checks:
            answer = ask(connection, check.sql)
            if answer != check.expect:
                is_hidden = work.is_secret or (masks.are_named_in(check.sql) and not isinstance(answer, int))
                said = "another value" if is_hidden else repr(answer)
                wrong.append(f"check: {check.sql} gives {said} and should give {check.expect!r}")
    return wrong
