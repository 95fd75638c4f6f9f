"""Zoe's files through the command line: every row still belongs to the user it belonged to.

The oracle is plain sqlite3: it knows from the sources who every session, task and entry belongs to, and asks the
target the same by name.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.demo import build_legacy_tree
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.e2e.zoe_tree import FILES, SYSTEM, Tree, insert, make_tree, row_of
from tests.faults.scene import read_bytes_kept


@pytest.fixture(scope="module", params=[1, 2, 3])
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return make_tree(tmp_path_factory.mktemp("zoe") / "data", request.param)


def run_inv(*words: str | Path) -> int:
    return OpsProgram(every_task).main(["inv", *map(str, words)])


def owners(target: Path, label: str, table: str, owner: str = "x.user_id") -> dict[str, str | None]:
    with closing(sqlite3.connect(target / "zoe.db")) as connection:
        rows = connection.execute(
            f"SELECT x.{label}, lower(trim(u.username)) FROM {table} x LEFT JOIN users u ON u.user_id = {owner}"
        )
        return dict(rows.fetchall())


def check_owners(tree: Tree, target: Path) -> None:
    """Every row is there, and belongs to whom it belonged."""
    assert owners(target, "session_id", "sessions") == tree.sessions
    assert owners(target, "title", "events") == tree.events
    assert owners(target, "id", "dynamic_tasks") == tree.tasks
    assert owners(target, "id", "dynamic_tasks", "json_extract(x.context_snapshot, '$.user_id')") == tree.in_json
    assert owners(target, "name", "people") == tree.people
    assert owners(target, "name", "collections") == tree.collections
    assert owners(target, "session_id", "user_sessions") == tree.signed_in


def test_every_row_belongs_to_whom_it_belonged(tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_bytes_kept(tree.directory)
    words = ("--system", "zoe", "--source", tree.directory, "--target", tmp_path, "--json")
    assert run_inv("consolidate.run", *words) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["verdict"], result["unexplained"], result["quarantined"]) == ("PROVEN", 0, 0)
    assert result["tables"]["auth.sessions"]["rewritten"] > 0
    assert tree.collections
    assert result["references"]["zoe.collections.user_id"]["orphans_after"] == 0
    assert not [one for one, tally in result["references"].items() if tally["orphans_after"] > tally["orphans_before"]]
    check_owners(tree, tmp_path)
    with closing(sqlite3.connect(tmp_path / "zoe.db")) as connection:
        names = [row[0] for row in connection.execute("SELECT lower(trim(username)) FROM users")]
    assert len(names) == len(set(names))
    assert read_bytes_kept(tree.directory) == before


def test_in_the_data_directory_itself_zoe_db_is_swapped_and_comes_back(
    tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for file in FILES:
        (data / file).write_bytes((tree.directory / file).read_bytes())
    before = read_bytes_kept(data)
    assert run_inv("consolidate.run", "--system", "zoe", "--source", data, "--target", data) == 0
    check_owners(tree, data)
    assert run_inv("consolidate.rollback", "--target", data) == 0
    after = read_bytes_kept(data)
    assert {file: after[file] for file in before} == before
    capsys.readouterr()


def test_awkward_files_of_all_services_end_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = build_legacy_tree(SYSTEM, tmp_path / "legacy", rows=40, seed=5)
    words = (
        "--system",
        "zoe",
        "--source",
        tree.directory,
        "--target",
        tmp_path / "new",
        "--quarantine-budget",
        "10000",
    )
    assert run_inv("consolidate.run", *words, "--json") == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["unexplained"], result["differences"]) == (0, [])
    assert result["rows_read"] == sum(tree.rows.values())
    assert {name for name, count in tree.rows.items() if count} <= result["tables"].keys()


def test_a_renumbered_user_is_explained_with_what_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for file, name in (("zoe.db", "ann"), ("auth.db", "bob")):
        with closing(sqlite3.connect(data / file)) as connection, connection:
            connection.executescript((SYSTEM / "legacy" / f"{file[:-3]}.sql").read_text(encoding="utf-8"))
            held = {"user_id": "u1", "username": name, "email": f"{name}@example.org", "password_hash": "x"}
            insert(connection, "users", held)
            for number in range(3) if file == "auth.db" else ():
                insert(connection, "sessions", row_of("sessions", f"s{number}", "u1"))
    words = ("--system", "zoe", "--source", data, "--target", tmp_path / "new")
    assert run_inv("consolidate.run", *words) == 0
    with closing(sqlite3.connect(tmp_path / "new" / "zoe.db")) as connection:
        ((fresh,),) = connection.execute("SELECT user_id FROM users WHERE username = 'bob'")
    for key in ("u1", fresh):
        capsys.readouterr()
        words = ("--target", tmp_path / "new", "--table", "zoe.users", "--key", key)
        assert run_inv("consolidate.explain", *words) == 0
        said = capsys.readouterr().out
        assert f"user_id 'u1' was taken: now {fresh}" in said
        assert "and with it, rewritten: 3 sessions" in said
