"""While a database is copied as a file, no writer can change it."""

from __future__ import annotations

import io
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.files import copy_stream
from strongroom.core.plan import Source
from strongroom.sqlite import snapshot
from strongroom.sqlite.database import Database

SOURCE = Source(name="a", path="a.db", trust=50, optional=False, format="sqlite", rows={})
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE t SET v = 2")
try:
    connection.execute("COMMIT")
    print("written")
except sqlite3.OperationalError as error:
    print(error)
"""


def write_elsewhere(file: Path) -> str:
    words = [sys.executable, "-c", WRITER, str(file)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return ended.stdout.strip()


def test_a_writer_cannot_commit_while_its_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = tmp_path / "a.db"
    with closing(sqlite3.connect(original)) as connection, connection:
        connection.executescript("CREATE TABLE t (v); INSERT INTO t VALUES (1)")
    said: list[str] = []

    def copy_and_try(stream: io.FileIO, destination: Path) -> str:
        digest = copy_stream(stream, destination)
        said.append(write_elsewhere(original))
        return digest

    monkeypatch.setattr(snapshot, "copy_stream", copy_and_try)
    taken = snapshot.take_snapshot(SOURCE, Database(original), Database(tmp_path / "copies" / "a.db"))
    assert said == ["database is locked"]
    with closing(sqlite3.connect(taken.copy.path)) as connection:
        assert connection.execute("SELECT v FROM t").fetchall() == [(1,)]
    assert write_elsewhere(original) == "written"
