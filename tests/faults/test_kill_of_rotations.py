"""Cut the power while a database is encrypted, rekeyed or decrypted: one key opens it, and the same command ends it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vault import KEYS
from tests.faults.child import Driver
from tests.faults.rotations import Rotation, build, check_finished, check_whole, run
from tests.processes import wait_until
from tests.unit.rotate.vaults import read

SEED = 20261127
RECODING = ["begun", "copied", "proven", "intended", "kept", "swapped", "done"]
STEPS = {
    "encrypt": RECODING,
    "decrypt": RECODING,
    "rekey": ["begun", "copied", "kept", "intended", "rekeyed", "verified", "let go", "done"],
}
KINDS = [(work, wal) for work in STEPS for wal in (False, True)]
Find = Callable[[str, bool], tuple[Rotation, list[Any], list[str]]]


@pytest.fixture(scope="module")
def rotations(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Find:
    made: dict[tuple[str, bool], tuple[Rotation, list[Any], list[str]]] = {}

    def find(work: str, wal: bool) -> tuple[Rotation, list[Any], list[str]]:
        if (work, wal) not in made:
            rotation = build(tmp_path_factory.mktemp(work), work, wal=wal)
            rotation.set_stage()
            content = read(rotation.database, rotation.before)
            ended, trace = driver.trace(rotation.argv, keys=KEYS)
            assert ended.code == 0, ended.err
            assert read(rotation.database, rotation.after) == content
            made[work, wal] = rotation, content, trace
        return made[work, wal]

    return find


@pytest.mark.parametrize(("work", "wal"), KINDS)
def test_every_step_has_a_kill(rotations: Find, work: str, wal: bool) -> None:
    trace = rotations(work, wal)[2]
    assert [line.removeprefix("checkpoint ") for line in trace if line.startswith("checkpoint ")] == STEPS[work]


@pytest.mark.sample(4)
@pytest.mark.parametrize(("work", "wal"), KINDS)
def test_killed_at_any_step_one_key_opens_it_and_the_same_command_finishes(
    rotations: Find, driver: Driver, work: str, wal: bool
) -> None:
    rotation, content, _ = rotations(work, wal)
    survey(rotation, content, driver, [{"checkpoint": step} for step in STEPS[work]])


@pytest.mark.sample(4)
@pytest.mark.parametrize("work", STEPS)
def test_asked_to_end_at_any_step_it_does_and_the_same_command_finishes(
    rotations: Find, driver: Driver, work: str
) -> None:
    rotation, content, _ = rotations(work, True)
    for step in STEPS[work]:
        rotation.set_stage()
        ended = run(rotation, driver, checkpoint=step, signal=int(signal.SIGTERM))
        assert (ended.code, "the same command goes on from here" in ended.err) == (143, True), (step, ended.err)
        check_whole(rotation, content)
        check_finished(rotation, content, driver)


@pytest.mark.sample(4)
@pytest.mark.parametrize(("work", "wal"), KINDS)
def test_killed_before_any_change_of_a_file_the_same(
    rotations: Find, driver: Driver, work: str, wal: bool, is_nightly: bool
) -> None:
    rotation, content, trace = rotations(work, wal)
    changes = sum(line.startswith("change ") for line in trace)
    assert changes > 10
    survey(rotation, content, driver, [{"change": n} for n in range(1, changes + 1, 1 if is_nightly else 5)])


@pytest.mark.sample(4)
@pytest.mark.parametrize("work", STEPS)
def test_a_second_kill_while_the_first_is_repaired_changes_nothing(
    rotations: Find, driver: Driver, work: str, is_nightly: bool
) -> None:
    rotation, content, _ = rotations(work, True)
    firsts = list(enumerate(STEPS[work][:-1]))
    for place, first in firsts if is_nightly else firsts[:: len(firsts) // 2]:
        for number in range(1 + place, 40, 1 if is_nightly else 17):
            rotation.set_stage()
            assert run(rotation, driver, checkpoint=first).code == -signal.SIGKILL
            ended = run(rotation, driver, change=number)
            check_whole(rotation, content)
            check_finished(rotation, content, driver)
            if ended.code != -signal.SIGKILL:
                break


def test_killed_while_sqlcipher_writes_the_pages_anew_the_same(driver: Driver, tmp_path: Path) -> None:
    rotation = build(tmp_path, "rekey", wal=False, rows=20_000)
    rotation.set_stage()
    content = read(rotation.database, rotation.before)
    journal = rotation.database.with_name("app.db-journal")
    for size in (0, 100_000, 2_000_000):
        rotation.set_stage()
        driver.start(rotation.argv, keys=KEYS)
        wait_until(lambda least=size: journal.exists() and journal.stat().st_size > least)
        os.kill(driver.pid, signal.SIGKILL)
        assert driver.finish().code == -signal.SIGKILL
        assert journal.stat().st_size > size
        check_whole(rotation, content)
        check_finished(rotation, content, driver)


POINTS = {"encrypt": 7, "rekey": 7, "decrypt": 6}
"""Random moments of each: twenty, and two hundred of each at night."""


@pytest.mark.sample(4)
@pytest.mark.parametrize("work", STEPS)
def test_killed_at_random_moments_the_same(driver: Driver, tmp_path: Path, work: str, is_nightly: bool) -> None:
    rotation = build(tmp_path, work, wal=True, rows=20_000)
    rotation.set_stage()
    content = read(rotation.database, rotation.before)
    seconds = _measure(rotation, driver)
    chance, killed, wanted = random.Random(f"{SEED} {work}"), 0, 200 if is_nightly else POINTS[work]
    wrong = []
    for _ in range(4 * wanted):  # it may end before its moment comes, on a machine that became less busy
        if killed == wanted:
            break
        delay = chance.uniform(0, seconds)
        rotation.set_stage()
        ended = driver.kill_after(delay, rotation.argv, keys=KEYS)
        killed += ended.code == -signal.SIGKILL
        try:
            check_whole(rotation, content)
            check_finished(rotation, content, driver)
        except AssertionError as error:
            wrong.append(f"killed after {delay:.3f} of {seconds:.3f} s: {error}")
    assert not wrong, "\n".join(wrong)
    assert killed == wanted


def _measure(rotation: Rotation, driver: Driver) -> float:
    began = time.monotonic()
    assert run(rotation, driver).code == 0
    return time.monotonic() - began


def survey(rotation: Rotation, content: list[Any], driver: Driver, moments: list[dict[str, object]]) -> None:
    wrong = []
    for moment in moments:
        rotation.set_stage()
        ended = run(rotation, driver, **moment)
        assert ended.code == -signal.SIGKILL, (moment, ended.err)
        try:
            check_whole(rotation, content)
            check_finished(rotation, content, driver)
        except AssertionError as error:
            wrong.append(f"killed at {moment}: {error}")
    assert not wrong, "\n".join(wrong)
