"""Cut the power while a repository of restic is made, written to or swept: the same command goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.backed_up import PASSWORD, Shop, build_shop, list_sets
from tests.faults.child import Driver
from tests.restic import lighten, provide_restic

INIT = ("init", "--without-escrow", "a test")
MAKING = ["restic.made", "restic.escrow", "init.written"]
STEPS = {
    "create": ["create.staged", "create.taken", "create.manifest", "restic.kept", "create.stored", "create.listed"],
    "prune": ["prune.begun", "prune.unlisted", "prune.removed"],
    "verify": ["verify.noted"],
    "drill": ["drill.fetched", "drill.noted"],
}
SETS = 3


@pytest.fixture(scope="module")
def shop(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    provide_restic()
    made = build_shop(tmp_path_factory.mktemp("shop") / "made", "restic")
    assert driver.run(made.argv(*INIT)).code == 0
    lighten(made.store / "restic", PASSWORD)
    for hours in range(SETS):
        ended = driver.run(made.argv("create"), hours=hours)
        assert ended.code == 0, ended.err
    return made


@pytest.fixture
def stage(shop: Shop, tmp_path: Path) -> Callable[[], Shop]:
    made: list[Shop] = []

    def set_stage() -> Shop:
        made.append(shop.copy_to(tmp_path / str(len(made))))
        return made[-1]

    return set_stage


@pytest.mark.sample(3)
@pytest.mark.parametrize("step", MAKING)
def test_a_repository_that_was_half_made_is_made(driver: Driver, tmp_path: Path, step: str) -> None:
    provide_restic()
    shop = build_shop(tmp_path / "shop", "restic")
    assert driver.run(shop.argv(*INIT), checkpoint=step).code == -signal.SIGKILL
    again = driver.run(shop.argv(*INIT))
    assert again.code == (6 if step == "init.written" else 0), again.err
    assert driver.run(shop.argv("create")).code == 0
    assert driver.run(shop.argv("verify", "--full")).code == 0


@pytest.mark.parametrize("task", STEPS)
def test_every_step_has_a_kill(stage: Callable[[], Shop], driver: Driver, task: str) -> None:
    ended, trace = driver.trace(stage().argv(task))
    assert ended.code == 0, ended.err
    reached = [line.removeprefix("checkpoint ") for line in trace if line.startswith("checkpoint ")]
    assert set(reached) - {"take.copied", "create.read_back"} == set(STEPS[task])


@pytest.mark.sample(5)
@pytest.mark.parametrize(("task", "step"), [(task, step) for task in STEPS for step in STEPS[task]])
def test_killed_at_any_step_the_same_command_goes_on(
    stage: Callable[[], Shop], driver: Driver, task: str, step: str
) -> None:
    shop = stage()
    before = [one["set"] for one in list_sets(shop, driver)]
    assert driver.run(shop.argv(task), checkpoint=step).code == -signal.SIGKILL
    check(shop, driver, task, before)


@pytest.mark.sample(3)
@pytest.mark.parametrize("moment", [0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("task", ["create", "prune"])
def test_killed_at_any_moment_the_same(stage: Callable[[], Shop], driver: Driver, task: str, moment: float) -> None:
    shop = stage()
    before = [one["set"] for one in list_sets(shop, driver)]
    driver.kill_after(moment, shop.argv(task))
    check(shop, driver, task, before)


def check(shop: Shop, driver: Driver, task: str, before: list[str]) -> None:
    again = driver.run(shop.argv(task))
    assert again.code == 0, again.err
    after = list_sets(shop, driver)
    assert {one["state"] for one in after} == {"verified"}
    assert set(before[-2:]) <= {one["set"] for one in after}
    for words in (("verify", "--full"), ("drill",)):
        ended = driver.run(shop.argv(*words))
        assert ended.code == 0, ended.err
