"""An excerpt holds what was asked for exactly as it was, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.errors import DamagedSourceError, UnreachableError
from strongroom.load.stage.excerpt import Excerpt, read_columns, take_excerpt
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database

TREE = """
    CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE wanted (id TEXT, value, later TEXT, gone INTEGER REFERENCES parents (id) ON DELETE CASCADE);
    CREATE INDEX ix_wanted_later ON wanted (later);
    CREATE VIRTUAL TABLE found USING fts5 (text);
    CREATE VIEW seen AS SELECT * FROM wanted JOIN parents;
    CREATE TRIGGER watch AFTER DELETE ON wanted BEGIN DELETE FROM parents; END;
    INSERT INTO parents VALUES (1, 'one');
    INSERT INTO found VALUES ('words');
    INSERT INTO wanted (rowid, id, value, gone) VALUES (7, 'a', 1.0, 1), (9, NULL, x'00ff', 1),
        (9000000000, 'b', '1', 1);
"""
ROWS = "SELECT rowid, id, typeof(value), value, gone FROM wanted ORDER BY rowid"


def make(folder: Path, *, wal: bool = False) -> Path:
    path = folder / "memory.db"
    with closing(sqlite3.connect(path)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TREE)
    return path


def take(path: Path, **columns: list[str]) -> Excerpt:
    return take_excerpt(Database(path), Database(path.with_name("excerpt.db")), dict(columns), None)


@pytest.mark.parametrize("wal", [False, True])
def test_rows_keep_their_numbers_and_values_and_the_rest_stays_behind(tmp_path: Path, wal: bool) -> None:
    path = make(tmp_path, wal=wal)
    before = path.read_bytes()
    done = take(path, WANTED=["id", "VALUE", "gone", "later"])
    assert done.left == ("found", "parents")
    assert done.empty == ()
    with closing(sqlite3.connect(path)) as here, open_snapshot(done.database) as there:
        assert there.execute(ROWS).fetchall() == here.execute(ROWS).fetchall()
        names = there.execute("SELECT name FROM sqlite_master ORDER BY 1").fetchall()
    assert names == [("ix_wanted_later",), ("wanted",)]
    assert path.read_bytes() == before


def test_a_column_without_a_place_stays_only_where_it_holds_something(tmp_path: Path) -> None:
    done = take(make(tmp_path), wanted=["id", "value"])
    assert (done.empty, done.strange) == (("wanted.later",), ("wanted.gone",))
    with open_snapshot(done.database) as there:
        assert [row[1] for row in there.execute("PRAGMA table_info(wanted)")] == ["id", "value", "gone"]


def test_a_default_is_no_value_and_any_other_is_one(tmp_path: Path) -> None:
    path = make(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            CREATE TABLE scores (id TEXT, one REAL DEFAULT 0.5, two TEXT DEFAULT 'x', three TEXT DEFAULT '',
                four TEXT DEFAULT CURRENT_TIMESTAMP, five INTEGER DEFAULT 0);
            INSERT INTO scores (id) VALUES ('a');
            INSERT INTO scores (id, two, three, five) VALUES ('b', 'X', NULL, '0');
        """)
    done = take(path, scores=["id"])
    assert done.empty == ("scores.one", "scores.three", "scores.five")
    assert done.strange == ("scores.two", "scores.four")


def test_an_excerpt_that_is_there_is_made_anew(tmp_path: Path) -> None:
    path = make(tmp_path)
    take(path, parents=["id", "name"])
    assert take(path, wanted=["id", "value", "later", "gone"]).left == ("found", "parents")


def test_the_tables_of_a_file_are_named_with_their_columns(tmp_path: Path) -> None:
    found = read_columns(Database(make(tmp_path)))
    assert found["wanted"] == ["id", "value", "later", "gone"]
    assert found.keys() == {"parents", "wanted", "found"}


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        read_columns(Database(tmp_path / "none.db"))
    path = tmp_path / "text.db"
    path.write_text("no database, and longer than a header of a hundred bytes would be " * 3)
    with pytest.raises(DamagedSourceError):
        read_columns(Database(path))
