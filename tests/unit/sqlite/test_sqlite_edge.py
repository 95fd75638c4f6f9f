"""The SQLite edge: every way to open a file, every odd declaration, every complaint in our words."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.core.engines import Engine
from strongroom.core.errors import DamagedSourceError, GuardError, NoSpaceError, StrongroomError, UnreachableError
from strongroom.core.quoting import dotted, fold, literal, quote, quote_all
from strongroom.sqlite.connection import (
    RawText,
    attach_stage,
    attached,
    check_integrity,
    connect_live,
    copy_database,
    open_memory,
    open_snapshot,
    open_source,
    open_stage,
)
from strongroom.sqlite.database import Database
from strongroom.sqlite.libraries import library_errors, load_library
from strongroom.sqlite.messages import explain_error
from strongroom.sqlite.schema import Schema, Table, count_rows, read_schema, read_sequence

ODD_NAMES = [
    "plain.db",
    "with space.db",
    "what?mode=rwc.db",
    "100%.db",
    "frag#ment.db",
    'it\'s "quoted".db',
    "naïve ☃.db",
    "new\nline.db",
    "%41.db",
    "file:x.db",
]
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


class Chosen:
    """The library that a test works with: everything here holds for both."""

    engine = Engine.SYSTEM


@pytest.fixture(params=list(Engine), scope="module", autouse=True)
def _each_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    Chosen.engine = request.param
    yield
    Chosen.engine = Engine.SYSTEM


def handle(path: Path) -> Database:
    return Database(path, Chosen.engine)


def connect(path: Path, *, timeout: float = 5.0) -> sqlite3.Connection:
    """Open a file as an application would, but by the same library: in one process two undo each other's locks."""
    connection: sqlite3.Connection = load_library(Chosen.engine).connect(path, isolation_level=None, timeout=timeout)
    return connection


def make(path: Path, script: str) -> Path:
    with closing(connect(path)) as connection:
        connection.executescript(script)
    return path


def schema_of(script: str) -> Schema:
    with open_memory(Chosen.engine) as connection:
        connection.executescript(script)
        return read_schema(connection)


def table_of(script: str, name: str = "t") -> Table:
    return schema_of(script).tables[name]


def look_over(path: Path, *, quick: bool) -> tuple[str, ...]:
    try:
        with open_source(handle(path)) as connection:
            return check_integrity(connection, quick=quick)
    except DamagedSourceError as error:
        return (error.fact,)


