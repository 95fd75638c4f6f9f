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

from tests.faults.application import open_application
from tests.faults.scene import Scene, build_copying, connect, read_bytes_kept, read_rows, run, write_system

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
        listed = connection.execute("SELECT name FROM pragma_table_list WHERE type IN ('table', 'virtual') AND schema = 'main'")
        names = [name[1].decode() for (name,) in listed]
    tables = [name for name in names if name not in ("sqlite_schema", "sqlite_temp_schema", "sqlite_stat1")]
    return {name: sorted(map(repr, read_rows(file, 'SELECT * FROM "{}"'.format(name.replace('"', '""'))))) for name in tables}


def consolidate(scene: Scene) -> dict[str, Any]:
    """Run, verify, and make sure that the sources kept their bytes."""
    sources = read_bytes_kept(scene.source)
    ended = run(scene.argv("run", "--json"))
    assert ended.code == 0, ended.err + ended.out
    assert (ended.json["verdict"], ended.json["unexplained"], ended.json["quarantined"]) == ("PROVEN", 0, 0)
    again = run(scene.argv("verify"))
    assert again.code == 0, again.err + again.out
    assert read_bytes_kept(scene.source) == sources
    return ended.json


VALUES = {
    "invalid UTF-8 and NUL in text": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
        INSERT INTO t VALUES (1, CAST(x'ff00fe61' AS TEXT)), (2, CAST(x'6100' AS TEXT)), (3, CAST(x'61' AS TEXT)), (4, CAST(x'' AS TEXT)),
            (5, CAST(x'c328' AS TEXT)), (6, CAST(x'eda080' AS TEXT)), (7, x'61'), (8, char(0)), (9, CAST(x'efbbbf61' AS TEXT));""",
    "the same text as a key": """
        CREATE TABLE t (k TEXT PRIMARY KEY, v);
        INSERT INTO t VALUES (CAST(x'ff' AS TEXT), 1), (CAST(x'ff00' AS TEXT), 2), (CAST(x'6100' AS TEXT), 3), ('a', 4), (x'61', 5);""",
    "odd values in a real column": """
        CREATE TABLE t (v REAL);
        INSERT INTO t VALUES ('text'), (9e999), (-9e999), (x'00ff'), (NULL), (''), (1), (0.1), (-0.0), (1e308), (5e-324), ('1.50'), (9007199254740993);""",
    "the edges of integers": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w NUMERIC, x);
        INSERT INTO t VALUES (9223372036854775807, 9223372036854775807, 9223372036854775807, 9223372036854775807),
            (-9223372036854775808, -9223372036854775808, 9223372036854775808, 9223372036854775808.0), (0, 'text', '1e5', 1e5), (1, 1.5, 1.0, x'');""",
    "NULL and '' in a text primary key": """
        CREATE TABLE t (k TEXT PRIMARY KEY, v);
        INSERT INTO t VALUES (NULL, 1), (NULL, 2), (NULL, 2), ('', 3), ('a', 4);""",
    "NULL in a composite key": """
        CREATE TABLE t (a TEXT, b INTEGER, v, PRIMARY KEY (a, b));
        INSERT INTO t VALUES (NULL, 1, 1), (NULL, 1, 1), ('a', NULL, 2), (NULL, NULL, 3), ('a', 1, 4);""",
    "names with quotes, spaces, reserved words": '''
        CREATE TABLE "my ""table""" ("a b" TEXT, "select" INTEGER, "it's" REAL, "Ünï" BLOB, [x y], "" TEXT);
        CREATE INDEX "ix of ""mine""" ON "my ""table""" ("select", "a b" DESC);
        CREATE TABLE "order" ("group" INTEGER PRIMARY KEY, "table" TEXT DEFAULT 'a ''b'' c', "%s" TEXT, ":x" TEXT, "?1");
        CREATE TABLE "日本" ("名" TEXT PRIMARY KEY, "é" TEXT, "É" TEXT);
        CREATE TABLE "a.b" (c);
        CREATE TABLE "-- no comment" ("/*" TEXT);
        INSERT INTO "my ""table""" VALUES ('1', 2, 3.5, x'04', 5, '6');
        INSERT INTO "order" VALUES (1, 'x', 'y', 'z', NULL);
        INSERT INTO "日本" VALUES ('a', 'small', 'LARGE');
        INSERT INTO "a.b" VALUES (1);
        INSERT INTO "-- no comment" VALUES ('*/');''',
    "duplicates in a keyless table, with gaps": """
        CREATE TABLE t (a, b);
        INSERT INTO t (rowid, a, b) VALUES (1, 'x', 1), (2, 'x', 1), (7, 'x', 1.0), (100, 'x', '1'), (-5, 'x', 1), (9223372036854775807, NULL, NULL), (8, NULL, NULL);
        CREATE TABLE u (a TEXT);
        CREATE INDEX ix_u ON u (a);
        INSERT INTO u (rowid, a) VALUES (3, 'same'), (9, 'same'), (12, 'same'), (13, 'Same');""",
    "orphans": """
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE, other REFERENCES nowhere);
        INSERT INTO child VALUES (1, 404, NULL), (2, 405, 'x');""",
    "a table without rowids": """
        CREATE TABLE t (b TEXT, a INTEGER, v, PRIMARY KEY (a DESC, b)) WITHOUT ROWID;
        CREATE INDEX ix_v ON t (v);
        INSERT INTO t VALUES ('z', 1, NULL), ('a', 1, x'00'), ('', -1, -0.0), ('a', 2, 1);
        CREATE TABLE u (k BLOB PRIMARY KEY) WITHOUT ROWID;
        INSERT INTO u VALUES (1), ('1'), (x'31'), (1.5);""",
    "columns named like the rowid": """
        CREATE TABLE one (rowid TEXT, v);
        CREATE TABLE two (rowid TEXT, oid REAL, v);
        CREATE TABLE all_of_them (rowid, _rowid_ TEXT, oid INTEGER, v);
        INSERT INTO one VALUES ('a', 1), (NULL, 2), ('a', 1);
        INSERT INTO two VALUES ('a', 1, 2), ('a', 1, 2);
        INSERT INTO all_of_them VALUES (1, 'a', 3, 4), (1, 'a', 3, 4), (NULL, NULL, NULL, NULL);""",
    "generated columns": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, twice REAL AS (a * 2), text TEXT GENERATED ALWAYS AS ('n' || a) STORED, z);
        CREATE UNIQUE INDEX ix_twice ON t (twice);
        INSERT INTO t (id, a, z) VALUES (1, 1, 'z'), (3, 2.5, NULL);
        CREATE TABLE u (a, b AS (a + 1) STORED);
        INSERT INTO u (a) VALUES (1), (1), ('x');""",
    "values that only a type keeps apart": """
        CREATE TABLE t (v);
        INSERT INTO t VALUES (1), (1.0), ('1'), (x'31'), (0), (0.0), (-0.0), (''), (x''), (NULL), ('1.0'), (1e0);
        CREATE TABLE k (v PRIMARY KEY, w);
        INSERT INTO k VALUES (1, 'i'), ('1', 't'), (x'31', 'b'), (-0.0, 'z'), (NULL, 'n');
        CREATE TABLE b (v BLOB, n NUMERIC, x TEXT, c TEXT COLLATE NOCASE PRIMARY KEY);
        INSERT INTO b VALUES (-0.0, '1', 1, 'a '), ('-0.0', '1.0', 1.0, 'A'), (1, 'x', x'01', 'a  ');""",
    "strict tables": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, i INT, r REAL, x TEXT, b BLOB, a ANY) STRICT;
        INSERT INTO t VALUES (1, 1, 1, '1', x'31', 1), (2, NULL, NULL, NULL, NULL, '1'), (3, 3, -0.0, '', x'', -0.0);
        CREATE TABLE u (k TEXT PRIMARY KEY, a ANY) STRICT, WITHOUT ROWID;
        INSERT INTO u VALUES ('1', 1.0), ('2', '1.0');""",
    "primary keys that look like integers and are none": """
        CREATE TABLE t (id INT PRIMARY KEY, v);
        INSERT INTO t VALUES (5, 1), (NULL, 2), ('x', 3), (NULL, 2);
        CREATE TABLE u (id INTEGER, v, PRIMARY KEY (id));
        INSERT INTO u VALUES (9, 1), (-3, 2);
        CREATE TABLE w (id INTEGER PRIMARY KEY DESC, v);
        INSERT INTO w VALUES (9, 1), (NULL, 2);""",
    "constraints of every kind": """
        CREATE TABLE t (a TEXT NOT NULL DEFAULT (lower('X')), b INTEGER CHECK (b > 0), c UNIQUE ON CONFLICT REPLACE, d DEFAULT CURRENT_TIMESTAMP,
            UNIQUE (a, b), CHECK (length(a) < 5));
        INSERT INTO t VALUES ('a', 1, 1, NULL), ('a', 2, NULL, 'd'), ('b', NULL, NULL, 'd');""",
    "an empty database": "CREATE TABLE t (a); DROP TABLE t;",
    "empty tables": "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b); CREATE TABLE u (c TEXT PRIMARY KEY) WITHOUT ROWID;",
    "another page size": """
        PRAGMA page_size = 512;
        CREATE TABLE t (a, b);
        INSERT INTO t VALUES (1, randomblob(20000)), (2, x'00');""",
    "rows that overflow their page": """
        CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT);
        CREATE INDEX ix_v ON t (v);
        INSERT INTO t SELECT 'k' || value, hex(zeroblob(9000 + value)) FROM json_each('[1,2,3,4,5,6,7,8,9]');""",
}


