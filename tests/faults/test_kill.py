"""Cut the power anywhere: the same command ends as if nothing had happened, and rollback gives back what was."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.faults.child import Driver
from tests.faults.scene import Photograph, Scene, find_leftovers, photograph, read_bytes_kept, read_targets, run
from tests.faults.shop import build_shop, change_sources, place_logged, place_strangers

SEED = 20261121
REPOSITORY = Path(__file__).resolve().parents[2]
PREVIOUS = ("nothing", "strangers", "logged", "ours")
Seen = tuple[Photograph, Photograph, str | None]
Choose = Callable[["Case", bool], list[dict[str, object]]]


class Case:
    """A tree ready for one command, what was there before it, and how it ends when nobody disturbs it."""

    def __init__(self, root: Path, previous: str, driver: Driver, *, orders: int = 5, **where: object) -> None:
        self.scene = build_shop(root / "stage", orders=orders)
        self.flags = [] if previous == "nothing" else ["--replace"]
        self.where = where
        if previous == "strangers":
            place_strangers(self.scene)
        elif previous == "logged":
            place_logged(self.scene)
        elif previous == "ours":
            assert run(self.scene.argv()).code == 0
            change_sources(self.scene)
        self._kept = self.scene.copy_to(root / "kept")
        undisturbed = self.set_stage()
        began = time.monotonic()
        ended, self.trace = driver.trace(undisturbed.argv("run", *self.flags), **where)
        self.seconds = time.monotonic() - began
        assert ended.code == 0, ended.err
        self.content = read_targets(undisturbed)
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


@pytest.fixture(scope="module")
def cases(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    made: dict[str, Case] = {}

    def find(previous: str) -> Case:
        if previous not in made:
            made[previous] = Case(tmp_path_factory.mktemp(previous), previous, driver)
        return made[previous]

    return find


def check_rerun(scene: Scene, case: Case, sources: dict[str, str]) -> None:
    ended = run(scene.argv("run", *case.flags, "--json"))
    assert ended.code == 0, ended.err
    assert ended.json["verdict"] == "PROVEN"
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
    return photograph(scene.target), photograph(scene.source), current.read_text() if current.exists() else None


def test_the_checkpoints_are_those_that_the_kills_count_on(cases: Callable[[str], Case]) -> None:
    expected = [
        "snapshot",
        "merge",
        "verify",
        "publish",
        "publish.intent",
        "publish.alpha.db",
        "publish.beta.db",
        "publish.closed",
        "published",
    ]
    assert set(expected) <= set(cases("nothing").checkpoints)


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


def all_checkpoints(case: Case, _is_nightly: bool) -> list[dict[str, object]]:
    return [{"checkpoint": name} for name in case.checkpoints]


def some_changes(case: Case, is_nightly: bool) -> list[dict[str, object]]:
    """Choose moments between two changes of a file: all at night, else some, most of them while publishing."""
    begun = case.trace[: case.trace.index("checkpoint publish")]
    before = sum(line.startswith("change ") for line in begun)
    numbers = [*range(1, before, 9), *range(before + 1, case.changes + 1, 2)]
    return [{"change": number} for number in (range(1, case.changes + 1) if is_nightly else numbers)]


MOMENTS = pytest.mark.parametrize("choose", [all_checkpoints, some_changes])


@MOMENTS
@pytest.mark.parametrize("previous", PREVIOUS)
def test_killed_anywhere_the_same_command_ends_as_if_undisturbed(
    cases: Callable[[str], Case], driver: Driver, previous: str, choose: Choose, is_nightly: bool
) -> None:
    case = cases(previous)
    sources = read_bytes_kept(case.set_stage().source)
    wrong = survey(case, choose(case, is_nightly), driver, lambda scene: check_rerun(scene, case, sources))
    assert not wrong, "\n".join(wrong)


@MOMENTS
@pytest.mark.parametrize("previous", PREVIOUS)
def test_killed_anywhere_rollback_gives_the_previous_state_back(
    cases: Callable[[str], Case], driver: Driver, previous: str, choose: Choose, is_nightly: bool
) -> None:
    case = cases(previous)
    before, runs = observe(case.set_stage()), case.scene.runs()
    wrong = survey(
        case, choose(case, is_nightly), driver, lambda scene: check_rollback_of_a_begun_run(scene, before, runs)
    )
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("previous", PREVIOUS)
def test_a_rollback_killed_anywhere_is_finished_by_the_same_command(
    cases: Callable[[str], Case], driver: Driver, previous: str
) -> None:
    case = cases(previous)
    before = observe(case.set_stage())
    wrong, number, killed = [], 0, True
    while killed:
        number += 1
        scene = case.set_stage()
        assert run(scene.argv("run", *case.flags)).code == 0
        ended, trace = driver.trace(scene.argv("rollback"), change=number)
        killed = ended.code == -signal.SIGKILL
        assert killed or ended.code == 0, ended.err
        is_over = observe(scene) == before and find_leftovers(scene, there=before[0]) == []
        try:
            if not is_over:
                check_rollback(scene, before)
        except AssertionError as error:
            wrong.append(f"killed before {trace[-1]}: {error}")
    assert number > 10
    assert not wrong, "\n".join(wrong)


def test_killed_at_random_moments_with_two_workers_the_same_command_ends_as_if_undisturbed(
    driver: Driver, tmp_path: Path, is_nightly: bool
) -> None:
    case = Case(tmp_path, "nothing", driver, orders=4000, processes=True)
    sources = read_bytes_kept(case.set_stage().source)
    before = observe(case.scene)
    chance = random.Random(SEED)
    wrong, killed = [], 0
    for number in range(200 if is_nightly else 20):
        delay = chance.uniform(0, case.seconds)
        scene = case.set_stage()
        ended = driver.kill_after(delay, scene.argv("run"), processes=True)
        killed += ended.code == -signal.SIGKILL
        try:
            if number % 4 == 3:
                check_rollback_of_a_begun_run(scene, before, [])
            else:
                check_rerun(scene, case, sources)
        except AssertionError as error:
            wrong.append(f"killed after {delay:.3f} of {case.seconds:.3f} s: {error}")
    assert killed > 10
    assert not wrong, "\n".join(wrong)


def test_a_worker_whose_parent_is_killed_dies_with_it(driver: Driver, tmp_path: Path) -> None:
    case = Case(tmp_path, "nothing", driver, processes=True)
    for checkpoint in ("merge", "verify"):
        scene = case.set_stage()
        assert driver.run(scene.argv("run"), checkpoint=checkpoint, processes=True).code == -signal.SIGKILL


def test_a_worker_whose_parent_is_killed_before_it_could_ask_for_its_end_does_not_stay() -> None:
    orphan = """
import os, signal, time
from scripts.workers import _die_with_parent
parent = os.getpid()
if os.fork():
    os.kill(parent, signal.SIGKILL)
while os.getppid() == parent:
    time.sleep(0.001)
_die_with_parent(parent)
print("still here")
"""
    ended = subprocess.run([sys.executable, "-c", orphan], cwd=REPOSITORY, stdout=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")
