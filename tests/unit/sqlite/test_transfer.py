"""A database that moves between a plain file and an encrypted one holds the same, down to its row numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.engines import Engine
from strongroom.core.errors import GuardError, KeyMissingError
from strongroom.core.secret import Secret
from strongroom.sqlite import transfer
from strongroom.sqlite.connection import check_integrity, copy_database, open_snapshot, open_source, open_stage
from strongroom.sqlite.content import digest_content
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.keyring import SCRATCH, hold_keys, hold_needed, spell_key
from strongroom.sqlite.transfer import copy_content

KEYS = {"one": Secret("ab" * 32), "two": Secret("cd" * 32)}
ODD = {
    "row numbers with gaps and no index": "CREATE TABLE t (a); "
    "INSERT INTO t (rowid, a) VALUES (5, 1), (70, 2), (-3, 3)",
    "row numbers beside an index": "CREATE TABLE t (a); CREATE INDEX i ON t (a); "
    "INSERT INTO t (_rowid_, a) VALUES (9, 1)",
    "a key that is no row number": "CREATE TABLE t (a TEXT PRIMARY KEY, b); INSERT INTO t (rowid, a) VALUES (7, 'x')",
    "a descending key": "CREATE TABLE t (a INTEGER PRIMARY KEY DESC, b); INSERT INTO t (rowid, a) VALUES (7, 1)",
    "columns named like row numbers": "CREATE TABLE t (rowid, _rowid_, oid); INSERT INTO t VALUES (1, 2, 3), (4, 5, 6)",
    "no row numbers": "CREATE TABLE t (a TEXT, b, PRIMARY KEY (b, a)) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1)",
    "generated columns": "CREATE TABLE t (a, b AS (a * 2), c AS (a) STORED); INSERT INTO t (rowid, a) VALUES (4, 1)",
    "marks": "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (99); DELETE FROM t",
    "marks without a table": "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE t",
    "views and triggers": "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t; "
    "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 1; END; "
    "CREATE TRIGGER w INSTEAD OF INSERT ON v BEGIN SELECT 1; END; INSERT INTO t VALUES (2)",
    "full text": "CREATE VIRTUAL TABLE t USING fts5 (a); INSERT INTO t (rowid, a) VALUES (8, 'some words')",
    "older full text": "CREATE VIRTUAL TABLE t USING fts4 (a); INSERT INTO t (docid, a) VALUES (8, 'some words')",
    "boxes": "CREATE VIRTUAL TABLE t USING rtree (id, x, y); INSERT INTO t VALUES (3, 1, 2)",
    "numbers of the header": "CREATE TABLE t (a); PRAGMA user_version = 7; PRAGMA application_id = 1234",
    "UTF-16": "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a); INSERT INTO t VALUES ('ä€')",
    "text that is no UTF-8": "CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'61ff62' AS TEXT)), (x'61ff62')",
    "rows that a check refuses": "CREATE TABLE t (a CHECK (a > 0)); PRAGMA ignore_check_constraints = ON; "
    "INSERT INTO t VALUES (-1)",
    "odd names": 'CREATE TABLE "a ""b"" table" ("c d" TEXT); INSERT INTO "a ""b"" table" VALUES (\'x\'); '
    'CREATE UNIQUE INDEX "an index" ON "a ""b"" table" ("c d")',
    "partial and computed indexes": "CREATE TABLE t (a, b); CREATE INDEX i ON t (lower(a)) WHERE b; "
    "INSERT INTO t VALUES ('X', 1)",
    "a log": "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)",
    "statistics": "CREATE TABLE t (a); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1); ANALYZE",
    "nothing": "",
}


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    with hold_keys(KEYS):
        yield


def write(path: Path, sql: str) -> Database:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return Database(path, Engine.BUNDLED)


def digest(database: Database) -> str:
    with open_source(database) as connection:
        return digest_content(connection)


@pytest.mark.parametrize("case", ODD)
def test_it_is_the_same_encrypted_and_in_plain_again(tmp_path: Path, case: str) -> None:
    original = write(tmp_path / "a.db", ODD[case])
    encrypted, back = Database(tmp_path / "b.db", Engine.BUNDLED, "one"), Database(tmp_path / "c.db", Engine.BUNDLED)
    copy_content(original, encrypted)
    copy_content(encrypted, back)
    assert digest(original) == digest(encrypted) == digest(back)
    assert not has_plain_header(encrypted)
    for database in (encrypted, back):
        with open_snapshot(database) as connection:
            assert check_integrity(connection) == ()
    assert dump(back.path) == dump(original.path)


def dump(file: Path) -> list[object]:
    """Return what a database says, by Python's own library."""
    said: list[object] = []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda content: ("text", content)
        said += connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1, 2"
        ).fetchall()
        for kind, (_, name), _, _ in list(said):  # type: ignore[misc]
            if kind == ("text", b"table"):
                quoted = '"{}"'.format(name.decode().replace('"', '""'))
                said += connection.execute(f"SELECT * FROM {quoted}").fetchall()
        said += [connection.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")]
        tables = [row[1] for row in said if isinstance(row, tuple) and row[:2] == (("text", b"table"), ("text", b"t"))]
        if tables:
            try:
                said += connection.execute("SELECT rowid, oid FROM t").fetchall()
            except sqlite3.OperationalError:
                said.append("no row numbers")
    return said


CHANGES = {
    "a value": "UPDATE t SET a = 'z' WHERE a = 'x'",
    "a type": "UPDATE t SET a = CAST('x' AS BLOB) WHERE a = 'x'",
    "another type": "UPDATE t SET b = 1.5 WHERE b = 1",
    "nothing for null": "UPDATE t SET b = '' WHERE b IS NULL",
    "a row number": "UPDATE t SET rowid = 9 WHERE rowid = 1",
    "one row more": "INSERT INTO t VALUES ('x', 1)",
    "one row less": "DELETE FROM t WHERE a = 'x'",
    "a definition": "CREATE INDEX i ON t (b)",
    "a view": "CREATE VIEW v AS SELECT 1",
    "the header": "PRAGMA user_version = 2",
    "a mark": "UPDATE sqlite_sequence SET seq = 77",
    "a table": "CREATE TABLE u (a)",
}
NO_CHANGES = {
    "a checkpoint": "PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint (TRUNCATE); PRAGMA journal_mode = DELETE",
    "the pages": "PRAGMA page_size = 1024; VACUUM",
    "an index made again": "REINDEX",
    "statistics": "ANALYZE",
}
BASE = (
    "CREATE TABLE t (a, b); INSERT INTO t VALUES ('x', 1), ('y', NULL); "
    "CREATE TABLE s (i INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO s VALUES (5)"
)


@pytest.mark.parametrize("change", [*CHANGES, *NO_CHANGES])
def test_the_hash_knows_every_change_of_content_and_no_other(tmp_path: Path, change: str) -> None:
    database = write(tmp_path / "a.db", BASE)
    before = digest(database)
    write(database.path, {**CHANGES, **NO_CHANGES}[change])
    assert (digest(database) == before) == (change in NO_CHANGES)


def test_a_copy_page_for_page_has_the_hash_of_its_original(tmp_path: Path) -> None:
    one, two = (Database(tmp_path / f"{name}.db", Engine.BUNDLED, name) for name in ("one", "two"))
    with open_stage(one) as connection:
        connection.executescript(BASE)
    with open_source(one) as connection:
        copy_database(connection, two)
    assert digest(one) == digest(two)


def test_many_columns_and_rows_are_told_apart(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(130)]
    sql = f"CREATE TABLE t ({', '.join(names)}); INSERT INTO t (c0, c129) VALUES ('a', 'b')"
    database = write(tmp_path / "a.db", sql)
    before = digest(database)
    write(database.path, "UPDATE t SET c129 = CAST('b' AS BLOB)")
    assert digest(database) != before
    write(database.path, "UPDATE t SET c129 = 'b'")
    assert digest(database) == before
    write(
        database.path,
        "INSERT INTO t (c1) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200) SELECT i FROM n",
    )
    many = digest(database)
    write(database.path, "UPDATE t SET c1 = 0 WHERE rowid = 150")
    assert digest(database) != many


def test_a_copy_that_is_not_the_same_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = write(tmp_path / "a.db", BASE)
    plain = transfer._copy_rows
    monkeypatch.setattr(transfer, "_copy_rows", lambda table: f"{plain(table)} LIMIT 1")
    with pytest.raises(GuardError) as caught:
        copy_content(original, Database(tmp_path / "b.db", Engine.BUNDLED, "one"))
    assert caught.value.exit_code == 6


def test_what_is_needed_is_held_with_a_random_key_and_let_go_of() -> None:
    given = {"x": Secret("ee" * 32), "y": Secret("ff" * 32)}
    found = set()
    for _ in range(2):
        with hold_needed(given, ["x", None, "x"]):
            assert spell_key("x") == f"x'{'ee' * 32}'"
            found.add(spell_key(SCRATCH))
            with pytest.raises(KeyMissingError):
                spell_key("y")
    assert len(found) == 2
    for name in ("x", SCRATCH):
        with pytest.raises(KeyMissingError):
            spell_key(name)
    with hold_needed(given, [None]), pytest.raises(KeyMissingError):
        spell_key(SCRATCH)
    with pytest.raises(KeyMissingError, match="key z: is not at hand"), hold_needed(given, ["x", "z"]):
        pass
