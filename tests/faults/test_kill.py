"""Cut the power anywhere: the same command ends as if nothing had happened, and rollback gives back what was."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.demo import build_legacy_tree
from tests.faults.case import (
    Case,
    check_rerun,
    check_rollback,
    check_rollback_of_a_begun_run,
    observe,
    survey,
)
from tests.faults.child import Driver
from tests.faults.scene import Scene, find_leftovers, read_bytes_kept, run
from tests.faults.shop import build_shop, change_sources, place_logged, place_strangers

SEED = 20261121
REPOSITORY = Path(__file__).resolve().parents[2]
PREVIOUS = ("nothing", "strangers", "logged", "ours")
Choose = Callable[[Case, bool], list[dict[str, object]]]


def build_case(root: Path, previous: str, driver: Driver) -> Case:
    if previous == "aragora":
        return build_aragora(root, driver)
    scene = build_shop(root)
    if previous == "strangers":
        place_strangers(scene)
    elif previous == "logged":
        place_logged(scene)
    elif previous == "ours":
        assert run(scene.argv()).code == 0
        change_sources(scene)
    return Case(scene, driver, [] if previous == "nothing" else ["--replace", "--discard-changes"])


def build_aragora(root: Path, driver: Driver) -> Case:
    scene = Scene(system=REPOSITORY / "sql" / "aragora", source=root / "source", target=root / "target")
    build_legacy_tree(scene.system, scene.source, rows=8, seed=SEED)
    return Case(scene, driver, ["--quarantine-budget", "1000"])


@pytest.fixture(scope="module")
def cases(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    made: dict[str, Case] = {}

    def find(previous: str) -> Case:
        if previous not in made:
            made[previous] = build_case(tmp_path_factory.mktemp(previous), previous, driver)
        return made[previous]

    return find


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


def all_checkpoints(case: Case, _is_nightly: bool) -> list[dict[str, object]]:
    return [{"checkpoint": name} for name in case.checkpoints]


def some_changes(case: Case, is_nightly: bool) -> list[dict[str, object]]:
    """Choose moments between two changes of a file: all at night, else some, most of them while publishing."""
    begun = case.trace[: case.trace.index("checkpoint publish")]
    before = sum(line.startswith("change ") for line in begun)
    numbers = [*range(1, before, 22), *range(before + 1, case.changes + 1, 6)]
    return [{"change": number} for number in (range(1, case.changes + 1) if is_nightly else numbers)]


MOMENTS = pytest.mark.parametrize("choose", [all_checkpoints, some_changes])


@pytest.mark.sample(2)
@MOMENTS
@pytest.mark.parametrize("previous", PREVIOUS)
def test_killed_anywhere_the_same_command_ends_as_if_undisturbed(
    cases: Callable[[str], Case], driver: Driver, previous: str, choose: Choose, is_nightly: bool
) -> None:
    case = cases(previous)
    sources = read_bytes_kept(case.set_stage().source)
    wrong = survey(case, choose(case, is_nightly), driver, lambda scene: check_rerun(scene, case, sources))
    assert not wrong, "\n".join(wrong)


@pytest.mark.sample(2)
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
    cases: Callable[[str], Case], driver: Driver, previous: str, is_nightly: bool
) -> None:
    case = cases(previous)
    before = observe(case.set_stage())
    wrong, number, killed = [], 0, True
    while killed:
        number += 1 if is_nightly else 5
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


@pytest.mark.parametrize("first", ["publish.intent", "publish.alpha.db", "publish.closed"])
def test_a_recovery_killed_anywhere_is_finished_by_the_same_command(
    cases: Callable[[str], Case], driver: Driver, first: str, is_nightly: bool
) -> None:
    case = cases("strangers")
    sources, before = read_bytes_kept(case.set_stage().source), observe(case.scene)
    wrong, number, killed = [], 0, True
    while killed:
        number += 1 if is_nightly else 5
        scene = case.set_stage()
        assert driver.run(scene.argv("run", *case.flags), checkpoint=first).code == -signal.SIGKILL
        ended, trace = driver.trace(scene.argv("run", *case.flags), change=number)
        killed = ended.code == -signal.SIGKILL
        assert killed or ended.code == 0, ended.err
        try:
            if number % 2:
                check_rerun(scene, case, sources)
            check_rollback(scene, before)
        except AssertionError as error:
            wrong.append(f"killed before {trace[-1]}: {error}")
    assert number > 10
    assert not wrong, "\n".join(wrong)


def test_aragora_killed_at_any_checkpoint_ends_as_if_undisturbed_or_goes_back(
    cases: Callable[[str], Case], driver: Driver, is_nightly: bool
) -> None:
    case = cases("aragora")
    sources, before = read_bytes_kept(case.set_stage().source), observe(case.scene)

    def check(scene: Scene) -> None:
        check_rerun(scene, case, sources)
        check_rollback(scene, before)

    wrong = survey(case, all_checkpoints(case, False)[:: 1 if is_nightly else 4], driver, check)
    assert not wrong, "\n".join(wrong)


def test_killed_at_random_moments_with_two_workers_the_same_command_ends_as_if_undisturbed(
    driver: Driver, tmp_path: Path, is_nightly: bool
) -> None:
    case = Case(build_shop(tmp_path, orders=4000), driver, [], processes=True)
    sources = read_bytes_kept(case.set_stage().source)
    before = observe(case.scene)
    chance = random.Random(SEED)
    wrong, killed = [], 0
    wanted = 200 if is_nightly else 6
    for number in range(4 * wanted):  # it may end before its moment comes, on a machine that became less busy
        if killed == wanted:
            break
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
    assert killed == wanted
    assert not wrong, "\n".join(wrong)


def test_a_worker_whose_parent_is_killed_dies_with_it(driver: Driver, tmp_path: Path) -> None:
    case = Case(build_shop(tmp_path), driver, [], processes=True)
    for checkpoint in ("merge", "verify"):
        scene = case.set_stage()
        assert driver.run(scene.argv("run"), checkpoint=checkpoint, processes=True).code == -signal.SIGKILL


def test_a_worker_whose_parent_is_killed_before_it_could_ask_for_its_end_does_not_stay() -> None:
    orphan = """
import os, signal, time
from strongroom.core.pool import _die_with_parent
parent = os.getpid()
if os.fork():
    os.kill(parent, signal.SIGKILL)
while os.getppid() == parent:
    time.sleep(0.001)
_die_with_parent(parent)
print("still here")
"""
    words = [sys.executable, "-c", orphan]
    ended = subprocess.run(words, cwd=REPOSITORY, stdout=subprocess.PIPE, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")
