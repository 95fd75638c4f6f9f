"""The inventory: what it finds, what it says is awkward, and that it leaves every byte as it was."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from invoke.context import Context

from strongroom.core.errors import ConfigurationError, UnreachableError, UsageError
from strongroom.core.plan import Source
from strongroom.examine.inventory import (
    ColumnFacts,
    DatabaseFacts,
    Inventory,
    SequenceFacts,
    TableFacts,
    WalChange,
    describe_inventory,
    documents,
    read_expectation,
    take_inventory,
)
from strongroom.examine.inventory.census import is_valid
from strongroom.examine.inventory.oddities import is_reserved, show_name
from strongroom.tasks import inventory as inventory_task
from tests.processes import open_child


def make(path: Path, script: str, *rows: tuple[str, list[tuple[object, ...]]]) -> Path:
    """Make a database from a script, and insert rows by statement."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(script)
        for statement, values in rows:
            connection.executemany(statement, values)
    return path


def look_at(path: Path) -> DatabaseFacts:
    found = {database.path: database for database in take_inventory(path.parent).databases}
    return found[path.name]


def table_in(path: Path, name: str = "t") -> TableFacts:
    return next(table for table in look_at(path).tables if table.name == name)


def column_in(path: Path, name: str) -> ColumnFacts:
    return next(column for column in table_in(path).columns if column.name == name)


def bytes_in(folder: Path) -> dict[str, bytes]:
    """Read every file but shared memory and empty logs, which reading may make."""
    files = {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: data for name, data in files.items() if not name.endswith("-shm") and data}


# --- what is awkward about cells ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        ("TEXT", "'a' || char(0)", "1 text with NUL"),
        ("TEXT", "CAST(x'ff' AS TEXT)", "1 text that is not valid UTF"),
        ("TEXT", "CAST(x'c3' AS TEXT)", "1 text that is not valid UTF"),
        ("TEXT", "CAST(x'eda080' AS TEXT)", "1 text that is not valid UTF"),
        ("TEXT", "CAST(x'6100ff' AS TEXT)", "1 text that is not valid UTF"),
        ("TEXT", "x'00'", "1 blob in a TEXT column"),
        ("REAL", "'n/a'", "1 text in a REAL column"),
        ("REAL", "x'00'", "1 blob in a REAL column"),
        ("REAL", "9e999", "1 infinite"),
        ("REAL", "-9e999", "1 infinite"),
        ("INTEGER", "'n/a'", "1 text in an INTEGER column"),
        ("INTEGER", "1.5", "1 real in an INTEGER column"),
        ("INTEGER", "9223372036854775807", "1 at the end of 64 bits (2^63-1 or -2^63)"),
        ("INTEGER", "-9223372036854775807 - 1", "1 at the end of 64 bits (2^63-1 or -2^63)"),
        ("BOOLEAN", "'true'", "1 text in a BOOLEAN column"),
        ("TEXT", "printf('%.*c', 1048577, 'x')", "largest cell is 1,048,577 bytes"),
        ("BLOB", "zeroblob(1048577)", "largest cell is 1,048,577 bytes"),
    ],
)
def test_an_awkward_cell_is_listed(tmp_path: Path, declared: str, value: str, expected: str) -> None:
    path = make(
        tmp_path / "a.db",
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {declared}); INSERT INTO t VALUES (1, {value})",
    )
    assert f"t.c: {expected}" in table_in(path).oddities


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("TEXT", "'plain'"),
        ("TEXT", "''"),
        ("TEXT", "'naïve ☃ 𝄞'"),
        ("TEXT", "NULL"),
        ("REAL", "1"),
        ("REAL", "-0.5"),
        ("INTEGER", "9223372036854775806"),
        ("TIMESTAMP", "'2026-03-08 00:00:00'"),
        ("TIMESTAMP", "1772900000"),
        ("BLOB", "x'00ff'"),
        ("", "'untyped'"),
        ("BLOB", "zeroblob(1048576)"),
    ],
)
def test_an_ordinary_cell_is_not_listed(tmp_path: Path, declared: str, value: str) -> None:
    path = make(
        tmp_path / "a.db",
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {declared}); INSERT INTO t VALUES (1, {value})",
    )
    assert table_in(path).oddities == ()


