"""What a draft guesses waits for a person: nothing runs, nothing is written, every line is named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.drafting import accept, check_refused, decide, draft, make, read, run_inv, run_proven

USERS = """
CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT, updated_at TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, author INTEGER, body TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO users SELECT i, 'user' || i || '@x', '2025-01-01' FROM n;
INSERT INTO notes SELECT id, 1 + id % 50, 'note ' || id FROM users WHERE id <= 100;
"""
EDITED = "UPDATE users SET mail = 'new.' || mail, updated_at = '2025-06-01' WHERE id <= 120"


def make_application_and_backup(folder: Path) -> None:
    make(folder / "legacy" / "app.db", USERS)
    shutil.copy(folder / "legacy" / "app.db", folder / "legacy" / "app-backup.db")
    make(folder / "legacy" / "app.db", EDITED)


def test_a_backup_beside_its_application_waits_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_application_and_backup(tmp_path)
    plan, _ = draft(capsys, tmp_path)
    assert "main.users: 120 of 200 ids hold different rows in app_backup and app; " in check_refused(capsys, tmp_path)
    decide(plan, "users", "{rule: newest, by: updated_at}")
    decide(plan, "notes", "")
    accept(plan)
    run_proven(capsys, tmp_path)
    assert read(tmp_path, "SELECT count(*), count(DISTINCT id), sum(mail LIKE 'new.%') FROM users") == [(200, 200, 120)]
    assert read(tmp_path, "SELECT count(*) FROM notes") == [(100,)]


def list_offers(plan: Path, table: str) -> list[str]:
    """Return what a draft says that a person may write for a table instead of what is guessed."""
    rule = plan.read_text().partition(f"  - into: main.{table}\n")[2].partition("  - into: ")[0]
    return re.findall(r"      # or (\{.*\})", rule)


def test_every_rule_that_is_offered_instead_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_application_and_backup(tmp_path)
    plan, _ = draft(capsys, tmp_path)
    guessed, offers = plan.read_text(), list_offers(plan, "users")
    assert [offer.partition(",")[0].strip("{}") for offer in offers] == [
        f"rule: {rule}" for rule in ("newest", "prefer", "merge", "quarantine")
    ]
    there = ("--system", tmp_path / "system", "--source", tmp_path / "legacy", "--target", tmp_path / "new")
    for offer in offers:
        plan.write_text(guessed)
        decide(plan, "users", offer)
        accept(plan)
        code, _, _ = run_inv(capsys, "consolidate.preview", *there)
        assert (offer, code) == (offer, 4 if "quarantine" in offer else 0)


def test_a_renumbered_table_is_followed_by_an_undeclared_author_once_a_person_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_application_and_backup(tmp_path)
    plan, drafted = draft(capsys, tmp_path)
    told = [line for line in drafted["choices"] if "notes.author refers to users" in line]
    assert [line.partition("main.users: ")[2][:46] for line in told] == [
        "100 of 100 values in app_backup are ids of use"
    ]
    check_refused(capsys, tmp_path)
    accept(plan)
    run_proven(capsys, tmp_path)
    authors = read(
        tmp_path, "SELECT u.mail, n.body FROM notes n JOIN users u ON u.id = n.author ORDER BY n.body, u.mail"
    )
    old = [(f"user{1 + number % 50}@x", f"note {number}") for number in range(1, 101)]
    assert authors == sorted([*old, *((f"new.{mail}", body) for mail, body in old)], key=lambda row: (row[1], row[0]))


def test_equal_ids_with_equal_rows_need_no_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "legacy" / "app.db", USERS)
    shutil.copy(tmp_path / "legacy" / "app.db", tmp_path / "legacy" / "app-backup.db")
    make(tmp_path / "legacy" / "app.db", "DELETE FROM users WHERE id > 150; INSERT INTO users VALUES (900, 'z', 'now')")
    plan, drafted = draft(capsys, tmp_path)
    assert (drafted["choices"], "choose" in plan.read_text()) == ([], False)
    run_proven(capsys, tmp_path)
    assert read(tmp_path, "SELECT count(*) FROM users") == [(201,)]


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ("id INTEGER PRIMARY KEY, v", "id INTEGER PRIMARY KEY, v, extra", "1 of 1 ids hold different rows in a and b"),
        ("id INTEGER PRIMARY KEY, v", "id INTEGER, v, extra", "1 of 1 ids hold different rows in a and b"),
        ("id INTEGER, v", "id INTEGER, v, extra", "1 of 1 ids hold different rows in a and b"),
        ("id INTEGER, v", "id INTEGER PRIMARY KEY, v, extra", "1 of 1 ids hold different rows in a and b"),
        ("id TEXT PRIMARY KEY, v", "id TEXT PRIMARY KEY, v, extra", "1 of 1 ids hold different rows in a and b"),
        ("code TEXT UNIQUE, v", "code TEXT, v, extra", "1 of 1 values of code hold different rows in a and b"),
    ],
)
def test_equal_ids_are_seen_whoever_declares_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], left: str, right: str, said: str
) -> None:
    make(tmp_path / "legacy" / "a.db", f"CREATE TABLE t ({left}); INSERT INTO t VALUES (7, 1)")
    make(tmp_path / "legacy" / "b.db", f"CREATE TABLE t ({right}); INSERT INTO t VALUES (7, 1, 2)")
    draft(capsys, tmp_path)
    assert f"main.t: {said}; guessed: " in check_refused(capsys, tmp_path)


def test_equal_ids_within_one_file_are_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "legacy" / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1)")
    make(tmp_path / "legacy" / "b.db", "CREATE TABLE t (id INTEGER, v); INSERT INTO t VALUES (2, 1), (2, 2), (3, 3)")
    draft(capsys, tmp_path)
    assert "main.t: 1 of 1 ids hold different rows within b; guessed: " in check_refused(capsys, tmp_path)


@pytest.mark.parametrize(
    ("notes", "values", "told"),
    [
        ("user_id INTEGER", "(7, 3), (8, 3), (9, 99)", "2 of 3 values in a are ids of users"),
        ("owner_user INTEGER", "(7, 3)", "1 of 1 values in a are ids of users"),
        ("author INTEGER", "(7, 3), (8, 3)", "2 of 2 values in a are ids of users"),
        ("userId TEXT", "(7, '3')", "1 of 1 values in a are ids of users"),
        ("who", "(7, 1), (8, 2), (9, 3)", "3 of 3 values in a are ids of users"),
        ("user_id INTEGER REFERENCES users (id)", "(7, 3)", ""),
        ("author INTEGER", "(7, 3), (8, 99)", ""),
        ("who", "(7, 1), (8, 2), (9, 2)", ""),
        ("price REAL", "(7, 1), (8, 2), (9, 3)", ""),
        ("uid", "(7, 1), (8, 2), (9, 3)", ""),
        ("quantity INTEGER", "(7, 1), (8, 2), (9, 3)", ""),
        ("body TEXT", "(7, '1'), (8, '2'), (9, '3')", ""),
    ],
)
def test_a_column_that_seems_to_hold_ids_that_change_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], notes: str, values: str, told: str
) -> None:
    users = "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT);"
    make(tmp_path / "legacy" / "a.db", users, "INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    make(tmp_path / "legacy" / "b.db", users, "INSERT INTO users VALUES (1, 'd'), (2, 'e'), (3, 'f')")
    make(tmp_path / "legacy" / "a.db", f"CREATE TABLE notes (id INTEGER PRIMARY KEY, {notes})")
    make(tmp_path / "legacy" / "a.db", f"INSERT INTO notes VALUES {values}")
    plan, _ = draft(capsys, tmp_path)
    column = f"- column: main.notes.{notes.split(maxsplit=1)[0]}"
    assert (column in plan.read_text()) is bool(told)
    assert f"main.users: {told}" in check_refused(capsys, tmp_path)


def test_a_column_beside_no_users_is_asked_of_those_of_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        make(tmp_path / "legacy" / f"{name}.db", "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT)")
        make(tmp_path / "legacy" / f"{name}.db", f"INSERT INTO users VALUES (1, '{name}'), (2, '2{name}')")
    make(tmp_path / "legacy" / "c.db", "CREATE TABLE notes (id INTEGER PRIMARY KEY, author, said)")
    make(tmp_path / "legacy" / "c.db", "INSERT INTO notes VALUES (1, 1, 1), (2, 2, 2)")
    draft(capsys, tmp_path)
    assert "2 of 2 values in c are ids of users" in check_refused(capsys, tmp_path)


def test_copies_without_a_key_are_seen_where_cells_are_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        make(
            tmp_path / "legacy" / f"{name}.db",
            f"CREATE TABLE log (line, more); INSERT INTO log VALUES ('{name}', NULL)",
        )
    make(tmp_path / "legacy" / "c.db", "INSERT INTO log VALUES ('a', NULL)")
    draft(capsys, tmp_path)
    assert "main.log: 1 times a row stands in two files: are these copies" in check_refused(capsys, tmp_path)
