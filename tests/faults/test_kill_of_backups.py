"""Cut the power while a set is taken, pruned, copied or looked at: what was there counts, and the next run goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.backed_up import Shop, build_shop, check_goes_on, check_sound, list_sets
from tests.faults.child import Driver

CREATE = ["create.staged", "take.copied", "create.taken", "take.copied", "create.taken", "create.taken",
          "create.manifest", "create.stored", "create.read_back", "create.listed"]  # fmt: skip
STEPS = {
    "create": CREATE,
    "prune": ["prune.begun", "prune.unlisted", "prune.unlisted", "prune.removed"],
    "copy": ["copy.fetched", "copy.stored", "copy.listed"] * 4,
    "verify": ["verify.noted"] * 4,
    "drill": ["drill.fetched", "drill.noted"],
}
SETS = 4


@pytest.fixture(scope="module")
def shop(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with four sets, of which two may go."""
    made = build_shop(tmp_path_factory.mktemp("shop") / "made")
    assert driver.run(made.argv("init")).code == 0
    assert driver.run(made.argv("init", "--second")).code == 0
    for hours in range(SETS):
        ended = driver.run(made.argv("create"), hours=hours)
        assert ended.code == 0, ended.err
    return made


Stage = Callable[[], tuple[Shop, list[str]]]


@pytest.fixture
def stage(shop: Shop, tmp_path: Path, driver: Driver) -> Stage:
    made: list[Shop] = []

    def set_stage() -> tuple[Shop, list[str]]:
        made.append(shop.copy_to(tmp_path / str(len(made))))
        return made[-1], [one["set"] for one in list_sets(made[-1], driver)]

    return set_stage


@pytest.mark.parametrize("task", STEPS)
def test_every_step_has_a_kill(stage: Stage, driver: Driver, task: str) -> None:
    ended, trace = driver.trace(stage()[0].argv(task))
    assert ended.code == 0, ended.err
    assert [line.removeprefix("checkpoint ") for line in trace if line.startswith("checkpoint ")] == STEPS[task]


@pytest.mark.sample(3)
@pytest.mark.parametrize(("task", "step"), [(task, step) for task in STEPS for step in dict.fromkeys(STEPS[task])])
def test_killed_at_any_step_the_same_command_goes_on(stage: Stage, driver: Driver, task: str, step: str) -> None:
    shop, before = stage()
    assert driver.run(shop.argv(task), checkpoint=step).code == -signal.SIGKILL
    check(shop, driver, task, before)


@pytest.mark.sample(6)
@pytest.mark.parametrize("task", STEPS)
def test_killed_before_any_change_of_a_file_the_same(stage: Stage, driver: Driver, task: str, is_nightly: bool) -> None:
    shop, before = stage()
    changes = sum(line.startswith("change ") for line in driver.trace(shop.argv(task))[1])
    assert changes > 5
    for number in range(1, changes + 1, 1 if is_nightly else max(changes // 4, 3)):
        shop, before = stage()
        driver.run(shop.argv(task), change=number)
        check(shop, driver, task, before)


@pytest.mark.parametrize("task", ["create", "prune"])
def test_asked_to_end_it_does_and_the_next_run_goes_on(stage: Stage, driver: Driver, task: str) -> None:
    shop, before = stage()
    step = STEPS[task][-2]
    assert driver.run(shop.argv(task), checkpoint=step, signal=int(signal.SIGTERM)).code == 143
    check(shop, driver, task, before)


def check(shop: Shop, driver: Driver, task: str, before: list[str]) -> None:
    content = shop.read_data()
    stays = before[-2:] if task == "prune" else before
    check_goes_on(shop, driver, shop.argv(task), stays)
    after = [one["set"] for one in list_sets(shop, driver)]
    assert set(stays) <= set(after)
    assert task != "prune" or after == stays
    assert shop.read_data() == content
    if task == "copy":
        for name in before:
            check_sound(shop.root / "second", name)


def test_two_at_once_one_is_told_and_both_sets_are_whole(stage: Stage, driver: Driver, tmp_path: Path) -> None:
    shop, before = stage()
    hold = tmp_path / "hold"
    driver.start(shop.argv("create"), checkpoint="create.stored", hold=str(hold))
    from tests.faults.child import open_driver  # noqa: PLC0415  a second one, for this test only
    from tests.processes import wait_until  # noqa: PLC0415

    wait_until(hold.with_suffix(".reached").exists)
    (tmp_path / "other").mkdir()
    with open_driver(tmp_path / "other") as other:
        for task in ("create", "prune", "verify", "drill"):
            refused = other.run(shop.argv(task))
            assert (refused.code, "backup.create" in refused.error) == (11, True), refused.err
        assert other.run(shop.argv("status")).code in {0, 7}
    hold.touch()
    assert driver.finish().code == 0
    check_goes_on(shop, driver, shop.argv("create"), before)