def test_storage_classes_that_mix_are_listed(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, stamp TIMESTAMP, data BLOB, any);"
        "INSERT INTO t VALUES (1, '2026-03-08', 'text', 1), (2, 1772900000, x'00', 1.5), (3, 5, x'01', 'x')",
    )
    assert table_in(path).oddities == (
        "t.stamp: 1 text and 2 numbers in a TIMESTAMP column",
        "t.data: 1 text, 2 blob in a BLOB column",
        "t.any: 1 integer, 1 real, 1 text in an untyped column",
    )


def test_a_number_among_names_is_listed_but_numbers_among_themselves_are_not(tmp_path: Path) -> None:
    names = [(f"agent-{number}", str(number)) for number in range(40)]
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, code TEXT)",
        ("INSERT INTO t (name, code) VALUES (?, ?)", [*names, ("7", "7")]),
    )
    assert table_in(path).oddities == ("t.name: 1 text of digits only among 41",)


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(-(2**63), 2**63 - 1),
            st.sampled_from([2**63 - 1, -(2**63)]),
            st.floats(allow_nan=False),
            st.binary(max_size=6),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
            st.builds(lambda raw: ("text", raw), st.binary(max_size=6)),
        ),
        max_size=12,
    )
)
@example([("text", b"\xed\xa0\x80"), ("text", b"a\0\xff"), "\0", b"\0", "", b""])
def test_the_census_counts_as_python_does(tmp_path_factory: pytest.TempPathFactory, cells: list[object]) -> None:
    path = tmp_path_factory.mktemp("census") / "a.db"
    make(path, "CREATE TABLE t (c)")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for cell in cells:
            is_raw = isinstance(cell, tuple)
            sql = f"INSERT INTO t VALUES ({'CAST(? AS TEXT)' if is_raw else '?'})"
            connection.execute(sql, (cell[1] if is_raw else cell,))
    texts = [cell[1] if isinstance(cell, tuple) else cell.encode() for cell in cells if isinstance(cell, tuple | str)]
    blobs = [cell for cell in cells if isinstance(cell, bytes)]
    assert column_in(path, "c") == ColumnFacts(
        name="c",
        declared="",
        affinity="BLOB",
        generated=False,
        null=cells.count(None),
        integer=sum(isinstance(cell, int) for cell in cells),
        real=sum(isinstance(cell, float) for cell in cells),
        text=len(texts),
        blob=len(blobs),
        empty=texts.count(b""),
        with_nul=sum(b"\0" in text for text in texts),
        invalid=sum(text.decode("utf-8", "ignore").encode() != text for text in texts),
        digits=sum(text != b"" and set(text) <= set(b"0123456789") for text in texts),
        infinite=sum(isinstance(cell, float) and abs(cell) == float("inf") for cell in cells),
        extreme=sum(isinstance(cell, int) and cell in (2**63 - 1, -(2**63)) for cell in cells),
        largest=max(map(len, texts + blobs), default=0),
    )


@given(st.lists(st.sampled_from([None, 1, 1.0, "1", b"1", "", "a", "A", 0.0, b""]), max_size=10))
def test_duplicates_are_rows_whose_types_are_equal_too(
    tmp_path_factory: pytest.TempPathFactory, cells: list[object]
) -> None:
    path = tmp_path_factory.mktemp("bag") / "a.db"
    make(path, "CREATE TABLE t (c COLLATE NOCASE)", ("INSERT INTO t VALUES (?)", [(cell,) for cell in cells]))
    kinds = Counter((type(cell), cell) for cell in cells)
    assert table_in(path).duplicates == sum(kinds.values()) - len(kinds)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_texts_are_looked_at_in_the_encoding_of_the_database(tmp_path: Path, encoding: str) -> None:
    path = make(
        tmp_path / "a.db",
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE t (c TEXT)",
        ("INSERT INTO t VALUES (?)", [("plain",), ("n\0l",), ("42",), ("",), ("ünï",)]),
    )
    column = column_in(path, "c")
    assert look_at(path).encoding == encoding
    assert (column.with_nul, column.invalid, column.digits, column.empty) == (1, 0, 1, 1)
    assert column.largest == (5 if encoding == "UTF-8" else 10)


def test_a_lone_surrogate_is_not_valid(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (c TEXT); INSERT INTO t VALUES (CAST(x'00d8' AS TEXT))",
    )
    assert column_in(path, "c").invalid == 1


