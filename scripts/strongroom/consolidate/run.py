"""Consolidate: snapshot, bind, build, verify, publish; interrupted anywhere, the same command resumes."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from strongroom import __version__
from strongroom.consolidate.attempt import Attempt
from strongroom.consolidate.deciding.kept import keep_decisions
from strongroom.consolidate.holding import refuse_open_sources
from strongroom.consolidate.kept_plan import keep_plan
from strongroom.consolidate.live import prove_late
from strongroom.consolidate.old_names import refuse_taken_names
from strongroom.consolidate.opening import Opening, find_sources, find_unchanged, open_request
from strongroom.consolidate.outcome import REPORT, Outcome, read_report, show_backup
from strongroom.consolidate.publishing import publish_targets, run_after_publish
from strongroom.consolidate.recording import recorded
from strongroom.consolidate.replacing import refuse_discarding
from strongroom.consolidate.request import Request, Surroundings
from strongroom.consolidate.trying_keys import try_keys
from strongroom.consolidate.verify.decisions import is_kept
from strongroom.core.engines import Engine
from strongroom.core.errors import DifferencesError, ExitCode, UnreachableError, UsageError
from strongroom.core.files import locked, make_private_folder, show_path
from strongroom.core.plan import Plan, read_plan
from strongroom.core.system import System, read_system
from strongroom.runs.cleanup import end_run
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.interrupted import Became, give_up_staged, recover_all
from strongroom.runs.records import RunDocument, RunState
from strongroom.sqlite.keyring import hold_needed


def run(request: Request, around: Surroundings) -> Outcome:
    """Consolidate a system's sources into its targets.

    Raises every error of design, section 9, that the facts call for; an outcome with exit 3 or 4 is
    returned, staged and unpublished.
    """
    system, plan = read_system(request.system), read_plan(request.plan)
    if request.export_json and plan.is_encrypted:
        fact = "would write rows in plain text, and the plan has encrypted sources or targets"
        raise UsageError("--export-json", fact, "leave it out; consolidate.explain shows rows on the screen")
    try:
        opening = find_sources(request, plan)
    except UnreachableError:
        _look_late(request, around)
        raise
    with hold_needed(around.keys, opening.name_keys()):
        try_keys(opening)
        return _run_dry(opening, around) if request.dry_run else _run(opening, plan, system, around)


def _look_late(request: Request, around: Surroundings) -> None:
    """Finish and prove what was interrupted, where a source is missing: it may have given way, and be lost since.

    Raises what recovering raises, and DifferencesError.
    """
    home = Home(target=request.target, engine=request.engine)
    if request.dry_run or not home.root.is_dir():
        return
    with locked(home.lock), hold_needed(around.keys, home.name_open_keys()):
        recovered = recover_all(home, source=request.source, now=around.now())
        prove_late(home, request, is_finished_now=Became.PUBLISHED in recovered.values())


def _run(opening: Opening, plan: Plan, system: System, around: Surroundings) -> Outcome:
    request, home = opening.request, opening.home
    make_private_folder(home.root)
    with locked(home.lock):
        home.refuse_links()
        home.provide()
        recovered = recover_all(home, source=request.source, now=around.now())
        if prove_late(home, request, is_finished_now=Became.PUBLISHED in recovered.values()):
            run_after_publish(system, around)
        opening = find_sources(request, plan) if recovered else opening
        earlier = _find_earlier(opening)
        if earlier is not None:
            return earlier
        open_request(opening, request.target)
        refuse_taken_names(opening)
        opening = replace(opening, discarded=refuse_discarding(opening))
        if not system.hooks.before_publish:
            refuse_open_sources(opening)
        give_up_staged(home, around.now())
        folder = home.begin_run(around.now(), backup=request.backup)
        around.progress.begin(folder.name)
        with _recorded(opening, folder, system, around) as about:
            return show_backup(_consolidate(opening, system, folder, around, about), home)


def _find_earlier(opening: Opening) -> Outcome | None:
    """Return what the published run ended with, when neither sources nor targets changed since."""
    folder = find_unchanged(opening)
    report = None if folder is None else read_report(folder)
    if report is None or not report.is_proven:
        return None
    return show_backup(replace(report, nothing_done=True, exit=ExitCode.DONE), opening.home)


@contextmanager
def _recorded(opening: Opening, folder: RunFolder, system: System, around: Surroundings) -> Iterator[RunDocument]:
    """Keep the run's state on disk; an error leaves it said and its bulk removed."""
    request = opening.request
    about = RunDocument(
        run=folder.name,
        state=RunState.RUNNING,
        tool=__version__,
        system=system.name,
        source=show_path(request.source.absolute()),
        plan=show_path(request.plan.absolute()),
        began=around.now(),
        retention_days=system.retention_days,
        has_backup=request.backup,
        before=opening.home.read_current().run,
    )
    with recorded(folder, about, request.target, around):
        keep_plan(opening.plan, folder)
        keep_decisions(request, opening.decisions, folder, is_secret=opening.plan.is_encrypted)
        asked, is_secret = request.decisions or opening.home.decisions, opening.plan.is_encrypted
        if not is_kept(asked, folder.plan, is_secret=is_secret):
            raise DifferencesError("decisions", "the run does not keep those that were asked for", "run it again")
        yield about


def _consolidate(
    opening: Opening, system: System, folder: RunFolder, around: Surroundings, about: RunDocument
) -> Outcome:
    """Go through all steps; the first error ends it."""
    attempt = Attempt(opening, folder, around)
    rehearsed = attempt.rehearse()
    if rehearsed.outcome.exit:
        folder.write(rehearsed.outcome, REPORT)
        is_staged = rehearsed.outcome.exit is ExitCode.DECISION
        end_run(folder, about, RunState.STAGED if is_staged else RunState.DIFFERENT, around.now())
        return rehearsed.outcome
    published = publish_targets(opening, rehearsed, folder, system, around)
    outcome = replace(published, seconds=attempt.seconds(), discarded=opening.discarded)
    folder.write(outcome, REPORT)
    end_run(folder, about, RunState.PUBLISHED, around.now())
    opening.home.plan_lock.unlink(missing_ok=True)
    return outcome


def _run_dry(opening: Opening, around: Surroundings) -> Outcome:
    """Do everything but publish, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        folder = scratch_folder(Path(scratch) / "dry-run", opening.request.engine)
        open_request(opening, folder.root)
        refuse_taken_names(opening)
        refuse_discarding(opening)
        keep_plan(opening.plan, folder)
        keep_decisions(opening.request, opening.decisions, folder, is_secret=opening.plan.is_encrypted)
        return Attempt(opening, folder, around).rehearse().outcome


def scratch_folder(root: Path, engine: Engine) -> RunFolder:
    """Make the folder of a run that stays a rehearsal."""
    make_private_folder(root)
    return RunFolder(root=root, snapshots=root / "snapshots", home=uuid.uuid4().hex, engine=engine)
