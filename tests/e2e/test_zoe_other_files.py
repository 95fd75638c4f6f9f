"""Files that Zoe's papers name and nobody has seen are taken as what they hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.drafting import make, run_inv
from tests.e2e.zoe_tree import make_tree

FILES = {
    "satisfaction": "CREATE TABLE ratings (id INTEGER PRIMARY KEY, n INT CHECK (n < 6), said DEFAULT 'none');"
    "INSERT INTO ratings (n) VALUES (3), (5); CREATE INDEX by_n ON ratings (n)",
    "model_performance": "CREATE TABLE models (name TEXT PRIMARY KEY, took REAL) WITHOUT ROWID;"
    "INSERT INTO models VALUES ('m', 1.5); CREATE TABLE metrics (a, b); INSERT INTO metrics VALUES (1, 2), (1, 2);"
    "CREATE VIRTUAL TABLE said USING fts5 (body); INSERT INTO said VALUES ('hello there')",
    "context_cache": "CREATE TABLE cache (key TEXT PRIMARY KEY, value BLOB, hits INTEGER DEFAULT 7);"
    "INSERT INTO cache (key, value) VALUES ('k', x'00ff'); CREATE TABLE metrics (b, c);"
    "INSERT INTO metrics VALUES (3, 4)",
    "performance": "CREATE TABLE system_metrics (id INTEGER PRIMARY KEY, cpu REAL);"
    "INSERT INTO system_metrics VALUES (1, 0.5)",
}
HELD = {
    "SELECT id, n, said FROM ratings": [(1, 3, "none"), (2, 5, "none")],
    "SELECT * FROM models": [("m", 1.5)],
    "SELECT a, b, c FROM metrics": [(1, 2, None), (1, 2, None), (None, 3, 4)],
    "SELECT body FROM said WHERE said MATCH 'hello'": [("hello there",)],
    "SELECT * FROM cache": [("k", b"\x00\xff", 7)],
    "SELECT id, cpu, cpu_percent FROM system_metrics": [(1, 0.5, None)],
    "SELECT dflt_value FROM pragma_table_info('ratings') WHERE name = 'said'": [("'none'",)],
    "SELECT name FROM sqlite_master WHERE name = 'by_n'": [("by_n",)],
}


def test_the_other_four_files_are_taken_with_all_their_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make_tree(tmp_path / "data", 1)
    for name, sql in FILES.items():
        make(tree.directory / f"{name}.db", sql)
    there = ("--system", "zoe", "--source", tree.directory)
    assert run_inv(capsys, "consolidate.check", *there)[0] == 0
    code, result, error = run_inv(capsys, "consolidate.run", *there, "--target", tmp_path / "new", "--json")
    assert (code, result["verdict"]) == (0, "PROVEN"), error
    with closing(sqlite3.connect(tmp_path / "new" / "zoe.db")) as connection:
        held: dict[str, list[Any]] = {sql: connection.execute(sql).fetchall() for sql in HELD}
    assert held == HELD


def test_rows_of_a_table_that_zoe_has_too_wait_where_their_ids_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make_tree(tmp_path / "data", 1)
    make(
        tree.directory / "performance.db", "CREATE TABLE events (id INTEGER PRIMARY KEY, title, start_date, took REAL)"
    )
    make(tree.directory / "performance.db", "INSERT INTO events VALUES (1, 'a', 'b', 0.5), (999, 'c', 'd', 0.7)")
    words = ("--system", "zoe", "--source", tree.directory, "--target", tmp_path / "new", "--json")
    code, result, _ = run_inv(capsys, "consolidate.run", *words)
    assert (code, result["verdict"], result["differences"]) == (4, "PROVEN_WITH_QUARANTINE", [])
    assert result["tables"]["performance.events"]["quarantined"] == 1