@pytest.mark.parametrize(("text", "valid"), [("ab☃" * 500_000, True), ("ab☃" * 500_000 + "é", True)])
def test_a_large_text_is_looked_at_piece_by_piece(text: str, valid: bool) -> None:
    raw = text.encode()
    assert is_valid(raw, "utf-8") is valid
    assert not is_valid(raw[:-1], "utf-8")
    assert not is_valid(raw[:1_500_000] + b"\xff" + raw[1_500_000:], "utf-8")


# --- what is awkward about tables ---------------------------------------------------------------


def test_keys_that_are_null_empty_or_alike_are_listed(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (k TEXT PRIMARY KEY, v)",
        (
            "INSERT INTO t (k) VALUES (?)",
            [(None,), (None,), ("",), ("claude",), ("Claude",), ("claude ",), ("gpt",)],
        ),
    )
    assert table_in(path).oddities == (
        "t.k: 2 NULL in the primary key",
        "t.k: 1 empty text in the primary key",
        "t: 3 keys alike but for case or surrounding spaces",
    )


def test_nulls_outside_of_keys_are_ordinary(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t (v) VALUES (NULL), ('')",
    )
    assert table_in(path).oddities == ()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("CREATE TABLE t (a, b)", 2),
        ("CREATE TABLE t (a, b); CREATE INDEX i ON t (a)", 2),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)", 0),
    ],
)
def test_duplicates_are_looked_for_where_there_is_no_key(tmp_path: Path, script: str, expected: int) -> None:
    rows: list[tuple[object, ...]] = [(1, "x"), (1, "x"), (1, "x"), (1, "X")]
    path = make(tmp_path / "a.db", script, ("INSERT INTO t (a, b) VALUES (?, ?)", rows))
    assert table_in(path).duplicates == expected


def test_marks_and_gaps_of_autoincrement_are_listed(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v);"
        "CREATE TABLE plain (id INTEGER PRIMARY KEY);"
        "INSERT INTO t (id) VALUES (3), (4), (9); DELETE FROM t WHERE id = 9;"
        "INSERT INTO plain VALUES (1), (9);"
        "INSERT INTO t (id) VALUES (7)",
    )
    table = table_in(path)
    assert table.sequence == SequenceFacts(mark=9, lowest=3, largest=7, missing=2)
    assert table.oddities == (
        "t: 2 ids missing between 3 and 7",
        "t: AUTOINCREMENT mark 9 is ahead of the largest id 7",
    )
    assert table_in(path, "plain").oddities == ()


def test_an_emptied_autoincrement_table_still_has_its_mark(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (5); DELETE FROM t",
    )
    assert table_in(path).sequence == SequenceFacts(mark=5, lowest=0, largest=0, missing=0)


def test_foreign_keys_are_checked_though_nobody_enforces_them(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE parents (id TEXT PRIMARY KEY); INSERT INTO parents VALUES ('here');"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, parent REFERENCES parents);"
        "INSERT INTO t (parent) VALUES ('here'), ('gone'), ('gone'), (NULL)",
    )
    table = table_in(path)
    assert table.foreign_key_violations == 2
    assert table.oddities == ("t: 2 foreign key violations",)


def test_a_foreign_key_that_cannot_be_checked_is_said(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE parents (a, b); CREATE TABLE t (id INTEGER PRIMARY KEY, x REFERENCES parents (a));"
        "INSERT INTO t (x) VALUES (1)",
    )
    assert "foreign keys cannot be checked" in table_in(path).oddities[0]
    assert look_at(path).problem is None


def test_names_that_need_quoting_are_listed(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        'CREATE TABLE "order"'
        ' (id INTEGER PRIMARY KEY, "model version", "say ""so""", "group", naïve, timestamp);'
        'CREATE TABLE "two\nlines" (id INTEGER PRIMARY KEY)',
    )
    tables = {table.name: table.oddities for table in look_at(path).tables}
    assert tables["order"] == (
        "order: table order is a reserved word",
        'order: column "model version" needs quoting',
        'order: column "say ""so""" needs quoting',
        "order: column group is a reserved word",
        'order: column "naïve" needs quoting',
    )
    assert tables["two\nlines"] == ('"two\\nlines": table "two\\nlines" needs quoting',)
    assert not any("\n" in line for line in describe_inventory(take_inventory(tmp_path)))


@pytest.mark.parametrize(("word", "reserved"), [("select", True), ("Index", True), ("key", False), ("users", False)])
def test_reserved_words_are_those_that_sqlite_does_not_take(word: str, reserved: bool) -> None:
    assert is_reserved(word) is reserved


