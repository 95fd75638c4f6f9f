"""Zoe's files through the command line: every row still belongs to the user it belonged to.

The oracle is plain sqlite3: it knows from the sources who every session, task and entry belongs to, and asks the
target the same by name.
"""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strongroom.demo import build_legacy_tree
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.faults.scene import read_bytes_kept

SYSTEM = Path(__file__).resolve().parents[2] / "sql" / "zoe"
NAMES = ("ann", "bob", "cid", "dot", "eva", "fay", "gus")
FILES = {
    "zoe.db": ("users", "user_id", "events"),
    "auth.db": ("users", "user_id", "sessions"),
    "zoe-auth-service.auth.db": ("users", "user_id", "sessions"),
    "developer_tasks.db": ("users", "id", "dynamic_tasks"),
}


@dataclass
class Tree:
    """A data directory, and who owns which row by name (None: nobody, its user is missing)."""

    directory: Path
    events: dict[str, str | None] = field(default_factory=dict)
    sessions: dict[str, str | None] = field(default_factory=dict)
    tasks: dict[str, str | None] = field(default_factory=dict)
    in_json: dict[str, str | None] = field(default_factory=dict)
    people: dict[str, str | None] = field(default_factory=dict)

    def of(self, table: str) -> dict[str, str | None]:
        return {"events": self.events, "sessions": self.sessions, "dynamic_tasks": self.tasks}[table]


@pytest.fixture(scope="module", params=[1, 2, 3])
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Make four files in which ids collide, names are spelled differently, and some owners are missing."""
    chance = random.Random(request.param)
    tree = Tree(tmp_path_factory.mktemp("zoe") / "data")
    tree.directory.mkdir()
    for place, (file, (users, key, owned)) in enumerate(FILES.items()):
        with closing(sqlite3.connect(tree.directory / file)) as connection, connection:
            connection.executescript((SYSTEM / "legacy" / f"{file[:-3]}.sql").read_text(encoding="utf-8"))
            names = chance.sample(NAMES, 4 if place else 5)
            ids = chance.sample([f"u{number}" for number in range(1, 8)], len(names))
            for identity, name in zip(ids, names, strict=True):
                spelled = chance.choice([name, name.upper(), f" {name} "])
                held = {key: identity, "username": spelled, "email": f"{name}@example.org"}
                held |= {} if key == "id" else {"password_hash": f"hash of {name} in {place}"}
                insert(connection, users, held)
            belong = dict(zip(ids, names, strict=True))
            for number in range(12):
                identity = chance.choice([*ids, *ids, "nobody"])
                label = f"{place}-{number}"
                insert(connection, owned, row_of(owned, label, identity))
                tree.of(owned)[label] = belong.get(identity)
                if owned == "dynamic_tasks":
                    tree.in_json[label] = belong.get(identity)
                if owned == "events":
                    insert(connection, "people", {"user_id": identity, "name": label})
                    tree.people[label] = belong.get(identity)
    return tree


def row_of(table: str, label: str, identity: str) -> dict[str, Any]:
    if table == "sessions":
        return {"session_id": label, "user_id": identity, "expires_at": "2026-01-01"}
    if table == "events":
        return {"title": label, "user_id": identity, "start_date": "2025-10-04"}
    context = json.dumps({"user_id": identity, "note": label})
    return {
        "id": label, "title": label, "objective": "x", "requirements": "x", "constraints": "x",
        "acceptance_criteria": "x", "user_id": identity, "context_snapshot": context,
    }  # fmt: skip


def insert(connection: sqlite3.Connection, table: str, values: dict[str, Any]) -> None:
    names, holes = ", ".join(values), ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({holes})", list(values.values()))


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


def test_every_row_belongs_to_whom_it_belonged(tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_bytes_kept(tree.directory)
    words = ("--system", "zoe", "--source", tree.directory, "--target", tmp_path, "--json")
    assert run_inv("consolidate.run", *words) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["verdict"], result["unexplained"], result["quarantined"]) == ("PROVEN", 0, 0)
    assert result["tables"]["auth.sessions"]["rewritten"] > 0
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
