"""Columns in files that nobody here designed: UTF-16, keys that are no text, what only an application can do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.column_entries import ColumnEntry
from strongroom.rotate.columns.naming import list_keys_in_file
from strongroom.sqlite.connection import connect_live
from strongroom.sqlite.database import Database
from tests.column_system import ColumnSystem

ENTRY = {"sqlite": "users.db", "table": "users", "primary_key": ["id"], "column": "secret", "key": "encryption"}
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, secret TEXT)"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ColumnSystem:
    return ColumnSystem(folder=tmp_path, capsys=capsys, monkeypatch=monkeypatch, columns=[ENTRY])


def make(shop: ColumnSystem, table: str, rows: Iterable[tuple[Any, Any]], before: str = "", after: str = "") -> None:
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        connection.create_function("of_the_application", 1, lambda value: value, deterministic=True)
        connection.create_collation("OF_THE_APPLICATION", lambda one, other: (one > other) - (one < other))
        connection.executescript(f"{before}; {table}")
        connection.executemany("INSERT INTO users VALUES (?, ?)", rows)
        connection.executescript(after)
        connection.commit()


def read(shop: ColumnSystem) -> dict[Any, Any]:
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        return dict(connection.execute("SELECT id, secret FROM users WHERE typeof(id) <> 'text' OR id < 'z'"))


@pytest.mark.parametrize("kind", ["TEXT", "BLOB"])
@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be", "UTF-8"])
def test_the_encoding_of_a_file_changes_nothing(shop: ColumnSystem, encoding: str, kind: str) -> None:
    values: list[Any] = ["plain", "", "é\N{PILE OF POO}", "sr2:x"] if kind == "TEXT" else [b"plain", b"", b"\xff\x00s"]
    want = dict(enumerate([*values, None]))
    make(shop, USERS.replace("TEXT", kind), want.items(), before=f"PRAGMA encoding = '{encoding}'")
    assert shop.run("columns.encrypt")[0] == 0
    first = shop.active
    assert shop.open_all(read(shop)) == want
    shop.add_version()
    code, counted, _ = shop.run("columns.status")
    assert (code, counted["columns"][0]["keys"]) == (7, {first: len(values)})
    assert noted(shop) == (first,)
    assert shop.run("columns.rotate")[1]["columns"][0]["changed"] == len(values)
    code, counted, _ = shop.run("columns.status")
    assert (code, counted["columns"][0]["keys"], counted["columns"][0]["nulls"]) == (0, {shop.active: len(values)}, 1)
    assert shop.run("columns.decrypt", "--reason", "a test")[1]["columns"][0]["changed"] == len(values)
    assert read(shop) == want


def noted(shop: ColumnSystem) -> tuple[str, ...]:
    """Return the keys that a backup would note."""
    with closing(connect_live(Database(shop.folder / "users.db"))) as connection:
        return list_keys_in_file([ColumnEntry.model_validate(ENTRY)], "users.db", connection)


def test_a_backup_notes_no_part_of_a_value_that_only_begins_as_ours(shop: ColumnSystem) -> None:
    make(shop, USERS, [(1, "sr1:my own: text"), (2, "sr1:another"), (3, "plain")])
    code, done, _ = shop.run("columns.encrypt")
    assert (code, done["columns"][0]["reasons"]) == (4, {"begins as ours and is not whole": 2})
    assert noted(shop) == (shop.active,)


def test_a_key_that_is_no_text_is_passed_over_where_rows_lie_in_its_order(shop: ColumnSystem) -> None:
    rows = [("a", "before"), ("b", "between"), ("y", "behind")]
    torn = "INSERT INTO users VALUES (CAST(x'61ff' AS TEXT), 'of no row'), (CAST(x'ff61' AS TEXT), 'of none either')"
    make(shop, "CREATE TABLE users (id TEXT PRIMARY KEY, secret TEXT) WITHOUT ROWID", rows, after=torn)
    code, done, _ = shop.run("columns.encrypt", "--batch-size", "1")
    (column,) = done["columns"]
    assert (code, column["changed"]) == (4, 3)
    assert column["reasons"] == {"its primary key holds text that is no UTF-8": 2}
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        connection.text_factory = bytes
        found = dict(connection.execute("SELECT id, secret FROM users"))
    assert found[b"a\xff"] == b"of no row"
    assert shop.open_all({key: found[key.encode()].decode() for key, _ in rows}) == dict(rows)


@pytest.mark.parametrize(
    "needed",
    [
        "CREATE TRIGGER noted AFTER UPDATE ON users BEGIN SELECT of_the_application(new.secret); END",
        "CREATE INDEX by_hash ON users (of_the_application(secret))",
        "CREATE INDEX by_order ON users (secret COLLATE OF_THE_APPLICATION)",
    ],
)
def test_what_only_the_application_can_do_refuses_before_anything_is_written(shop: ColumnSystem, needed: str) -> None:
    make(shop, USERS, [(1, "a"), (2, "b")], after=needed)
    code, _, said = shop.run("columns.encrypt")
    assert code == 6, said
    assert "what only its application can do" in said
    assert read(shop) == {1: "a", 2: "b"}


def test_what_refuses_leaves_nothing_behind(shop: ColumnSystem) -> None:
    make(shop, USERS.replace("TEXT", "TEXT CHECK (length(secret) < 9)"), [(1, "a"), (2, "b")])
    assert shop.run("columns.encrypt")[0] == 6
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("users",)]
    assert shop.run("columns.status")[1]["columns"][0]["unfinished"] is None


@pytest.mark.parametrize(("condition", "code"), [("SECRET = 'a'", 6), ("id > 1", 0)])
def test_a_unique_index_whose_condition_asks_for_the_column_refuses(
    shop: ColumnSystem, condition: str, code: int
) -> None:
    make(shop, USERS, [(1, "a"), (2, "b")], after=f"CREATE UNIQUE INDEX once ON users (id) WHERE {condition}")
    found, _, said = shop.run("columns.encrypt")
    assert (found, "is unique (once)" in said) == (code, code == 6)