def test_a_plain_name_is_shown_as_it_is() -> None:
    assert show_name("debates") == "debates"


def test_odd_tables_are_counted_all_the_same(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE wr (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO wr VALUES ('a', 1), ('b', 'x');"
        "CREATE TABLE gen (a INTEGER, v AS (a / 0), s AS (a * 2) STORED);"
        "INSERT INTO gen (a) VALUES (1), (2);"
        "CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('one'), ('two'), ('three');"
        "CREATE TABLE shadowed (rowid TEXT, _rowid_ TEXT, oid TEXT);"
        "INSERT INTO shadowed VALUES ('a', 'b', 'c');"
        "CREATE TABLE empty (id INTEGER PRIMARY KEY, a, b);"
        "CREATE VIEW seen AS SELECT 1; CREATE TRIGGER tr AFTER INSERT ON wr BEGIN SELECT 1; END",
    )
    database = look_at(path)
    assert {table.name: (table.kind, table.rows) for table in database.tables} == {
        "wr": ("table", 2),
        "gen": ("table", 2),
        "f": ("virtual", 3),
        "shadowed": ("table", 1),
        "empty": ("table", 0),
    }
    assert (database.views, database.triggers, database.problem) == (1, 1, None)
    assert [column.generated for column in table_in(path, "gen").columns] == [False, True, True]


@pytest.mark.parametrize("width", [61, 127, 200, 1200])
def test_wide_tables_are_counted_in_pieces(tmp_path: Path, width: int) -> None:
    columns = ", ".join(f"c{number}" for number in range(width))
    values = ", ".join(["'x'"] * (width - 1) + ["1"])
    path = make(tmp_path / "a.db", f"CREATE TABLE t ({columns}); INSERT INTO t VALUES ({values}), ({values})")
    table = table_in(path)
    assert [column.text for column in table.columns] == [2] * (width - 1) + [0]
    assert table.columns[-1].integer == 2
    assert table.oddities == (
        ("t: 1 exact duplicate row, and no key",)
        if width <= 1000
        else ("t: duplicates not looked for among so many columns",)
    )


# --- files --------------------------------------------------------------------------------------


def test_databases_are_found_by_their_header_wherever_they_are(tmp_path: Path) -> None:
    for name in ("a.db", "deep/er/b.sqlite3", "no suffix", "odd ☃ 'name'.bin", ".hidden/c.db"):
        make(tmp_path / name, "CREATE TABLE t (a)")
    found = take_inventory(tmp_path)
    assert [database.path for database in found.databases] == [
        "a.db",
        "no suffix",
        "odd ☃ 'name'.bin",
        ".hidden/c.db",
        "deep/er/b.sqlite3",
    ]


def test_our_own_folders_links_and_companions_are_left_out(tmp_path: Path) -> None:
    for name in (".strongroom/runs/x/a.db", "backup/20261121_015301/a.db", "backup/mine/a.db", "a.db"):
        make(tmp_path / name, "CREATE TABLE t (a)")
    (tmp_path / "backup/20261121_015301/manifest.json").write_text('{"document": "manifest"}', encoding="utf-8")
    (tmp_path / "link.db").symlink_to("a.db")
    (tmp_path / "folder").symlink_to("backup")
    (tmp_path / "dangling.db").symlink_to("nowhere")
    (tmp_path / "a.db-shm").write_bytes(b"\0" * 32768)
    found = take_inventory(tmp_path)
    assert [database.path for database in found.databases] == ["a.db", "backup/mine/a.db"]
    assert found.others == ()


def test_what_only_looks_like_a_database_is_listed_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "secret.sqlite").write_bytes(bytes(range(256)) * 16)
    (tmp_path / "notes.txt").write_text("no database", encoding="utf-8")
    (tmp_path / "one.db").write_bytes(b"S")
    (tmp_path / "orphan.db-wal").write_bytes(b"x" * 100)
    os.mkfifo(tmp_path / "pipe.db")
    found = take_inventory(tmp_path)
    assert {other.path: (other.size, other.reason) for other in found.others} == {
        "empty.db": (0, "empty, 0 bytes"),
        "secret.sqlite": (4096, "not a database, or encrypted"),
        "one.db": (1, "not a database, or encrypted"),
        "orphan.db-wal": (100, "write-ahead log without its database"),
    }
    assert found.databases == ()


