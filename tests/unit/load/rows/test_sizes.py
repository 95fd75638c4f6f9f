"""How much of a table is read, sent and loaded at once: it stays bounded, however large a cell or a table is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from strongroom.core.workers import Workers
from strongroom.load.convert import Reading
from strongroom.load.rows import loading, reading
from strongroom.load.rows.encoding import Encoder
from strongroom.load.rows.finishing import finish_table, load_table
from strongroom.load.rows.jobs import ColumnJob, Range, TableJob, TableWork
from strongroom.load.rows.loading import Loading
from strongroom.load.rows.reading import FIRST, LAST, WHOLE, Piece, read_pieces
from strongroom.load.stage.columns import ServerType
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database

MIB = 1 << 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "core.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE goods (id INTEGER PRIMARY KEY, face BLOB)")
    return path


def fill(file: Path, sizes: Sequence[int]) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany("INSERT INTO goods (face) VALUES (zeroblob(?))", [(size,) for size in sizes])


def describe(file: Path, *, size: int = 0, row_size: int = 1, name: str = "goods") -> TableJob:
    face = ColumnJob(source="face", into="face", type=ServerType(name="bytea"), reading=Reading(), not_null=False)
    return TableJob(
        target="core", table=name, into=name, schema="core_staged", columns=(face,), kept=("id", "face"), address="id",
        key=(), snapshot=Database(file), ledger=Database(file.with_name("ledger.db")), size=size, row_size=row_size,
    )  # fmt: skip


def read(file: Path, job: TableJob, part: Range = WHOLE) -> list[Piece]:
    with open_snapshot(job.snapshot) as source:
        return list(read_pieces(source, job, part))


def weigh(piece: Piece) -> int:
    return sum(len(row[1]) for row in piece)


@pytest.fixture
def is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file count as a large one."""
    monkeypatch.setattr(reading, "_SMALL", 0)


@pytest.mark.usefixtures("is_large")
def test_of_large_rows_few_are_read_at_once_also_where_the_first_ones_were_small(file: Path) -> None:
    fill(file, [10] * 500 + [MIB // 4] * 40)
    assert max(map(weigh, read(file, describe(file)))) <= 12 * MIB // 4
    known = read(file, describe(file, row_size=MIB // 4), Range(low=501, high=540, is_whole=False))
    assert [len(piece) for piece in known] == [4] * 10


@pytest.mark.usefixtures("is_large")
def test_large_rows_among_small_ones_are_found_too(file: Path) -> None:
    fill(file, [10, MIB // 4] * 100)
    assert max(map(weigh, read(file, describe(file)))) <= 12 * MIB // 4


def test_every_row_comes_once_however_many_are_read_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(file, [*range(0, 100_000, 331), *([7] * 1203), *([MIB] * 3)])
    for small in (0, 1 << 40):
        monkeypatch.setattr(reading, "_SMALL", small)
        rows = [row for piece in read(file, describe(file)) for row in piece]
        assert [row[0] for row in rows] == list(range(1, 1510))


def test_a_large_cell_is_sent_as_it_is_and_small_ones_together(file: Path) -> None:
    encoder = Encoder(describe(file))
    small, large = bytes(100), bytes(MIB)
    sent = list(encoder.encode([(1, small), (2, large), (3, small)]))
    assert [one for one in sent if one is large] == [large]
    assert max(map(len, sent)) == MIB
    assert len(list(encoder.encode([(number, small) for number in range(500)]))) == 1


def test_a_table_is_loaded_again_by_96_mib_at_most(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(file, [1] * 1000)
    monkeypatch.setattr(loading, "list_sequences", lambda *_: ())
    book = Mock(read_ranges=Mock(return_value=set()), read_structure=Mock(return_value=[]))
    work = Loading(Mock(), book, Workers(None, lambda: None), Mock())
    (whole,) = work._look_at(Mock(), describe(file, size=96 * MIB)).ranges
    assert whole == WHOLE
    parts = work._look_at(Mock(), describe(file, size=4 * 96 * MIB)).ranges
    assert [part.is_whole for part in parts] == [False] * 4
    assert (parts[0].low, parts[-1].high) == (FIRST, LAST)
    assert all(one.high + 1 == two.low for one, two in pairwise(parts))
    assert {part.high - part.low for part in parts[1:-1]} == {249}


class Held(Workers):
    """Workers who tell what they were handed, and end it when the loading waits for it."""

    def __init__(self) -> None:
        super().__init__(None, lambda: None)
        self.handed: list[tuple[Callable[..., Any], str]] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        self.handed.append((function, arguments[1].job.name))
        return Future()

    def finished(self, futures: Mapping[str, Future[Any]]) -> Iterator[str]:
        ended: list[str] = []
        while waiting := [name for name in futures if name not in ended]:
            ended.append(waiting[0])
            yield waiting[0]


def test_tables_are_brought_to_their_end_by_workers_while_others_are_filled(file: Path) -> None:
    def plan(name: str, ranges: Sequence[Range]) -> TableWork:
        return TableWork(job=describe(file, name=name), ranges=tuple(ranges), parts=(), sequences=())

    halves = [Range(low=FIRST, high=0, is_whole=False), Range(low=1, high=LAST, is_whole=False)]
    workers = Held()
    reached: list[str] = []
    plans = [plan("one", halves), plan("two", halves), plan("three", [WHOLE]), plan("four", [])]
    Loading(Mock(), Mock(), workers, reached.append)._fill(plans)
    begun = [(load_table, "core.one"), (load_table, "core.one"), (load_table, "core.two"), (load_table, "core.two"),
             (load_table, "core.three"), (finish_table, "core.four")]  # fmt: skip
    assert workers.handed == [*begun, (finish_table, "core.one"), (finish_table, "core.two")]
    assert reached.index(f"fill core.two {FIRST}") < reached.index("finish core.one")
