"""Every row of a table is read once, whatever stands in the texts between, and every range is in one part."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from strongroom.load.convert import Reading
from strongroom.load.rows.filling import count_unfit
from strongroom.load.rows.jobs import ColumnJob, TableJob
from strongroom.load.rows.reading import FIRST, LAST, WHOLE, read_pieces, split_table
from strongroom.load.stage.columns import ServerType
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database

ROWS = 1300
ODD = (700, 701, 1299)
"""Rows whose text is no UTF-8, far from the first."""


def make(folder: Path, table: str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)") -> TableJob:
    with closing(sqlite3.connect(folder / "core.db")) as connection, connection:
        connection.execute(table)
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(number, f"v{number}") for number in range(1, ROWS + 1)])
        connection.executemany("UPDATE t SET v = CAST(x'c3' AS TEXT) WHERE id = ?", [(number,) for number in ODD])
    text = ColumnJob(source="v", into="v", type=ServerType(name="text"), reading=Reading(), not_null=False)
    key = "WITHOUT" in table
    return TableJob(
        target="core", table="t", into="t", schema="core_staged", columns=(text,), kept=("id", "v"),
        address=None if key else "id", key=("id",) if key else (), snapshot=Database(folder / "core.db"),
        ledger=Database(folder / "ledger.db"), size=1 << 20, row_size=8,
    )  # fmt: skip


@pytest.mark.parametrize("without", ["", " WITHOUT ROWID"])
def test_every_row_is_read_once_after_a_text_that_is_no_utf8_too(tmp_path: Path, without: str) -> None:
    job = make(tmp_path, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT){without}")
    with open_snapshot(job.snapshot) as connection:
        rows = [row for piece in read_pieces(connection, job, WHOLE, {9}) for row in piece]
    assert [row[0] for row in rows] == [number for number in range(1, ROWS + 1) if number != 9]
    odd = {address: bytes(value) for address, value in rows if not isinstance(value, str)}
    assert odd == dict.fromkeys(ODD, b"\xc3")
    assert all(value == f"v{address}" for address, value in rows if address not in odd)


def test_rows_that_do_not_fit_are_counted_and_nothing_is_written(tmp_path: Path) -> None:
    job = make(tmp_path)
    assert [entry.address for entry in count_unfit(job)] == list(ODD)
    assert [path.name for path in tmp_path.iterdir()] == ["core.db"]


def test_the_ranges_of_a_table_are_all_of_it_and_none_is_in_two(tmp_path: Path) -> None:
    job = make(tmp_path)
    with open_snapshot(job.snapshot) as connection:
        parts = split_table(connection, job, 1 << 18)
        rows = [row[0] for part in parts for piece in read_pieces(connection, job, part) for row in piece]
        assert split_table(connection, job, 1 << 20) == [WHOLE]
        assert split_table(connection, replace(job, address=None), 1) == [WHOLE]
        assert split_table(connection, replace(job, size=1 << 40), 1) == [WHOLE], "more parts than addresses"
    assert (len(parts), parts[0].low, parts[-1].high) == (4, FIRST, LAST)
    assert all(one.high + 1 == other.low and not one.is_whole for one, other in pairwise(parts))
    assert rows == list(range(1, ROWS + 1))
