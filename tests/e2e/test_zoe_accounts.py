"""Whoever signed in to Zoe can do so again: the account has the password that a service knows, shown nowhere."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.plan import read_plan
from tests.e2e.drafting import run_inv
from tests.e2e.zoe_tree import HASH, NAMES, PLACEHOLDERS, SYSTEM, Tree, make_hash, make_tree

PATTERN = re.compile(
    next(
        rule.conflict.columns["password_hash"].pattern or ""
        for rule in read_plan(SYSTEM / "plan.yaml").tables
        if rule.into == "zoe.users"
    )
)
FORMS = (
    make_hash("bcrypt"),
    make_hash("an older bcrypt").replace("$2b$", "$2a$"),
    make_hash("that of PHP").replace("$2b$", "$2y$"),
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b7dWRWJTmaaJObG",
    "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
    "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk",
    "$6$rounds=656000$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO",
    "pbkdf2_sha256$600000$salt$dGhlIGhhc2ggaXRzZWxm",
    "pbkdf2:sha256:600000$salt$" + "0f" * 32,
    "scrypt:32768:8:1$salt$" + "0f" * 64,
    "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
    "B1" * 64,
)
NO_FORMS = (
    *PLACEHOLDERS,
    *NAMES,
    "hash of ann in 2",
    "!" * 60,
    "*",
    "changeme",
    "None",
    "disabled",
    "no_password_set",
    "external:auth_service",
    make_hash("one sign short")[:-1],
    make_hash("one sign more") + "a",
    make_hash("spaced").replace("a", " "),
    f"{make_hash('with a line')}\n",
    "$2b$12$" + "é" * 53,
    "$argon2id$v=19",
    "pbkdf2_sha256$600000",
    "0f" * 16,
    "0f" * 31 + "0g",
    "$hash$ of$ ann",
)


@pytest.fixture(scope="module", params=[1, 2, 3])
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return make_tree(tmp_path_factory.mktemp("zoe") / "data", request.param)


def read(target: Path, sql: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(target / "zoe.db")) as connection:
        return connection.execute(sql).fetchall()


ID_COLUMNS = {"zoe.db": "user_id", "developer_tasks.db": "id"}


def list_ids(file: Path, key: str) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {identity for (identity,) in connection.execute(f"SELECT {key} FROM users")}


def read_passwords(target: Path) -> dict[str, str]:
    return dict(read(target, "SELECT lower(trim(username)), password_hash FROM users"))


def test_every_user_with_sessions_has_the_first_hash_that_is_one(
    tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--system", "zoe", "--source", tree.directory, "--target", tmp_path)
    code, result, _ = run_inv(capsys, "consolidate.run", *words, "--json")
    assert (code, result["verdict"]) == (0, "PROVEN")
    passwords = read_passwords(tmp_path)
    assert {name: passwords[name] for name in tree.passwords} == tree.passwords
    tracker = passwords.keys() - tree.passwords.keys()
    assert {passwords[name] for name in tracker} <= {"!"}
    sql = "SELECT lower(trim(username)) FROM users WHERE user_id IN (SELECT user_id FROM {})"
    signed_in = {name for table in ("sessions", "user_sessions") for (name,) in read(tmp_path, sql.format(table))}
    assert [name for name in signed_in - tracker if not HASH.fullmatch(passwords[name])] == []


def test_a_hash_that_is_lost_is_caught_by_the_check(
    tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system = shutil.copytree(SYSTEM, tmp_path / "zoe")
    text = (system / "plan.yaml").read_text()
    before, _, rest = text.partition("          rule: first_valid\n")
    after = rest.partition("    secret:")[2]
    (system / "plan.yaml").write_text(f"{before}          rule: prefer\n    secret:{after}")
    words = ("--system", system, "--source", tree.directory, "--target", tmp_path / "new")
    code, result, _ = run_inv(capsys, "consolidate.run", *words, "--json")
    assert (code, result["published"]) == (3, [])
    assert [said for said in result["differences"] if said.startswith("check: ")] == result["differences"]
    assert len(result["differences"]) == 1


def test_a_user_for_whom_nobody_signs_in_needs_no_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = make_tree(tmp_path / "data", 1)
    for file, sql in {
        "zoe.db": "DELETE FROM user_sessions; UPDATE users SET password_hash = ''",
        "auth.db": "DELETE FROM sessions; DELETE FROM users",
        "zoe-auth-service.auth.db": "DELETE FROM sessions; DELETE FROM users",
    }.items():
        with closing(sqlite3.connect(tree.directory / file)) as connection, connection:
            connection.executescript(sql)
    here, there = (list_ids(tree.directory / file, key) for file, key in ID_COLUMNS.items())
    signed_in = min(here - there)
    with closing(sqlite3.connect(tree.directory / "sessions.db")) as connection, connection:
        connection.execute("CREATE TABLE sessions (session_id TEXT PRIMARY KEY, user_id TEXT, expires_at TEXT)")
        connection.execute("INSERT INTO sessions VALUES ('s', ?, '2026-01-01')", (signed_in,))
    words = ("--system", "zoe", "--source", tree.directory, "--target", tmp_path / "new")
    code, _, error = run_inv(capsys, "consolidate.run", *words, "--json")
    assert code == 0, error
    assert set(read_passwords(tmp_path / "new").values()) == {"", "!"}
    assert read(tmp_path / "new", "SELECT user_id, session_type FROM sessions") == [(signed_in, None)]


def ask_check(*passwords: str) -> int:
    """Ask the plan's check of accounts with these hashes, of which the first one has a session."""
    (check,) = read_plan(SYSTEM / "plan.yaml").checks
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            "ATTACH ':memory:' AS zoe; CREATE TABLE zoe.users (user_id INTEGER PRIMARY KEY, password_hash);"
            "CREATE TABLE zoe.sessions (user_id, session_type); INSERT INTO zoe.sessions VALUES (1, 'password');"
            "CREATE TABLE zoe.user_sessions (user_id, token)"
        )
        connection.executemany("INSERT INTO zoe.users (password_hash) VALUES (?)", [(text,) for text in passwords])
        ((wrong,),) = connection.execute(check.sql).fetchall()
    return int(wrong)


@pytest.mark.parametrize("text", [*FORMS, *NO_FORMS])
def test_the_check_and_the_rule_mean_the_same_by_a_hash(text: str) -> None:
    is_form = text in FORMS
    assert (bool(PATTERN.fullmatch(text)), ask_check(text, make_hash("of somebody else"))) == (is_form, not is_form)


@pytest.mark.parametrize(("text", "wrong"), [("a form of their own", 0), ("", 1), ("!", 1)])
def test_files_with_hashes_of_a_form_of_their_own_pass_but_for_none_at_all(text: str, wrong: int) -> None:
    assert ask_check(text, "another in that form") == wrong


def test_no_hash_token_or_session_is_shown(tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--system", "zoe", "--source", tree.directory, "--target", tmp_path)
    assert run_inv(capsys, "consolidate.run", *words)[0] == 0
    for command in (("explain",), ("explain", "--json"), ("explain", "--table", "auth.sessions"), ("quarantine",)):
        code, out, error = run_inv(capsys, f"consolidate.{command[0]}", "--target", tmp_path, *command[1:])
        shown = (out if isinstance(out, str) else json.dumps(out)) + error
        assert code == 0
        assert not HASH.search(shown)
        assert "token of" not in shown
        assert not re.search(r"'[12]-\d+'", shown)
