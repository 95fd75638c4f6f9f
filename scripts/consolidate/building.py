"""Build and verify every target, several at a time, and say how far it is."""

from __future__ import annotations

from pathlib import Path

from scripts.binding import TargetJob, Work
from scripts.consolidate.request import RunFolder
from scripts.databases.sqlite import ask, open_reading
from scripts.files import hash_file, make_private_folder
from scripts.merge import archive_table, build_target
from scripts.plan import Plan
from scripts.progress import Progress, forget_rows, take_rows
from scripts.results import Build, Snapshot, Verification
from scripts.verify import verify_content, verify_soundness
from scripts.workers import Workers


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


def build_all(work: Work, folder: RunFolder, workers: Workers) -> list[Build]:
    """Build every target into the stage, the largest first, and archive what the plan drops."""
    for directory in (folder.stage, folder.ledger):
        make_private_folder(directory)
    ordered = sorted(work.targets, key=lambda job: -_weight(job))
    futures = [workers.submit(build_target, job, staged_file(folder, job), ledger_file(folder, job)) for job in ordered]
    built = {build.target: build for build in workers.gather(futures)}
    for entry, _ in work.drops:
        archive_table(entry, folder.archive)
    return [built[job.name] for job in work.targets]


def verify_all(work: Work, folder: RunFolder, snapshots: dict[str, Snapshot], workers: Workers) -> list[Verification]:
    """Verify content and soundness of every target, and that no snapshot changed under us."""
    ordered = sorted(work.targets, key=lambda job: -_weight(job))
    sound = [workers.submit(verify_soundness, job, staged_file(folder, job)) for job in ordered]
    content = [
        workers.submit(verify_content, job, staged_file(folder, job), ledger_file(folder, job)) for job in ordered
    ]
    hashes = [workers.submit(_find_changed, list(snapshots.values()))]
    found = workers.gather(content) + workers.gather(sound)
    changed = tuple(difference for part in workers.gather(hashes) for difference in part)
    merged = [_join([part for part in found if part.target == job.name]) for job in work.targets]
    return [*merged, Verification(target="snapshots", tables={}, targets={}, differences=changed)]


def _join(parts: list[Verification]) -> Verification:
    return Verification(
        target=parts[0].target,
        tables={name: tally for part in parts for name, tally in part.tables.items()},
        targets={name: tally for part in parts for name, tally in part.targets.items()},
        differences=tuple(difference for part in parts for difference in part.differences),
        notes=tuple(note for part in parts for note in part.notes),
    )


def _find_changed(snapshots: list[Snapshot]) -> tuple[str, ...]:
    return tuple(
        f"snapshot of {snapshot.path}: its bytes changed since it was taken"
        for snapshot in snapshots
        if hash_file(Path(snapshot.file)) != snapshot.sha256
    )


def _weight(job: TargetJob) -> int:
    return sum(Path(file).stat().st_size for file in {entry.file for table in job.tables for entry in table.inputs})


def staged_file(folder: RunFolder, job: TargetJob) -> Path:
    """Return where a target is built."""
    return folder.stage / f"{job.name}.db"


def ledger_file(folder: RunFolder, job: TargetJob) -> Path:
    """Return where a target's ledger is kept."""
    return folder.ledger / f"{job.name}.db"


def ask_checks(plan: Plan, work: Work, folder: RunFolder) -> list[str]:
    """Put the plan's questions to the staged targets; return the wrong answers in words."""
    if not plan.checks:
        return []
    files = {job.name: staged_file(folder, job) for job in work.targets}
    wrong = []
    with open_reading(files) as connection:
        for check in plan.checks:
            answer = ask(connection, check.sql)
            if answer != check.expect:
                wrong.append(f"check: {check.sql} gives {answer!r} and should give {check.expect!r}")
    return wrong
