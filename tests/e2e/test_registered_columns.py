"""Encrypted columns through a consolidation: what moves as it is opens where it lies, the rest is refused first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.persistence.columns import Columns
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task

SYSTEM = """\
version: 1
name: shop
title: A shop
audit_log: {log}
keys: {{encryption: {{provider: environment, variable: COLUMN_KEY, encoding: hex}}}}
columns:
  - {{sqlite: zoe.db, table: users, primary_key: [id], column: api_key, key: encryption}}
  - {{sqlite: auth.db, table: users, primary_key: [id], column: api_key, key: encryption}}
  - {{sqlite: auth.db, table: tokens, primary_key: [user_id, device], column: token, key: encryption}}
"""
PLAN = """\
version: 1
sources: {zoe: {path: zoe.db}, auth: {path: auth.db}}
targets: {main: {path: main.db}}
copy: {main: [auth.tokens]}
tables:
  - into: main.users
    from: [zoe.users, auth.users]
    key: [id]
    on_conflict: {rule: merge}
"""
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, api_key TEXT)"
TOKENS = "CREATE TABLE tokens (user_id INTEGER, device TEXT, token BLOB, PRIMARY KEY (user_id, device))"
Run = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def _open_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make two files with encrypted columns, and the system that registers them."""
    monkeypatch.setenv("COLUMN_KEY", "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2)
    system = tmp_path / "shop"
    system.mkdir()
    (system / "system.yaml").write_text(SYSTEM.format(log=tmp_path / "keys.jsonl"))
    (system / "plan.yaml").write_text(PLAN)
    columns = Columns.of_system(system)
    source = tmp_path / "source"
    source.mkdir()
    users: dict[str, Sequence[tuple[int, str, str | None]]] = {
        "zoe": [(1, "ann", "key of ann"), (2, "bob", None)],
        "auth": [(2, "bob", "key of bob"), (3, "cyd", "")],
    }
    for name, rows in users.items():
        with closing(sqlite3.connect(source / f"{name}.db")) as connection, connection:
            connection.execute(USERS)
            for key, person, value in rows:
                stored = None if value is None else columns.encrypt("users", "api_key", key, value)
                connection.execute("INSERT INTO users VALUES (?, ?, ?)", (key, person, stored))
            if name == "auth":
                connection.execute(TOKENS)
                token = columns.encrypt("tokens", "token", (3, "phone"), b"\0token", as_bytes=True)
                connection.execute("INSERT INTO tokens VALUES (3, 'phone', ?)", (token,))
    return tmp_path


@pytest.fixture
def run(shop: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def act(task: str, *flags: str) -> tuple[int, str]:
        places = ["--system", str(shop / "shop"), "--source", str(shop / "source"), "--target", str(shop / "target")]
        code = OpsProgram(every_task).main(["inv", f"consolidate.{task}", *places, *flags])
        said = capsys.readouterr()
        return code, said.out + said.err

    return act


def test_values_open_where_they_come_to_lie(shop: Path, run: Run) -> None:
    assert run("check")[0] == 0
    code, said = run("run")
    assert code == 0, said
    assert "PROVEN" in said
    columns = Columns.of_system(shop / "shop")
    with closing(sqlite3.connect(shop / "target" / "main.db")) as connection:
        users = connection.execute("SELECT id, api_key FROM users ORDER BY id").fetchall()
        tokens = connection.execute("SELECT user_id, device, token FROM tokens").fetchall()
    assert {key: columns.decrypt("users", "api_key", key, stored) for key, stored in users} == {
        1: "key of ann",
        2: "key of bob",
        3: "",
    }
    assert [columns.decrypt("tokens", "token", tuple(key), stored) for *key, stored in tokens] == [b"\0token"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    key: [id]\n", "    key: [name]\n", "merge fills it from rows with other primary keys"),
        (
            "    key: [id]\n",
            "    key: [name]\n    identity: {column: id, strategy: renumber}\n",
            "its primary key id is given anew (renumber)",
        ),
        ("    key: [id]\n", "    key: [id]\n    transform: {api_key: trim}\n", "it is transformed"),
        ("main.users\n", "main.people\n", "it becomes people.api_key, where no value of it opens"),
    ],
)
@pytest.mark.parametrize("task", ["check", "preview", "run"])
def test_a_plan_that_breaks_them_is_refused_before_anything_is_published(
    shop: Path, run: Run, task: str, old: str, new: str, expected: str
) -> None:
    plan = shop / "shop" / "plan.yaml"
    plan.write_text(PLAN.replace(old, new))
    code, said = run(task)
    assert code == 2, said
    assert f"{plan}:6: " in said
    assert "users.api_key is an encrypted column: " in said
    assert expected in said
    assert not (shop / "target" / "main.db").exists()


def test_what_nobody_registered_may_be_renumbered(shop: Path, run: Run) -> None:
    about = shop / "shop" / "system.yaml"
    about.write_text(about.read_text().partition("columns:")[0])
    (shop / "shop" / "plan.yaml").write_text(PLAN.replace("key: [id]", "key: [name]"))
    assert run("run")[0] == 0
