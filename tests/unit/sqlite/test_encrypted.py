"""Databases under a key: opened by it alone, told apart from plain ones, and the key in no text that is seen."""

from __future__ import annotations

import multiprocessing
import pickle
import secrets
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from strongroom.core.engines import Engine
from strongroom.core.errors import DamagedSourceError, KeyMissingError
from strongroom.core.secret import Secret
from strongroom.core.workers import open_workers
from strongroom.runs.exclusive import held, refuse_busy
from strongroom.sqlite import connection as opening
from strongroom.sqlite.connection import (
    Connection,
    attach_stage,
    attached,
    attached_live,
    check_integrity,
    connect_live,
    copy_database,
    fold_log,
    is_whole_in_its_file,
    is_write_ahead,
    open_memory,
    open_snapshot,
    open_source,
    open_stage,
)
from strongroom.sqlite.database import Database, choose_engine, has_plain_header, read_mark, state_of
from strongroom.sqlite.keyring import hold_keys, spell_key
from strongroom.sqlite.libraries import library_errors, library_of, load_library, read_library_version
from strongroom.sqlite.reading import ask, open_reading

ONE, TWO, SALTED = (secrets.token_bytes(length).hex() for length in (32, 32, 48))
PLANTED = "vermilion-okapi-4471"


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    with hold_keys({"one": Secret(ONE), "two": Secret(TWO), "salted": Secret(SALTED)}):
        yield


def under(path: Path, key: str | None) -> Database:
    return Database(path, Engine.BUNDLED, key)


def make(path: Path, key: str | None = "one", script: str = "") -> Database:
    database = under(path, key)
    with open_stage(database) as connection:
        connection.executescript(f"CREATE TABLE t (a); INSERT INTO t VALUES ('{PLANTED}'); {script}")
    return database


def rows(connection: Connection, schema: str = "main") -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT a FROM {schema}.t").fetchall()


def connect(database: Database) -> Connection:
    """Open an encrypted file as its application would."""
    made = load_library(Engine.BUNDLED).connect(database.path, isolation_level=None)
    made.set_key(spell_key(str(database.key)))
    return made  # type: ignore[no-any-return]


# --- opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["one", "salted"])
def test_what_is_written_under_a_key_is_read_under_it_and_stands_nowhere_in_plain(tmp_path: Path, key: str) -> None:
    database = make(tmp_path / "a.db", key)
    for opener in (open_source, open_snapshot, open_stage):
        with opener(database) as connection:
            assert rows(connection) == [(PLANTED,)]
            assert check_integrity(connection) == ()
    with closing(connect_live(database)) as connection:
        assert rows(connection) == [(PLANTED,)]
    assert PLANTED.encode() not in database.path.read_bytes()
    assert not has_plain_header(database)


