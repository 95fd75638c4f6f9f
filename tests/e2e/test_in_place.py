"""A target that is a source too: built beside it, swapped at publish, and given back as it was."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.faults.application import open_application
from tests.faults.scene import photograph

pytestmark = pytest.mark.usefixtures("engine")

SCHEMA = """
CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE sessions (id TEXT PRIMARY KEY, user TEXT REFERENCES users (id));
"""
PLAN = """\
version: 1
sources:
  house: {path: house.db, trust: 100}
  auth: {path: auth.db}
targets:
  main: {path: house.db, schema: house.sql}
tables:
  - into: main.users
    from: [house.users, auth.users]
    key: [name]
    identity: {column: id, strategy: uuid5}
    on_conflict: {rule: prefer}
  - {into: main.sessions, from: [house.sessions, auth.sessions]}
"""


@pytest.fixture(params=["delete", "wal"])
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    system = tmp_path / "system"
    system.mkdir()
    (system / "system.yaml").write_text("version: 1\nname: house\ntitle: A house\n")
    (system / "plan.yaml").write_text(PLAN)
    (system / "house.sql").write_text(SCHEMA)
    data = tmp_path / "data"
    data.mkdir()
    for name, users in (("house", [("1", "ann"), ("2", "bob")]), ("auth", [("1", "bob"), ("2", "cid")])):
        with closing(sqlite3.connect(data / f"{name}.db")) as connection, connection:
            connection.execute(f"PRAGMA journal_mode = {request.param}")
            connection.executescript(SCHEMA)
            connection.executemany("INSERT INTO users VALUES (?, ?)", users)
            connection.executemany("INSERT INTO sessions VALUES (?, ?)", [(f"{name}{key}", key) for key, _ in users])
    return tmp_path


def run_inv(*words: str | Path) -> int:
    return OpsProgram(every_task).main(["inv", *map(str, words)])


def consolidate(tree: Path, *more: str) -> int:
    data = tree / "data"
    return run_inv("consolidate.run", "--system", tree / "system", "--source", data, "--target", data, *more)


def read(tree: Path) -> list[Any]:
    with closing(sqlite3.connect(tree / "data" / "house.db")) as connection:
        return connection.execute(
            "SELECT s.id, u.name FROM sessions s JOIN users u ON u.id = s.user ORDER BY s.id"
        ).fetchall()


def test_the_other_files_go_into_the_live_one_and_rollback_gives_it_back(tree: Path) -> None:
    before = photograph(tree / "data")
    assert consolidate(tree) == 0
    assert read(tree) == [("auth1", "bob"), ("auth2", "cid"), ("house1", "ann"), ("house2", "bob")]
    assert (tree / "data" / "house.db").stat().st_mode & stat.S_IWUSR
    assert (tree / "data" / "auth.db").readlink() == Path("house.db")
    assert run_inv("consolidate.verify", "--target", tree / "data") == 0
    assert consolidate(tree) == 0  # nothing to do
    assert run_inv("consolidate.rollback", "--target", tree / "data") == 0
    after = photograph(tree / "data")
    assert {name: after[name] for name in before} == before
    assert not [path for path in (tree / "data").glob("house.db-*") if path.stat().st_size]


def test_what_was_merged_is_not_merged_again(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert consolidate(tree) == 0
    with closing(sqlite3.connect(tree / "data" / "house.db")) as connection, connection:
        connection.execute("INSERT INTO users VALUES ('9', 'dot')")
    capsys.readouterr()
    for more in ((), ("--replace",)):
        assert consolidate(tree, *more) == 6
        assert "roll back first" in capsys.readouterr().err
    assert len(read(tree)) == 4


def test_a_source_that_is_held_open_is_not_swapped(tree: Path) -> None:
    before = read(tree)
    with open_application(tree / "data" / "house.db", "BEGIN", "SELECT count(*) FROM users"):
        assert consolidate(tree) == 6
    assert read(tree) == before


def test_a_dry_run_and_a_preview_leave_it_alone(tree: Path) -> None:
    before = read(tree)
    assert consolidate(tree, "--dry-run") == 0
    data = tree / "data"
    assert run_inv("consolidate.preview", "--system", tree / "system", "--source", data, "--target", data) == 0
    assert read(tree) == before


def test_a_target_into_which_the_source_does_not_go_is_refused(tree: Path) -> None:
    plan = tree / "system" / "plan.yaml"
    plan.write_text(PLAN.replace("path: house.db, schema", "path: auth.db, schema").replace(", auth.users]", "]")
                    .replace(", auth.sessions]", "]") + "drop: [{table: auth.*, reason: not needed}]\n")  # fmt: skip
    assert consolidate(tree) == 2
