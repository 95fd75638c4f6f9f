"""One attempt at a consolidation, up to the point where only publishing is left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.binding import Work, bind, refuse_unopened
from strongroom.consolidate.deciding.handing import hand_out
from strongroom.consolidate.export import export_source
from strongroom.consolidate.opening import Opening
from strongroom.consolidate.outcome import VERDICT, Outcome, add_up, judge, tally_references, tally_up
from strongroom.consolidate.proving import SNAPSHOTS, open_proving
from strongroom.consolidate.request import Surroundings
from strongroom.consolidate.snapshots import (
    describe_structure,
    refuse_other_than_previewed,
    take_snapshots,
    write_manifest,
)
from strongroom.consolidate.targets import Ticker, ask_checks, build_and_prove, name_evidence
from strongroom.core.errors import ExitCode, StrongroomError
from strongroom.core.results import Build, Verdict, Verification
from strongroom.core.system import read_system
from strongroom.core.workers import Workers, open_workers
from strongroom.runs.folder import RunFolder
from strongroom.runs.records import BuildRecord, ExportDocument, MergeDocument, PlanDocument, record_snapshots
from strongroom.sqlite.snapshot import Snapshot, refuse_damaged

_WORTH_PROCESSES = 64 << 20
"""Below so many bytes a second process costs more than it saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What was built and found; only publishing is left."""

    snapshots: Mapping[str, Snapshot]
    work: Work
    builds: tuple[Build, ...]
    outcome: Outcome
    identities: Mapping[str, tuple[int, ...]]
    """Of the targets that were verified (``Verification.identity``)."""


class Attempt:
    """Snapshot, bind, build and verify what an opening found, in a run's folder."""

    def __init__(self, opening: Opening, folder: RunFolder, around: Surroundings) -> None:
        """Begin; the time counts from here."""
        self._opening = opening
        self._request = opening.request
        self._folder = folder
        self._around = around
        self._began = time.monotonic()

    def seconds(self) -> float:
        """Return how long it has been going on."""
        return round(time.monotonic() - self._began, 3)

    def rehearse(self) -> Rehearsed:
        """Do everything but publish. Raises what the steps raise."""
        size = self._opening.size
        jobs = self._request.jobs if size >= _WORTH_PROCESSES else 1
        ticker = Ticker(self._around.progress)
        with open_workers(jobs, ticker.tick) as workers:
            snapshots = self._snapshot(size, workers, ticker)
            work = bind(self._opening.plan, snapshots, self._folder.templates, self._request.engine)
            work = hand_out(work, self._opening.decisions)
            refuse_unopened(self._opening.plan, work, read_system(self._request.system).columns)
            self._write_plan(work)
            self._around.checkpoint("merge")
            ticker.watch("merge", size, self._folder.stage)
            try:
                evidence = name_evidence(work, self._folder, snapshots)
                with open_proving(evidence, workers, is_new=True) as proving:
                    builds = build_and_prove(
                        work, self._folder, proving, workers, lambda builds: self._say_built(builds, ticker)
                    )
                    verifications = proving.finish(snapshots, self._request.source, is_source=True)
                    if self._request.fingerprints:
                        verifications = proving.add_fingerprints(verifications)
            except StrongroomError as error:
                if self._is_unexpected(error):
                    refuse_damaged(snapshots)
                raise
        if not self._request.dry_run:
            write_manifest(self._folder, snapshots)
        is_ours = any(part.differences for part in verifications if part.target == SNAPSHOTS)
        if any(part.damaged for part in verifications) and not is_ours:
            refuse_damaged(snapshots)
        outcome = self._judge(work, builds, verifications)
        if (outcome.exit or outcome.quarantined) and not is_ours:  # or was a key looked up in a damaged index?
            refuse_damaged(snapshots)
        self._folder.write(outcome, VERDICT)
        identities = {part.target: part.identity for part in verifications}
        return Rehearsed(snapshots=snapshots, work=work, builds=tuple(builds), outcome=outcome, identities=identities)

    def _is_unexpected(self, error: StrongroomError) -> bool:
        """Tell whether SQLite refused something in a stage that only a damaged source can have led to."""
        return error.exit_code is ExitCode.BUG and Path(error.subject).parent == self._folder.stage

    def _snapshot(self, size: int, workers: Workers, ticker: Ticker) -> dict[str, Snapshot]:
        self._around.checkpoint("snapshot")
        ticker.watch("snapshot", size, self._folder.snapshots)
        snapshots = take_snapshots(self._opening, self._folder, workers)
        self._folder.write(record_snapshots(snapshots, self._folder.snapshots))
        self._folder.write(describe_structure(snapshots))
        if self._request.dry_run:
            return snapshots
        if self._request.export_json:
            exports = [workers.submit(export_source, one, self._folder.export) for one in snapshots.values()]
            counts = workers.gather(exports)
            self._folder.write(ExportDocument(sources=dict(zip(snapshots, counts, strict=True))))
        refuse_other_than_previewed(self._opening.home, self._opening.plan, snapshots)
        return snapshots

    def _write_plan(self, work: Work) -> None:
        tables = {
            job.into: tuple(entry.name for entry in job.inputs) for target in work.targets for job in target.tables
        }
        self._folder.write(
            PlanDocument(
                sha256_of_texts=self._opening.plan.sha256,
                carried=self._opening.carried,
                absent=tuple(work.absent),
                tables=tables,
                sha256_of_decisions=None if self._opening.decisions is None else self._opening.decisions.sha256,
            )
        )

    def _judge(self, work: Work, builds: list[Build], verifications: list[Verification]) -> Outcome:
        tables, targets, differences = tally_up(verifications)
        differences += tuple(ask_checks(self._opening.plan, work, self._folder))
        quarantined = sum(tally.quarantined for tally in tables.values())
        unexplained = sum(tally.unexplained for tally in tables.values())
        verdict = judge(differences, unexplained, quarantined)
        budget = self._request.quarantine_budget
        budget = self._opening.plan.defaults.quarantine_budget if budget is None else budget
        code = ExitCode.DECISION if quarantined > budget else ExitCode.DONE
        code = ExitCode.DIFFERENCES if verdict is Verdict.DIFFERENT else code
        return Outcome(
            verdict=verdict,
            exit=code,
            run=self._folder.name,
            seconds=self.seconds(),
            rows_read=sum(tally.read for tally in tables.values()),
            unexplained=unexplained,
            quarantined=quarantined,
            budget=budget,
            published=() if code else tuple(target.path for target in work.targets),
            tables=tables,
            targets=targets,
            references=tally_references(verifications),
            undecided=add_up(tally.undecided for tally in targets.values()),
            differences=differences,
            notes=tuple(note for part in verifications for note in part.notes),
            carried=tuple(f"{build.target}: {line}" for build in builds for line in build.carried),
            reported=tuple(f"{build.target}: {line}" for build in builds for line in build.reported),
            dropped={entry.name: reason for entry, reason in work.drops},
            dry_run=self._request.dry_run,
            backup=self._name_backup(),
        )

    def _name_backup(self) -> str | None:
        if not self._request.backup or self._request.dry_run:
            return None
        return Path(self._folder.snapshots).relative_to(self._request.target).as_posix()

    def _say_built(self, builds: list[Build], ticker: Ticker) -> None:
        records = {
            build.target: BuildRecord(
                rows=build.rows, mark=build.mark, carried=build.carried, reported=build.reported, key=build.key
            )
            for build in builds
        }
        self._folder.write(MergeDocument(targets=records))
        self._around.checkpoint("verify")
        ticker.watch("verify", 0)
