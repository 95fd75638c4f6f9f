"""One task on a shop that goes into PostgreSQL, how it ends undisturbed, and what must hold when it was disturbed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
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
COUNTS = """
    SELECT (SELECT count(*) FROM core.users), (SELECT count(*) FROM core.orders),
        (SELECT count(*) FROM memory.scores), (SELECT count(*) FROM audit.log)"""


class Case:
    """One task on what was kept, and how it ends when nobody disturbs it."""

    def __init__(self, loads: Loads, driver: Driver, task: str) -> None:
        self.loads, self.driver, self.task = loads, driver, task
        began = time.monotonic()
        ended, self.trace = driver.trace(self.argv, **loads.where())
        self.seconds = time.monotonic() - began
        assert ended.code == 0, ended.err
        self.said = strip(ended)
        self.content = read_everything(loads)

    @property
    def argv(self) -> list[str]:
        return self.loads.argv(self.task, "--json")

    @property
    def checkpoints(self) -> list[str]:
        return [line.removeprefix("checkpoint ") for line in self.trace if line.startswith("checkpoint ")]

    def set_stage(self) -> None:
        self.loads.set_stage(KEPT[self.task])

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
