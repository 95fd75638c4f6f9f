"""A signal is never lost: not in a callback that makes another error of it, nor where Python ignores errors."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from strongroom.tasks._stop import terminable
from tests.processes import read_line

PROGRAM = """
import os, signal, sqlite3, sys, time
from contextlib import suppress
from invoke.collection import Collection
from strongroom.tasks._program import OpsProgram
from strongroom.tasks._task import task

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
connection = sqlite3.connect(":memory:")
connection.create_function("spin", 0, lambda: sum(range(200)))

numbers = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"

def ask():
    connection.execute(f"{numbers} SELECT sum(spin()) FROM n").fetchall()

class Slow:
    def __del__(self):
        work()

def work():
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        sum(range(200))

@task
def callback(c):
    "Ask SQLite for what our own function says."
    print("begun", flush=True)
    while time.monotonic() < latest:
        ask()

@task
def difference(c):
    "The same, and note what cannot be compared."
    print("begun", flush=True)
    while time.monotonic() < latest:
        with suppress(sqlite3.Error):
            ask()
        work()

@task
def end(c):
    "The same once, at its very end."
    print("begun", flush=True)
    with suppress(sqlite3.Error):
        connection.execute(f"{numbers.replace('100000', '30000000')} SELECT sum(spin()) FROM n").fetchall()

@task
def finalizer(c):
    "Let go of things, one after the other."
    print("begun", flush=True)
    while time.monotonic() < latest:
        Slow()
        work()

@task
def forks(c):
    "Spend the time in what Python itself calls when it forks."
    os.register_at_fork(before=work)
    print("begun", flush=True)
    while time.monotonic() < latest:
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        work()

latest = time.monotonic() + 15
OpsProgram(Collection(Collection("stop", callback, difference, end, finalizer, forks))).run(["inv", sys.argv[1]])
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("place", ["callback", "difference", "end", "finalizer", "forks"])
def test_a_task_that_is_asked_to_stop_where_errors_are_swallowed_stops_all_the_same(
    place: str, number: signal.Signals, code: int
) -> None:
    words = [sys.executable, "-c", PROGRAM, f"stop.{place}"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert read_line(child.stdout, 20) == "begun"
        time.sleep(0.3)
        child.send_signal(number)
        _, err = child.communicate(timeout=10)
    finally:
        child.kill()
        child.communicate(timeout=10)
    said = f"error: stop.{place}: interrupted ({number.name})\n hint: the same command goes on from here\n"
    assert (child.returncode, err) == (code, said)


def tidy_up_while_asked_again(tidied: list[bool]) -> None:
    with terminable():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            with suppress(KeyError):
                {}["nothing"]
            signal.raise_signal(signal.SIGTERM)
            tidied.append(True)


def test_a_task_that_tidies_up_is_left_to_it_when_it_is_asked_again() -> None:
    tidied: list[bool] = []
    with pytest.raises(SystemExit, match="143"):
        tidy_up_while_asked_again(tidied)
    assert tidied == [True]


HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)


@pytest.mark.parametrize("number", HANDLED[:2])
def test_what_was_there_before_is_there_afterwards(number: int) -> None:
    before = [signal.getsignal(one) for one in HANDLED], sys.unraisablehook
    with pytest.raises((SystemExit, KeyboardInterrupt)), terminable():
        signal.raise_signal(number)
    assert ([signal.getsignal(one) for one in HANDLED], sys.unraisablehook) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


class Broken:
    def __del__(self) -> None:
        raise ValueError("of somebody else")


def let_go_of_what_is_broken_while_asked() -> None:
    with terminable():
        Broken()
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            Broken()


def test_what_others_raise_where_python_cannot_is_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: shown.append(str(lost.exc_value)))
    with pytest.raises(SystemExit):
        let_go_of_what_is_broken_while_asked()
    assert shown == ["of somebody else"] * 2


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with terminable():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_alarm_that_comes_as_the_task_ends_is_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    set_timer = signal.setitimer

    def be_too_late(which: int, seconds: float) -> None:
        set_timer(which, seconds)
        if not seconds:
            signal.raise_signal(signal.SIGALRM)

    monkeypatch.setattr(signal, "setitimer", be_too_late)
    with pytest.raises(SystemExit), terminable():
        signal.raise_signal(signal.SIGTERM)
    left, _ = set_timer(signal.ITIMER_REAL, 0)
    assert left == 0