@pytest.mark.parametrize("design", ["adopted", "declared"])
@pytest.mark.parametrize("sql", VALUES.values(), ids=VALUES.keys())
def test_odd_values_arrive_with_their_type_and_every_byte(tmp_path: Path, sql: str, design: str) -> None:
    scene = build(tmp_path, sql, design)
    wanted = read_tables(scene.source / "old.db")
    consolidate(scene)
    assert read_tables(scene.target / "new.db") == wanted


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_source_in_another_encoding_is_carried_or_refused_in_one_line(tmp_path: Path, encoding: str) -> None:
    scene = build_copying(tmp_path, f"PRAGMA encoding = '{encoding}'; CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('ä€😀', 'x'), ('', x'00');")
    ended = run(scene.argv())
    if ended.code == 0:
        texts = read_rows(scene.target / "new.db", "SELECT CAST(k AS BLOB), typeof(v) FROM t ORDER BY k")
        assert {bytes(text).decode("utf-8") for text, _ in texts} == {"", "ä€😀"}
    else:
        assert (ended.code, "old.db" in ended.error) == (6, True)


# Sources in use


@pytest.mark.parametrize("stays", [True, False], ids=["writer stays open", "writer was killed"])
def test_rows_that_exist_only_in_the_write_ahead_log_of_a_writer_arrive(tmp_path: Path, stays: bool) -> None:
    scene = build_copying(tmp_path, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'old'), (2, 'old');")
    file = scene.source / "old.db"
    with open_application(file, "PRAGMA wal_autocheckpoint = 0", "INSERT INTO t VALUES (3, 'only in the log')") as application:
        application.execute("UPDATE t SET v = 'new' WHERE id = 2")
        if not stays:
            application.kill()
        assert file.with_name("old.db-wal").stat().st_size
        consolidate(scene)
        if stays:
            application.execute("INSERT INTO t VALUES (4, 'after')")
    assert read_rows(scene.target / "new.db", "SELECT id, CAST(v AS BLOB) FROM t") == [(1, b"old"), (2, b"new"), (3, b"only in the log")]


