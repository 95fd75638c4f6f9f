"""Two databases are the same in every value, type, row number and definition, or the comparison says in what not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.engines import Engine
from strongroom.sqlite.connection import Connection, attached, open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.same_content import compare_content

BASE = """
CREATE TABLE t (a, b TEXT, c INTEGER, d REAL, e NUMERIC, f BLOB);
INSERT INTO t (rowid, a, b, c, d, e, f) VALUES (4, 1, 'x', 2, 0.0, 3, x'00'), (9, NULL, NULL, 0, 1.5, 0, 'z');
CREATE TABLE k (a INTEGER PRIMARY KEY AUTOINCREMENT, b, c INTEGER, d REAL, e TEXT);
INSERT INTO k VALUES (5, 0.0, 7, 0.0, 'y'), (6, 2, 8, 9.5, 'q');
CREATE TABLE w (k TEXT COLLATE NOCASE, n INTEGER, v, PRIMARY KEY (k, n)) WITHOUT ROWID;
INSERT INTO w VALUES ('a', 1, 0.0), ('b', 2, 1);
CREATE TABLE named (rowid, _rowid_, oid);
INSERT INTO named VALUES (1, 2, 0.0), (4, 5, 6);
CREATE TABLE made (a, b AS (a * 2), c AS (a + 1) STORED);
INSERT INTO made (a) VALUES (3);
CREATE VIRTUAL TABLE words USING fts5 (body);
INSERT INTO words VALUES ('some words');
CREATE VIEW v AS SELECT a FROM t;
PRAGMA user_version = 7;
PRAGMA application_id = 42;
ANALYZE;
"""
CHANGES = {
    "a value": ("UPDATE t SET b = 'y' WHERE rowid = 4", "table t"),
    "a real for an integer": ("UPDATE t SET a = 1.0 WHERE rowid = 4", "table t"),
    "text for a blob": ("UPDATE t SET f = CAST(f AS TEXT) WHERE rowid = 4", "table t"),
    "a blob for text": ("UPDATE t SET f = CAST(f AS BLOB) WHERE rowid = 9", "table t"),
    "nothing for null": ("UPDATE t SET b = '' WHERE rowid = 9", "table t"),
    "null for nothing": ("UPDATE t SET e = NULL WHERE rowid = 9", "table t"),
    "case": ("UPDATE t SET b = 'X' WHERE rowid = 4", "table t"),
    "the sign of zero": ("UPDATE t SET d = -0.0 WHERE rowid = 4", "table t"),
    "the sign of zero in any column": ("UPDATE k SET b = -0.0 WHERE a = 5", "table k"),
    "a real in any column": ("UPDATE k SET b = 2.0 WHERE a = 6", "table k"),
    "the sign of zero without row numbers": ("UPDATE w SET v = -0.0 WHERE k = 'a'", "table w"),
    "case in a key": ("UPDATE w SET k = 'A' WHERE k = 'a'", "table w"),
    "a value without row numbers": ("UPDATE w SET v = 1.0 WHERE k = 'b'", "table w"),
    "a value where rows have no name": ('UPDATE named SET oid = -0.0 WHERE "rowid" = 1', "table named"),
    "a row where rows have no name": ('DELETE FROM named WHERE "rowid" = 4', "table named"),
    "a row number": ("UPDATE t SET rowid = 8 WHERE rowid = 9", "table t"),
    "a row more": ("INSERT INTO t (a) VALUES (1)", "table t"),
    "a row less": ("DELETE FROM k WHERE a = 5", "table k"),
    "another table's rows": ("INSERT INTO made (a) VALUES (3)", "table made"),
    "a word": ("INSERT INTO words VALUES ('more')", "table words_content"),
    "a definition": ("CREATE INDEX i ON t (a)", "definition of i"),
    "a view": ("DROP VIEW v", "definition of v"),
    "a table": ("CREATE TABLE u (a)", "definition of u"),
    "a mark": ("UPDATE sqlite_sequence SET seq = 77", "sqlite_sequence"),
    "the statistics": ("DELETE FROM sqlite_stat1", "sqlite_stat1"),
    "a number of the header": ("PRAGMA user_version = 8", "user_version"),
    "another number of the header": ("PRAGMA application_id = 8", "application_id"),
}
NO_CHANGES = ("REINDEX", "PRAGMA journal_mode = WAL", "CREATE TABLE u (a); DROP TABLE u")
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 1, 2**53, 2**53 + 1, 2**62, 2**63 - 1, -(2**63), 0.0, -0.0, 1.0, 2.0**53, 2.0**62, 2.0**63]),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.binary(max_size=3),
)
TYPES = ("", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "ANY")


def write(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


@contextmanager
def both(one: Path, other: Path, engine: Engine = Engine.SYSTEM) -> Iterator[Connection]:
    with open_snapshot(Database(one, engine)) as connection, attached(connection, Database(other, engine), "other"):
        yield connection


def differences(one: Path, other: Path, engine: Engine = Engine.SYSTEM) -> tuple[str, ...]:
    with both(one, other, engine) as connection:
        found = compare_content(connection, "main", "other").differences
        assert compare_content(connection, "other", "main").differences == found
        return found


@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("change", list(CHANGES))
def test_every_single_change_is_named(tmp_path: Path, change: str, engine: Engine) -> None:
    sql, name = CHANGES[change]
    one, other = write(tmp_path / "a.db", BASE), write(tmp_path / "b.db", f"{BASE}; {sql}")
    is_kept = "zero" not in change or holds_negative_zero(other)
    assert (name in differences(one, other, engine)) is is_kept


def holds_negative_zero(file: Path) -> bool:
    """Tell whether SQLite stored what was asked for: in columns of numbers it makes 0.0 of -0.0."""
    with closing(sqlite3.connect(file)) as connection:
        zeros = connection.execute("SELECT d FROM t UNION ALL SELECT b FROM k UNION ALL SELECT v FROM w").fetchall()
    return any(str(value) == "-0.0" for (value,) in zeros)


@pytest.mark.parametrize("sql", NO_CHANGES)
def test_what_is_no_content_is_no_change(tmp_path: Path, sql: str) -> None:
    one, other = write(tmp_path / "a.db", BASE), write(tmp_path / "b.db", f"{BASE}; {sql}")
    assert differences(one, other) == ()


def test_tables_and_rows_are_counted_once(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.db", BASE), write(tmp_path / "b.db", BASE)
    with both(one, other) as connection:
        found = compare_content(connection, "main", "other")
    behind_words = 5
    with closing(sqlite3.connect(one)) as connection:
        names = [f"words_{part}" for part in ("data", "idx", "content", "docsize", "config")]
        rows = sum(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names)
    assert (found.tables, found.rows) == (5 + behind_words, 9 + rows)


def test_a_table_with_more_columns_than_an_expression_is_deep_is_compared(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(1500)]
    script = f"CREATE TABLE t ({', '.join(names)}); INSERT INTO t (c0, c1499) VALUES (1, 2);"
    one, same = write(tmp_path / "a.db", script), write(tmp_path / "b.db", script)
    other = write(tmp_path / "c.db", f"{script} UPDATE t SET c1499 = 2.0")
    assert differences(one, same) == ()
    assert differences(one, other) == ("table t",)


@given(declared=st.sampled_from(TYPES), before=VALUES, after=VALUES, keyed=st.booleans())
def test_two_values_are_the_same_when_python_says_so(declared: str, before: object, after: object, keyed: bool) -> None:
    key = "i INTEGER PRIMARY KEY" if keyed else "i"
    with TemporaryDirectory() as folder:
        files, stored = [], []
        for name, value in (("a", before), ("b", after)):
            files.append(Path(folder) / name)
            with closing(sqlite3.connect(files[-1])) as connection, connection:
                connection.execute(f"CREATE TABLE t ({key}, v {declared})")
                connection.execute("INSERT INTO t VALUES (1, ?)", (value,))
                stored.append(repr(connection.execute("SELECT v FROM t").fetchone()))
        assert (differences(*files) == ()) == (stored[0] == stored[1])