def test_whoever_knows_the_key_opens_it_without_us(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    with closing(load_library(Engine.BUNDLED).connect(database.path)) as connection:
        connection.execute(f"PRAGMA key = \"x'{ONE}'\"")
        assert rows(connection) == [(PLANTED,)]


@pytest.mark.parametrize("opener", [open_source, open_snapshot, open_stage])
def test_another_key_is_one_line_and_exit_12(tmp_path: Path, opener: Callable[..., object]) -> None:
    path = make(tmp_path / "a.db").path
    with (
        pytest.raises(KeyMissingError, match=r"a\.db: is not opened by key two\Z") as caught,
        opener(under(path, "two")) as connection,  # type: ignore[attr-defined]
    ):
        rows(connection)
    assert caught.value.exit_code == 12


def test_a_key_that_is_not_at_hand_is_exit_12(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db").path
    with pytest.raises(KeyMissingError, match="key three: is not at hand"), open_source(under(path, "three")):
        pass


def test_a_plain_file_with_a_key_is_told_from_a_wrong_key(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", None).path
    with pytest.raises(KeyMissingError, match="is not encrypted, and has key one"), open_source(under(path, "one")):
        pass


@pytest.mark.parametrize("engine", list(Engine))
def test_an_encrypted_file_without_a_key_is_no_database(tmp_path: Path, engine: Engine) -> None:
    path = make(tmp_path / "a.db").path
    with (
        pytest.raises(DamagedSourceError, match=r"is not a database \(or is encrypted\)"),
        open_source(Database(path, engine)),
    ):
        pass


def test_python_s_own_library_is_given_no_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only the bundled library"):
        Database(tmp_path / "a.db", Engine.SYSTEM, "one")
    with (
        open_memory() as connection,
        pytest.raises(ValueError, match="only the bundled library"),
        attached(connection, under(tmp_path / "a.db", "one"), "x"),
    ):
        pass


@pytest.mark.parametrize(
    "text",
    ["", "secret", ONE[:-1], ONE + "0", "g" * 64, f"x'{ONE}'", ONE + "\n"],
    ids=["empty", "a passphrase", "too short", "too long", "no hex", "quoted", "a line"],
)
def test_what_is_no_raw_key_is_refused_before_it_becomes_a_passphrase(text: str) -> None:
    with pytest.raises(KeyMissingError, match="key odd: is no raw key") as caught, hold_keys({"odd": Secret(text)}):
        pass
    assert not text or text not in str(caught.value)


def test_keys_are_let_go_of_again() -> None:
    with hold_keys({"brief": Secret(TWO)}):
        spell_key("brief")
    with pytest.raises(KeyMissingError):
        spell_key("brief")


# --- several databases at once --------------------------------------------------------------------


@pytest.mark.parametrize("main", [None, "one", "two"])
def test_one_connection_attaches_other_keys_and_plain_files(tmp_path: Path, main: str | None) -> None:
    home = make(tmp_path / "main.db", main)
    others = {f"k_{key}": make(tmp_path / f"{key}.db", key) for key in (None, "one", "two", "salted")}
    with open_snapshot(home) as connection, ExitStack() as stack:
        for name, database in others.items():
            stack.enter_context(attached(connection, database, name))
        for name in ("main", *others):
            assert rows(connection, name) == [(PLANTED,)]


@pytest.mark.parametrize("how", [attached, attached_live])
def test_a_wrong_key_is_said_of_the_file_that_is_attached(tmp_path: Path, how: Callable[..., object]) -> None:
    home, other = make(tmp_path / "main.db"), make(tmp_path / "other.db")
    with (
        open_snapshot(home) as connection,
        pytest.raises(KeyMissingError, match=r"other\.db: is not opened by key two"),
        how(connection, under(other.path, "two"), "x"),  # type: ignore[attr-defined]
    ):
        pass


@pytest.mark.parametrize("key", [None, "two"])
def test_a_stage_that_is_attached_has_its_own_key_and_not_that_of_the_main_one(tmp_path: Path, key: str | None) -> None:
    with open_stage(make(tmp_path / "main.db")) as connection:
        attach_stage(connection, under(tmp_path / "beside.db", key), "beside")
        connection.execute(f"CREATE TABLE beside.t AS SELECT '{PLANTED}' AS a")
    with open_snapshot(under(tmp_path / "beside.db", key)) as connection:
        assert rows(connection) == [(PLANTED,)]
    assert has_plain_header(under(tmp_path / "beside.db", None)) is (key is None)


def test_a_plan_s_question_reads_encrypted_targets_and_plain_ones_together(tmp_path: Path) -> None:
    targets = {
        "main": Database(make(tmp_path / "main.db", None).path),
        "core": make(tmp_path / "core.db"),
        "more": make(tmp_path / "more.db", "two"),
    }
    question = "SELECT (SELECT count(*) FROM main.t) + (SELECT count(*) FROM core.t) + (SELECT count(*) FROM more.t)"
    with open_reading(targets) as connection:
        assert ask(connection, question) == 3
    assert choose_engine(targets.values()) is Engine.BUNDLED
    assert choose_engine([targets["main"]]) is Engine.SYSTEM


def test_temporary_tables_beside_an_encrypted_database_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    encrypted, plain = make(tmp_path / "a.db"), make(tmp_path / "b.db", None)
    with open_snapshot(encrypted) as connection:
        assert connection.execute("PRAGMA temp_store").fetchone() == (2,)
    with open_snapshot(plain) as connection:
        assert connection.execute("PRAGMA temp_store").fetchone() == (1,)
        with attached(connection, encrypted, "x"):
            assert connection.execute("PRAGMA temp_store").fetchone() == (2,)


# --- copies, logs and locks -----------------------------------------------------------------------


@pytest.mark.parametrize("key", ["one", "two", "salted"])
def test_a_copy_is_made_under_the_same_or_another_key(tmp_path: Path, key: str) -> None:
    script = (
        "PRAGMA user_version = 7; PRAGMA application_id = 42; DELETE FROM t; INSERT INTO t (rowid, a) VALUES (9, 1)"
    )
    database, copy = make(tmp_path / "a.db", "one", script), under(tmp_path / "copy.db", key)
    with open_source(database) as connection:
        copy_database(connection, copy)
    with open_snapshot(copy) as connection:
        assert connection.execute("SELECT rowid, a FROM t").fetchall() == [(9, 1)]
        assert connection.execute("PRAGMA user_version").fetchone() == (7,)
        assert connection.execute("PRAGMA application_id").fetchone() == (42,)
        assert check_integrity(connection) == ()


def test_the_write_ahead_log_of_an_encrypted_database_is_seen_read_and_folded_in(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    assert not is_write_ahead(database)
    with closing(connect(database)) as writer:
        writer.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; INSERT INTO t VALUES (2)")
        assert is_write_ahead(database)
        assert "-wal" in state_of(database)
        with open_source(database) as connection:
            assert not is_whole_in_its_file(connection)
            assert rows(connection) == [(PLANTED,), (2,)]
        log = database.beside("-wal").read_bytes()
        assert log
        assert PLANTED.encode() not in log
    fold_log(database)
    assert not is_write_ahead(database)
    assert list(state_of(database)) == [""]
    with open_snapshot(database) as connection:
        assert rows(connection) == [(PLANTED,), (2,)]


def test_the_mark_changes_with_every_write(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    marks = [read_mark(database), read_mark(database)]
    assert marks[0] == marks[1]
    for number in range(3):
        with closing(connect(database)) as writer:
            writer.execute("UPDATE t SET a = ?", (number,))
        marks.append(read_mark(database))
    assert len(set(marks)) == 4


def test_an_encrypted_target_is_held_and_its_log_folded_in(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    with closing(connect(database)) as writer:
        writer.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; INSERT INTO t VALUES (2)")
    refuse_busy([database])
    with held([database]):
        assert "-wal" not in state_of(database)
        with closing(connect(database)) as other:
            other.execute("PRAGMA busy_timeout = 0")
            with pytest.raises(library_errors(), match="locked"):
                rows(other)


def test_an_encrypted_target_under_another_key_is_not_held(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db").path
    with pytest.raises(KeyMissingError, match="is not opened by key two"), held([under(path, "two")]):
        pass


# --- where keys must not be -----------------------------------------------------------------------


def test_a_handle_travels_by_name_and_workers_inherit_the_key(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    sent = pickle.dumps(database)
    assert pickle.loads(sent) == database
    assert bytes.fromhex(ONE) not in sent
    assert ONE.encode() not in sent
    with open_workers(2, lambda: None) as workers:
        assert workers.gather([workers.submit(read_rows, database)]) == [[(PLANTED,)]]


def read_rows(database: Database) -> list[tuple[object, ...]]:
    with open_snapshot(database) as connection:
        return rows(connection)


def test_a_process_that_does_not_descend_from_ours_has_no_key(tmp_path: Path) -> None:
    database = make(tmp_path / "a.db")
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(KeyMissingError, match="key one: is not at hand"),
    ):
        pool.submit(read_rows, database).result()


def test_no_statement_no_file_name_and_no_error_holds_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    library = load_library(Engine.BUNDLED)

    class Telling(library.Connection):  # type: ignore[misc,name-defined]
        def execute(self, sql: str, values: object = ()) -> object:
            seen.append(sql)
            return super().execute(sql, values)

    class Recorded:
        @staticmethod
        def connect(name: object, **options: object) -> object:
            seen.append(str(name))
            return library.connect(name, factory=Telling, **options)

    monkeypatch.setattr(opening, "load_library", lambda engine: Recorded if engine is Engine.BUNDLED else sqlite3)
    database, other = make(tmp_path / "a.db"), make(tmp_path / "b.db", "two")
    with open_source(database) as connection, attached(connection, other, "x"):
        copy_database(connection, under(tmp_path / "copy.db", "two"))
    for wrong in (under(database.path, "two"), under(other.path, "one")):
        with pytest.raises(KeyMissingError) as caught, open_source(wrong):
            pass
        seen += traceback.format_exception(caught.value)
    assert len(seen) > 20
    told = "\n".join(seen).lower()
    assert not [key for key in (ONE, TWO) if key in told]


def test_what_the_library_says_of_a_wrong_key_does_not_reach_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path / "a.db").path
    with pytest.raises(KeyMissingError), open_source(under(path, "two")):
        pass
    assert capfd.readouterr() == ("", "")


# --- the two libraries ----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", list(Engine))
def test_a_connection_s_own_errors_are_among_those_of_the_libraries(engine: Engine) -> None:
    with open_memory(engine) as connection:
        assert library_of(connection) is engine
        assert connection.execute("SELECT sqlite_version()").fetchone() == (read_library_version(engine),)
        with pytest.raises(library_errors()) as caught:
            connection.execute("SELECT nothing")
        assert isinstance(caught.value, connection.Error)


def test_the_libraries_are_two() -> None:
    assert read_library_version(Engine.SYSTEM) == sqlite3.sqlite_version
    assert tuple(map(int, read_library_version(Engine.BUNDLED).split("."))) >= (3, 53)
    assert not issubclass(load_library(Engine.BUNDLED).Error, sqlite3.Error)
