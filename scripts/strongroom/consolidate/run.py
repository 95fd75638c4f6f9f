"""Consolidate: snapshot, bind, build, verify, publish; interrupted anywhere, the same command resumes."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from strongroom import __version__
from strongroom.binding import Work, bind
from strongroom.consolidate import sources as finding
from strongroom.consolidate.export import export_source
from strongroom.consolidate.hooks import run_hooks
from strongroom.consolidate.outcome import Outcome, judge, read_outcome, tally_up
from strongroom.consolidate.targets import (
    SNAPSHOTS,
    Ticker,
    add_fingerprints,
    ask_checks,
    build_and_verify,
    staged_file,
)
from strongroom.core.errors import DifferencesError, ExitCode
from strongroom.core.files import locked, make_private_folder, read_json, write_json
from strongroom.core.plan import Plan, read_plan
from strongroom.core.progress import Progress
from strongroom.core.results import Build, Snapshot, Verdict, Verification
from strongroom.core.system import System, read_system
from strongroom.core.workers import Workers, open_workers
from strongroom.runs import Checkpoint, Swap, publish, refuse_busy
from strongroom.runs.current import describe_current, give_up_staged, is_unchanged, recover_all, refuse_existing
from strongroom.runs.folder import Home, Request, RunFolder
from strongroom.sqlite.database import Database, state_of
from strongroom.sqlite.snapshot import refuse_changed, refuse_damaged, refuse_touched

_WORTH_PROCESSES = 64 << 20
"""Below so many bytes a second process costs more than it saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the presentation passes in: clock, progress, and the places where tests cut the power."""

    now: Callable[[], datetime]
    progress: Progress
    checkpoint: Checkpoint = lambda _: None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What hooks see."""


def run(request: Request, around: Surroundings) -> Outcome:
    """Consolidate a system's sources into its targets.

    Raises every error of design, section 9, that the facts call for; an outcome with exit 3 or 4 is
    returned, staged and unpublished.
    """
    system, plan = read_system(request.system), read_plan(request.plan)
    plan = finding.carry_files(plan, request.source)
    if request.dry_run:
        return _run_dry(request, plan, around)
    found = finding.locate_sources(plan, request.source)
    finding.refuse_overlap(request, plan, found)
    home = Home(target=request.target, engine=request.engine)
    make_private_folder(home.root)
    with locked(home.lock):
        recover_all(home)
        earlier = _find_earlier(home, plan, found)
        if earlier is not None:
            return earlier
        in_place = finding.find_in_place(request.target, plan, found)
        refuse_existing(home, plan, replace=request.replace, in_place=in_place)
        refuse_busy([Database(request.target / target.path, request.engine) for target in plan.targets.values()])
        finding.refuse_full_disk(found, request.target)
        give_up_staged(home)
        folder = home.new_run(around.now(), backup=request.backup)
        with _recorded(folder, request, system):
            return Rehearsal(request, plan, system, home, folder, around).consolidate(found)


def _find_earlier(home: Home, plan: Plan, found: dict[str, Path]) -> Outcome | None:
    """Return what the published run ended with, when neither sources nor targets changed since."""
    current = read_json(home.current)
    if current is None or not is_unchanged(current, plan, found, home):
        return None
    report = read_json(home.open_run(str(current["run"])).root / "report.json")
    return read_outcome(report, nothing_done=True, exit=ExitCode.DONE) if report else None


@contextmanager
def _recorded(folder: RunFolder, request: Request, system: System) -> Iterator[None]:
    """Keep the run's state on disk; an error leaves it said and its bulk removed."""
    make_private_folder(folder.root)
    about = {
        "run": folder.name,
        "version": __version__,
        "source": str(request.source.absolute()),
        "plan": str(request.plan.absolute()),
        "snapshots": str(folder.snapshots.absolute()),
        "retention_days": system.retention_days,
    }
    write_json(folder.root / "run.json", {**about, "state": "running"})
    try:
        yield
    except BaseException as error:
        if not folder.place(request.target).journal.exists():
            discard(folder)
            write_json(folder.root / "run.json", {**about, "state": "failed", "error": type(error).__name__})
        raise