def test_files_that_cannot_be_read_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "a.db", "CREATE TABLE t (a)")
    make(tmp_path / "b.db", "CREATE TABLE t (a)")
    opened = Path.open

    def refuse(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "a.db":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    found = take_inventory(tmp_path)
    assert [(other.path, other.reason) for other in found.others] == [("a.db", "cannot be read (Permission denied)")]
    assert [database.path for database in found.databases] == ["b.db"]


def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    make(Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.db")), "CREATE TABLE t (a)")
    make(tmp_path / "two\nlines.db", "CREATE TABLE t (a)")
    found = take_inventory(tmp_path)
    assert sorted(database.path for database in found.databases) == ["bad\\xff.db", "two\\nlines.db"]
    "\n".join(describe_inventory(found)).encode("utf-8")


def test_the_facts_of_the_header_are_told(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "PRAGMA page_size = 65536; PRAGMA user_version = -3; PRAGMA application_id = 77; CREATE TABLE t (a)",
    )
    database = look_at(path)
    assert (database.page_size, database.size) == (65536, path.stat().st_size)
    assert (database.user_version, database.application_id, database.file_format) == (-3, 77, 4)
    assert (database.journal_mode, database.encoding) == ("rollback", "UTF-8")
    assert database.written_by == sqlite3.sqlite_version
    assert (database.wal, database.hot_journal, database.shared_memory, database.openers) == (
        None,
        0,
        False,
        (),
    )


# --- logs, locks and damage ---------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A database whose log holds a change, an addition, a removal and a table, with its writer."""
    path = tmp_path / "live" / "a.db"
    make(
        path,
        "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE gone (a);"
        "CREATE TABLE k (k TEXT PRIMARY KEY, v COLLATE NOCASE) WITHOUT ROWID;"
        "INSERT INTO k VALUES ('a', 'x');"
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO gone VALUES (1)",
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.executescript(
            "PRAGMA wal_autocheckpoint = 0; UPDATE t SET v = 'A' WHERE id = 1; DELETE FROM t WHERE id = 2;"
            "INSERT INTO t VALUES (8, 'h'), (9, 'i'); CREATE TABLE fresh (a); INSERT INTO fresh VALUES (1);"
            "UPDATE k SET v = 'X'; DROP TABLE gone"
        )
        yield path, writer


def copy_of(path: Path) -> Path:
    copy = path.parent.parent / "copy" / path.name
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        copy.with_name(copy.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    return copy


def test_what_is_only_in_the_log_is_told_by_table(log: tuple[Path, sqlite3.Connection]) -> None:
    copy = copy_of(log[0])
    before = bytes_in(copy.parent)
    wal = look_at(copy).wal
    assert wal is not None
    assert wal.holds_content
    assert wal.size == 32 + wal.frames * (24 + 4096)
    assert wal.only_here == (
        WalChange(table="t", added=2, changed=1, removed=1),
        WalChange(table="k", added=0, changed=1, removed=0),
        WalChange(table="fresh", added=1, changed=0, removed=0),
        WalChange(table="gone", added=0, changed=0, removed=1),
    )
    assert bytes_in(copy.parent) == before
    lines = "\n".join(describe_inventory(take_inventory(copy.parent)))
    assert f"-wal holds {wal.frames} frames" in lines
    assert "t: 2 new, 1 changed, 1 removed rows only in the -wal" in lines
    assert "fresh: 1 new row only in the -wal" in lines


def test_a_database_that_a_writer_holds_is_read_without_disturbing_it(
    log: tuple[Path, sqlite3.Connection],
) -> None:
    path, writer = log
    before = bytes_in(path.parent)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t VALUES (99, 'not committed')")
    database = look_at(path)
    writer.execute("ROLLBACK")
    assert {table.name: table.rows for table in database.tables} == {"t": 4, "k": 1, "fresh": 1}
    assert database.wal is not None
    assert database.wal.holds_content
    assert bytes_in(path.parent) == before


def test_a_log_beside_a_file_that_another_process_holds_is_not_compared(
    log: tuple[Path, sqlite3.Connection],
) -> None:
    path, _ = log
    copy = copy_of(path)
    program = "import sys; f = open(sys.argv[1], 'rb+'); print('ready', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(copy)]
    with open_child(command) as holder:
        assert holder.read_line() == "ready"
        database = look_at(copy)
        lines = "\n".join(describe_inventory(take_inventory(copy.parent)))
    assert [opener.pid for opener in database.openers] == [holder.pid]
    assert database.wal is not None
    assert database.wal.only_here is None
    assert f"open in {database.openers[0].command} ({holder.pid})" in lines
    assert "copy both together" in lines


def test_frames_of_an_older_log_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(50000));"
            "PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (1)"
        )
        wal = look_at(path).wal
    assert wal is not None
    assert wal.holds_content
    assert wal.frames * 4120 + 32 < wal.size


@pytest.mark.parametrize("content", [b"", b"short", b"\0" * 5000])
def test_a_log_without_frames_holds_nothing(tmp_path: Path, content: bytes) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    path.with_name("a.db-wal").write_bytes(content)
    wal = look_at(path).wal
    assert wal is not None
    assert (wal.size, wal.frames, wal.holds_content) == (len(content), 0, False)


def test_a_locked_database_is_said_to_be_locked(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    make(tmp_path / "b.db", "CREATE TABLE u (a)")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        found = take_inventory(tmp_path)
    problem = found.databases[0].problem
    assert problem is not None
    assert (problem.fact, problem.exit_code) == ("database is locked", 5)
    assert found.databases[1].problem is None


def test_an_interrupted_write_is_said_and_left_alone(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(4000000))")
    program = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA cache_size = 5'); c.execute('BEGIN');"
        "c.execute('UPDATE t SET a = zeroblob(3000000)'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60)
    before = bytes_in(tmp_path)
    database = look_at(path)
    assert database.hot_journal == path.with_name("a.db-journal").stat().st_size > 0
    assert database.problem is not None
    assert database.problem.exit_code == 6
    assert "middle of a write" in database.problem.fact
    assert bytes_in(tmp_path) == before


def test_a_journal_that_is_not_in_force_is_no_news(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "PRAGMA journal_mode = PERSIST; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    assert path.with_name("a.db-journal").stat().st_size
    assert look_at(path).hot_journal == 0


@pytest.mark.parametrize("length", [20, 100, 4096, 20000])
def test_a_truncated_database_is_listed_as_damaged(tmp_path: Path, length: int) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(50000))")
    path.write_bytes(path.read_bytes()[:length])
    database = look_at(path)
    assert database.integrity or (database.problem is not None and database.problem.exit_code == 6)


def test_a_damaged_index_is_found_by_the_thorough_check_alone(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a);"
        "INSERT INTO t VALUES (1, 5), (2, 6); PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET sql = 'CREATE INDEX i ON t (a DESC)' WHERE name = 'i'",
    )
    assert take_inventory(tmp_path).databases[0].integrity == ()
    thorough = take_inventory(tmp_path, integrity=True)
    assert thorough.databases[0].integrity
    assert "DAMAGED: " in "\n".join(describe_inventory(thorough))
    assert path.exists()


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    make(tmp_path / "a.db", "CREATE TABLE t (a)").write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    make(
        tmp_path / "b.db",
        "PRAGMA writable_schema = ON;"
        "INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING vec0(a)')",
    )
    make(tmp_path / "c.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    problems = [database.problem for database in take_inventory(tmp_path).databases]
    assert [problem.exit_code if problem else 0 for problem in problems] == [6, 6, 0]
    assert problems[1] is not None
    assert "vec0" in problems[1].fact


# --- JSON files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "shape"),
    [
        (
            '{"agents": [1, 2], "at": "now", "n": 1.5, "none": null, "yes": true, "in": {"a": 1}, "more": 1}',
            ("object of 7: agents (list of 2), at (text), n (number), none (null), yes (boolean), in (object of 1), …"),
        ),
        ("{}", "object of 0"),
        ("[1, 2, 3]", "list of 3"),
        ('"text"', "text"),
    ],
)
def test_a_json_file_is_described(tmp_path: Path, content: str, shape: str) -> None:
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    (found,) = take_inventory(tmp_path).documents
    assert (found.path, found.size, found.shape, found.problem) == ("a.json", len(content), shape, "")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xfa", b"[" * 200_000])
def test_a_file_that_is_not_json_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    (found,) = take_inventory(tmp_path).documents
    assert found.problem.startswith("not JSON (")


def test_a_large_json_file_is_only_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_LIMIT", 10)
    (tmp_path / "a.json").write_text("[1, 2, 3, 4, 5, 6]", encoding="utf-8")
    (found,) = take_inventory(tmp_path).documents
    assert (found.size, found.shape) == (18, "large, not read")


def test_a_database_named_json_is_a_database(tmp_path: Path) -> None:
    make(tmp_path / "a.json", "CREATE TABLE t (a)")
    found = take_inventory(tmp_path)
    assert [database.path for database in found.databases] == ["a.json"]
    assert found.documents == ()


# --- overlaps and expectations ------------------------------------------------------------------


def test_tables_of_one_name_are_set_side_by_side(tmp_path: Path) -> None:
    make(
        tmp_path / "a.db",
        "CREATE TABLE debates (id TEXT, task TEXT); CREATE TABLE only_here (a);INSERT INTO debates VALUES (1, 2)",
    )
    make(tmp_path / "b.db", "CREATE TABLE Debates (ID text, TASK TEXT); CREATE TABLE ratings (id, elo REAL)")
    make(tmp_path / "c.db", "CREATE TABLE ratings (elo REAL, id); CREATE TABLE matches (id, winner, score)")
    make(tmp_path / "d.db", 'CREATE TABLE ratings (id, elo TEXT); CREATE TABLE matches (id, "best of")')
    overlaps = {overlap.table: overlap for overlap in take_inventory(tmp_path).overlaps}
    assert list(overlaps) == ["ratings", "debates", "matches"]
    assert overlaps["debates"].same_columns
    assert (overlaps["debates"].files, overlaps["debates"].rows) == (("a.db", "b.db"), (1, 0))
    assert overlaps["ratings"].differences == (
        "c.db has its columns in another order than b.db",
        "d.db declares elo as TEXT, b.db as REAL",
    )
    assert overlaps["matches"].differences == (
        "d.db lacks winner, score (in c.db)",
        'd.db has also "best of" (not in c.db)',
    )


@pytest.fixture
def system(tmp_path: Path) -> tuple[Path, list[Source]]:
    """A system that knows three files, one of them mandatory, and declares what is in a.db."""
    folder = tmp_path / "system"
    (folder / "legacy").mkdir(parents=True)
    (folder / "legacy" / "a.sql").write_text("CREATE TABLE t (id INTEGER PRIMARY KEY, v, w);", encoding="utf-8")
    sources = [
        Source(name=name, path=path, trust=50, optional=optional, format="sqlite", rows={})
        for name, path, optional in [("a", "a.db", True), ("b", "b.db", True), ("c", "deep/c.db", False)]
    ]
    return folder, sources


def test_what_a_system_does_not_name_is_marked(tmp_path: Path, system: tuple[Path, list[Source]]) -> None:
    data = tmp_path / "data"
    make(data / "a.db", "CREATE TABLE T (ID INTEGER PRIMARY KEY, v, legacy_rating REAL); CREATE TABLE u (a)")
    make(data / "x.db", "CREATE TABLE t (a)")
    (data / "y.json").write_text("{}", encoding="utf-8")
    found = take_inventory(data, expected=read_expectation(*system))
    assert found.unplanned == ("x.db", "y.json")
    assert found.absent == ("deep/c.db",)
    tables = {table.name: table.oddities for table in found.databases[0].tables}
    assert tables == {
        "T": (
            "T.legacy_rating: column that the system does not declare",
            "T: lacks column w that the system declares",
        ),
        "u": ("u: table that the system does not declare",),
    }
    lines = "\n".join(describe_inventory(found))
    assert "not in the plan" in lines
    assert "in the plan but not here: deep/c.db" in lines


def test_a_declaration_that_is_no_sql_is_a_configuration_error(system: tuple[Path, list[Source]]) -> None:
    (system[0] / "legacy" / "b.sql").write_text("CREATE TABEL", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"b\.sql"):
        read_expectation(*system)


# --- the whole ----------------------------------------------------------------------------------


def test_a_missing_directory_and_a_file_are_unreachable(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", make(tmp_path / "a.db", "CREATE TABLE t (a)")):
        with pytest.raises(UnreachableError) as caught:
            take_inventory(path)
        assert caught.value.exit_code == 5


def test_an_empty_directory_is_said_to_be_empty(tmp_path: Path) -> None:
    found = take_inventory(tmp_path)
    assert found == Inventory(
        directory=str(tmp_path),
        databases=(),
        documents=(),
        others=(),
        overlaps=(),
        hidden_processes=0,
        unplanned=(),
        absent=(),
    )
    assert describe_inventory(found) == [f"{tmp_path}: no databases here"]


def test_a_table_can_be_looked_at_alone(tmp_path: Path) -> None:
    make(tmp_path / "a.db", "CREATE TABLE t (a); CREATE TABLE u (a)")
    make(tmp_path / "b.db", "CREATE TABLE v (a)")
    found = take_inventory(tmp_path, tables=["U", "v"])
    assert [[table.name for table in database.tables] for database in found.databases] == [["u"], ["v"]]
    with pytest.raises(UsageError) as caught:
        take_inventory(tmp_path, tables=["u", "nowhere"])
    assert caught.value.exit_code == 2


def test_without_a_census_rows_are_counted_and_cells_are_not(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (c TEXT); INSERT INTO t VALUES ('a' || char(0)), (x'00')")
    (database,) = take_inventory(path.parent, census=False).databases
    assert database.tables[0].rows == 2
    assert database.tables[0].columns == (ColumnFacts(name="c", declared="TEXT", affinity="TEXT", generated=False),)
    assert database.tables[0].oddities == ()


def test_a_thousand_files_are_looked_at_in_seconds(tmp_path: Path) -> None:
    raw = make(
        tmp_path / "0000.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t (v) VALUES (1)"
    ).read_bytes()
    for number in range(1, 1000):
        (tmp_path / f"{number:04}.db").write_bytes(raw)
    started = time.monotonic()
    found = take_inventory(tmp_path)
    assert time.monotonic() - started < 30
    assert len(found.databases) == 1000
    assert max(map(len, describe_inventory(found))) < 200


def test_an_inventory_is_json(tmp_path: Path, log: tuple[Path, sqlite3.Connection]) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    make(tmp_path / "b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v)")
    copy_of(log[0])
    found = take_inventory(tmp_path)
    read = json.loads(json.dumps(dataclasses.asdict(found)))
    assert [database["path"] for database in read["databases"]] == ["b.db", "copy/a.db", "live/a.db"]
    assert read["databases"][0]["tables"][0]["columns"][0]["name"] == "id"


def test_the_text_has_one_line_per_file_and_what_is_awkward_below_it(tmp_path: Path) -> None:
    make(
        tmp_path / "agora.db",
        "PRAGMA user_version = 4; CREATE TABLE critiques (id INTEGER PRIMARY KEY, reasoning TEXT);"
        "INSERT INTO critiques (reasoning) VALUES ('a' || char(0)), ('b')",
    )
    make(tmp_path / "elo.db", "CREATE TABLE critiques (id INTEGER PRIMARY KEY)")
    (tmp_path / "elo.json").write_text("[]", encoding="utf-8")
    (tmp_path / "secret.db").write_bytes(b"\x8f" * 2048)
    assert describe_inventory(take_inventory(tmp_path)) == [
        f"{tmp_path}: 2 databases, 2 tables, 2 rows, 16.4 KB; 1 JSON file; 1 oddity",
        "",
        "  file           size  tables         rows  journal   state",
        "  agora.db     8.2 KB       1            2  rollback  ok",
        "      user_version 4, application_id 0",
        "      critiques.reasoning: 1 text with NUL",
        "  elo.db       8.2 KB       1            0  rollback  ok",
        "",
        "JSON files:",
        "  elo.json        2 B  list of 0",
        "",
        "not databases:",
        "  secret.db     2.0 KB  not a database, or encrypted",
        "",
        "tables of one name in several files:",
        "  critiques: agora.db (2), elo.db (0) - columns differ",
        "      elo.db lacks reasoning (in agora.db)",
    ]


def test_the_task_prints_text_or_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "a.db", "CREATE TABLE t (a)")
    inventory_task.show(Context(), source=tmp_path)
    assert "1 database, 1 table, 0 rows" in capsys.readouterr().out
    context = Context()
    context.config["strongroom"] = {"json": True}
    inventory_task.show(context, source=tmp_path)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["databases"][0]["path"] == "a.db"


def test_the_task_ends_with_5_without_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        inventory_task.show(Context(), source=tmp_path / "missing")
    assert caught.value.code == 5
    assert capsys.readouterr().err.startswith("error: ")


def test_the_task_knows_the_systems_of_the_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "unheard of.db", "CREATE TABLE t (a)")
    inventory_task.show(Context(), source=tmp_path, system="aragora")
    assert "not in the plan" in capsys.readouterr().out