@pytest.fixture
def wal(tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A WAL database that a writer holds open, with rows that are only in its log."""
    path = tmp_path / "wal.db"
    with closing(connect(path)) as writer:
        writer.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
            "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);"
        )
        yield path, writer


# --- opening ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_file_name_can_be_opened_copied_and_attached(tmp_path: Path, name: str) -> None:
    path, copy = tmp_path / name, tmp_path / f"copy of {name}"
    make(path, "CREATE TABLE t (a); INSERT INTO t VALUES (7)")
    with open_source(handle(path)) as connection:
        assert count_rows(connection, "t") == 1
        copy_database(connection, handle(copy))
    with open_snapshot(handle(copy)) as connection, attached(connection, handle(path), "other"):
        assert connection.execute("SELECT a FROM main.t UNION ALL SELECT a FROM other.t").fetchall() == [
            (7,),
            (7,),
        ]
    with open_stage(handle(copy)) as connection:
        attach_stage(connection, handle(path), "beside")
        assert count_rows(connection, "t", "beside") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, copy.name])


def test_a_name_that_is_not_utf8_can_be_opened(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.db"))
    make(path, "CREATE TABLE t (a)")
    with open_source(handle(path)) as connection:
        assert list(read_schema(connection).tables) == ["t"]


def test_a_path_that_starts_with_two_slashes_can_be_opened(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    with open_source(handle(Path(f"/{path}"))) as connection:
        assert list(read_schema(connection).tables) == ["t"]


def test_a_relative_path_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "a.db", "CREATE TABLE t (a)")
    monkeypatch.chdir(tmp_path)
    with open_source(handle(Path("a.db"))) as connection:
        assert list(read_schema(connection).tables) == ["t"]


@pytest.mark.parametrize("opener", [open_source, open_snapshot])
def test_sources_and_snapshots_cannot_be_written_to(tmp_path: Path, opener: Callable[..., object]) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    before = path.read_bytes()
    with pytest.raises(UnreachableError), opener(handle(path)) as connection:  # type: ignore[attr-defined]
        connection.execute("INSERT INTO t VALUES (1)")
    assert path.read_bytes() == before


@pytest.mark.parametrize("there", [False, True])
def test_a_missing_file_and_a_folder_are_unreachable_and_not_made(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "a.db"
    if there:
        path.mkdir()
    with pytest.raises(UnreachableError) as caught, open_source(handle(path)):
        pass
    assert caught.value.exit_code == 5
    assert path.exists() is there


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    with open_source(handle(tmp_path / "a.db")) as connection:
        assert read_schema(connection).tables == {}


@pytest.mark.parametrize("content", [b"hello" * 1000, b"xy", b"SQLite format 3\0" + b"\xff" * 5000])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(DamagedSourceError) as caught, open_source(handle(path)) as connection:
        check_integrity(connection)
    assert caught.value.exit_code == 6
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("length", [50, 100, 512, 4096, 9000])
def test_a_truncated_database_is_refused_or_found_unsound(tmp_path: Path, length: int) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(50000))")
    path.write_bytes(path.read_bytes()[:length])
    assert look_over(path, quick=True)


def test_a_flipped_page_is_found_by_both_checks(tmp_path: Path) -> None:
    rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i, 'row ' || i FROM n"
    path = make(tmp_path / "a.db", f"CREATE TABLE t (a, b); INSERT INTO t {rows}")
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 3 : 4096 * 3 + 40] = b"\xff" * 40
    path.write_bytes(damaged)
    for quick in (True, False):
        assert look_over(path, quick=quick)


def test_a_sound_database_has_nothing_to_say(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)")
    with open_source(handle(path)) as connection:
        assert check_integrity(connection) == ()
        assert check_integrity(connection, quick=True) == ()


# --- the write-ahead log, locks and journals ----------------------------------------------------


def test_rows_that_are_only_in_the_log_are_read_while_a_writer_holds_it(
    wal: tuple[Path, sqlite3.Connection],
) -> None:
    path, writer = wal
    before = path.read_bytes(), path.with_name("wal.db-wal").read_bytes()
    writer.execute("BEGIN EXCLUSIVE")
    writer.execute("INSERT INTO t VALUES (3)")
    with open_source(handle(path)) as connection:
        assert count_rows(connection, "t") == 2
        assert read_schema(connection).journal_mode == "wal"
    writer.execute("ROLLBACK")
    assert (path.read_bytes(), path.with_name("wal.db-wal").read_bytes()) == before


def test_the_log_keeps_its_bytes_when_nobody_else_has_it_open(wal: tuple[Path, sqlite3.Connection]) -> None:
    path, _ = wal
    lonely = path.with_name("lonely.db")
    for suffix in ("", "-wal"):
        lonely.with_name(f"lonely.db{suffix}").write_bytes(path.with_name(f"wal.db{suffix}").read_bytes())
    log = lonely.with_name("lonely.db-wal")
    before = lonely.read_bytes(), log.read_bytes()
    with open_source(handle(lonely)) as connection:
        assert count_rows(connection, "t") == 2
    assert (lonely.read_bytes(), log.read_bytes()) == before
    assert before[1]


def test_a_copy_holds_the_log_too_and_needs_none(wal: tuple[Path, sqlite3.Connection]) -> None:
    path, _ = wal
    copy = path.with_name("copy.db")
    with open_source(handle(path)) as connection:
        copy_database(connection, handle(copy))
    assert not copy.with_name("copy.db-wal").exists()
    assert copy.read_bytes()[18:20] == b"\x02\x02"
    with open_snapshot(handle(copy)) as connection:
        assert count_rows(connection, "t") == 2
        assert check_integrity(connection) == ()
    assert sorted(file.name for file in path.parent.glob("copy*")) == ["copy.db"]


def test_a_copy_taken_while_a_writer_writes_is_one_instant(wal: tuple[Path, sqlite3.Connection]) -> None:
    path, writer = wal
    writer.executescript(
        "CREATE TABLE left (n); CREATE TABLE right (n);INSERT INTO left VALUES (0); INSERT INTO right VALUES (0)"
    )
    stop = threading.Event()

    def write() -> None:
        with closing(connect(path, timeout=30)) as other:
            while not stop.is_set():
                other.executescript("BEGIN IMMEDIATE; UPDATE left SET n = n + 1; UPDATE right SET n = n + 1; COMMIT")

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        for number in range(10):
            copy = path.with_name(f"copy-{number}.db")
            with open_source(handle(path)) as connection:
                copy_database(connection, handle(copy))
            with open_snapshot(handle(copy)) as connection:
                assert connection.execute("SELECT left.n = right.n FROM left, right").fetchone() == (1,)
    finally:
        stop.set()
        thread.join(timeout=60)


def test_a_locked_source_is_unreachable_within_the_time_given(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    with closing(connect(path)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with pytest.raises(UnreachableError, match="locked") as caught, open_source(handle(path), timeout=0.1):
            pass
    assert time.monotonic() - started < 5
    assert caught.value.exit_code == 5


def test_a_copy_of_a_source_that_stays_locked_ends(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    with (
        closing(connect(path)) as writer,
        open_source(handle(path), timeout=0.1) as connection,
    ):
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnreachableError, match="locked") as caught:
            copy_database(connection, handle(tmp_path / "copy.db"))
    assert caught.value.subject == str(path)


def test_a_source_that_was_left_in_the_middle_of_a_write_is_refused_and_untouched(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(4000000))")
    program = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('PRAGMA cache_size = 5'); c.execute('BEGIN');"
        "c.execute('UPDATE t SET a = zeroblob(3000000)');"
        "os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    journal = path.with_name("a.db-journal")
    before = path.read_bytes(), journal.read_bytes()
    with pytest.raises(DamagedSourceError, match="middle of a write"), open_source(handle(path)):
        pass
    assert (path.read_bytes(), journal.read_bytes()) == before


def test_a_live_target_is_not_waited_for(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    with closing(connect(path)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with (
            pytest.raises(library_errors(), match="locked"),
            closing(connect_live(handle(path))) as connection,
        ):
            connection.execute("BEGIN IMMEDIATE")
        assert time.monotonic() - started < 2


def test_a_live_target_is_not_made_when_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(library_errors()), closing(connect_live(handle(tmp_path / "a.db"))) as connection:
        connection.execute("SELECT 1 FROM sqlite_master")
    assert not (tmp_path / "a.db").exists()


@pytest.mark.parametrize("name", ["order", "my target", 'say "so"', "core-2", "Ünï"])
def test_databases_are_attached_under_any_name(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    with open_memory(Chosen.engine) as connection:
        with attached(connection, handle(path), name):
            assert count_rows(connection, "t", name) == 1
            assert list(read_schema(connection, name).tables) == ["t"]
        attach_stage(connection, handle(tmp_path / "b.db"), name)
        connection.execute(f"CREATE TABLE {dotted(name, 'u')} (a)")
        assert list(read_schema(connection, name).tables) == ["u"]


def test_an_attached_database_is_detached_after_an_error(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    with open_memory(Chosen.engine) as connection:
        with pytest.raises(KeyError), attached(connection, handle(path), "once"):
            raise KeyError
        with attached(connection, handle(path), "once"):
            pass


def test_staging_leaves_no_journal_beside_the_file(tmp_path: Path) -> None:
    with open_stage(handle(tmp_path / "stage.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
        assert [file.name for file in tmp_path.iterdir()] == ["stage.db"]


# --- values -------------------------------------------------------------------------------------


def test_text_and_blob_stay_apart_and_invalid_text_is_read(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (a);INSERT INTO t VALUES ('x'), (x'78'), (CAST(x'ff41' AS TEXT)), (CAST(x'610062' AS TEXT))",
    )
    with open_source(handle(path)) as connection:
        connection.text_factory = RawText
        cells = [row[0] for row in connection.execute("SELECT a FROM t")]
    assert cells == [b"x", b"x", b"\xffA", b"a\0b"]
    assert [type(cell) for cell in cells] == [RawText, bytes, RawText, RawText]


# Text that a column would turn into a number cannot be told from the number afterwards.
values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=20),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


@given(st.lists(values, min_size=1, max_size=8))
def test_a_copy_keeps_every_value_and_its_storage_class(
    tmp_path_factory: pytest.TempPathFactory, cells: list[object]
) -> None:
    folder = tmp_path_factory.mktemp("copy")
    with closing(connect(folder / "a.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [(cell,) for cell in cells])
    with open_source(handle(folder / "a.db")) as connection:
        copy_database(connection, handle(folder / "b.db"))
    with open_snapshot(handle(folder / "b.db")) as connection:
        copied = [row[0] for row in connection.execute("SELECT a FROM t ORDER BY rowid")]
    assert [(type(cell), cell) for cell in copied] == [(type(cell), cell) for cell in cells]


# --- complaints ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [
        (sqlite3.SQLITE_NOTADB, DamagedSourceError, 6),
        (sqlite3.SQLITE_CORRUPT, DamagedSourceError, 6),
        (sqlite3.SQLITE_CORRUPT_INDEX, DamagedSourceError, 6),
        (sqlite3.SQLITE_READONLY_ROLLBACK, DamagedSourceError, 6),
        (sqlite3.SQLITE_FULL, NoSpaceError, 14),
        (sqlite3.SQLITE_BUSY, UnreachableError, 5),
        (sqlite3.SQLITE_BUSY_RECOVERY, UnreachableError, 5),
        (sqlite3.SQLITE_LOCKED, UnreachableError, 5),
        (sqlite3.SQLITE_CANTOPEN, UnreachableError, 5),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, UnreachableError, 5),
        (sqlite3.SQLITE_READONLY, UnreachableError, 5),
        (sqlite3.SQLITE_IOERR_READ, UnreachableError, 5),
        (sqlite3.SQLITE_ERROR, StrongroomError, 1),
        (None, StrongroomError, 1),
    ],
)
def test_complaints_get_the_exit_code_that_fits(code: int | None, kind: type[StrongroomError], exit_code: int) -> None:
    error = sqlite3.OperationalError("what {SQLite} says")
    if code is not None:
        error.sqlite_errorcode = code  # type: ignore[misc]
    explained = explain_error(Database(Path("a.db")), error)
    assert type(explained) is kind
    assert explained.exit_code == exit_code
    assert str(explained).startswith("a.db: ")


def test_a_virtual_table_of_an_unknown_kind_is_refused_by_name(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (a); PRAGMA writable_schema = ON;"
        "INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING vec0(a)')",
    )
    with pytest.raises(GuardError, match="no such module: vec0"), open_source(handle(path)) as connection:
        read_schema(connection)


# --- names and quoting --------------------------------------------------------------------------


@given(names, st.lists(names, min_size=1, max_size=4, unique_by=fold))
def test_any_name_survives_quoting(table: str, columns: list[str]) -> None:
    assume(not fold(table).startswith("sqlite_"))
    with open_memory(Chosen.engine) as connection:
        connection.execute(f"CREATE TABLE {quote(table)} ({quote_all(columns)})")
        connection.execute(f"INSERT INTO {dotted('main', table)} VALUES ({', '.join('?' * len(columns))})", columns)
        read = read_schema(connection).tables[table]
        assert [column.name for column in read.columns] == columns
        assert connection.execute(f"SELECT {quote_all(columns)} FROM {quote(table)}").fetchone() == tuple(columns)
        assert count_rows(connection, table) == 1
        assert connection.execute(f"SELECT {literal(table)}").fetchone() == (table,)


@given(names, names)
def test_names_are_equal_exactly_when_sqlite_says_so(one: str, other: str) -> None:
    with open_memory(Chosen.engine) as connection:
        try:
            connection.execute(f"CREATE TABLE t ({quote(one)}, {quote(other)})")
            collide = False
        except connection.OperationalError:
            collide = True
    assert (fold(one) == fold(other)) is collide


@pytest.mark.parametrize(("one", "other"), [("\u00c9", "\u00e9"), ("\u0131", "I"), ("\u212a", "k")])
def test_letters_beyond_ascii_are_not_folded(one: str, other: str) -> None:
    table = table_of(f"CREATE TABLE t ({quote(one)}, {quote(other)})")
    assert len(table.by_name) == 2
    assert table.by_name[fold(one)].name == one
    assert schema_of(f"CREATE TABLE {quote(one)} (a)").find(other) is None


def test_columns_are_found_in_any_case() -> None:
    table = table_of("CREATE TABLE t (Id, \u00c9T\u00c9)")
    assert table.by_name[fold("iD")].name == "Id"
    assert table.by_name[fold("\u00c9t\u00c9")].name == "\u00c9T\u00c9"
    assert fold("\u00e9t\u00e9") not in table.by_name


def test_tables_are_found_in_any_case() -> None:
    schema = schema_of("CREATE TABLE Debates (a)")
    found = schema.find("dEBATES")
    assert found is not None
    assert found.name == "Debates"
    assert schema.find("debate") is None


# --- keys, rowids and sequences -----------------------------------------------------------------

KEYS = [
    "id INTEGER PRIMARY KEY",
    "id integer /* why */ primary key",
    'id "INTEGER" PRIMARY KEY',
    "id INTEGER PRIMARY KEY ASC",
    "id INTEGER PRIMARY KEY DESC",
    "id INTEGER PRIMARY KEY UNIQUE",
    "id INTEGER UNIQUE NOT NULL PRIMARY KEY",
    "id INTEGER PRIMARY KEY AUTOINCREMENT",
    "id INTEGER, PRIMARY KEY (id)",
    "id INTEGER, PRIMARY KEY (id DESC)",
    "id INTEGER, UNIQUE (id), PRIMARY KEY (id)",
    "id INTEGER, PRIMARY KEY (id), UNIQUE (id)",
    "id INTEGER UNIQUE",
    "id INT PRIMARY KEY",
    "id BIGINT PRIMARY KEY",
    "id INTEGER(8) PRIMARY KEY",
    "id UNSIGNED INTEGER PRIMARY KEY",
    "id TEXT PRIMARY KEY",
    "id TEXT UNIQUE PRIMARY KEY",
    "id TEXT COLLATE NOCASE PRIMARY KEY",
    "id PRIMARY KEY",
    "id INTEGER",
    "id INTEGER, other INTEGER, PRIMARY KEY (id, other)",
]


@pytest.mark.parametrize("columns", KEYS)
def test_the_integer_key_is_the_column_that_moves_with_the_rowid(columns: str) -> None:
    with open_memory(Chosen.engine) as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        connection.execute("INSERT INTO t (id) VALUES (7)")
        is_rowid = connection.execute("SELECT rowid FROM t").fetchone() == (7,)
        table = read_schema(connection).tables["t"]
    assert table.integer_key == ("id" if is_rowid else None)
    assert table.rowid == ("id" if is_rowid else "rowid")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)", True),
        ("CREATE TABLE t (id integer primary key /* x */ autoincrement)", True),
        ("CREATE TABLE t (id INTEGER, PRIMARY KEY (id AUTOINCREMENT))", True),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)", False),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT DEFAULT 'autoincrement')", False),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT DEFAULT 'it''s autoincrement')", False),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY -- no AUTOINCREMENT\n)", False),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY /* no AUTOINCREMENT */)", False),
        ('CREATE TABLE t (id INTEGER PRIMARY KEY, "autoincrement" TEXT)', False),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, [autoincrement] TEXT, `autoincrement 2` TEXT)", False),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, autoincrement_mark TEXT)", False),
    ],
)
def test_autoincrement_is_read_from_the_code_alone(script: str, expected: bool) -> None:
    assert table_of(script).autoincrement is expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("a", "rowid"),
        ("ROWID TEXT", "_rowid_"),
        ("rowid, _rowid_", "oid"),
        ("rowid, _rowid_, OID", None),
        ("rowid INTEGER PRIMARY KEY", "rowid"),
        ("rowid TEXT, oid INTEGER PRIMARY KEY", "oid"),
    ],
)
def test_a_column_named_rowid_does_not_hide_the_rowid(columns: str, expected: str | None) -> None:
    with open_memory(Chosen.engine) as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        connection.execute("INSERT INTO t DEFAULT VALUES")
        table = read_schema(connection).tables["t"]
        assert table.rowid == expected
        if expected is not None:
            assert connection.execute(f"SELECT {quote(expected)} FROM t").fetchone() == (1,)


def test_a_table_without_rowid_has_none() -> None:
    table = table_of("CREATE TABLE t (id INTEGER PRIMARY KEY, b, a, UNIQUE (a)) WITHOUT ROWID")
    assert table.without_rowid
    assert table.rowid is None
    assert table.integer_key is None
    assert table.primary_key == ("id",)


def test_the_primary_key_is_in_key_order() -> None:
    assert table_of("CREATE TABLE t (a, b, c, PRIMARY KEY (c, a))").primary_key == ("c", "a")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("INSERT INTO t VALUES (5)", 5),
        ("INSERT INTO t VALUES (5); DELETE FROM t", 5),
        ("INSERT INTO t VALUES (5); UPDATE sqlite_sequence SET seq = 900", 900),
        ("INSERT INTO t VALUES (5); UPDATE sqlite_sequence SET seq = 'abc'", 0),
        ("INSERT INTO t VALUES (5); UPDATE sqlite_sequence SET seq = NULL", 0),
        ("INSERT INTO t VALUES (5); INSERT INTO sqlite_sequence VALUES ('t', 8)", 8),
        ("INSERT INTO t VALUES (5); DELETE FROM sqlite_sequence", 0),
        ("", 0),
    ],
)
def test_the_high_water_mark_is_read_whatever_it_is(script: str, expected: int) -> None:
    with open_memory(Chosen.engine) as connection:
        connection.executescript(f"CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); {script}")
        assert read_sequence(connection, "t") == expected
        assert read_sequence(connection, "unknown") == 0


def test_a_database_without_sequences_has_no_mark() -> None:
    with open_memory(Chosen.engine) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        assert read_sequence(connection, "t") == 0


@pytest.mark.parametrize(
    ("script", "columns", "expected"),
    [
        ("CREATE TABLE t (a PRIMARY KEY, b)", ("a",), True),
        ("CREATE TABLE t (a PRIMARY KEY, b)", ("A", "b"), True),
        ("CREATE TABLE t (a PRIMARY KEY, b)", ("b",), False),
        ("CREATE TABLE t (a, b, UNIQUE (a, b))", ("a", "b"), True),
        ("CREATE TABLE t (a, b, UNIQUE (a, b))", ("a",), False),
        ("CREATE TABLE t (a, b); CREATE UNIQUE INDEX u ON t (a) WHERE b IS NOT NULL", ("a",), False),
        ("CREATE TABLE t (a, b); CREATE UNIQUE INDEX u ON t (lower(a))", ("a",), False),
        ("CREATE TABLE t (a, b); CREATE INDEX u ON t (a)", ("a",), False),
        ("CREATE TABLE t (a, b)", (), False),
    ],
)
def test_uniqueness_is_what_a_constraint_keeps(script: str, columns: tuple[str, ...], expected: bool) -> None:
    assert table_of(script).is_unique(columns) is expected


# --- columns, indexes and other objects ---------------------------------------------------------

WORDS = [
    "int",
    "INTEGER",
    "char",
    "clob",
    "Text",
    "blob",
    "real",
    "floa",
    "doub",
    "date",
    "numeric",
    "\ufb02oat",
    "\u0131nt",
    "(8)",
]


@given(st.lists(st.sampled_from(WORDS), max_size=3))
def test_affinity_is_what_sqlite_makes_of_a_declaration(words: list[str]) -> None:
    declared = quote(" ".join(words)) if words else ""
    with open_memory(Chosen.engine) as connection:
        connection.execute(f"CREATE TABLE t (a {declared})")
        connection.execute("INSERT INTO t VALUES ('1.0'), (1)")
        text, number = (row[0] for row in connection.execute("SELECT typeof(a) FROM t ORDER BY rowid"))
        column = read_schema(connection).tables["t"].columns[0]
    observed = {
        ("integer", "integer"): ("INTEGER", "NUMERIC"),
        ("real", "real"): ("REAL",),
        ("text", "text"): ("TEXT",),
        ("text", "integer"): ("BLOB",),
    }
    assert column.affinity in observed[text, number]
    if column.affinity == "INTEGER":
        assert "int" in fold(column.declared)


def test_generated_columns_are_listed_but_not_stored() -> None:
    table = table_of("CREATE TABLE t (a, v AS (a + 1), s AS (a * 2) STORED, b NOT NULL DEFAULT 'x')")
    assert [(column.name, column.generated) for column in table.columns] == [
        ("a", False),
        ("v", True),
        ("s", True),
        ("b", False),
    ]
    assert [column.name for column in table.stored] == ["a", "b"]
    assert (table.columns[3].not_null, table.columns[3].default) == (True, "'x'")


def test_virtual_tables_come_without_their_shadows_and_hidden_columns() -> None:
    schema = schema_of(
        "CREATE VIRTUAL TABLE f USING fts5(title, body); CREATE VIRTUAL TABLE r USING rtree(id, x0, x1);"
        "CREATE TABLE f_notes (a)"
    )
    assert {name: table.kind for name, table in schema.tables.items()} == {
        "f": "virtual",
        "r": "virtual",
        "f_notes": "table",
    }
    assert [column.name for column in schema.tables["f"].columns] == ["title", "body"]
    assert schema.tables["f"].integer_key is None
    assert schema.tables["f"].rowid == "rowid"


def test_strict_tables_are_told() -> None:
    assert table_of("CREATE TABLE t (a INTEGER) STRICT").strict
    assert not table_of("CREATE TABLE t (a INTEGER)").strict


def test_indexes_are_described_with_what_makes_them_differ() -> None:
    table = table_of(
        "CREATE TABLE t (a TEXT PRIMARY KEY, b UNIQUE, c);"
        "CREATE INDEX i1 ON t (c DESC, b COLLATE NOCASE); CREATE UNIQUE INDEX i2 ON t (c) WHERE b > 0;"
        "CREATE INDEX i3 ON t (lower(c))"
    )
    found = {index.name: index for index in table.indexes}
    assert found["i1"].parts == (("c", True, "BINARY"), ("b", False, "NOCASE"))
    assert found["i1"].columns == ("c", "b")
    assert (found["i2"].unique, found["i2"].partial, found["i2"].origin) == (True, True, "c")
    assert found["i3"].columns == ()
    assert found["i3"].sql == "CREATE INDEX i3 ON t (lower(c))"
    assert sorted(index.origin for index in table.indexes if index.sql is None) == ["pk", "u"]


def test_views_triggers_and_pragmas_are_read_from_an_attached_database(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t;"
        "PRAGMA user_version = -7; PRAGMA application_id = 99;"
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 0; END; ANALYZE;"
        "CREATE TABLE q (id INTEGER PRIMARY KEY AUTOINCREMENT)",
    )
    with open_memory(Chosen.engine) as connection, attached(connection, handle(path), "far"):
        schema = read_schema(connection, "far")
    assert list(schema.tables) == ["t", "q"]
    assert schema.views == {"v": "CREATE VIEW v AS SELECT a FROM t"}
    assert schema.triggers["g"][0] == "t"
    assert (schema.user_version, schema.application_id, schema.encoding) == (-7, 99, "UTF-8")


def test_tables_of_one_name_in_two_databases_are_not_mixed_up(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (far PRIMARY KEY); CREATE INDEX i ON t (far)")
    with open_memory(Chosen.engine) as connection, attached(connection, handle(path), "far"):
        connection.execute("CREATE TABLE t (near)")
        near, far = read_schema(connection).tables["t"], read_schema(connection, "far").tables["t"]
    assert [column.name for column in near.columns] == ["near"]
    assert near.indexes == ()
    assert [column.name for column in far.columns] == ["far"]
    assert len(far.indexes) == 2


def test_a_wide_encoding_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a)")
    with open_source(handle(path)) as connection:
        assert read_schema(connection).encoding == "UTF-16le"
