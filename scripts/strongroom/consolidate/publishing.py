"""Put proven targets live, once more sure that nothing changed since, and look whether they are what is live."""

from __future__ import annotations

from pathlib import Path

from strongroom.consolidate.attempt import Rehearsed
from strongroom.consolidate.hooks import run_hooks
from strongroom.consolidate.live import look_first, prove_published
from strongroom.consolidate.opening import Opening
from strongroom.consolidate.outcome import Outcome
from strongroom.consolidate.request import Surroundings
from strongroom.consolidate.targets import staged_file
from strongroom.core.errors import DifferencesError
from strongroom.core.system import System
from strongroom.runs import Swap, publish
from strongroom.runs.folder import RunFolder
from strongroom.runs.journal import describe_legacy
from strongroom.sqlite.database import Database, state_of
from strongroom.sqlite.snapshot import refuse_changed, refuse_touched, was_write_ahead


def publish_targets(
    opening: Opening, rehearsed: Rehearsed, folder: RunFolder, system: System, around: Surroundings
) -> Outcome:
    """Publish what was built, between the system's hooks, say that the run is live, and return how it ended.

    Raises DifferencesError, SourceChangedError, TargetBusyError, GuardError; then nothing was published, but for a
    hook that fails afterwards, and where what is live is found to be wrong: no hook follows that.
    """
    around.checkpoint("publish")
    around.progress.start("publish", 0)
    run_hooks(system.hooks.before_publish, around.environment, "nothing was published")
    for build in rehearsed.builds:
        if dict(build.state) != dict(state_of(Database(Path(build.file)))):
            raise DifferencesError(build.file, "changed after it was verified", "run the same command again")
    for name, snapshot in rehearsed.snapshots.items():
        refuse_changed(snapshot, opening.found[name], folder.scratch)
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

    look = look_first(opening, rehearsed.outcome, folder, rehearsed.identities)
    publish(
        folder.place(target, opening.request.source),
        swaps,
        describe_legacy(opening.legacy.items(), target),
        around.checkpoint,
        recheck,
    )
    opening.home.set_current(folder.name)  # right or wrong: rollback takes back what is live
    proven = prove_published(opening, look, rehearsed.outcome, folder)
    around.checkpoint("published")
    run_after_publish(system, around)
    return proven


def run_after_publish(system: System, around: Surroundings) -> None:
    """Run the hooks that follow a publishing. Raises GuardError for one that fails."""
    run_hooks(system.hooks.after_publish, around.environment, "the targets are published all the same")
