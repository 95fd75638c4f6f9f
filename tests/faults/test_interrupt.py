"""Ask a run to stop: it says so, leaves with the documented code, and the same command goes on."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from strongroom.core.workers import open_workers
from tests.faults.child import Driver
from tests.faults.scene import find_leftovers, photograph, read_targets, run
from tests.faults.shop import build_shop, place_strangers
from tests.processes import find_children, is_running


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_asked_to_stop_at_any_checkpoint_says_so_and_the_same_command_resumes(
    driver: Driver, tmp_path: Path, number: int, code: int
) -> None:
    undisturbed = build_shop(tmp_path / "undisturbed")
    ended, trace = driver.trace(undisturbed.argv())
    assert ended.code == 0, ended.err
    content = read_targets(undisturbed)
    for name in [line.split()[1] for line in trace if line.startswith("checkpoint ")]:
        scene = build_shop(tmp_path / name)
        ended = driver.run(scene.argv(), checkpoint=name, signal=number)
        assert ended.code == code, name
        assert "interrupted" in ended.error, name
        ended = run(scene.argv("run", "--json"))
        assert ended.code == 0, (name, ended.err)
        assert ended.json["verdict"] == "PROVEN"
        assert read_targets(scene) == content
        assert find_leftovers(scene) == [], name


def test_a_run_that_is_asked_to_stop_before_it_publishes_leaves_what_was_live(driver: Driver, tmp_path: Path) -> None:
    scene = build_shop(tmp_path)
    place_strangers(scene)
    before = photograph(scene.target)
    for name in ("snapshot", "merge", "verify", "publish"):
        assert (
            driver.run(scene.argv("run", "--replace", "--discard-changes"), checkpoint=name, signal=signal.SIGTERM).code
            == 143
        )
        assert photograph(scene.target) == before, name
        assert find_leftovers(scene) == [], name


def test_workers_end_with_a_run_that_is_asked_to_stop(driver: Driver, tmp_path: Path) -> None:
    undisturbed = build_shop(tmp_path / "undisturbed", orders=4000)
    began = time.monotonic()
    assert driver.run(undisturbed.argv(), processes=True).code == 0
    seconds = time.monotonic() - began
    stopped = number = 0
    while stopped < 4:
        assert number < 24, f"only {stopped} of {number} runs were still running when they were asked to stop"
        scene = build_shop(tmp_path / str(number), orders=4000)
        delay = seconds * (number % 8 + 0.5) / 8
        number += 1
        ended = driver.kill_after(delay, scene.argv(), with_signal=signal.SIGTERM, processes=True)
        assert ended.code in (143, 0, -signal.SIGTERM), ended.err  # the last where there is no task yet
        assert "Traceback" not in ended.err
        stopped += ended.code == 143
        seconds *= 0.8 if ended.code == 0 else 1.0  # the first run was slower than the others are
        ended = run(scene.argv("run", "--json"))
        assert (ended.code, ended.json["verdict"]) == (0, "PROVEN")
        assert find_leftovers(scene) == []


def test_a_failure_does_not_wait_for_the_jobs_of_other_workers() -> None:
    began = time.monotonic()
    there = set(find_children(os.getpid()))
    children: set[int] = set()
    with suppress(SystemExit), open_workers(2, lambda: None) as workers:
        workers.submit(time.sleep, 15)
        time.sleep(0.2)
        children = set(find_children(os.getpid())) - there
        raise SystemExit
    assert time.monotonic() - began < 5
    assert len(children) == 2
    assert not any(map(is_running, children))
