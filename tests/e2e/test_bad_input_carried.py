"""Odd input is carried exactly: every value with its type and bytes, and the structure around it."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.odd_values import VALUES
from tests.faults.application import open_application
from tests.faults.scene import (
    Scene,
    build_copying,
    connect,
    read_bytes_kept,
    read_rows,
    run,
    write_database,
    write_system,
)

DRIVER = Path(__file__).resolve().parents[1] / "faults" / "driver.py"
WRITES = ("INSERT", "WITH", "UPDATE", "DELETE", "PRAGMA", "REPLACE")


def split_statements(sql: str) -> list[str]:
    """Split a script where its statements end."""
    found, begun = [], ""
    for line in sql.strip().splitlines(keepends=True):
        begun += line
        if sqlite3.complete_statement(begun):
            found.append(begun.strip())
            begun = ""
    assert not begun.strip(), begun
    return found


def build(root: Path, sql: str, design: str) -> Scene:
    """Build a source from a script; its target takes the source's design over, or declares the same itself."""
    designs = [statement for statement in split_statements(sql) if not statement.upper().startswith(WRITES)]
    return build_copying(root, sql, schema="\n".join(designs) if design == "declared" else None)


def read_tables(file: Path) -> dict[str, list[str]]:
    """Return the typed rows of every table that an application may read."""
    with closing(connect(file)) as connection:
        listed = connection.execute(
            "SELECT name FROM pragma_table_list WHERE type IN ('table', 'virtual') AND schema = 'main'"
        )
        names = [name[1].decode() for (name,) in listed]
    tables = [name for name in names if not name.startswith("sqlite_")]
    return {
        name: sorted(map(repr, read_rows(file, 'SELECT * FROM "{}"'.format(name.replace('"', '""')))))
        for name in tables
    }


def consolidate(scene: Scene, *flags: str) -> dict[str, Any]:
    """Run, verify, and make sure that the sources kept their bytes."""
    sources = read_bytes_kept(scene.source)
    ended = run(scene.argv("run", *flags, "--json"))
    assert ended.code == 0, ended.err + ended.out
    assert (ended.json["verdict"], ended.json["unexplained"], ended.json["quarantined"]) == ("PROVEN", 0, 0)
    again = run(scene.argv("verify"))
    assert again.code == 0, again.err + again.out
    assert read_bytes_kept(scene.source) == sources
    return ended.json


@pytest.mark.parametrize("design", ["adopted", "declared"])
@pytest.mark.parametrize("sql", VALUES.values(), ids=VALUES.keys())
def test_odd_values_arrive_with_their_type_and_every_byte(tmp_path: Path, sql: str, design: str) -> None:
    scene = build(tmp_path, sql, design)
    wanted = read_tables(scene.source / "old.db")
    consolidate(scene)
    assert read_tables(scene.target / "new.db") == wanted


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_source_in_another_encoding_is_carried_or_refused_in_one_line(tmp_path: Path, encoding: str) -> None:
    scene = build_copying(
        tmp_path,
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE t (k TEXT PRIMARY KEY, v);"
        "INSERT INTO t VALUES ('ä€😀', 'x'), ('', x'00');",
    )
    ended = run(scene.argv())
    if ended.code == 0:
        texts = read_rows(scene.target / "new.db", "SELECT CAST(k AS BLOB), typeof(v) FROM t ORDER BY k")
        assert {bytes(text).decode("utf-8") for text, _ in texts} == {"", "ä€😀"}
    else:
        assert (ended.code, "old.db" in ended.error) == (6, True)


# Sources in use


@pytest.mark.parametrize("stays", [True, False], ids=["writer stays open", "writer was killed"])
def test_rows_that_exist_only_in_the_write_ahead_log_of_a_writer_arrive(tmp_path: Path, stays: bool) -> None:
    scene = build_copying(
        tmp_path,
        "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v);"
        "INSERT INTO t VALUES (1, 'old'), (2, 'old');",
    )
    file = scene.source / "old.db"
    with open_application(
        file, "PRAGMA wal_autocheckpoint = 0", "INSERT INTO t VALUES (3, 'only in the log')"
    ) as application:
        application.execute("UPDATE t SET v = 'new' WHERE id = 2")
        if not stays:
            application.kill()
        assert file.with_name("old.db-wal").stat().st_size
        consolidate(scene, *(["--allow-open-sources"] if stays else []))
        if stays:
            application.execute("INSERT INTO t VALUES (4, 'after')")
    assert read_rows(scene.target / "new.db", "SELECT id, CAST(v AS BLOB) FROM t") == [
        (1, b"old"),
        (2, b"new"),
        (3, b"only in the log"),
    ]


