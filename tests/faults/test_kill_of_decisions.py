"""Cut the power while decisions go live: the same command ends as if undisturbed, or rollback gives back what was."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.e2e.decided import write_decisions
from tests.e2e.test_decisions import GROUP, build
from tests.faults.case import check_rollback, observe
from tests.faults.child import Driver
from tests.faults.scene import Scene, find_leftovers, read_targets, run


class Stage:
    """A published run with rows to decide, and how deciding them ends undisturbed."""

    def __init__(self, root: Path, driver: Driver) -> None:
        self.scene = build(root)
        assert run(self.scene.argv("run", "--quarantine-budget", "9")).code == 0
        file = write_decisions(root / "decisions.yaml", self.scene.source, [("new.notes", GROUP, {"text": 3})])
        self.argv = self.scene.argv("decide", "--decisions", str(file), "--apply")
        self._kept = self.scene.copy_to(root / "kept")
        self.before, self.runs = observe(self.scene), self.scene.runs()
        ended, self.trace = driver.trace(self.argv)
        assert ended.code == 0, ended.err
        self.content = read_targets(self.scene)
        self.changes = sum(line.startswith("change ") for line in self.trace)

    def set(self) -> Scene:
        for folder in (self.scene.source, self.scene.target):
            shutil.rmtree(folder)
            shutil.copytree(self._kept.source.parent / folder.name, folder, symlinks=True)
        return self.scene


@pytest.mark.parametrize("way", ["again", "back"])
def test_killed_anywhere_it_goes_on_or_goes_back(tmp_path: Path, driver: Driver, way: str, is_nightly: bool) -> None:
    stage = Stage(tmp_path, driver)
    wrong = []
    for number in range(1, stage.changes + 1, 1 if is_nightly else 5):
        scene = stage.set()
        killed = driver.run(stage.argv, change=number)
        assert killed.code == -signal.SIGKILL, killed.err
        try:
            if way == "again":
                check_again(stage)
            elif scene.runs() != stage.runs:
                check_rollback(scene, stage.before)
        except AssertionError as error:
            wrong.append(f"killed at change {number}: {error}")
    assert stage.changes > 20
    assert not wrong, "\n".join(wrong)


def check_again(stage: Stage) -> None:
    ended = run(stage.argv)
    assert ended.code == 0, ended.err
    assert read_targets(stage.scene) == stage.content
    assert find_leftovers(stage.scene) == []
    again = run(stage.scene.argv("verify", "--json"))
    assert (again.code, again.json["verdict"], again.json["quarantined"]) == (0, "PROVEN", 0)
