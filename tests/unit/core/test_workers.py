"""Jobs in processes of their own: their results and errors come back whole, and no death of one is a wait."""

from __future__ import annotations

import multiprocessing.connection
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from strongroom.core.errors import DamagedSourceError, StrongroomError
from strongroom.core.progress import add_rows, forget_rows, take_rows
from strongroom.core.workers import Workers, open_workers
from strongroom.tasks._stop import terminable
from tests.processes import find_children, time_limit, wait_until

DEATH = "worker: a worker process ended unexpectedly"


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    OTHERS.update(find_children(os.getpid()))
    with time_limit(20):
        yield


OTHERS: set[int] = set()
"""Children that other tests of this process left, such as multiprocessing's own helper."""


def find_workers() -> list[int]:
    return [pid for pid in find_children(os.getpid()) if pid not in OTHERS]


def quiet() -> None:
    """Tell nobody."""


@contextmanager
def failing(kind: type[BaseException], match: str, *, count: int = 2, within: float = 5.0) -> Iterator[Workers]:
    """Give workers that are to fail, soon and without leaving anybody."""
    began = time.monotonic()
    with pytest.raises(kind, match=match), open_workers(count, quiet) as workers:
        yield workers
    assert time.monotonic() - began < within
    assert find_workers() == []


# What workers do.


def multiply(one: int, two: int) -> int:
    return one * two


def sleep_and_return(seconds: float, value: str) -> str:
    time.sleep(seconds)
    return value


def repeat(content: bytes, times: int) -> bytes:
    return content * times


def refuse() -> NoReturn:
    raise DamagedSourceError("old.db", "is no database", "look at it")


def ask_nonsense() -> None:
    sqlite3.connect(":memory:").execute("SELECT nonsense")


def leave() -> NoReturn:
    raise SystemExit(7)


def end() -> NoReturn:
    os._exit(0)


class HoldingError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holds a function")
        self.function = lambda: None


