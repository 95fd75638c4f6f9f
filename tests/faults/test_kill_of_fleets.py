"""A fleet that is killed anywhere, or one of its workers: the same command goes on, and ends with all of it proven."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fleets import Fleet, build_fleet, people_of
from tests.processes import find_children, is_running, wait_until

TENANTS = [f"t{number:02d}" for number in range(14)]
SECONDS = 240


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return build_fleet(tmp_path, TENANTS)


@contextmanager
def running(fleet: Fleet, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-P", "-m", "strongroom", *fleet.argv("--jobs", "2", *more)[1:]]
    with (fleet.root / "stderr").open("wb") as stderr:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            yield process
        finally:
            process.kill()
            process.wait(timeout=SECONDS)


def count_lines(fleet: Fleet) -> int:
    return sum(file.read_bytes().count(b"\n") for file in fleet.results.glob("*.jsonl*"))


def wait_for_a_moment(fleet: Fleet, process: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Wait until some tenants are done, and for a part of the next one."""
    wanted = chance.randint(0, len(TENANTS) - 2)
    wait_until(lambda: count_lines(fleet) >= wanted or process.poll() is not None, SECONDS)
    wait_until(lambda: len(find_children(process.pid)) == 2 or process.poll() is not None, SECONDS)
    time.sleep(chance.uniform(0, 0.12))


def wait_until_gone(workers: list[int]) -> None:
    wait_until(lambda: not any(map(is_running, workers)))


def end(fleet: Fleet) -> int:
    with running(fleet) as process:
        return process.wait(timeout=SECONDS)


def assert_all_proven_once(fleet: Fleet) -> None:
    done = Counter(line["tenant"] for line in fleet.read_results() if line["exit"] == 0)
    assert done == Counter(TENANTS)
    assert all(line["verdict"] == "PROVEN" for line in fleet.read_results() if line["exit"] == 0)
    assert not list(fleet.results.glob("*.part"))
    for number, name in enumerate(TENANTS):
        assert fleet.read_people(name) == people_of(number)
        states = Counter(json.loads(file.read_text())["state"] for file in fleet.target(name).rglob("run.json"))
        assert states["published"] == 1, (name, states)


@pytest.mark.sample(24)
@pytest.mark.parametrize("seed", range(24))
def test_a_fleet_that_is_killed_goes_on(fleet: Fleet, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2):
        with running(fleet) as process:
            wait_for_a_moment(fleet, process, chance)
            workers = find_children(process.pid)
            process.kill()
            process.wait(timeout=SECONDS)
        wait_until_gone(workers)
    assert end(fleet) == 0, (fleet.root / "stderr").read_text()
    assert_all_proven_once(fleet)


@pytest.mark.sample(24)
@pytest.mark.parametrize("seed", range(24))
def test_a_worker_that_is_killed_costs_its_tenant_a_rerun_and_no_other(fleet: Fleet, seed: int) -> None:
    chance = random.Random(seed)
    killed = 0
    with running(fleet) as process:
        for _ in range(3):
            wait_for_a_moment(fleet, process, chance)
            for worker in find_children(process.pid)[:1]:
                os.kill(worker, signal.SIGKILL)
                killed += 1
        code = process.wait(timeout=SECONDS)
    failed = [line for line in fleet.read_results() if line["exit"]]
    assert code == (1 if failed else 0)
    assert len(failed) <= killed
    assert all("its worker was killed" in line["error"] for line in failed)
    assert len(fleet.read_results()) == len(TENANTS)
    assert end(fleet) == 0, (fleet.root / "stderr").read_text()
    assert_all_proven_once(fleet)


@pytest.mark.sample(24)
@pytest.mark.parametrize("seed", range(24))
def test_a_fleet_that_is_asked_to_stop_ends_with_143_and_keeps_what_is_done(fleet: Fleet, seed: int) -> None:
    chance = random.Random(seed)
    with running(fleet) as process:
        wait_for_a_moment(fleet, process, chance)
        workers, before = find_children(process.pid), count_lines(fleet)
        process.terminate()
        code = process.wait(timeout=30)
    wait_until_gone(workers)
    done = [line for line in fleet.read_results() if line["exit"] == 0]
    assert code == 143 or len(done) == len(TENANTS)
    assert len(done) >= before
    assert not list(fleet.results.glob("*.part"))
    assert {line["exit"] for line in fleet.read_results()} <= {0, 143}
    assert end(fleet) == 0, (fleet.root / "stderr").read_text()
    assert_all_proven_once(fleet)


def test_an_index_runs_once_at_a_time(fleet: Fleet) -> None:
    with running(fleet) as process:
        wait_until(lambda: count_lines(fleet) > 0, SECONDS)
        process.send_signal(signal.SIGSTOP)
        assert end(fleet) == 11
        assert "another process is at work on it" in (fleet.root / "stderr").read_text()
        process.send_signal(signal.SIGCONT)
        assert process.wait(timeout=SECONDS) == 0
    assert_all_proven_once(fleet)