def test_a_writer_with_an_open_transaction_neither_stops_the_run_nor_shows_its_rows(tmp_path: Path) -> None:
    scene = build_copying(tmp_path, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);")
    with open_application(scene.source / "old.db", "BEGIN IMMEDIATE", "INSERT INTO t VALUES (2)") as application:
        consolidate(scene)
        application.execute("COMMIT")
    assert read_rows(scene.target / "new.db", "SELECT id FROM t") == [(1,)]


# Structure


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
@pytest.mark.parametrize("options", ["title, body", "title, body, content=''", "title, body, tokenize='porter', prefix='2 3'"])
def test_a_full_text_table_is_searchable_afterwards(tmp_path: Path, design: str, options: str) -> None:
    scene = build(tmp_path, f"""
        CREATE VIRTUAL TABLE docs USING fts5 ({options});
        CREATE TABLE plain (x);
        INSERT INTO docs (rowid, title, body) VALUES (3, 'First', 'the quick brown fox'), (7, 'Second', 'lazy dogs'), (70, 'Third', 'quick, lazy');
        INSERT INTO plain VALUES (1);""", design)
    old, new = scene.source / "old.db", scene.target / "new.db"
    sources = read_bytes_kept(scene.source)
    ended = run(scene.argv())
    assert read_bytes_kept(scene.source) == sources
    if "content=''" in options and ended.code:
        assert (ended.code, "docs" in ended.error) == (6, True)  # it holds no text: nothing can be rebuilt from it
        return
    assert ended.code == 0, ended.err + ended.out
    for query in ("SELECT rowid, * FROM docs", "SELECT rowid FROM docs WHERE docs MATCH 'quick'", "SELECT rowid FROM docs WHERE docs MATCH 'body: la*'"):
        assert read_rows(new, query) == read_rows(old, query)
    with closing(sqlite3.connect(new)) as connection:
        connection.execute("INSERT INTO docs (docs) VALUES ('integrity-check')")