def discard(folder: RunFolder) -> None:
    """Remove what an unfinished run has built and copied."""
    for directory in (folder.stage, folder.ledger, folder.templates, folder.snapshots):
        shutil.rmtree(directory, ignore_errors=True)
    folder.archive.unlink(missing_ok=True)


@dataclass(slots=True)
class Rehearsal:
    """One run under way; without ``consolidate`` it stays a rehearsal."""

    request: Request
    plan: Plan
    system: System
    home: Home
    folder: RunFolder
    around: Surroundings

    def consolidate(self, found: dict[str, Path]) -> Outcome:
        """Go through all steps; the first error ends it."""
        began = time.monotonic()
        snapshots, work, builds, outcome = self.prepare(found, began)
        if outcome.exit:
            self.write_report(outcome, "staged" if outcome.exit == ExitCode.DECISION else "different")
            return outcome
        self.publish(snapshots, work, builds)
        outcome = read_outcome({**outcome.as_json(), "seconds": round(time.monotonic() - began, 3)})
        self.write_report(outcome, "published")
        self.home.plan_lock.unlink(missing_ok=True)
        return outcome

    def prepare(self, found: dict[str, Path], began: float) -> tuple[dict[str, Snapshot], Work, list[Build], Outcome]:
        """Snapshot, bind, build and verify; nothing is published."""
        size = finding.total_size(found)
        jobs = self.request.jobs if size >= _WORTH_PROCESSES else 1
        ticker = Ticker(self.around.progress)
        with open_workers(jobs, ticker.tick) as workers:
            snapshots = self._snapshot(found, size, workers, ticker)
            work = bind(self.plan, snapshots, self.folder.templates, self.request.engine)
            self._write(
                "plan.json",
                {
                    "sha256": self.plan.sha256,
                    "absent": work.absent,
                    "tables": {
                        job.into: [entry.name for entry in job.inputs]
                        for target in work.targets
                        for job in target.tables
                    },
                },
            )
            self.around.checkpoint("merge")
            ticker.watch("merge", size, self.folder.stage)
            builds, verifications = build_and_verify(
                work, self.folder, snapshots, workers, lambda builds: self._say_built(builds, ticker)
            )
            if self.request.fingerprints:
                verifications = add_fingerprints(work, self.folder, verifications, workers)
        if not self.request.dry_run:
            finding.write_manifest(self.folder, snapshots)
        is_ours = any(part.differences for part in verifications if part.target == SNAPSHOTS)
        if any(part.damaged for part in verifications) and not is_ours:
            refuse_damaged(snapshots, self.request.engine)
        outcome = self._judge(work, builds, verifications, time.monotonic() - began)
        self._write("verdict.json", outcome.as_json())
        return snapshots, work, builds, outcome

    def rehearse(self, found: dict[str, Path], began: float) -> tuple[dict[str, Snapshot], Outcome]:
        """Do everything but publish."""
        snapshots, _, _, outcome = self.prepare(found, began)
        return snapshots, outcome

    def _snapshot(self, found: dict[str, Path], size: int, workers: Workers, ticker: Ticker) -> dict[str, Snapshot]:
        self.around.checkpoint("snapshot")
        ticker.watch("snapshot", size, self.folder.snapshots)
        snapshots = finding.take_snapshots(self.plan, found, self.folder, workers)
        self._write("snapshots.json", finding.as_json(snapshots))
        self._write("inventory.json", finding.describe_structure(snapshots, self.request.engine))
        if self.request.export_json and not self.request.dry_run:
            place, engine = self.folder.root / "export", self.request.engine
            exports = [workers.submit(export_source, one, place, engine) for one in snapshots.values()]
            self._write("export.json", dict(zip(snapshots, workers.gather(exports), strict=True)))
        if not self.request.dry_run:
            finding.refuse_other_than_previewed(self.home.plan_lock, self.plan, snapshots)
        return snapshots

    def _judge(self, work: Work, builds: list[Build], verifications: list[Verification], seconds: float) -> Outcome:
        tables, targets, differences = tally_up(verifications)
        differences += tuple(ask_checks(self.plan, work, self.folder))
        quarantined = sum(tally.quarantined for tally in tables.values())
        unexplained = sum(tally.unexplained for tally in tables.values())
        verdict = judge(differences, unexplained, quarantined)
        budget = self.request.quarantine_budget
        budget = self.plan.defaults.quarantine_budget if budget is None else budget
        code = ExitCode.DECISION if quarantined > budget else ExitCode.DONE
        code = ExitCode.DIFFERENCES if verdict is Verdict.DIFFERENT else code
        return Outcome(
            verdict=verdict,
            exit=code,
            run=self.folder.name,
            seconds=round(seconds, 3),
            rows_read=sum(tally.read for tally in tables.values()),
            unexplained=unexplained,
            quarantined=quarantined,
            budget=budget,
            published=() if code else tuple(target.path for target in work.targets),
            tables=tables,
            targets=targets,
            differences=differences,
            notes=tuple(note for part in verifications for note in part.notes),
            carried=tuple(f"{build.target}: {line}" for build in builds for line in build.carried),
            reported=tuple(f"{build.target}: {line}" for build in builds for line in build.reported),
            dropped={entry.name: reason for entry, reason in work.drops},
            dry_run=self.request.dry_run,
            backup=str(self.folder.snapshots) if self.request.backup and not self.request.dry_run else None,
        )

    def _say_built(self, builds: list[Build], ticker: Ticker) -> None:
        self._write("merge.json", [asdict(build) for build in builds])
        self.around.checkpoint("verify")
        ticker.watch("verify", 0)

    def publish(self, snapshots: dict[str, Snapshot], work: Work, builds: list[Build]) -> None:
        """Put the targets live, once more sure that no source changed."""
        self.around.checkpoint("publish")
        self.around.progress.start("publish", 0)
        run_hooks(self.system.hooks.before_publish, self.around.environment, "nothing was published")
        for build in builds:
            if dict(build.state) != dict(state_of(Database(Path(build.file)))):
                raise DifferencesError(build.file, "changed after it was verified", "run the same command again")
        for snapshot in snapshots.values():
            refuse_changed(snapshot, self.folder.root / "scratch", self.request.engine)
        swaps = [
            Swap(
                staged=str(staged_file(self.folder, job).relative_to(self.folder.root)),
                live=job.path,
                mark=build.mark,
                aliases=job.aliases,
            )
            for job, build in zip(work.targets, builds, strict=True)
        ]
        before = read_json(self.home.current)
        self._write("current.json", describe_current(self.folder, self.plan, snapshots, swaps, before))
        found = {name: Path(snapshot.original) for name, snapshot in snapshots.items()}
        merged_into = set(finding.find_in_place(self.request.target, self.plan, found).values())
        legacy = [path for name, path in found.items() if name not in merged_into]
        publish(
            self.folder.place(self.request.target),
            swaps,
            legacy,
            self.around.checkpoint,
            recheck=lambda: refuse_touched([snapshots[name] for name in merged_into], self.request.engine),
        )
        write_json(self.home.current, read_json(self.folder.root / "current.json"))
        self.around.checkpoint("published")
        run_hooks(self.system.hooks.after_publish, self.around.environment, "the targets are published all the same")

    def write_report(self, outcome: Outcome, state: str) -> None:
        """Write how the run ended, and let go of what is not needed any more."""
        self._write("report.json", outcome.as_json())
        about = read_json(self.folder.root / "run.json") or {}
        self._write("run.json", {**about, "state": state})

    def _write(self, name: str, content: object) -> None:
        write_json(self.folder.root / name, content)


def _run_dry(request: Request, plan: Plan, around: Surroundings) -> Outcome:
    """Do everything but publish, in a directory that is gone afterwards."""
    found = finding.locate_sources(plan, request.source)
    finding.refuse_overlap(request, plan, found)
    home = Home(target=request.target, engine=request.engine)
    in_place = finding.find_in_place(request.target, plan, found)
    refuse_existing(home, plan, replace=request.replace, in_place=in_place)
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        root = Path(scratch) / "dry-run"
        folder = RunFolder(root=root, snapshots=root / "snapshots", engine=request.engine)
        make_private_folder(folder.root)
        finding.refuse_full_disk(found, folder.root)
        system = read_system(request.system)
        return Rehearsal(request, plan, system, home, folder, around).rehearse(found, time.monotonic())[1]
