"""The loop over all rows by which the seeds rotate a key, and what it loses; ours on the same data, disturbed alike."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from cryptography.fernet import Fernet, InvalidToken

from strongroom.core.errors import WrongContextError
from tests.faults.child import Driver, open_driver
from tests.faults.column_oracle import name_key
from tests.integration.containers.column_site import NEW, OLD, USERS, ColumnSite, open_column_site
from tests.integration.containers.schema_site import Site
from tests.processes import Child, open_child, wait_until

ROWS = 40
WRITTEN, KILLED = 20, 30
"""Whose row somebody writes to while the loop is at the fifth, and at which it is killed."""
LOOP = """
import os, sys
import psycopg
from cryptography.fernet import Fernet

before, after = map(Fernet, sys.stdin.readline().split())
with psycopg.connect(os.environ["SHOP_DSN"], autocommit=True) as connection:
    for number, token in connection.execute("SELECT id, api_key FROM accounts.users ORDER BY id").fetchall():
        again = after.encrypt(before.decrypt(token)).decode()
        print(number, flush=True)
        sys.stdin.readline()
        connection.execute("UPDATE accounts.users SET api_key = %s WHERE id = %s", (again, number))
print("done", flush=True)
"""
VALUES = {number: f"the secret of {number:03}" for number in range(ROWS)}
LATER = "what somebody wrote meanwhile"
BEFORE, AFTER = (Fernet(base64.urlsafe_b64encode(key)) for key in (OLD, NEW))


@pytest.fixture
def columns(site: Site, tmp_path: Path) -> ColumnSite:
    found = open_column_site(site, tmp_path)
    found.make_users((number, BEFORE.encrypt(value.encode()).decode()) for number, value in VALUES.items())
    found.register({**USERS, "reads": [{"format": "fernet", "key": "encryption"}]})
    return found


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with open_driver(tmp_path) as found:
        yield found


@contextmanager
def looping() -> Iterator[Child]:
    with open_child([sys.executable, "-c", LOOP]) as child:
        child.tell(" ".join(base64.urlsafe_b64encode(key).decode() for key in (OLD, NEW)))
        yield child


def loop_until_killed(columns: ColumnSite) -> None:
    """Let the seeds' loop run, write to a row that it has read already, and kill it."""
    with looping() as child:
        for number in range(KILLED):
            assert child.read_line() == str(number)
            if number == 5:
                token = BEFORE.encrypt(LATER.encode()).decode()
                columns.site.do(f"UPDATE accounts.users SET api_key = '{token}' WHERE id = {WRITTEN}")
            child.tell("go on")
        child.kill()


def find_openers(columns: ColumnSite) -> dict[int, list[str]]:
    """Return which key opens each row."""
    found: dict[int, list[str]] = {number: [] for number in range(ROWS)}
    for number, token in columns.read_users().items():
        for name, key in (("before", BEFORE), ("after", AFTER)):
            try:
                key.decrypt(str(token))
            except InvalidToken:
                continue
            found[number].append(name)
    return found


def test_the_seeds_loop_loses_an_update_and_leaves_rows_that_nothing_tells_apart(columns: ColumnSite) -> None:
    loop_until_killed(columns)
    tokens = {number: str(token) for number, token in columns.read_users().items()}
    assert AFTER.decrypt(tokens[WRITTEN]).decode() == VALUES[WRITTEN] != LATER
    under = find_openers(columns)
    border = under[KILLED - 1]  # it may have been killed before or after it wrote this one
    assert under == {n: ["after"] if n < KILLED - 1 else border if n == KILLED - 1 else ["before"] for n in range(ROWS)}
    assert {token[:6] for token in tokens.values()} == {"gAAAAA"}
    assert len({len(token) for token in tokens.values()}) == 1
    moved = columns.read_users()[0]
    columns.site.do(f"UPDATE accounts.users SET api_key = '{moved}' WHERE id = 1")
    assert AFTER.decrypt(str(columns.read_users()[1])).decode() == VALUES[0]


def test_the_seeds_loop_does_not_go_on_after_it_was_killed(columns: ColumnSite) -> None:
    loop_until_killed(columns)
    before = columns.read_users()
    keys = " ".join(base64.urlsafe_b64encode(key).decode() for key in (OLD, NEW))
    ended = subprocess.run(
        [sys.executable, "-c", LOOP], input=keys + "\n" * 99, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, "InvalidToken" in ended.stderr) == (1, "", True)
    assert columns.read_users() == before


def disturb_ours(columns: ColumnSite, driver: Driver, task: str, hold: Path) -> None:
    """Hold ours between reading and writing, let somebody write to a row that it has read, and kill it."""
    words = ["inv", task, "--system", str(columns.site.system), "--batch-size", str(KILLED)]
    driver.start(words, columns=True, environment={}, checkpoint="sealed", hold=str(hold))
    wait_until(hold.with_suffix(".reached").exists, 60.0)
    sealed = columns.library.encrypt("users", "api_key", WRITTEN, LATER)
    writer = Thread(
        target=columns.site.do, args=(f"UPDATE accounts.users SET api_key = '{sealed}' WHERE id = {WRITTEN}",)
    )
    writer.start()
    os.kill(driver.pid, signal.SIGKILL)
    assert driver.finish().code == -signal.SIGKILL
    writer.join(timeout=60)
    assert not writer.is_alive()


@pytest.mark.parametrize("task", ["columns.encrypt", "columns.rotate"])
def test_ours_on_the_same_data_loses_nothing_and_goes_on(
    columns: ColumnSite, driver: Driver, tmp_path: Path, task: str
) -> None:
    disturb_ours(columns, driver, task, tmp_path / "hold")
    ended = columns.run(task)
    assert ended.code == 0, ended.error
    assert columns.open_users() == {**VALUES, WRITTEN: LATER}
    assert {name_key(str(one)) for one in columns.read_users().values()} == {columns.new}
    moved = str(columns.read_users()[0])
    with pytest.raises(WrongContextError):
        columns.library.decrypt("users", "api_key", 1, moved)


def test_ours_mends_what_the_seeds_loop_left(columns: ColumnSite) -> None:
    loop_until_killed(columns)
    ended = columns.run("columns.rotate")
    assert ended.code == 0, ended.error
    assert columns.open_users() == VALUES
    assert {name_key(str(one)) for one in columns.read_users().values()} == {columns.new}
