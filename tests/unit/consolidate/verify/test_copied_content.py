"""An encrypted copy is proven by its content: what is the same is, every other content is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.consolidate.verify.copied_content import find_other_content
from strongroom.core.engines import Engine
from strongroom.core.secret import Secret
from strongroom.sqlite.connection import connect_live, copy_database, open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import hold_keys
from strongroom.sqlite.transfer import copy_content
from tests.unit.sqlite.odd_databases import BASE, CHANGES, NO_CHANGES, ODD

HARD = ODD | {
    "zeros of every kind": "CREATE TABLE t (a, b REAL, c BLOB); "
    "INSERT INTO t VALUES (0, 0, 0), (0.0, 0.0, 0.0), (-0.0, -0.0, -0.0), ('0', '0', '0')",
    "keys that differ in case": "CREATE TABLE t (a TEXT COLLATE NOCASE, b COLLATE RTRIM, PRIMARY KEY (a, b)) "
    "WITHOUT ROWID; INSERT INTO t VALUES ('Ä', 'x '), ('ä', 'x'), ('A', '')",
    "a key of no UTF-8": "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID; "
    "INSERT INTO t VALUES (CAST(x'ff00' AS TEXT))",
    "the largest numbers": "CREATE TABLE t (a); INSERT INTO t (rowid, a) VALUES (9223372036854775807, 1), "
    "(-9223372036854775808, 9007199254740993), (0, 9007199254740993.0)",
}
SPOILT = {
    "a sign of zero": ("CREATE TABLE t (a); INSERT INTO t VALUES (0.0)", "UPDATE t SET a = -0.0"),
    "a case": (
        "CREATE TABLE t (a TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('A')",
        "UPDATE t SET a = 'a'",
    ),
    "what follows a NUL": (
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES (CAST(x'610062' AS TEXT))",
        "UPDATE t SET a = CAST(x'610063' AS TEXT)",
    ),
    "two rows of each other": (
        "CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES (1, 'x'), (2, 'y')",
        "UPDATE t SET b = CASE b WHEN 'x' THEN 'y' ELSE 'x' END",
    ),
    "a word behind a virtual table": (
        "CREATE VIRTUAL TABLE t USING fts5 (a); INSERT INTO t VALUES ('some words')",
        "UPDATE t_data SET block = x'00' WHERE id = 10",
    ),
    "a row of columns named like row numbers": (
        "CREATE TABLE t (rowid, _rowid_, oid); INSERT INTO t VALUES (1, 2, 3)",
        "UPDATE t SET oid = 4",
    ),
}
SPOILT |= {change: (BASE, sql) for change, sql in CHANGES.items()}


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    with hold_keys({"one": Secret("ab" * 32), "two": Secret("cd" * 32)}):
        yield


def write(path: Path, sql: str) -> Database:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return Database(path, Engine.BUNDLED)


def spoil(database: Database, sql: str) -> None:
    with closing(connect_live(database)) as connection:
        connection.executescript(sql)


def compare(original: Database, copy: Database) -> tuple[str, ...]:
    with open_source(original) as connection:
        return find_other_content(connection, copy)


def encrypt(original: Database, key: str) -> Database:
    copy = Database(original.path.with_name(f"{key}.db"), Engine.BUNDLED, key)
    copy_content(original, copy)
    return copy


@pytest.mark.parametrize("case", HARD)
def test_what_is_the_same_is(tmp_path: Path, case: str) -> None:
    original = write(tmp_path / "a.db", HARD[case])
    one = encrypt(original, "one")
    assert compare(original, one) == ()
    two = Database(tmp_path / "again.db", Engine.BUNDLED, "two")
    with open_source(one) as connection:
        copy_database(connection, two)
    assert compare(one, two) == ()


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_another_is_found(tmp_path: Path, case: str) -> None:
    before, change = SPOILT[case]
    original = write(tmp_path / "a.db", before)
    copy = encrypt(original, "one")
    spoil(copy, change)
    assert compare(original, copy)


@pytest.mark.parametrize("case", NO_CHANGES)
def test_pages_say_nothing(tmp_path: Path, case: str) -> None:
    original = write(tmp_path / "a.db", BASE)
    copy = encrypt(original, "one")
    write(original.path, NO_CHANGES[case])
    assert compare(original, copy) == ()


def test_a_commit_between_copy_and_comparison_is_found(tmp_path: Path) -> None:
    original = write(tmp_path / "a.db", f"PRAGMA journal_mode = WAL; {BASE}")
    copy = encrypt(original, "one")
    with closing(sqlite3.connect(original.path)) as writer:
        writer.execute("INSERT INTO t VALUES ('late', 1)")
        writer.commit()
        assert compare(original, copy) == ("one.db: its copy has another table t",)
