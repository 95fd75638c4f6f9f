"""Cut the power while a load, a cutover or a rollback is at work: the same command ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.child import Driver, open_driver
from tests.faults.load_case import (
    FIRST,
    KEPT,
    SECOND,
    SEED,
    Case,
    assert_equal,
    choose_moments,
    cut_power,
    reading,
    survey,
    survey_live,
    thin,
)
from tests.faults.load_server import LoadServer, open_server
from tests.faults.loads import AGAIN, NAMES, Loads, build_loads, read_everything
from tests.faults.scene import Ended
from tests.processes import wait_until

CHECKPOINTS = {
    "load": ["staged", "finish core.orders", "loaded"],
    "cutover": ["cutover.seen", "cutover.ready", "switch.held", "switch.renamed", "cutover.noted", "cutover.done"],
    "rollback": ["rollback.ready", "switch.held", "switch.renamed", "rollback.noted", "rollback.done"],
}


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadServer]:
    with open_server(repository, tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def cases(server: LoadServer, driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """Return a first load into nothing; and the cutover of a second one over the first, and its way back."""
    loads = build_loads(tmp_path_factory.mktemp("loads"), server)
    server.set_anew()
    loads.keep("first")
    found = {"load": Case(loads, driver, "load")}
    loads.keep("loaded")
    assert driver.run(loads.argv("cutover"), **loads.where()).code == 0
    loads.change_sources()
    assert driver.run(loads.argv("load"), **loads.where()).code == 0
    loads.keep("staged")
    found["cutover"] = Case(loads, driver, "cutover")
    loads.keep("live")
    found["rollback"] = Case(loads, driver, "rollback")
    return found


@pytest.mark.parametrize("task", KEPT)
def test_every_step_has_a_kill(cases: dict[str, Case], task: str) -> None:
    case = cases[task]
    passed = iter(case.checkpoints)
    assert all(name in passed for name in CHECKPOINTS[task]), case.checkpoints
    assert task != "load" or sum(name.startswith("fill audit.log") for name in case.checkpoints) > 2
    assert sum(line.startswith("server ") for line in case.trace) > 50
    assert case.content["state"] == {"load": "staged", "cutover": "live", "rollback": "rolled back"}[task]


def test_killed_anywhere_the_same_load_ends_as_if_undisturbed(cases: dict[str, Case], is_nightly: bool) -> None:
    case = cases["load"]
    moments = choose_moments(case, 75, is_nightly=is_nightly)
    wrong = survey(case, moments, lambda number: case.run(moment=number), -signal.SIGKILL)
    assert not wrong, "\n".join(wrong)


@pytest.mark.sample(3)
@pytest.mark.parametrize("table", AGAIN["core"])
def test_killed_between_a_note_and_its_rows_the_same_load_goes_on(cases: dict[str, Case], table: str) -> None:
    case = cases["load"]
    emptied = f"TRUNCATE ONLY '), Identifier('core_staged', '{table}')"
    moment = max(number for number, line in enumerate(case.trace, start=1) if emptied in line)
    wrong = survey(case, [moment], lambda number: case.run(moment=number), -signal.SIGKILL)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("task", ["cutover", "rollback"])
def test_killed_anywhere_everybody_sees_all_of_before_or_all_of_after(
    cases: dict[str, Case], task: str, is_nightly: bool
) -> None:
    case = cases[task]
    counts = (FIRST, SECOND) if task == "cutover" else (SECOND, FIRST)
    wrong = survey_live(case, choose_moments(case, 40, is_nightly=is_nightly), counts)
    assert not wrong, "\n".join(wrong)


def test_killed_at_random_moments_with_two_workers_the_same(cases: dict[str, Case], is_nightly: bool) -> None:
    case = cases["load"]
    chance = random.Random(os.environ.get("STRONGROOM_SAMPLE_SEED", SEED))
    wrong, killed, wanted = [], 0, 30 if is_nightly else 1
    for _ in range(4 * wanted):
        if killed == wanted:
            break
        case.set_stage()
        delay = chance.uniform(0, case.seconds)
        case.driver.start(case.argv, **case.loads.where(jobs=2))
        time.sleep(delay)
        with suppress(ProcessLookupError):
            os.killpg(case.driver.pid, signal.SIGKILL)
        ended = case.driver.finish()
        killed += ended.code == -signal.SIGKILL
        try:
            case.check_again()
        except AssertionError as error:
            wrong.append(f"killed after {delay:.3f} of {case.seconds:.3f} s: {error}")
    assert killed == wanted
    assert not wrong, "\n".join(wrong)


@pytest.mark.sample(6)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("task", KEPT)
def test_asked_to_end_it_says_so_and_the_same_command_goes_on(
    cases: dict[str, Case], task: str, number: int, code: int, is_nightly: bool
) -> None:
    case = cases[task]
    chosen = choose_moments(case, 40, is_nightly=True)
    inside = [number for number in chosen if number > case.trace.index(f"checkpoint {CHECKPOINTS[task][0]}")]

    def ask(moment: int) -> Ended:
        ended = case.run(moment=moment, signal=int(number))
        assert "interrupted" in ended.error
        return ended

    moments = thin(inside, 6) if is_nightly else random.Random(SEED).sample(inside, 1)
    wrong = survey(case, moments, ask, code)
    assert not wrong, "\n".join(wrong)


@pytest.mark.sample(3)
@pytest.mark.parametrize("task", KEPT)
def test_the_power_of_the_server_is_cut_and_the_same_command_goes_on(
    cases: dict[str, Case], task: str, tmp_path: Path, is_nightly: bool
) -> None:
    case = cases[task]
    asked = [number for number in choose_moments(case, 40, is_nightly=True)
             if case.trace[number - 1].startswith("server ")]  # fmt: skip
    moments = thin(asked, 10) if is_nightly else random.Random(SEED).sample(asked, 1)
    wrong = survey(case, moments, lambda number: cut_power(case, number, tmp_path / "hold"), 5)
    assert not wrong, "\n".join(wrong)


def test_what_is_called_staged_outlives_the_server(cases: dict[str, Case]) -> None:
    case = cases["load"]
    case.set_stage()
    assert case.run().code == 0
    case.loads.server.cut_power()
    case.loads.server.start()
    assert_equal(read_everything(case.loads), case.content)
    case.check_again()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Driver]:
    """Return another one, for commands at the same time."""
    with open_driver(tmp_path) as found:
        yield found


@contextmanager
def held(case: Case, checkpoint: str, folder: Path) -> Iterator[None]:
    """Let a command stand at a checkpoint, and go on at the end; it has to end well."""
    hold = folder / "hold"
    case.driver.start(case.argv, **case.loads.where(checkpoint=checkpoint, hold=str(hold)))
    wait_until(hold.with_suffix(".reached").exists)
    try:
        yield
    finally:
        hold.touch()
        ended = case.driver.finish()
    assert ended.code == 0, ended.err


@pytest.mark.sample(2)
@pytest.mark.parametrize(("task", "checkpoint"), [("load", "loaded"), ("cutover", "switch.held")])
def test_of_two_at_once_in_one_directory_the_other_one_is_told(
    cases: dict[str, Case], other: Driver, tmp_path: Path, task: str, checkpoint: str
) -> None:
    case = cases[task]
    case.set_stage()
    with held(case, checkpoint, tmp_path):
        for again in ("load", "cutover", "rollback"):
            ended = other.run(case.loads.argv(again), **case.loads.where())
            assert (ended.code, "another run holds the lock" in ended.error) == (11, True), ended.err
    assert_equal(read_everything(case.loads), case.content)


def copy_sources(case: Case, folder: Path) -> Path:
    """Return another directory of the same databases."""
    place = folder / "other"
    place.mkdir()
    for name in NAMES:
        shutil.copy(case.loads.target / f"{name}.db", place)
    return place


def test_of_two_loads_from_two_directories_one_waits_and_the_last_one_is_staged(
    cases: dict[str, Case], other: Driver, tmp_path: Path
) -> None:
    case = cases["load"]
    case.set_stage()
    place = copy_sources(case, tmp_path)
    argv = case.loads.argv("load", target=place)
    with held(case, "loaded", tmp_path):
        refused = other.run(argv, **case.loads.where())
        assert (refused.code, "another load is at work" in refused.error) == (11, True), refused.err
    assert_equal(read_everything(case.loads), case.content)
    assert other.run(argv, **case.loads.where()).code == 0
    refused = case.driver.run(case.loads.argv("cutover"), **case.loads.where())
    assert (refused.code, "another load took its place" in refused.err) == (6, True), refused.err
    case.check_again(is_anew=True)
    refused = other.run(case.loads.argv("cutover", target=place), **case.loads.where())
    assert (refused.code, "another load took its place" in refused.err) == (6, True), refused.err


def test_a_load_from_another_directory_takes_nothing_from_a_cutover(
    cases: dict[str, Case], other: Driver, tmp_path: Path
) -> None:
    case = cases["cutover"]
    case.set_stage()
    argv = case.loads.argv("load", target=copy_sources(case, tmp_path))
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with reading(case.loads.server) as seen:
        with held(case, "switch.renamed", tmp_path):
            other.start(argv, **case.loads.where())
            wait_until(lambda: case.loads.server.read(waiting) == [(1,)])
        ended = other.finish()
        assert ended.code == 0, ended.err
    assert set(seen) == {FIRST, SECOND}
    live = {name: found for name, found in case.content.items() if name.split(".")[0] in NAMES}
    assert_equal({name: found for name, found in read_everything(case.loads).items() if name in live}, live)


@pytest.mark.sample(2)
@pytest.mark.parametrize("task", ["cutover", "rollback"])
def test_a_session_in_the_way_is_named_and_nothing_is_changed(cases: dict[str, Case], task: str) -> None:
    case = cases[task]
    case.set_stage()
    before = read_everything(case.loads)
    with case.loads.server.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE core.orders IN ACCESS SHARE MODE")
        ended = case.run(patience=1.0)
        assert ended.code == 5, ended.err
        assert f"pid {connection.info.backend_pid} " in ended.error
        assert_equal(read_everything(case.loads), before)
    case.check_again()


def drop(*schemas: str) -> Callable[[Loads], None]:
    return lambda loads: loads.server.do(*(f"DROP SCHEMA {schema} CASCADE" for schema in schemas))


def serve(*statements: str) -> Callable[[Loads], None]:
    return lambda loads: loads.server.do(*statements)


def lose(name: str) -> Callable[[Loads], None]:
    return lambda loads: (loads.list_loads()[-1] / name).unlink()


def edit(name: str, before: str, after: str) -> Callable[[Loads], None]:
    def change(loads: Loads) -> None:
        document = loads.list_loads()[-1] / name
        text = document.read_text()
        assert before in text
        document.write_text(text.replace(before, after))

    return change


def write_to(name: str) -> Callable[[Loads], None]:
    def change(loads: Loads) -> None:
        with closing(sqlite3.connect(loads.list_loads()[-1] / name)) as connection, connection:
            connection.execute("UPDATE orders SET total = total + 1 WHERE id = 600")

    return change


def restart(loads: Loads) -> None:
    loads.server.cut_power()
    loads.server.start()


DAMAGES: dict[str, tuple[Callable[[Loads], None], int, int, int]] = {
    "nothing": (lambda _: None, 0, 0, 0),
    "the server restarted": (restart, 0, 0, 0),
    "a staged schema dropped": (drop("memory_staged"), 0, 3, 6),
    "a staged table dropped": (serve('DROP TABLE memory_staged."odd "" name"'), 0, 3, 6),
    "a staged row deleted": (serve("DELETE FROM audit_staged.log WHERE weight = 1"), 0, 3, 6),
    "a staged row more": (serve("INSERT INTO core_staged.users VALUES (1001, 'x', 'x', true)"), 0, 3, 6),
    "a staged row changed": (serve("UPDATE core_staged.orders SET total = 0 WHERE id = 600"), 0, 3, 6),
    "a staged index dropped": (serve("DROP INDEX core_staged.by_user"), 0, 0, 0),
    "the book dropped": (drop("strongroom_shop_load"), 0, 0, 6),
    "a snapshot lost": (lose("snapshots/core.db"), 0, 5, 0),
    "a snapshot changed": (write_to("snapshots/core.db"), 0, 3, 0),
    "the ledger lost": (lose("ledger/core.db"), 0, 3, 0),
    "load.json edited": (edit("load.json", "core_staged", "core_elsewhere"), 6, 6, 6),
    "load.json's state edited": (edit("load.json", '"staged"', '"live"'), 6, 6, 6),
    "load.json lost": (lose("load.json"), 0, 5, 5),
    "made.json edited": (edit("made.json", "core_staged", "core_elsewhere"), 6, 6, 0),
    "made.json lost": (lose("made.json"), 0, 6, 0),
    "report.json edited": (edit("report.json", "PROVEN", "DIFFERENT"), 6, 0, 0),
    "report.json lost": (lose("report.json"), 0, 0, 0),
}
"""What becomes of a staged load, and how load, verify and cutover end then."""


@pytest.mark.sample(19)
@pytest.mark.parametrize("task", ["load", "verify", "cutover"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_told_or_loaded_anew_and_never_called_proven(
    cases: dict[str, Case], damage: str, task: str
) -> None:
    case = cases["load"]
    spoil, *codes = DAMAGES[damage]
    case.loads.set_stage("loaded")
    spoil(case.loads)
    ended = case.driver.run(case.loads.argv(task), **case.loads.where())
    assert ended.code == codes[["load", "verify", "cutover"].index(task)], ended.err
    assert ended.code in {0, 3} or ended.error
    if (task, ended.code) == ("load", 0):
        case.check_again()


HALF = {"a staged schema dropped": 0, "a staged table dropped": 0, "the book dropped": 0, "a snapshot lost": 0,
        "a snapshot changed": 0, "made.json lost": 0, "the ledger lost": 3}  # fmt: skip
"""How the same command ends after what became of a load that was killed half way; 3 begins anew the next time."""


@pytest.mark.sample(4)
@pytest.mark.parametrize("damage", HALF)
def test_what_is_damaged_half_way_is_never_called_proven(cases: dict[str, Case], damage: str) -> None:
    case = cases["load"]
    case.set_stage()
    half_way = next(name for name in case.checkpoints if name.startswith("fill audit.log "))
    assert case.run(checkpoint=half_way).code == -signal.SIGKILL
    DAMAGES[damage][0](case.loads)
    if HALF[damage]:
        ended = case.run()
        assert ended.code == HALF[damage], ended.err
    case.check_again(is_anew=True)
