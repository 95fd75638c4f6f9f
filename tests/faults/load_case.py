"""One task on a shop that goes into PostgreSQL, how it ends undisturbed, and what must hold when it was disturbed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg

from tests.faults.child import Driver
from tests.faults.load_server import LoadServer
from tests.faults.loads import Loads, find_loaded_twice, is_book_there, read_everything, read_writers
from tests.faults.scene import Ended
from tests.processes import wait_until

KEPT = {"load": "first", "cutover": "staged", "rollback": "live"}
FIRST, SECOND = (38, 570, 300, 3000), (39, 571, 301, 3001)
"""How many rows are live after the first load, and after the second."""
SEED = 20261127
_REACHED_SECONDS = 120.0
"""A moment may be the last one of a whole load, on a machine that does much else."""
COUNTS = """
    SELECT (SELECT count(*) FROM core.users), (SELECT count(*) FROM core.orders),
        (SELECT count(*) FROM memory.scores), (SELECT count(*) FROM audit.log)"""


class Case:
    """One task on what was kept, and how it ends when nobody disturbs it."""

    def __init__(self, loads: Loads, driver: Driver, task: str, *flags: str, stage: str = "") -> None:
        self.loads, self.driver, self.task, self.flags = loads, driver, task, flags
        self._stage = stage or KEPT[task]
        began = time.monotonic()
        ended, self.trace = driver.trace(self.argv, **loads.where())
        self.seconds = time.monotonic() - began
        assert ended.code == 0, ended.err
        self.said = strip(ended)
        self.content = read_everything(loads)

    @property
    def argv(self) -> list[str]:
        return self.loads.argv(self.task, "--json", *self.flags)

    @property
    def checkpoints(self) -> list[str]:
        return [line.removeprefix("checkpoint ") for line in self.trace if line.startswith("checkpoint ")]

    def set_stage(self) -> None:
        self.loads.set_stage(self._stage)

    def run(self, **where: Any) -> Ended:
        return self.driver.run(self.argv, **self.loads.where(**where))

    def check_again(self, *, is_anew: bool = False) -> None:
        """Run the same command again, and hold what it ends with against what it would have ended with.

        Unless it is one that begins anew, rows that stand stay.
        """
        is_begun = self.task == "load" and not is_anew and is_book_there(self.loads.server)
        before = read_writers(self.loads.server, self.loads.staged) if is_begun else {}
        ended = self.run()
        assert ended.code == 0, ended.err
        assert strip(ended) == self.said
        assert_equal(read_everything(self.loads), self.content)
        assert self.loads.find_leftovers() == []
        assert find_loaded_twice(before, read_writers(self.loads.server, self.loads.staged)) == []


def strip(ended: Ended) -> dict[str, Any]:
    """Return a result without what another run says otherwise, names of schemas in any order."""
    passing = ("seconds", "load", "nothing_done", "is_done_before", "dropped", "replaced", "left", "more_rights")
    schemas = ("live", "staged", "previous", "gone")
    return {
        name: sorted(value) if name in schemas else value for name, value in ended.json.items() if name not in passing
    }


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare what stands there, and name only what differs."""
    assert found.keys() == expected.keys()
    assert {name: (found[name], expected[name]) for name in found if found[name] != expected[name]} == {}


@contextmanager
def reading(server: LoadServer) -> Iterator[list[tuple[Any, ...]]]:
    """Read the live tables again and again, as an application does; give what was seen."""
    seen: list[tuple[Any, ...]] = []
    stop = Event()

    def read() -> None:
        with server.connect() as connection:
            while not stop.is_set():
                try:
                    seen.append(connection.execute(COUNTS.encode()).fetchall()[0])
                except psycopg.Error as error:
                    seen.append((str(error),))
                time.sleep(0.01)

    thread = Thread(target=read)
    thread.start()
    try:
        yield seen
        count = len(seen)
        wait_until(lambda: len(seen) > count + 1)
    finally:
        stop.set()
        thread.join(timeout=60)


def choose_moments(case: Case, wanted: int, *, is_nightly: bool, after: str = "", until: str = "") -> list[int]:
    """Choose lines of a trace: at night every checkpoint, and about so many of the rest; by day two of them.

    Of what is only said to settle a session, and of the many rows of a COPY, few are chosen. ``after`` and ``until``
    are checkpoints between which all of them lie.
    """
    first = case.trace.index(f"checkpoint {after}") + 1 if after else 0
    last = case.trace.index(f"checkpoint {until}") + 1 if until else len(case.trace)
    kinds: dict[str, list[int]] = {"checkpoint": [], "server": [], "change": [], "common": []}
    for number, line in enumerate(case.trace[first:last], start=first + 1):
        is_common = "set_config" in line or "copy_to" in line
        kinds["common" if is_common else line.split()[0]].append(number)
    shares = {"server": wanted // 2, "change": wanted // 3, "common": wanted // 6}
    chosen = [*kinds["checkpoint"], *(number for kind, share in shares.items() for number in thin(kinds[kind], share))]
    chance = random.Random(f"{os.environ.get('STRONGROOM_SAMPLE_SEED', SEED)}{case.task}")
    return sorted(chosen) if is_nightly else sorted(chance.sample(chosen, 2))


def thin(numbers: list[int], wanted: int) -> list[int]:
    return numbers[:: max(-(-len(numbers) // max(wanted, 1)), 1)]


def survey(case: Case, moments: list[int], disturb: Callable[[int], Ended], code: int) -> list[str]:
    """Disturb a command at each moment, and say of which the same command does not end as it should."""
    wrong = []
    for number in moments:
        case.set_stage()
        ended = disturb(number)
        place = f"{number} of {len(case.trace)}: {case.trace[number - 1]}"
        assert ended.code == code, (place, ended.code, ended.err)
        try:
            case.check_again()
        except AssertionError as error:
            wrong.append(f"{place}: {error}")
    return wrong


def cut_power(case: Case, number: int, hold: Path) -> Ended:
    """Kill the server while a command stands at a moment, then let it go on; return how it ended, the server back."""
    for path in (hold, hold.with_suffix(".reached")):
        path.unlink(missing_ok=True)
    case.driver.start(case.argv, **case.loads.where(moment=number, hold=str(hold)))
    wait_until(hold.with_suffix(".reached").exists, _REACHED_SECONDS)
    case.loads.server.cut_power()
    hold.touch()
    ended = case.driver.finish()
    case.loads.server.start()
    assert "PostgreSQL at" in ended.error
    return ended


WAITS = 8
"""By so many waits for the server one command may be shorter than the same another time, and end before its last."""


def survey_live(case: Case, moments: list[int], counts: tuple[tuple[int, ...], tuple[int, ...]]) -> list[str]:
    """Kill a command at each moment, and say of which somebody saw neither what was live before nor what is after."""
    wrong = []
    for number in (due := list(moments)):
        case.set_stage()
        place = f"{number}: {case.trace[number - 1]}"
        with reading(case.loads.server) as seen:
            ended = case.run(moment=number)
            if ended.code == 0 and number > len(case.trace) - WAITS:
                due.append(number - WAITS)
                continue
            assert ended.code == -signal.SIGKILL, (place, ended.err)
            try:
                case.check_again()
            except AssertionError as error:
                wrong.append(f"{place}: {error}")
        wrong += [f"{place}: somebody saw {one}" for one in set(seen) - set(counts)]
        assert seen[-1] == counts[1]
    return wrong