def test_a_writer_whose_risk_is_taken_neither_stops_the_run_nor_shows_its_rows(tmp_path: Path) -> None:
    scene = build_copying(
        tmp_path, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);"
    )
    with open_application(scene.source / "old.db", "BEGIN IMMEDIATE", "INSERT INTO t VALUES (2)") as application:
        consolidate(scene, "--allow-open-sources")
        application.execute("COMMIT")
    assert read_rows(scene.target / "new.db", "SELECT id FROM t") == [(1,)]


# Structure


def test_an_id_that_a_constraint_refuses_raises_no_mark(tmp_path: Path) -> None:
    plan = (
        "version: 1\nsources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {new: {path: new.db}}\n"
        "copy: {new: [a.t, b.t]}\n"
    )
    scene = Scene(system=write_system(tmp_path / "s", plan), source=tmp_path / "source", target=tmp_path / "target")
    strict = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v NOT NULL); INSERT INTO t VALUES (1, 'one');"
    write_database(scene.source / "a.db", strict)
    write_database(
        scene.source / "b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (999, NULL);"
    )
    ended = run(scene.argv("run", "--quarantine-budget", "1"))
    assert ended.code == 0, ended.err
    assert read_rows(scene.target / "new.db", "SELECT seq FROM sqlite_sequence") == [(1,)]


STRUCTURE = """
CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, at REAL, body TEXT);
CREATE TABLE log (what TEXT);
CREATE INDEX ix_partial ON t (name) WHERE at > 1;
CREATE INDEX ix_expression ON t (lower(name), at DESC);
CREATE UNIQUE INDEX ix_unique ON t (name COLLATE NOCASE);
CREATE VIEW young AS SELECT id, name FROM t WHERE at > 1;
CREATE TRIGGER t_in AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.name || '; in'); END;
CREATE TRIGGER young_in INSTEAD OF INSERT ON young BEGIN INSERT INTO t (name, at) VALUES (new.name, 2); END;
INSERT INTO t (name, at) VALUES ('a', 1), ('b', 2);
INSERT INTO t VALUES (500, 'gone', 0, NULL);
DELETE FROM t WHERE id = 500;
PRAGMA user_version = 17;
PRAGMA application_id = 1234567;
"""


@pytest.mark.parametrize("design", ["adopted", "declared"])
def test_the_structure_around_the_rows_is_there_and_works(tmp_path: Path, design: str) -> None:
    scene = build(tmp_path, STRUCTURE, design)
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    consolidate(scene)
    new = scene.target / "new.db"
    assert read_rows(new, query) == read_rows(scene.source / "old.db", query)
    assert read_rows(new, "PRAGMA user_version") + read_rows(new, "PRAGMA application_id") == [(17,), (1234567,)]
    assert len(read_rows(new, "SELECT * FROM log")) == 3  # those of the source: copying fires no trigger
    with closing(sqlite3.connect(new)) as connection, connection:
        connection.execute("INSERT INTO young (name) VALUES ('c')")
        assert connection.execute("SELECT id FROM t WHERE name = 'c'").fetchone() == (501,)
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (4,)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO t (name) VALUES ('A')")


@pytest.mark.parametrize("design", ["adopted", "declared"])
@pytest.mark.parametrize(
    "options", ["title, body", "title, body, content=''", "title, body, tokenize='porter', prefix='2 3'"]
)
def test_a_full_text_table_is_searchable_afterwards(tmp_path: Path, design: str, options: str) -> None:
    scene = build(
        tmp_path,
        f"""
        CREATE VIRTUAL TABLE docs USING fts5 ({options});
        CREATE TABLE plain (x);
        INSERT INTO docs (rowid, title, body)
            VALUES (3, 'First', 'the quick brown fox'), (7, 'Second', 'lazy dogs'), (70, 'Third', 'quick, lazy');
        INSERT INTO plain VALUES (1);""",
        design,
    )
    old, new = scene.source / "old.db", scene.target / "new.db"
    sources = read_bytes_kept(scene.source)
    ended = run(scene.argv())
    assert read_bytes_kept(scene.source) == sources
    if "content=''" in options and ended.code:
        assert (ended.code, "docs" in ended.error) == (6, True)  # it holds no text: nothing can be rebuilt from it
        return
    assert ended.code == 0, ended.err + ended.out
    for query in (
        "SELECT rowid, * FROM docs",
        "SELECT rowid FROM docs WHERE docs MATCH 'quick'",
        "SELECT rowid FROM docs WHERE docs MATCH 'body: la*'",
    ):
        assert read_rows(new, query) == read_rows(old, query)
    with closing(sqlite3.connect(new)) as connection:
        connection.execute("INSERT INTO docs (docs) VALUES ('integrity-check')")


