"""Writers are kept out of a source while its rows are published, and the source keeps its bytes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from strongroom.core.errors import SourceBusyError
from strongroom.sqlite import writers
from strongroom.sqlite.database import Database
from strongroom.sqlite.writers import hold_writers, shows_locks
from tests.processes import open_child

WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0.2, isolation_level=None)
try:
    connection.execute("INSERT INTO t VALUES (2)")
except sqlite3.OperationalError as error:
    print(error)
"""
WRITE_SLOWLY = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO t VALUES (3)")
print("!", end="", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""
IDLE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("SELECT count(*) FROM t").fetchone()
print("idle", flush=True)
sys.stdin.readline()
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM t").fetchone()
print("reading", flush=True)
sys.stdin.readline()
"""
READ = """
import sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=0.2)
print(connection.execute("SELECT count(*) FROM t").fetchone()[0])
"""


@pytest.fixture(params=["delete", "truncate", "persist", "wal closed", "wal open"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    mode, _, is_open = request.param.partition(" ")
    file = tmp_path / "t.db"
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE t (n)")
    connection.execute("INSERT INTO t VALUES (1)")
    if is_open != "open":
        connection.close()
    yield Database(file)
    connection.close()


def in_another_process(script: str, file: Path) -> str:
    command = [sys.executable, "-c", script, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.strip()


def what_is_there(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_nobody_commits_while_it_is_held_and_everybody_may_afterwards(database: Database) -> None:
    before = what_is_there(database.path.parent)
    with hold_writers([database]) as free:
        assert free == ()
        assert in_another_process(WRITE, database.path) == "database is locked"
        held = {name: data for name, data in what_is_there(database.path.parent).items() if not name.endswith("-shm")}
        assert held == {name: data for name, data in before.items() if not name.endswith("-shm")}
    assert in_another_process(WRITE, database.path) == ""
    assert in_another_process(READ, database.path) == "2"


def test_it_can_be_read_meanwhile_where_it_has_a_rollback_journal(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        connection.executescript("CREATE TABLE t (n); INSERT INTO t VALUES (1);")
    with hold_writers([Database(tmp_path / "t.db")]):
        assert in_another_process(READ, tmp_path / "t.db") == "1"


def test_closing_another_descriptor_of_the_file_gives_nothing_up(database: Database) -> None:
    with hold_writers([database]):
        database.path.read_bytes()
        assert in_another_process(WRITE, database.path) == "database is locked"


@contextmanager
def writing(file: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """A transaction of another process that is under way for so long, then commits."""
    command = [sys.executable, "-c", WRITE_SLOWLY, str(file), str(seconds)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    try:
        assert writer.stdout.read(1) == "!"
        yield writer
    finally:
        writer.kill()
        writer.wait(timeout=10)
        writer.stdout.close()


def test_a_transaction_that_is_under_way_is_waited_for(database: Database) -> None:
    with writing(database.path, 0.5), hold_writers([database]):
        pass
    assert in_another_process(READ, database.path) == "2"


def test_one_that_does_not_end_is_named(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_PATIENCE", 0.2)
    with (
        writing(database.path, 20),
        pytest.raises(SourceBusyError, match="is written to") as caught,
        hold_writers([database]),
    ):
        pass
    assert caught.value.exit_code == 6


def test_what_may_not_be_written_to_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        connection.executescript("CREATE TABLE t (n)")

    def refuse(*_: object) -> int:
        raise OSError(30, "read-only file system")

    monkeypatch.setattr(writers.os, "open", refuse)
    with hold_writers([Database(tmp_path / "t.db")]) as free:
        assert free == (tmp_path / "t.db",)


def test_locks_show_who_has_it_open_wherever_that_is(database: Database, request: pytest.FixtureRequest) -> None:
    """An idle reader is seen in WAL mode only: with a rollback journal it holds nothing."""
    is_wal = "wal" in request.node.callspec.id
    is_open_already = "open" in request.node.callspec.id
    assert not shows_locks(database) or is_open_already
    with open_child([sys.executable, "-c", IDLE, str(database.path)]) as reader:
        assert reader.read_line() == "idle"
        assert shows_locks(database) == is_wal
        reader.tell("BEGIN")
        assert reader.read_line() == "reading"
        assert shows_locks(database)
        with hold_writers([database]):
            assert shows_locks(database)
    with hold_writers([database]):
        assert not shows_locks(database) or is_open_already  # what we hold ourselves is no sign of others
