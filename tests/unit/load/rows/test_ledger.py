"""A ledger that a kill left half written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from strongroom.load.rows.jobs import TableJob
from strongroom.load.rows.ledger import count_waiting, note_rows, remove_ledger, settle_ledger
from strongroom.sqlite.database import Database

INPUTS = (
    "CREATE TABLE inputs (id INTEGER PRIMARY KEY, into_table TEXT, source TEXT, source_table TEXT, kept_table TEXT, "
    "columns TEXT, rowid_offset INTEGER, number INTEGER)"
)
KEPT = "CREATE TABLE 'core.goods' (_rowid INTEGER PRIMARY KEY, _disposition TEXT, _reason TEXT, _rule TEXT)"


def leave_half_written(path: Path) -> Database:
    """Copy a ledger and its journal in the middle of a transaction that has reached the disk."""
    made = path.with_name("made.db")
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_spill = 1")
        for statement in (INPUTS, "INSERT INTO inputs VALUES (1, '', '', '', 'core.goods', '[]', 0, 1)", KEPT):
            connection.execute(statement)
        connection.execute("INSERT INTO 'core.goods' VALUES (1, 'quarantined', 'x', 'name')")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
            "INSERT INTO 'core.goods' SELECT i, 'quarantined', printf('%200d', i), 'name' FROM n"
        )
        path.write_bytes(made.read_bytes())
        path.with_name(f"{path.name}-journal").write_bytes(made.with_name(f"{made.name}-journal").read_bytes())
    return Database(path)


def test_what_was_half_written_is_taken_back(tmp_path: Path) -> None:
    ledger = leave_half_written(tmp_path / "core.db")
    assert ledger.beside("-journal").stat().st_size > 0
    settle_ledger(ledger)
    assert count_waiting(ledger) == 1


def test_a_ledger_that_is_removed_leaves_no_journal_to_the_next(tmp_path: Path) -> None:
    ledger = leave_half_written(tmp_path / "core.db")
    remove_ledger(ledger)
    assert [path.name for path in tmp_path.iterdir()] == ["made.db"]
    settle_ledger(ledger)
    assert count_waiting(ledger) == 0


def test_where_nothing_waits_nothing_is_written(tmp_path: Path) -> None:
    ledger = Database(tmp_path / "core.db")
    job = TableJob(
        target="core", table="goods", into="goods", schema="core_staged", columns=(), kept=("id",), address="id",
        key=(), snapshot=Database(tmp_path / "copy.db"), ledger=ledger, size=0, row_size=1,
    )  # fmt: skip
    note_rows(job, [])
    assert (list(tmp_path.iterdir()), count_waiting(ledger)) == ([], 0)