@pytest.mark.parametrize("design", ["adopted", "declared"])
def test_a_full_text_table_over_another_table_is_searchable_afterwards(tmp_path: Path, design: str) -> None:
    scene = build(
        tmp_path,
        """
        CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);
        CREATE VIRTUAL TABLE found USING fts5 (body, content='notes', content_rowid='id');
        CREATE TRIGGER notes_in AFTER INSERT ON notes
            BEGIN INSERT INTO found (rowid, body) VALUES (new.id, new.body); END;
        INSERT INTO notes VALUES (2, 'quick fox'), (9, 'lazy dog');""",
        design,
    )
    consolidate(scene)
    new = scene.target / "new.db"
    assert read_rows(new, "SELECT rowid FROM found WHERE found MATCH 'lazy'") == [(9,)]
    with closing(sqlite3.connect(new)) as connection, connection:
        connection.execute("INSERT INTO found (found, rank) VALUES ('integrity-check', 1)")
        connection.execute("INSERT INTO notes VALUES (10, 'quick again')")
        assert connection.execute("SELECT count(*) FROM found WHERE found MATCH 'quick'").fetchone() == (2,)


def test_a_spatial_index_is_carried_or_refused_in_one_line(tmp_path: Path) -> None:
    scene = build_copying(
        tmp_path, "CREATE VIRTUAL TABLE r USING rtree (id, a, b); INSERT INTO r VALUES (1, 0, 1.5), (9, -2, 3);"
    )
    ended = run(scene.argv())
    if ended.code == 0:
        assert read_rows(scene.target / "new.db", "SELECT * FROM r") == read_rows(
            scene.source / "old.db", "SELECT * FROM r"
        )
    else:
        assert (ended.code, "r" in ended.error) == (6, True)


def test_the_same_rows_of_several_files_keep_their_types_apart(tmp_path: Path) -> None:
    plan = (
        "version: 1\nsources: {a: {path: a.db}, b: {path: b.db}}\n"
        "targets: {new: {path: new.db, schema: sqlite/new.sql}}\n"
        "copy: {new: [a.bag, b.bag, a.kept, b.kept]}\n"
    )
    schema = "CREATE TABLE bag (v); CREATE TABLE kept (k TEXT PRIMARY KEY, v);"
    scene = Scene(
        system=write_system(tmp_path / "s", plan, {"new": schema}),
        source=tmp_path / "source",
        target=tmp_path / "target",
    )
    scene.source.mkdir()
    for name in ("a", "b"):
        with closing(sqlite3.connect(scene.source / f"{name}.db")) as connection, connection:
            connection.executescript(schema)
            connection.executescript(
                "INSERT INTO bag VALUES (1), (1.0), ('1'), (x'31'), (-0.0), (NULL), (1);"
                f"INSERT INTO kept VALUES ('same', CAST(x'ff00' AS TEXT)), (NULL, '{name}'), ('{name}', -0.0);"
            )
    consolidate(scene)
    new = scene.target / "new.db"
    kept = [repr(row) for row in read_rows(new, "SELECT * FROM kept")]
    parts = [repr(row) for name in ("a", "b") for row in read_rows(scene.source / f"{name}.db", "SELECT * FROM kept")]
    assert set(kept) == set(parts)
    assert len(kept) == 5
    bag = [repr(row) for row in read_rows(new, "SELECT v FROM bag")]
    assert sorted(bag) == sorted(2 * [repr(row) for row in read_rows(scene.source / "a.db", "SELECT v FROM bag")])


# Size


CELL = 200 << 20


def test_a_cell_of_200_mb_takes_no_more_memory_than_three_of_its_kind(tmp_path: Path) -> None:
    scene = build_copying(
        tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB); INSERT INTO t VALUES (1, 'small');"
    )
    with closing(sqlite3.connect(scene.source / "old.db")) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("INSERT INTO t VALUES (2, zeroblob(?))", (CELL,))
        with connection.blobopen("t", "v", 2) as blob:
            for place in range(0, CELL, 10 << 20):
                blob.seek(place)
                blob.write(place.to_bytes(8, "big"))
    job = json.dumps({"argv": scene.argv(), "out": str(tmp_path / "out")})
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    ended = subprocess.run(
        [sys.executable, str(DRIVER)], input=job + "\n", text=True, stdout=subprocess.PIPE, check=True, timeout=300
    )
    assert ended.stdout.splitlines()[-1] == "code 0", (tmp_path / "out").read_text()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak <= max(before, (150 << 10) + 3 * (CELL >> 10)), f"{peak >> 10} MB"
    assert hash_cell(scene.target / "new.db") == hash_cell(scene.source / "old.db")
    for file in (scene.target / "new.db", scene.source / "old.db", *(scene.target / "backup").glob("*/old.db")):
        os.truncate(file, 0)  # pytest keeps the folders of its last runs


def hash_cell(file: Path) -> str:
    digest = hashlib.sha256()
    with closing(sqlite3.connect(file)) as connection, connection.blobopen("t", "v", 2, readonly=True) as blob:
        while part := blob.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
