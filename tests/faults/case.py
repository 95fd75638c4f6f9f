"""One command on one tree, how it ends undisturbed, and what must hold when it was killed."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterable

from tests.faults.child import Driver
from tests.faults.scene import Photograph, Scene, find_leftovers, photograph, read_bytes_kept, read_targets, run

Seen = tuple[Photograph, Photograph, str | None]


class Case:
    """A tree ready for one command, what was there before it, and how it ends when nobody disturbs it."""

    def __init__(self, scene: Scene, driver: Driver, flags: list[str], **where: object) -> None:
        self.scene = scene
        self.flags = flags
        self._kept = scene.copy_to(scene.source.parent / "kept")
        began = time.monotonic()
        ended, self.trace = driver.trace(scene.argv("run", *flags, "--json"), **where)
        self.seconds = time.monotonic() - began
        assert ended.code == 0, ended.err
        self.verdict = ended.json["verdict"]
        self.content = read_targets(scene)
        self.checkpoints = [line.split()[1] for line in self.trace if line.startswith("checkpoint ")]
        self.changes = sum(line.startswith("change ") for line in self.trace)

    def describe(self, moment: dict[str, object]) -> str:
        """Say where a moment is, in the undisturbed run."""
        if "change" not in moment:
            return str(moment)
        changes = [line for line in self.trace if line.startswith("change ")]
        return f"{moment} ({changes[int(str(moment['change'])) - 1]})"

    def set_stage(self) -> Scene:
        """Set the stage again, at the same place: a run directory knows where it is."""
        for folder in (self.scene.source, self.scene.target):
            shutil.rmtree(folder, ignore_errors=True)
            if (self._kept.source.parent / folder.name).exists():
                shutil.copytree(self._kept.source.parent / folder.name, folder, symlinks=True)
        return self.scene


def check_rerun(scene: Scene, case: Case, sources: dict[str, str]) -> None:
    ended = run(scene.argv("run", *case.flags, "--json"))
    assert ended.code == 0, ended.err
    assert ended.json["verdict"] == case.verdict
    assert read_targets(scene) == case.content
    assert find_leftovers(scene) == []
    assert read_bytes_kept(scene.source) == sources
    ended = run(scene.argv("verify"))
    assert ended.code == 0, ended.err


def check_rollback(scene: Scene, before: Seen) -> None:
    ended = run(scene.argv("rollback"))
    assert ended.code == 0, ended.err
    assert observe(scene) == before
    assert find_leftovers(scene, there=before[0]) == []


def check_rollback_of_a_begun_run(scene: Scene, before: Seen, runs: list[str]) -> None:
    """Check the rollback, where the killed run had come so far as to exist."""
    if scene.runs() != runs:
        check_rollback(scene, before)
    assert observe(scene) == before


def observe(scene: Scene) -> Seen:
    """Return all that a rollback must give back."""
    current = scene.home / "current.json"
    sources = {
        name: seen
        for name, seen in photograph(scene.source).items()
        if not name.endswith("-shm") and not (name.endswith("-wal") and not (scene.source / name).stat().st_size)
    }
    return photograph(scene.target), sources, json.loads(current.read_text())["run"] if current.exists() else None


def survey(
    case: Case, moments: Iterable[dict[str, object]], driver: Driver, check: Callable[[Scene], None]
) -> list[str]:
    """Kill a run at each moment and say which of them do not end well."""
    wrong = []
    for moment in moments:
        scene = case.set_stage()
        ended = driver.run(scene.argv("run", *case.flags), **moment)
        assert ended.code == -signal.SIGKILL, (moment, ended.err)
        try:
            check(scene)
        except AssertionError as error:
            wrong.append(f"killed at {case.describe(moment)}: {error}")
    return wrong