@pytest.mark.parametrize("design", ["adopted", "declared"])
def test_a_full_text_table_over_another_table_is_searchable_afterwards(tmp_path: Path, design: str) -> None:
    scene = build(tmp_path, """
        CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);
        CREATE VIRTUAL TABLE found USING fts5 (body, content='notes', content_rowid='id');
        CREATE TRIGGER notes_in AFTER INSERT ON notes BEGIN INSERT INTO found (rowid, body) VALUES (new.id, new.body); END;
        INSERT INTO notes VALUES (2, 'quick fox'), (9, 'lazy dog');""", design)
    consolidate(scene)
    new = scene.target / "new.db"
    assert read_rows(new, "SELECT rowid FROM found WHERE found MATCH 'lazy'") == [(9,)]
    with closing(sqlite3.connect(new)) as connection, connection:
        connection.execute("INSERT INTO found (found, rank) VALUES ('integrity-check', 1)")
        connection.execute("INSERT INTO notes VALUES (10, 'quick again')")
        assert connection.execute("SELECT count(*) FROM found WHERE found MATCH 'quick'").fetchone() == (2,)


def test_a_spatial_index_is_carried_or_refused_in_one_line(tmp_path: Path) -> None:
    scene = build_copying(tmp_path, "CREATE VIRTUAL TABLE r USING rtree (id, a, b); INSERT INTO r VALUES (1, 0, 1.5), (9, -2, 3);")
    ended = run(scene.argv())
    if ended.code == 0:
        assert read_rows(scene.target / "new.db", "SELECT * FROM r") == read_rows(scene.source / "old.db", "SELECT * FROM r")
    else:
        assert (ended.code, "r" in ended.error) == (6, True)


def test_the_same_rows_of_several_files_keep_their_types_apart(tmp_path: Path) -> None:
    plan = ("version: 1\nsources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {new: {path: new.db, schema: sqlite/new.sql}}\n"
            "copy: {new: [a.bag, b.bag, a.kept, b.kept]}\n")
    schema = "CREATE TABLE bag (v); CREATE TABLE kept (k TEXT PRIMARY KEY, v);"
    scene = Scene(system=write_system(tmp_path / "s", plan, {"new": schema}), source=tmp_path / "source", target=tmp_path / "target")
    scene.source.mkdir()
    for name in ("a", "b"):
        with closing(sqlite3.connect(scene.source / f"{name}.db")) as connection, connection:
            connection.executescript(schema)
            connection.executescript(
                "INSERT INTO bag VALUES (1), (1.0), ('1'), (x'31'), (-0.0), (NULL), (1);"
                f"INSERT INTO kept VALUES ('same', CAST(x'ff00' AS TEXT)), (NULL, '{name}'), ('{name}', -0.0);")
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
    scene = build_copying(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB); INSERT INTO t VALUES (1, 'small');")
    with closing(sqlite3.connect(scene.source / "old.db")) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("INSERT INTO t VALUES (2, zeroblob(?))", (CELL,))
        with connection.blobopen("t", "v", 2) as blob:
            for place in range(0, CELL, 10 << 20):
                blob.seek(place)
                blob.write(place.to_bytes(8, "big"))
    job = json.dumps({"argv": scene.argv(), "out": str(tmp_path / "out")})
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    ended = subprocess.run([sys.executable, str(DRIVER)], input=job + "\n", text=True, stdout=subprocess.PIPE, check=True)
    assert ended.stdout.split()[1] == "0", (tmp_path / "out").read_text()
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
