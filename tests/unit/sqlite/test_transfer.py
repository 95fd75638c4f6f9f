"""A database that moves between a plain file and an encrypted one holds the same, down to its row numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.consolidate.verify.copies import begin_look, prove_copy, prove_document
from strongroom.core.engines import Engine
from strongroom.core.errors import DamagedSourceError, DifferencesError, KeyMissingError
from strongroom.core.plan import Source
from strongroom.core.secret import Secret
from strongroom.sqlite import transfer
from strongroom.sqlite.connection import check_integrity, copy_database, open_snapshot, open_source, open_stage
from strongroom.sqlite.content import digest_content
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.keyring import SCRATCH, hold_keys, hold_needed, spell_key
from strongroom.sqlite.prover import Prover
from strongroom.sqlite.snapshot import take_snapshot
from strongroom.sqlite.transfer import copy_content
from tests.unit.sqlite.odd_databases import BASE, CHANGES, NO_CHANGES, ODD

SOURCE = Source(name="a", path="a.db", trust=50, optional=False, format="sqlite", rows={})
KEYS = {"one": Secret("ab" * 32), "two": Secret("cd" * 32)}


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
    copy = Database(tmp_path / "b.db", Engine.BUNDLED, "one")
    prover = Prover(begin=begin_look, prove=prove_copy, prove_document=prove_document)
    with pytest.raises(DifferencesError, match="its copy has another table t"):
        take_snapshot(SOURCE, original, copy, prover)


@pytest.mark.parametrize("key", [None, "two"])
def test_a_damaged_source_is_refused_whatever_its_copy_looks_like(tmp_path: Path, key: str | None) -> None:
    original = Database(tmp_path / "a.db", Engine.BUNDLED, key)
    with open_stage(original) as connection:
        connection.executescript("CREATE TABLE t (a); CREATE TABLE u (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 900,)] * 40)
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'u'").fetchone()
    content = bytearray(original.path.read_bytes())
    content[(root - 1) * 4096 + (0 if key is None else 50)] ^= 0xFF
    original.path.write_bytes(content)
    with pytest.raises(DamagedSourceError, match=r"a\.db: "):
        take_snapshot(SOURCE, original, Database(tmp_path / "b.db", Engine.BUNDLED, "one"), None)


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