class TwofoldError(Exception):
    """Can be pickled, and cannot be read again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def fail_holding() -> NoReturn:
    raise HoldingError


def fail_twofold() -> NoReturn:
    raise TwofoldError("this", "that")


def return_function() -> Callable[[], None]:
    return lambda: None


def die_in_the_middle_of_an_answer() -> bytes:
    def send_half(connection: Any, content: Any) -> None:
        if len(content) > 1_000_000:
            os.write(connection.fileno(), content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(connection.fileno(), content)

    multiprocessing.connection.Connection._send = send_half  # type: ignore[attr-defined]
    return b"x" * 4_000_000


def wait_for(event: threading.Event) -> None:
    event.wait(timeout=15)


def describe_signals() -> tuple[object, object, set[signal.Signals]]:
    held = {signal.Signals(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), held


def list_sockets() -> list[str]:
    return [link for file in list_descriptors() if (link := str(file.readlink())).startswith("socket:")]


def list_descriptors() -> list[Path]:
    return [file for file in list(Path("/proc/self/fd").iterdir()) if file.is_symlink()]  # not the listing's own


def add_rows_for_ever() -> NoReturn:
    while True:
        add_rows(1)


def add_rows_and_wait(count: int) -> int:
    for _ in range(count):
        add_rows(1)
    time.sleep(0.05)
    return os.getpid()


def is_waiting_for_a_job(pid: int) -> bool:
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] in {"0", "63"}  # read(2) on x86-64 and on arm64


def get_worker_pids(workers: Workers, count: int) -> list[int]:
    found = set(workers.gather([workers.submit(add_rows_and_wait, 0) for _ in range(count)]))
    assert len(found) == count
    return sorted(found)


# Results.


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_come_in_the_order_of_their_jobs(count: int) -> None:
    with open_workers(count, quiet) as workers:
        assert workers.is_parallel == (count > 1)
        assert workers.gather([workers.submit(multiply, number, 2) for number in range(50)]) == list(range(0, 100, 2))


def test_jobs_are_named_as_they_end() -> None:
    with open_workers(2, quiet) as workers:
        futures = {name: workers.submit(sleep_and_return, seconds, name) for name, seconds in [("a", 0.5), ("b", 0)]}
        assert list(workers.finished(futures)) == ["b", "a"]
        assert futures["a"].result() == "a"


def test_jobs_and_results_of_many_megabytes_travel() -> None:
    with open_workers(2, quiet) as workers:
        jobs = [workers.submit(repeat, b"x" * 3_000_000, times) for times in (1, 5, 2)]
        assert [len(result) for result in workers.gather(jobs)] == [3_000_000, 15_000_000, 6_000_000]


def test_somebody_is_told_while_jobs_run() -> None:
    ticks: list[float] = []
    with open_workers(2, lambda: ticks.append(time.monotonic())) as workers:
        workers.gather([workers.submit(time.sleep, 0.9)])
    assert len(ticks) >= 4


# Errors.


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_of_a_job_arrives_whole(count: int) -> None:
    with pytest.raises(DamagedSourceError, match="is no database") as caught, open_workers(count, quiet) as workers:
        workers.gather([workers.submit(refuse)])
    found = caught.value
    assert (found.subject, found.fact, found.hint, found.exit_code) == ("old.db", "is no database", "look at it", 6)


def test_an_error_tells_where_in_the_worker_it_was_raised() -> None:
    with pytest.raises(sqlite3.OperationalError, match="nonsense") as caught, open_workers(2, quiet) as workers:
        workers.gather([workers.submit(ask_nonsense)])
    assert "in ask_nonsense" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("job", "kind", "text"),
    [
        (fail_holding, RuntimeError, "HoldingError: holds a function"),
        (fail_twofold, RuntimeError, "TwofoldError: this and that"),
        (return_function, AttributeError, "return_function"),
        (leave, SystemExit, "7"),
    ],
)
def test_what_cannot_travel_is_an_error_and_not_the_end_of_the_worker(
    job: Callable[[], object], kind: type[BaseException], text: str
) -> None:
    with open_workers(2, quiet) as workers:
        pids = get_worker_pids(workers, 2)
        with pytest.raises(kind, match=text):
            workers.gather([workers.submit(job)])
        assert get_worker_pids(workers, 2) == pids


def test_a_job_that_cannot_travel_is_an_error() -> None:
    with open_workers(2, quiet) as workers, pytest.raises(Exception, match="lambda"):
        workers.gather([workers.submit(lambda: None)])


def test_the_first_error_ends_all() -> None:
    with failing(DamagedSourceError, "is no database") as workers:
        futures = [workers.submit(time.sleep, 15), workers.submit(refuse), workers.submit(time.sleep, 15)]
        assert len(find_workers()) == 2
        workers.gather(futures)


def test_what_fails_in_the_background_is_raised_where_it_is_waited_for() -> None:
    with open_workers(2, quiet) as workers:
        workers.in_background(quiet)
        workers.finish_background()
    with failing(DamagedSourceError, "is no database") as workers:
        workers.in_background(refuse)
        workers.in_background(quiet)


def test_a_disk_that_does_not_answer_does_not_keep_an_error_from_being_told() -> None:
    answers = threading.Event()
    with failing(DamagedSourceError, "is no database", within=8) as workers:
        workers.in_background(wait_for, answers)
        workers.gather([workers.submit(refuse)])
    answers.set()
    wait_until(lambda: threading.active_count() == 1)  # none of them runs when the next test forks


# Deaths.


def test_a_job_that_ends_its_process_is_an_error() -> None:
    with failing(StrongroomError, DEATH) as workers:
        workers.gather([workers.submit(multiply, 1, 1), workers.submit(end)])


def test_a_worker_that_dies_in_the_middle_of_an_answer_is_an_error() -> None:
    with failing(StrongroomError, DEATH) as workers:
        workers.gather([workers.submit(die_in_the_middle_of_an_answer)])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_dies_while_another_works_is_an_error_at_once(number: int) -> None:
    # As in a task: what a worker inherits of its parent's answer to SIGTERM must not keep it alive.
    with terminable(), failing(StrongroomError, DEATH) as workers:
        pids = get_worker_pids(workers, 2)
        futures = [workers.submit(sleep_and_return, 15, str(number)) for number in range(2)]
        time.sleep(0.1)
        os.kill(pids[0], number)
        workers.gather(futures)


def test_a_worker_that_dies_while_it_has_nothing_to_do_is_an_error_at_once() -> None:
    with failing(StrongroomError, DEATH) as workers:
        pids = get_worker_pids(workers, 2)
        busy = workers.submit(sleep_and_return, 15, "slept")
        wait_until(lambda: sum(map(is_waiting_for_a_job, pids)) == 1)
        os.kill(next(filter(is_waiting_for_a_job, pids)), signal.SIGKILL)
        workers.gather([busy])


def test_no_job_is_left_without_an_answer_when_all_workers_die() -> None:
    futures: list[Future[Any]] = []
    with failing(StrongroomError, DEATH, count=3) as workers:
        for pid in get_worker_pids(workers, 3):
            os.kill(pid, signal.SIGKILL)
        futures += [workers.submit(multiply, 1, number) for number in range(20)]
        workers.gather(futures)
    assert all(future.done() for future in futures)


# Rows.


@pytest.mark.parametrize("count", [1, 2])
def test_rows_of_all_workers_are_counted_and_forgotten(count: int) -> None:
    forget_rows()
    with open_workers(count, quiet) as workers:
        add_rows(5)
        workers.gather([workers.submit(add_rows_and_wait, 1000) for _ in range(4)])
        assert take_rows() == 4005
        forget_rows()
        assert take_rows() == 0
        workers.gather([workers.submit(add_rows_and_wait, 10)])
    assert take_rows() == 10
    with open_workers(2, quiet) as workers:
        workers.gather([workers.submit(add_rows_and_wait, 10)])
    assert take_rows() == 20
    forget_rows()
    assert take_rows() == 0


def test_rows_are_counted_after_a_worker_died_counting() -> None:
    for _ in range(8):
        with suppress(StrongroomError), open_workers(2, quiet) as workers:
            busy = [workers.submit(add_rows_for_ever) for _ in range(2)]
            time.sleep(0.1)
            os.kill(find_workers()[0], signal.SIGKILL)
            workers.gather(busy)
        forget_rows()
        add_rows(3)
        assert take_rows() == 3


# Processes.


def test_no_worker_and_no_descriptor_stays() -> None:
    open_before = len(list_descriptors())
    with open_workers(3, quiet) as workers:
        pids = get_worker_pids(workers, 3)
        assert sorted(find_workers()) == pids
    assert find_workers() == []
    assert len(list_descriptors()) == open_before


def test_a_worker_holds_no_end_of_another_ones_pipe() -> None:
    before = len(list_sockets())
    with open_workers(4, quiet) as workers:
        for sockets in workers.gather([workers.submit(list_sockets) for _ in range(8)]):
            assert len(sockets) == before + 1


def test_a_worker_leaves_the_terminal_to_its_parent_and_is_ended_by_any_other_signal() -> None:
    def raise_exit(*_: object) -> NoReturn:
        raise SystemExit

    before = signal.signal(signal.SIGTERM, raise_exit)
    try:
        with open_workers(2, quiet) as workers:
            found = workers.gather([workers.submit(describe_signals)])[0]
        assert signal.getsignal(signal.SIGTERM) is raise_exit
    finally:
        signal.signal(signal.SIGTERM, before)
    assert found == (signal.SIG_IGN, signal.SIG_DFL, set())
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_system_that_gives_no_more_processes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fork, forks = os.fork, []

    def refuse_the_third() -> int:
        forks.append(1)
        if len(forks) == 3:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", refuse_the_third)
    with pytest.raises(StrongroomError, match="worker: cannot be started") as caught, open_workers(4, quiet):
        raise AssertionError
    assert "STRONGROOM_JOBS" in caught.value.hint
    assert find_workers() == []


INTERRUPTED = """
import os, random, signal, sys, time
from strongroom.core.workers import open_workers
from strongroom.tasks._stop import terminable

def start_workers_again_and_again(ready):
    deadline = time.monotonic() + 10
    with terminable():
        os.write(ready, b"!")
        while time.monotonic() < deadline:
            with open_workers(2, lambda: None) as workers:
                workers.gather([workers.submit(abs, -1)])

chance = random.Random(20261121)
for number in range(int(sys.argv[1])):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.setpgid(0, 0)
            start_workers_again_and_again(writing)
        except SystemExit as error:
            code = error.code
        finally:
            os._exit(code)
    os.read(reading, 1)
    os.close(reading), os.close(writing)
    time.sleep(chance.uniform(0, 0.02))
    os.kill(pid, signal.SIGTERM)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == 143, (number, status)
    deadline = time.monotonic() + 5
    while True:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            break
        assert time.monotonic() < deadline, "a worker stays"
"""


def test_a_run_that_is_asked_to_stop_while_its_workers_are_started_stops_without_a_word() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "100"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
