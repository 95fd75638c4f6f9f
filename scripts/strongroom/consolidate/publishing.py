"""Put proven targets live, once more sure that nothing changed since, and look whether they are what is live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from strongroom.consolidate.attempt import Rehearsed
from strongroom.consolidate.holding import HeldSources, hold_sources
from strongroom.consolidate.hooks import run_hooks
from strongroom.consolidate.live import look_first, prove_published
from strongroom.consolidate.old_names import find_ways
from strongroom.consolidate.opening import Opening
from strongroom.consolidate.outcome import Outcome
from strongroom.consolidate.request import Surroundings
from strongroom.consolidate.targets import staged_file
from strongroom.core.errors import DifferencesError, GuardError, RollbackFailedError, RolledBackError
from strongroom.core.system import System
from strongroom.runs import Swap, publish, put_back
from strongroom.runs.cleanup import end_run
from strongroom.runs.folder import RunFolder
from strongroom.runs.interrupted import restore_current
from strongroom.runs.journal import describe_legacy
from strongroom.runs.records import RunDocument, RunState
from strongroom.sqlite.database import Database, state_of
from strongroom.sqlite.snapshot import refuse_touched, was_write_ahead


def publish_targets(
    opening: Opening, rehearsed: Rehearsed, folder: RunFolder, system: System, around: Surroundings
) -> Outcome:
    """Publish what was built, between the system's hooks, say that the run is live, and return how it ended.

    Raises DifferencesError, SourceChangedError, SourceBusyError, TargetBusyError, GuardError; then nothing was
    published, but for a hook that fails afterwards, and where what is live is found to be wrong: no hook follows that.
    Raises RolledBackError when a source was written to all the same, and the previous state is back.
    """
    around.checkpoint("publish")
    around.progress.start("publish", 0)
    run_hooks(system.hooks.before_publish, system.without_secrets(around.environment), "nothing was published")
    for build in rehearsed.builds:
        if dict(build.state) != dict(state_of(Database(Path(build.file)))):
            raise DifferencesError(build.file, "changed after it was verified", "run the same command again")
    with hold_sources(opening, rehearsed.snapshots, folder) as held:
        look = look_first(opening, rehearsed.outcome, folder, rehearsed.identities)
        _publish(opening, rehearsed, folder, around)
        opening.home.set_current(folder.name)  # right or wrong: rollback takes back what is live
        slipped = held.find_slipped()
        if slipped:
            _take_back(opening, folder, held, slipped, around)
        outcome = replace(rehearsed.outcome, open_sources=held.describe())
        proven = prove_published(opening, look, outcome, folder)
    around.checkpoint("published")
    run_after_publish(system, around)
    return proven


def _publish(opening: Opening, rehearsed: Rehearsed, folder: RunFolder, around: Surroundings) -> None:
    swaps = [
        Swap(
            staged=staged_file(folder, job).relative_to(folder.root).as_posix(),
            live=job.path,
            mark=build.mark,
            aliases=job.aliases,
            key=job.template.key,
            key_before=opening.find_key_before(job.name),
        )
        for job, build in zip(rehearsed.work.targets, rehearsed.builds, strict=True)
    ]
    target = opening.request.target
    sources = {name: (rehearsed.snapshots[name], opening.found[name]) for name in opening.in_place.values()}
    settled = [pair for pair in sources.values() if not was_write_ahead(*pair)]

    def recheck() -> None:
        for snapshot, original in settled:
            refuse_touched(snapshot, original)

    legacy = describe_legacy(opening.legacy.items(), target, find_ways(opening))
    publish(folder.place(target, opening.request.source), swaps, legacy, around.checkpoint, recheck)


def _take_back(
    opening: Opening, folder: RunFolder, held: HeldSources, slipped: list[str], around: Surroundings
) -> None:
    """Put the previous state back, since a source holds what the targets do not.

    Raises RolledBackError, and RollbackFailedError where a target is in use already or a source is not there any more.
    """
    place, about = folder.place(opening.request.target, opening.request.source), folder.read(RunDocument)
    try:
        put_back(place)
    except GuardError as error:
        fact = f"should be taken back ({'; '.join(slipped)}, while the targets went live), and cannot: {error}"
        way = "stop what uses the targets and the sources, then consolidate.rollback with --target and --source"
        raise RollbackFailedError("publish", fact, way) from error
    lost = held.find_lost()
    if lost:
        way = f"put it there from {folder.snapshots}; the previous state is back but for that"
        raise RollbackFailedError(lost[0], "is not the file that it was, nor is it in the run", way)
    if about is not None:
        restore_current(opening.home, about)
        end_run(folder, about, RunState.ROLLED_BACK, around.now())
    way = "the previous state is back; stop what writes to the sources, then run the same command again"
    raise RolledBackError("publish", f"was taken back: {'; '.join(slipped)}, while the targets went live", way)


def run_after_publish(system: System, around: Surroundings) -> None:
    """Run the hooks that follow a publishing. Raises GuardError for one that fails."""
    environment = system.without_secrets(around.environment)
    run_hooks(system.hooks.after_publish, environment, "the targets are published all the same")
