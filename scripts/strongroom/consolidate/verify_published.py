"""Verify what is live once more, from the snapshots that the run kept. Read-only."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from strongroom.binding import bind
from strongroom.consolidate.outcome import Outcome, judge, read_outcome, tally_up
from strongroom.consolidate.sources import carry_paths
from strongroom.consolidate.targets import archive_database, ledger_database, staged_file, verify_snapshot
from strongroom.consolidate.verify import verify_content, verify_drops, verify_soundness
from strongroom.core.engines import Engine
from strongroom.core.errors import ConfigurationError, ExitCode, UnreachableError
from strongroom.core.files import read_json
from strongroom.core.plan import read_plan
from strongroom.core.results import Snapshot, Verdict
from strongroom.runs.listing import find_run
from strongroom.sqlite.database import Database


def verify(target: Path, *, run: str | None, plan_path: Path | None, engine: Engine = Engine.SYSTEM) -> Outcome:
    """Join the targets with the run's snapshots and ledger again.

    Raises ConfigurationError when the plan is not the run's any more.
    """
    home, folder = find_run(target, run, engine)
    about, snapshots_json = read_json(folder.root / "run.json"), read_json(folder.root / "snapshots.json")
    report = read_json(folder.root / "report.json") or read_json(folder.root / "verdict.json")
    locked = read_json(folder.root / "plan.json")
    if about is None or snapshots_json is None or report is None or locked is None:
        raise UnreachableError(folder.root, "is not a finished run", "name another --run")
    plan = read_plan(plan_path or Path(str(about["plan"])))
    if plan.sha256 != locked["sha256"]:
        raise ConfigurationError(plan.path, f"is not the plan of run {folder.name}", "give that plan with --plan")
    snapshots = {name: Snapshot(**value) for name, value in snapshots_json.items() if isinstance(value, dict)}
    carried = [snapshot.path for name, snapshot in snapshots.items() if name not in plan.sources]
    plan = carry_paths(plan, carried)
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        work = bind(plan, snapshots, Path(scratch), engine)
        found = []
        for job in work.targets:
            staged = staged_file(folder, job)
            file = staged if staged.is_file() else home.target / job.path
            if not file.is_file():
                raise UnreachableError(file, "is not there", "roll back or run again")
            _refuse_log(file)
            found.append(verify_content(job, Database(file, engine), ledger_database(folder, job)))
            found.append(verify_soundness(job, Database(file, engine)))
    found.append(verify_drops(work.drops, archive_database(folder)))
    found += [verify_snapshot(snapshot) for snapshot in snapshots.values()]
    tables, targets, differences = tally_up(found)
    unexplained = sum(tally.unexplained for tally in tables.values())
    quarantined = sum(tally.quarantined for tally in tables.values())
    verdict = judge(differences, unexplained, quarantined)
    outcome = read_outcome(report)
    return replace(
        outcome,
        verdict=verdict,
        exit=ExitCode.DIFFERENCES if verdict is Verdict.DIFFERENT else ExitCode.DONE,
        unexplained=unexplained,
        quarantined=quarantined,
        tables=tables,
        targets=targets,
        differences=differences,
    )


def _refuse_log(file: Path) -> None:
    log = file.with_name(file.name + "-wal")
    if log.is_file() and log.stat().st_size:
        raise UnreachableError(
            file,
            "is being written to (its write-ahead log holds data)",
            "stop the application, then verify again",
        )
