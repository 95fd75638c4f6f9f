"""Cut the power while columns are encrypted or rotated and others write: every row opens to what was last written."""

from __future__ import annotations

import os
import random
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.child import Driver
from tests.faults.column_case import (
    BATCH,
    Case,
    Columns,
    choose_moments,
    compare,
    describe,
    list_keys,
    open_writers,
    read_journals,
    write_key,
    writing,
)
from tests.faults.column_oracle import Oracle
from tests.faults.column_tables import TABLES, PostgresPlace, Rows, SqlitePlace
from tests.faults.load_server import LoadServer, open_server
from tests.faults.scene import Ended
from tests.processes import Child, wait_until

SEED = os.environ.get("STRONGROOM_SAMPLE_SEED", "20261128")
PLACES = ("postgres", "wal", "delete", "sqlcipher")
TASKS = ("columns.encrypt", "columns.rotate")
KINDS = [(place, task) for place in PLACES for task in TASKS]
POINTS = 200
"""Seeded ones, by night."""
STEPS = {"begun", "sealed", "written", "committed", "finished", "walked"}
Find = Callable[[str, str], Case]


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadServer]:
    with open_server(repository, tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Child]]:
    with open_writers(tmp_path_factory.mktemp("writers"), dict(os.environ)) as found:
        yield found


@pytest.fixture(scope="module")
def find(
    request: pytest.FixtureRequest, driver: Driver, writers: list[Child], tmp_path_factory: pytest.TempPathFactory
) -> Find:
    """Return a case once it was built; the server starts with the first that needs it."""
    made: dict[tuple[str, str], Case] = {}

    def find_case(place: str, task: str) -> Case:
        if (place, task) not in made:
            columns = build(request, driver, tmp_path_factory.mktemp(place), place)
            made[place, task] = Case(columns, driver, task, writers, f"{SEED} {place}")
        return made[place, task]

    return find_case


def build(request: pytest.FixtureRequest, driver: Driver, root: Path, kind: str) -> Columns:
    """Build a system whose key was changed by hand: the old one is still at hand."""
    keys = {name: secrets.token_bytes(32) for name in ("old", "new")}
    files = {name: write_key(root / "keys" / name, key) for name, key in keys.items()}
    place, environment, more = provide_place(request, root, kind)
    entry = {"provider": "file", "path": str(files["new"]), "previous": [str(files["old"])], "encoding": "base64"}
    describe(root, place, {"encryption": entry, **more})
    where = {"columns": True, "environment": environment}
    listed = {state: name for name, state in list_keys(driver, root / "mine", where)}
    oracle = Oracle({listed["previous"]: keys["old"], listed["active"]: keys["new"]})
    old, new = listed["previous"], listed["active"]
    return Columns(root=root, place=place, oracle=oracle, old=old, new=new, environment=environment)


def provide_place(request: pytest.FixtureRequest, root: Path, kind: str) -> tuple[Any, dict[str, str], dict[str, Any]]:
    if kind == "postgres":
        server: LoadServer = request.getfixturevalue("server")
        server.set_anew()
        environment = server.environment
        return PostgresPlace(environment["SHOP_DSN"], environment["PGPASSWORD"]), environment, {}
    if kind == "sqlcipher":
        key = secrets.token_bytes(32)
        entry = {"provider": "file", "path": str(write_key(root / "keys" / "file", key)), "encoding": "base64"}
        return SqlitePlace(root, key=key.hex()), {}, {"file": entry}
    return SqlitePlace(root, mode=kind), {}, {}


def survey(case: Case, moments: list[dict[str, Any]]) -> None:
    """Kill a command at each moment while others write, and go on with it until it is done."""
    wrong = []
    for moment in moments:
        case.columns.place.set_stage(case.stage)
        with writing(case.columns, case.writers, case.rows, f"{SEED} {moment}") as done:
            ended = case.run(**moment)
            assert ended.code == -signal.SIGKILL, f"{moment}: {ended.code}: {ended.err}"
            codes = case.finish()
        found = [*done.wrong, *case.check(read_journals(case.columns, case.rows))]
        wrong += [f"killed at {moment}, then {codes}, {done.counts}: {one}" for one in found[:5]]
    assert not wrong, "\n".join(wrong)


