"""Writers that never rest, a set taken again and again, kills at random: no row that was acknowledged is missing."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import sys
import time
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

from tests.faults.backed_up import Shop, build_shop, check_sound
from tests.faults.child import Driver
from tests.processes import open_child, wait_until

SEED = 20261127
ROUNDS = 8
"""By day; at night it lasts ten minutes."""
WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("PRAGMA journal_mode = " + sys.argv[3])
connection.execute("CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, at REAL, body TEXT)")
with open(sys.argv[2], "w") as acknowledged:
    while True:
        cursor = connection.execute("INSERT INTO log (at, body) VALUES (?, ?)", (time.time(), "x" * 300))
        acknowledged.write(f"{cursor.lastrowid} {time.time()}\\n")
        acknowledged.flush()
        time.sleep(0.002)
"""
"""Notes each row once it is committed."""


def test_under_writers_and_kills_nothing_that_was_acknowledged_is_missing(
    tmp_path: Path, driver: Driver, is_nightly: bool
) -> None:
    shop, chance = build_shop(tmp_path / "shop"), random.Random(SEED)
    assert driver.run(shop.argv("init")).code == 0
    seconds, rest = (600.0, 5.0) if is_nightly else (0.0, 0.2)
    tallies = {"taken": 0, "killed": 0, "rows": 0}
    with ExitStack() as writers:
        logs = []
        for name, mode in (("core.db", "wal"), ("side.db", "delete")):
            log = tmp_path / f"{name}.log"
            words = [sys.executable, "-c", WRITER, str(shop.data / name), str(log), mode]
            writers.callback(writers.enter_context(open_child(words)).kill)
            wait_until(lambda log=log: log.exists() and log.stat().st_size > 0)
            logs.append((name, log))
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end or number < ROUNDS:
            number += 1
            task = "create" if number % 4 else "prune"
            if chance.random() < 0.4:
                ended = driver.kill_after(chance.uniform(0.05, 0.8), shop.argv(task))
                tallies["killed"] += ended.code == -signal.SIGKILL
            else:
                ended = driver.run(shop.argv(task))
                assert ended.code == 0, ended.err
                tallies["taken"] += task == "create"
            tallies["rows"] += check_newest(shop, logs)
            time.sleep(rest * chance.random())
    ended = driver.run(shop.argv("create"))
    assert ended.code == 0, ended.err
    assert driver.run(shop.argv("verify")).code == 0
    assert driver.run(shop.argv("drill")).code == 0
    print(f"{seconds:g} s: {tallies}")
    assert tallies["taken"] >= 2
    assert tallies["rows"] > 0
    assert not is_nightly or tallies["killed"] > 10


def check_newest(shop: Shop, logs: list[tuple[str, Path]]) -> int:
    """Compare the newest set that is listed with what the writers noted; return the rows that were compared."""
    listed = sorted((shop.store / "catalog").glob("*.json")) if (shop.store / "catalog").is_dir() else []
    if not listed:
        return 0
    name = listed[-1].stem
    check_sound(shop.store, name)
    folder, compared = shop.store / "sets" / name, 0
    members = {one["name"]: one for one in json.loads((folder / "manifest.json").read_text())["members"]}
    for database, log in logs:
        began, ended = (_read_time(members[database][when]) for when in ("began", "ended"))
        noted = [(int(row), float(at)) for row, at in (line.split() for line in log.read_text().splitlines()[:-1])]
        copy = folder / "data" / database
        with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as connection:
            there = dict(connection.execute("SELECT id, at FROM log"))
        missing = [row for row, at in noted if at < began and row not in there]
        assert missing == [], f"{len(missing)} rows of {database} that were acknowledged before set {name} began"
        late = [row for row, at in there.items() if at > ended]
        assert late == [], f"{len(late)} rows of {database} were written after set {name} had ended"
        compared += len(there)
    return compared


def _read_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
