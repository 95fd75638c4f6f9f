"""Defaults of columns survive, as they were written: those of carried columns, and for rows of files without them."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.consolidate.merge import build_target
from strongroom.sqlite.database import Database
from tests.unit.consolidate.houses import Row, bind_house, built_house, head

KEPT = {
    "DEFAULT 'new'": "new",
    "DEFAULT 'it''s'": "it's",
    'DEFAULT "active"': "active",
    "DEFAULT ('new')": "new",
    "DEFAULT 7": "7",
    "DEFAULT -1": "-1",
    "DEFAULT .5": "0.5",
    "DEFAULT X'6869'": b"hi",
    "DEFAULT NULL": None,
}
LEFT = ("DEFAULT CURRENT_TIMESTAMP", "DEFAULT (lower('X'))", "DEFAULT (1 + 1)")
SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY);"
PLAN = head("one", "two", more="defaults: {unmapped_column: carry}\n") + "copy: {house: [one.t, two.t]}"


def carry(columns: str, *, into: str = SCHEMA) -> tuple[list[Row], dict[str, object], tuple[str, ...]]:
    """Carry columns that the first file has; return the rows, the columns' defaults, and what is said of it."""
    sources = {
        "one": f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns}); INSERT INTO t (id) VALUES (1)",
        "two": "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (2)",
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        job = bind_house(folder, into, PLAN, sources).targets[0]
        build_target(job, Database(folder / "stage.db"), Database(folder / "ledger.db"))
        with closing(sqlite3.connect(folder / "stage.db")) as connection:
            rows = connection.execute("SELECT * FROM t ORDER BY id").fetchall()
            defaults = {row[1]: row[4] for row in connection.execute("PRAGMA table_info(t)")}
            return rows, defaults, job.carried


@pytest.mark.parametrize(("default", "value"), KEPT.items())
def test_a_carried_column_keeps_its_literal_default_and_rows_without_it_get_it(default: str, value: object) -> None:
    rows, defaults, said = carry(f"state TEXT NOT NULL {default}" if value is not None else f"state TEXT {default}")
    assert rows == [(1, value), (2, value)]
    assert defaults["state"] == default.removeprefix("DEFAULT ").strip("()")
    assert said == (f"column t.state TEXT DEFAULT {defaults['state']} from one.t",)


@pytest.mark.parametrize("default", LEFT)
def test_a_default_that_is_no_literal_is_not_carried(default: str) -> None:
    rows, defaults, said = carry(f"state TEXT {default}")
    assert [row[0] for row in rows] == [1, 2]
    assert rows[1] == (2, None)
    assert defaults["state"] is None
    assert said == ("column t.state TEXT from one.t",)


def test_rows_that_the_schema_inserts_get_the_default_too() -> None:
    rows, _, _ = carry("n INTEGER DEFAULT 3", into=f"{SCHEMA} INSERT INTO t VALUES (9)")
    assert rows == [(1, 3), (2, 3), (9, 3)]


@pytest.mark.parametrize(("default", "value"), KEPT.items())
def test_a_default_of_the_schema_fills_what_a_file_lacks(default: str, value: object) -> None:
    schema = f"CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT {default}, more TEXT);"
    rows = {"one": "INSERT INTO t (id, state) VALUES (1, 'x')", "two": "ALTER TABLE t DROP COLUMN state"}
    rows["two"] += "; INSERT INTO t (id) VALUES (2)"
    with built_house(schema, head("one", "two") + "copy: {house: [one.t, two.t]}", rows) as house:
        assert house.read("SELECT id, state FROM t ORDER BY id") == [(1, "x"), (2, value)]