@pytest.mark.sample(8)
@pytest.mark.parametrize(("place", "task"), KINDS)
def test_killed_at_any_step_nothing_is_lost_and_the_same_command_finishes(
    find: Find, place: str, task: str, is_nightly: bool
) -> None:
    case = find(place, task)
    steps = list(dict.fromkeys(case.checkpoints))
    assert set(steps) >= STEPS, steps
    assert case.checkpoints.count("committed") >= sum(one.rows for one in TABLES) // BATCH
    chosen = steps if is_nightly else random.Random(f"{SEED} {place}").sample(steps, 2)
    survey(case, [{"checkpoint": step} for step in chosen])


@pytest.mark.sample(8)
@pytest.mark.parametrize(("place", "task"), KINDS)
def test_killed_at_seeded_moments_the_same(find: Find, place: str, task: str, is_nightly: bool) -> None:
    case = find(place, task)
    survey(case, choose_moments(case, POINTS // len(KINDS) if is_nightly else 1, SEED))


@pytest.mark.sample(2)
@pytest.mark.parametrize("task", TASKS)
def test_a_server_that_dies_takes_nothing_with_it(
    find: Find, server: LoadServer, tmp_path: Path, task: str, is_nightly: bool
) -> None:
    case = find("postgres", task)
    wrong = []
    for number, moment in enumerate(choose_moments(case, 20 if is_nightly else 1, f"{SEED} power")):
        case.columns.place.set_stage(case.stage)
        with writing(case.columns, case.writers, case.rows, f"{SEED} {moment}", is_cut=True) as done:
            ended = cut_power(case, server, moment, tmp_path / f"hold{number}")
            codes = case.finish()
        found = [*done.wrong, *case.check(read_journals(case.columns, case.rows))]
        wrong += [f"cut at {moment} ({ended.code}), then {codes}: {one}" for one in found[:5]]
        assert (ended.code, "PostgreSQL at" in ended.error) == (5, True), ended.err
    assert not wrong, "\n".join(wrong)


@pytest.mark.sample(2)
@pytest.mark.parametrize("task", TASKS)
def test_what_is_done_is_there_after_the_server_died(find: Find, server: LoadServer, task: str) -> None:
    """Batches are told to the disk with the last one."""
    case = find("postgres", task)
    case.columns.place.set_stage(case.stage)
    ended = case.run()
    server.cut_power()
    server.start()
    assert (ended.code, case.check(case.rows)) == (0, []), ended.err


@pytest.mark.sample(8)
@pytest.mark.parametrize(("place", "task"), KINDS)
def test_asked_to_end_it_does_and_the_same_command_finishes(find: Find, place: str, task: str) -> None:
    case = find(place, task)
    for step in ("written", "committed"):
        case.columns.place.set_stage(case.stage)
        ended = case.run(checkpoint=step, signal=int(signal.SIGTERM))
        assert ended.code == 143, ended.err
        assert compare(case.columns.open_all(readable(case)), case.rows) == []
        assert (case.finish(), case.check(case.rows)) == ([0], []), step


def readable(case: Case) -> Rows:
    """Return what stands there, what is plain yet as the oracle would have it."""
    found = case.columns.place.read()
    plain = {name: one for name, one in found.items() if one is not None and not is_ours(one)}
    return found | case.columns.read_sealed(plain, case.columns.old)


def is_ours(stored: str | bytes) -> bool:
    return stored[:4] in {"sr1:", b"sr1:"}


def cut_power(case: Case, server: LoadServer, moment: dict[str, Any], hold: Path) -> Ended:
    """Kill the server while a command stands at a moment; it goes on while there is none."""
    case.driver.start(case.argv, **case.columns.where(**moment, hold=str(hold)))
    wait_until(hold.with_suffix(".reached").exists, 60.0)
    server.cut_power()
    hold.touch()
    ended = case.driver.finish()
    server.start()
    return ended
