"""A crew: each job ends by itself, whatever becomes of the others and of the workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.core.crew import Crew
from strongroom.core.errors import WorkerLostError
from strongroom.tasks._stop import terminable
from tests.processes import find_children, is_running, time_limit, wait_until


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with time_limit(30):
        yield


@pytest.fixture
def find_own() -> Callable[[], list[int]]:
    """Return what finds the children that this process got in the meantime; others have servers of other tests."""
    before = set(find_children(os.getpid()))
    return lambda: [child for child in find_children(os.getpid()) if child not in before]


def work(job: str) -> object:
    """Do what a job says: workers are forked, so that this is what they do."""
    word, _, rest = job.partition(" ")
    if word == "raise":
        raise ValueError(rest)
    if word == "exit":
        raise SystemExit(int(rest))
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "wait":
        try:
            with terminable():
                Path(rest).touch()
                time.sleep(60)
        except SystemExit:
            return "stopped"
    return os.getpid() if word == "pid" else rest


def test_every_job_ends_with_what_it_returned_or_raised(find_own: Callable[[], list[int]]) -> None:
    jobs = ["say one", "raise two", "exit 3", "die", "say five", "die", "say seven"]
    with Crew(2, work) as crew:
        ended = dict(crew.work_off(iter(jobs[:4])))
        ended |= dict(crew.work_off(iter(jobs[4:])))
    assert ended["say one"] == "one"
    assert isinstance(ended["raise two"], ValueError)
    assert isinstance(ended["exit 3"], SystemExit)
    assert isinstance(ended["die"], WorkerLostError)
    assert (ended["say five"], ended["say seven"]) == ("five", "seven")
    assert find_own() == []


def test_a_worker_that_died_is_replaced_and_the_others_stay(find_own: Callable[[], list[int]]) -> None:
    with Crew(2, work) as crew:
        before = set(find_own())
        list(crew.work_off(iter(["die"])))
        after = set(find_own())
    assert (len(before), len(after), len(before & after)) == (2, 2, 1)


def test_a_worker_that_died_with_nothing_to_do_costs_no_job(find_own: Callable[[], list[int]]) -> None:
    with Crew(1, work) as crew:
        (worker,) = find_own()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not is_running(worker))
        assert list(crew.work_off(iter(["say one"]))) == [("say one", "one")]


def test_start_up_is_paid_once_for_a_worker() -> None:
    with Crew(2, work) as crew:
        pids = {pid for _, pid in crew.work_off(iter(["pid"] * 20))}
    assert len(pids) <= 2


def test_a_job_is_taken_when_a_worker_is_free_and_not_before() -> None:
    taken = list[str]()

    def jobs() -> Iterator[str]:
        for number in range(100):
            taken.append(str(number))
            yield f"say {number}"

    with Crew(2, work) as crew:
        for number, _ in enumerate(crew.work_off(jobs()), start=1):
            assert len(taken) <= number + 2


def test_who_is_recalled_ends_in_time_or_is_cut(tmp_path: Path, find_own: Callable[[], list[int]]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with Crew(2, work) as crew:
        for _ in crew.work_off(iter([f"wait {one}", "say one", f"wait {two}"])):
            break
        wait_until(lambda: one.exists() and two.exists())
        began = time.monotonic()
        ended = dict(crew.recall(5.0))
    assert ended == {f"wait {one}": "stopped", f"wait {two}": "stopped"}
    assert time.monotonic() - began < 5
    assert find_own() == []


def test_nobody_is_left_however_it_ends(tmp_path: Path, find_own: Callable[[], list[int]]) -> None:
    def stop_early() -> None:
        with Crew(3, work) as crew:
            for _ in crew.work_off(iter(["say one", f"wait {tmp_path / 'one'}", f"wait {tmp_path / 'two'}"])):
                raise KeyError

    with pytest.raises(KeyError):
        stop_early()
    assert find_own() == []
