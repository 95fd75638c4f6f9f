"""Kill a worker at any moment of a real run: the run ends with its error, soon, and the same command finishes it."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.faults.case import Case, check_rerun
from tests.faults.child import Driver
from tests.faults.scene import Scene, find_leftovers, read_bytes_kept
from tests.faults.shop import build_shop
from tests.processes import find_children, wait_until

SEED = 20261121
ENDS_WITHIN_SECONDS = 5.0
DEATH = "error: worker: a worker process ended unexpectedly (killed, or out of memory?)"


def measure_work(driver: Driver, scene: Scene) -> float:
    """Return for how many seconds an undisturbed run has workers."""
    driver.start(scene.argv("run"), processes=True)
    wait_for_workers(driver)
    began = time.monotonic()
    wait_until(lambda: not find_children(driver.pid), 60)
    seconds = time.monotonic() - began
    assert driver.finish().code == 0
    return seconds


def wait_for_workers(driver: Driver) -> None:
    wait_until(lambda: len(find_children(driver.pid)) == 2, 60)


def kill_a_worker(driver: Driver, chance: random.Random) -> bool:
    """Kill one of the workers that are there; tell whether there was one."""
    workers = find_children(driver.pid)
    for worker in chance.sample(workers, len(workers)):
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
            return True
    return False


def test_a_run_whose_worker_is_killed_at_any_moment_ends_with_its_error_and_the_same_command_resumes(
    driver: Driver, tmp_path: Path, is_nightly: bool
) -> None:
    case = Case(build_shop(tmp_path, orders=1000), driver, [], processes=True)
    seconds = measure_work(driver, case.set_stage())
    sources = read_bytes_kept(case.set_stage().source)
    chance = random.Random(SEED)
    wrong, ends, slowest = [], {"too late": 0, "nothing left to do": 0, "its error": 0}, 0.0
    kills = 500 if is_nightly else 6
    while ends["nothing left to do"] + ends["its error"] < kills:
        scene = case.set_stage()
        driver.start(scene.argv("run"), processes=True)
        wait_for_workers(driver)
        delay = chance.uniform(0, seconds)
        time.sleep(delay)
        was_there = kill_a_worker(driver, chance)
        began = time.monotonic()
        ended = driver.finish()  # which makes sure that nobody of the session is left
        took = time.monotonic() - began
        slowest = max(slowest, took)
        try:
            assert took < ENDS_WITHIN_SECONDS
            assert ended.code in (0, 1), ended.err
            if ended.code == 1:
                assert was_there
                assert ended.error == DEATH
                assert find_leftovers(scene) == []
            check_rerun(scene, case, sources)
        except AssertionError as error:
            wrong.append(f"killed after {delay:.3f} of {seconds:.3f} s, over in {took:.1f} s: {error}")
        ends["its error" if ended.code else "nothing left to do" if was_there else "too late"] += 1
        assert ends["too late"] <= kills, ends
    print(ends, f"slowest {slowest:.2f} s")
    assert not wrong, "\n".join(wrong)
    assert ends["its error"] >= kills * 0.6, ends
