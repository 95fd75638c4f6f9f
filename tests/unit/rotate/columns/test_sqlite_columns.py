"""Columns in SQLite: every kind of table and value comes under the key and back, and nothing is lost on the way."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from strongroom.rotate.columns import driving
from strongroom.rotate.request import Surroundings
from tests.column_system import ColumnSystem
from tests.processes import Child, open_child

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, secret TEXT)"
ENTRY = {"sqlite": "users.db", "table": "users", "primary_key": ["id"], "column": "secret", "key": "encryption"}
VALUES: dict[int, Any] = {
    1: "plain", 2: "", 3: None, 4: 7, 5: 1.5, 6: b"\x00\xff", 7: "é\x00z", 8: "x" * 300_000, 9: b"", 10: "12",
    -3: "neg",
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ColumnSystem:
    return ColumnSystem(folder=tmp_path, capsys=capsys, monkeypatch=monkeypatch, columns=[ENTRY])


def do(shop: ColumnSystem, *statements: str, file: str = "users.db") -> None:
    with closing(sqlite3.connect(shop.folder / file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


WRITER = """
print("ready", flush=True)
written, longest = 0, 0
while not select.select([sys.stdin], [], [], 0)[0]:
    began = time.monotonic()
    connection.execute("INSERT INTO log DEFAULT VALUES")
    written, longest = written + 1, max(longest, time.monotonic() - began)
print(written, longest, flush=True)
"""


@contextmanager
def elsewhere(shop: ColumnSystem, script: str) -> Iterator[Child]:
    """Do something with the file in another process: in one, two libraries undo each other's locks."""
    head = "import select, sqlite3, sys, time\n"
    head += f"connection = sqlite3.connect({str(shop.folder / 'users.db')!r}, isolation_level=None, timeout=10)\n"
    with open_child([sys.executable, "-c", head + script]) as child:
        assert child.read_line() == "ready"
        yield child


def do_elsewhere(shop: ColumnSystem, statement: str) -> None:
    with elsewhere(shop, f"connection.execute({statement!r}); print('ready', flush=True)"):
        pass


def fill(shop: ColumnSystem, rows: dict[Any, Any], text: str = "INSERT INTO users (id, secret) VALUES (?, ?)") -> None:
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        connection.executemany(text, rows.items())
        connection.commit()


def read(shop: ColumnSystem, text: str = "SELECT id, secret FROM users") -> dict[Any, Any]:
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        return {row[0] if len(row) == 2 else row[:-1]: row[-1] for row in connection.execute(text)}


def list_tables(shop: ColumnSystem) -> set[str]:
    return set(read(shop, "SELECT name, 1 FROM sqlite_master"))


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("declared", ["TEXT", "BLOB", "", "INTEGER", "NUMERIC"])
def test_values_of_every_kind_come_under_the_key_and_back(shop: ColumnSystem, declared: str, mode: str) -> None:
    do(shop, f"PRAGMA journal_mode = {mode}", USERS.replace("secret TEXT", f"secret {declared}"))
    fill(shop, VALUES)
    before = read(shop)
    code, done, _ = shop.run("columns.encrypt")
    assert (code, done["columns"][0]["changed"], done["columns"][0]["left"]) == (0, 10, 0)
    stored = read(shop)
    kind = bytes if declared in ("BLOB", "") else str
    assert all(isinstance(value, kind) for key, value in stored.items() if before[key] is not None)
    assert shop.open_all(stored) == before
    first = shop.active
    shop.add_version()
    code, done, _ = shop.run("columns.rotate")
    assert (code, done["columns"][0]["changed"]) == (0, 10)
    code, status, _ = shop.run("columns.status")
    assert code == 0
    assert status["columns"][0]["keys"] == {shop.active: 10}
    assert first != shop.active
    assert shop.open_all(read(shop)) == before
    code, done, _ = shop.run("columns.decrypt", "--reason", "a test")
    assert (code, done["columns"][0]["changed"], done["reason"]) == (0, 10, "a test")
    after = read(shop)
    assert {key: (type(value), value) for key, value in after.items()} == {
        key: (type(value), value) for key, value in before.items()
    }
    assert list_tables(shop) == {"users"}


@pytest.mark.parametrize(
    ("table", "key", "insert", "select"),
    [
        ("t (k TEXT PRIMARY KEY, secret)", ["k"], "?", "k"),
        ("t (k BLOB PRIMARY KEY, secret) WITHOUT ROWID", ["k"], "CAST(? AS BLOB)", "k"),
        ("t (a INTEGER, k TEXT, secret BLOB, PRIMARY KEY (a, k))", ["a", "k"], "1, ?", "a, k"),
        ("t (a INTEGER, k TEXT, secret TEXT, PRIMARY KEY (k DESC, a)) WITHOUT ROWID", ["a", "k"], "1, ?", "a, k"),
        ("t (k TEXT PRIMARY KEY COLLATE NOCASE, secret TEXT COLLATE NOCASE) WITHOUT ROWID", ["k"], "?", "k"),
        ("t (k TEXT PRIMARY KEY, secret TEXT) STRICT", ["k"], "?", "k"),
        ("t (k TEXT PRIMARY KEY, secret ANY) STRICT", ["k"], "?", "k"),
        ('t (k TEXT NOT NULL UNIQUE, "rowid" TEXT, secret TEXT)', ["k"], "?", "k"),
        ('t (k TEXT NOT NULL UNIQUE, "oid" INT, secret "long varchar")', ["k"], "?", "k"),
    ],
)
def test_rows_of_every_kind_of_table_are_reached(
    shop: ColumnSystem, table: str, key: list[str], insert: str, select: str
) -> None:
    shop.columns = [{**ENTRY, "table": "t", "primary_key": key}]
    do(shop, f"CREATE TABLE {table}")
    names = "a, k" if len(key) == 2 else "k"
    fill(
        shop,
        {f"{'Ab'[n % 2]}{n}": f"value {n}" for n in range(1200)},
        f"INSERT INTO t ({names}, secret) VALUES ({insert}, ?)",
    )
    before = read(shop, f"SELECT {select}, secret FROM t")
    assert shop.run("columns.encrypt", "--batch-size", "7")[0] == 0
    assert shop.open_all(read(shop, f"SELECT {select}, secret FROM t")) == before
    shop.add_version()
    assert shop.run("columns.rotate")[1]["columns"][0]["changed"] == 1200
    assert shop.open_all(read(shop, f"SELECT {select}, secret FROM t")) == before


def test_what_cannot_be_opened_is_listed_and_left(shop: ColumnSystem) -> None:
    do(shop, USERS)
    fill(shop, {n: f"value {n}" for n in range(1, 31)})
    assert shop.run("columns.encrypt")[0] == 0
    stored = read(shop)
    bad = {
        1: stored[2],  # of another row
        3: stored[3][:-4] + ("AAAA" if stored[3][-4:] != "AAAA" else "BBBB"),
        4: "sr1:other@1:" + stored[4].split(":")[2],
        5: "plain again",
        6: Fernet(Fernet.generate_key()).encrypt(b"foreign").decode(),
        7: stored[7][:60],
    }
    for key, value in bad.items():
        fill(shop, {value: key}, "UPDATE users SET secret = ? WHERE id = ?")
    shop.add_version()
    code, done, _ = shop.run("columns.rotate", "--show-keys")
    (column,) = done["columns"]
    assert (code, column["left"], column["changed"]) == (4, 6, 24)
    assert {row["key"] for row in column["rows"]} == {f"[{key}]" for key in bad}
    assert sum(column["reasons"].values()) == 6
    after = read(shop)
    assert {key: after[key] for key in bad} == bad
    assert all(after[key].startswith(f"sr1:{shop.active}:") for key in after.keys() - bad.keys())
    hidden = shop.run("columns.rotate")[1]["columns"][0]["rows"]
    assert all(row["key"].startswith("#") for row in hidden)
    assert "plain again" not in shop.say("columns.rotate")[1]


def test_rows_that_are_left_are_all_counted_and_twenty_shown(shop: ColumnSystem) -> None:
    do(shop, USERS)
    fill(shop, {n: f"value {n}" for n in range(1, 41)})
    code, done, _ = shop.run("columns.rotate")
    assert (code, done["columns"][0]["left"], len(done["columns"][0]["rows"])) == (4, 40, 20)
    assert "value" not in str(done["columns"][0]["rows"])


def test_rows_without_a_key_are_listed(shop: ColumnSystem) -> None:
    shop.columns = [{**ENTRY, "primary_key": ["id"]}]
    do(shop, "CREATE TABLE users (id TEXT PRIMARY KEY, secret TEXT)")
    do(shop, "INSERT INTO users VALUES (NULL, 'one'), (NULL, 'two'), ('three', 'three'), (4.5, 'four')")
    code, done, said = shop.run("columns.encrypt")
    assert code == 4, said
    assert (done["columns"][0]["left"], done["columns"][0]["changed"]) == (2, 2)
    assert read(shop, "SELECT secret, 1 FROM users WHERE id IS NULL") == {"one": 1, "two": 1}


def test_earlier_formats_are_taken_in(shop: ColumnSystem) -> None:
    import base64  # noqa: PLC0415

    shop.columns = [{**ENTRY, "reads": [{"format": "fernet", "key": "encryption"}]}]
    fernet = Fernet(base64.urlsafe_b64encode(shop.secrets[0]))
    do(shop, USERS)
    fill(shop, {1: fernet.encrypt(b"one").decode(), 2: "plain", 3: fernet.encrypt(b"three").decode()})
    code, status, _ = shop.run("columns.status")
    assert (code, status["columns"][0]["formats"], status["columns"][0]["plain"]) == (7, {"fernet": 2}, 1)
    assert shop.run("columns.rotate")[0] == 4
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read(shop)) == {1: "one", 2: "plain", 3: "three"}


@pytest.mark.parametrize(
    ("table", "entry", "fact"),
    [
        ("CREATE TABLE other (id INTEGER PRIMARY KEY)", {}, "no such table"),
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)", {}, "no column secret"),
        ("CREATE TABLE users (id INTEGER, secret TEXT)", {}, "unique"),
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, secret TEXT UNIQUE)", {}, "is unique"),
        ("CREATE TABLE users (id INTEGER, secret TEXT PRIMARY KEY)", {}, "primary key"),
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, a, secret TEXT AS (a))", {}, "is generated"),
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, secret TEXT REFERENCES users (id))", {}, "foreign key"),
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, secret INTEGER) STRICT", {}, "STRICT"),
        ("CREATE VIEW users AS SELECT 1 AS id, 'x' AS secret", {}, "no such table"),
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, secret TEXT CHECK (length(secret) < 20))", {}, "CHECK"),
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, n, secret TEXT)", {"primary_key": ["id", "n"]}, "unique"),
    ],
)
def test_what_stands_in_the_way_is_refused_before_anything_is_written(
    shop: ColumnSystem, table: str, entry: dict[str, Any], fact: str
) -> None:
    shop.columns = [{**ENTRY, **entry}]
    do(shop, table)
    is_fillable = "secret TEXT" in table and "AS (" not in table and "VIEW" not in table
    if is_fillable:
        do(shop, "INSERT INTO users (id, secret) VALUES (1, '7')")
    code, _, said = shop.run("columns.encrypt")
    assert code == 6
    assert fact in said
    if is_fillable:
        assert set(read(shop).values()) == {"7"}


TRIGGERS = {
    "changes": "CREATE TRIGGER t AFTER UPDATE OF secret ON users WHEN NEW.secret NOT LIKE '%!' "
    "BEGIN UPDATE users SET secret = NEW.secret || '!' WHERE id = NEW.id; END",
    "keeps": "CREATE TRIGGER t BEFORE UPDATE ON users BEGIN SELECT RAISE(IGNORE); END",
    "refuses": "CREATE TRIGGER t BEFORE UPDATE ON users BEGIN SELECT RAISE(ABORT, 'one'); END",
}


@pytest.mark.parametrize("way", TRIGGERS)
def test_a_trigger_that_meddles_is_refused_and_undone(shop: ColumnSystem, way: str) -> None:
    do(shop, USERS, "INSERT INTO users VALUES (1, 'a', 'one'), (2, 'b', 'two')", TRIGGERS[way])
    code, _, said = shop.run("columns.encrypt")
    assert (code, way in said, "one" in said) == (6, True, False)
    assert read(shop) == {1: "one", 2: "two"}


def test_a_trigger_that_only_notes_is_no_obstacle(shop: ColumnSystem) -> None:
    note = "CREATE TRIGGER t AFTER UPDATE ON users BEGIN INSERT INTO noted VALUES (NEW.id); END"
    do(shop, USERS, "CREATE TABLE noted (id)", "INSERT INTO users VALUES (1, 'a', 'one'), (2, 'b', 'two')", note)
    assert shop.run("columns.encrypt")[0] == 0
    assert read(shop, "SELECT id, count(*) FROM noted GROUP BY id") == {1: 1, 2: 1}


def test_the_work_goes_on_where_it_was_interrupted(shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    do(shop, USERS)
    fill(shop, {n: f"value {n}" for n in range(1, 101)})
    committed = iter(range(3))

    def stop(_: Surroundings, step: str) -> None:
        if step == "committed" and next(committed, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Surroundings, "reach", stop)
        assert shop.run("columns.encrypt", "--batch-size", "10")[0] == 130
    assert "strongroom_column_progress" in list_tables(shop)
    code, status, _ = shop.run("columns.status")
    assert (code, status["columns"][0]["plain"]) == (7, 60)
    assert "40 rows so far" in status["columns"][0]["unfinished"]
    code, done, _ = shop.run("columns.encrypt", "--batch-size", "10")
    assert (code, done["columns"][0]["changed"], done["columns"][0]["went_on"]) == (0, 100, True)
    assert list_tables(shop) == {"users"}
    assert shop.open_all(read(shop)) == {n: f"value {n}" for n in range(1, 101)}


def test_a_row_that_changes_between_reading_and_writing_is_the_writers(
    shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(shop, USERS)
    fill(shop, dict.fromkeys(range(1, 11), "same"))
    steps = iter(["UPDATE users SET secret = 'newer' WHERE id = 3", "DELETE FROM users WHERE id = 4"])

    def meddle(_: Surroundings, step: str) -> None:
        statement = next(steps, None) if step == "sealed" else None
        if statement:
            do_elsewhere(shop, statement)

    monkeypatch.setattr(Surroundings, "reach", meddle)
    assert shop.run("columns.encrypt", "--batch-size", "5")[0] == 0
    want = dict.fromkeys(range(1, 11), "same") | {3: "newer"}
    del want[4]
    assert shop.open_all(read(shop)) == want


def test_other_writers_get_in_between(shop: ColumnSystem) -> None:
    do(shop, "PRAGMA journal_mode = WAL", USERS, "CREATE TABLE log (id INTEGER PRIMARY KEY)")
    fill(shop, {n: f"value {n}" for n in range(1, 5001)})
    with elsewhere(shop, WRITER) as writer:
        began = time.monotonic()
        assert shop.run("columns.encrypt")[0] == 0
        assert time.monotonic() - began < 12, "it looks too seldom for the gaps that a busy writer leaves"
        writer.tell("end")
        written, longest = writer.read_line().split()
    assert int(written) > 10
    assert float(longest) < 2


def test_a_writer_who_holds_a_rollback_journal_for_a_moment_is_waited_for(shop: ColumnSystem) -> None:
    do(shop, USERS, "INSERT INTO users VALUES (1, 'a', 'one')")
    hold = "connection.execute('BEGIN EXCLUSIVE'); connection.execute('UPDATE users SET name = 1')\n"
    with elsewhere(shop, hold + "print('ready', flush=True); time.sleep(2); connection.execute('COMMIT')"):
        code, _, said = shop.run("columns.encrypt")
    assert code == 0, said


def test_two_at_once_the_second_ends_11(shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    do(shop, USERS, "INSERT INTO users VALUES (1, 'a', 'one')")
    codes: list[int] = []

    def again(_: Surroundings, step: str) -> None:
        if step == "sealed" and not codes:
            codes.append(0)
            codes.append(shop.run("columns.rotate")[0])

    monkeypatch.setattr(Surroundings, "reach", again)
    assert shop.run("columns.encrypt")[0] == 0
    assert codes == [0, 11]


def test_a_file_that_somebody_keeps_locked_ends_5(shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom.rotate.columns import retrying, sqlite_column  # noqa: PLC0415

    monkeypatch.setattr(retrying, "TRIES", 2)
    monkeypatch.setattr(sqlite_column, "BUSY_SECONDS", 0.05)
    do(shop, USERS, "INSERT INTO users VALUES (1, 'a', 'one')")
    with elsewhere(shop, "connection.execute('BEGIN IMMEDIATE'); print('ready', flush=True)\ninput()"):
        code, _, said = shop.run("columns.encrypt")
    assert (code, "locked" in said) == (5, True)
    assert read(shop) == {1: "one"}


def test_writers_that_never_stop_do_not_keep_it_from_ending(
    shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(shop, USERS)
    fill(shop, {n: f"value {n}" for n in range(1, 11)})

    def write(_: Surroundings, step: str) -> None:
        if step == "walked":
            do_elsewhere(shop, "UPDATE users SET secret = 'again' WHERE id = 5")

    monkeypatch.setattr(Surroundings, "reach", write)
    code, done, _ = shop.run("columns.encrypt")
    assert (code, done["columns"][0]["due"]) == (7, 1)
    assert driving._ROUNDS < 10
    monkeypatch.undo()
    shop.describe()
    assert shop.run("columns.encrypt")[0] == 0


def test_a_key_that_cannot_be_had_ends_12_before_anything_is_written(shop: ColumnSystem) -> None:
    do(shop, USERS)
    fill(shop, {n: f"value {n}" for n in range(1, 11)})
    assert shop.run("columns.encrypt")[0] == 0
    before = read(shop)
    shop.add_version()
    shop.secrets = shop.secrets[1:]
    code, _, said = shop.run("columns.rotate")
    assert (code, "encryption@" in said) == (12, True)
    assert read(shop) == before
    assert list_tables(shop) == {"users"}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_what_was_plain_is_not_left_in_the_file(shop: ColumnSystem, mode: str) -> None:
    do(shop, f"PRAGMA journal_mode = {mode}", "PRAGMA secure_delete = OFF", USERS)
    fill(shop, {n: f"canary-{n:04d}" * 20 for n in range(1, 201)})
    assert shop.run("columns.encrypt")[0] == 0
    do(shop, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"canary-" not in (shop.folder / "users.db").read_bytes()


CUT = """
connection.execute("PRAGMA cache_size = 5")
connection.execute("BEGIN")
connection.execute("UPDATE users SET secret = 'never committed' || id")
print("ready", flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_write_that_was_cut_off_is_undone_first(shop: ColumnSystem) -> None:
    do(shop, "PRAGMA journal_mode = DELETE", USERS)
    fill(shop, {n: f"value {n} " * 50 for n in range(1, 2001)})
    before = read(shop)
    with elsewhere(shop, CUT.replace("os.", "__import__('os').")):
        pass
    assert (shop.folder / "users.db-journal").stat().st_size > 0
    assert shop.run("columns.status")[0] == 7
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read(shop)) == before


def test_a_dry_run_writes_nothing(shop: ColumnSystem) -> None:
    do(shop, USERS)
    fill(shop, VALUES)
    before = (shop.folder / "users.db").read_bytes()
    code, done, _ = shop.run("columns.encrypt", "--dry-run")
    assert (code, done["columns"][0]["due"], done["columns"][0]["changed"]) == (0, 10, 0)
    assert (shop.folder / "users.db").read_bytes() == before


def test_the_scan_finds_what_nobody_registered(shop: ColumnSystem) -> None:
    do(shop, USERS, "CREATE TABLE other (id INTEGER PRIMARY KEY, a, b TEXT, c BLOB, d TEXT, e TEXT)")
    token = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    ours = shop.seal(1, "x")
    armour = (Path(__file__).parent / "message.asc").read_text()
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        connection.executemany("INSERT INTO other (a, e) VALUES (?, ?)", [("plain", "gAAAAA")] * 1000)
        connection.execute("INSERT INTO other (a) VALUES (?)", (token,))
        connection.execute("INSERT INTO other (b) VALUES (?)", (ours,))
        connection.execute("INSERT INTO other (c) VALUES (?)", (shop.seal(1, b"x", as_bytes=True),))
        connection.execute("INSERT INTO other (d) VALUES (?)", (f'{{"deep": ["{token}", 1]}}',))
        connection.execute("INSERT INTO users (name) VALUES (?)", (armour,))
        connection.commit()
    code, status, _ = shop.run("columns.status", "--scan")
    assert code == 7
    assert {(one["column"], one["format"], one["count"]) for one in status["found"]} == {
        ("other.a", "fernet", 1),
        ("other.b", "strongroom", 1),
        ("other.c", "strongroom", 1),
        ("other.d", "fernet", 1),
        ("users.name", "pgcrypto", 1),
    }


def test_a_sqlcipher_file_is_opened_by_its_key(shop: ColumnSystem) -> None:
    from sqlcipher3 import dbapi2  # type: ignore[import-untyped]  # noqa: PLC0415

    shop.more_keys = {"vault": {"provider": "environment", "variable": "VAULT_KEY", "encoding": "hex"}}
    shop.monkeypatch.setenv("VAULT_KEY", "ab" * 32)
    shop.columns = [{**ENTRY, "encrypted_by": "vault"}]

    def read_it() -> dict[Any, Any]:
        connection = dbapi2.connect(shop.folder / "users.db")
        connection.execute(f"""PRAGMA key = "x'{"ab" * 32}'" """)
        found = dict(connection.execute("SELECT id, secret FROM users"))
        connection.close()
        return found

    connection = dbapi2.connect(shop.folder / "users.db")
    connection.execute(f"""PRAGMA key = "x'{"ab" * 32}'" """)
    connection.execute(USERS)
    connection.executemany("INSERT INTO users (id, secret) VALUES (?, ?)", [(1, "one"), (2, b"two")])
    connection.commit()
    connection.close()
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read_it()) == {1: "one", 2: b"two"}
    assert shop.run("columns.status", "--scan")[0] == 0


def test_a_column_that_was_renamed_opens_under_its_earlier_name(shop: ColumnSystem) -> None:
    do(shop, USERS.replace("users", "accounts"), "INSERT INTO accounts VALUES (1, 'a', 'one')")
    shop.columns = [{**ENTRY, "table": "accounts"}]
    assert shop.run("columns.encrypt")[0] == 0
    do(shop, "ALTER TABLE accounts RENAME TO users")
    shop.columns = [{**ENTRY, "was": ["accounts.secret"]}]
    shop.add_version()
    assert shop.run("columns.rotate")[0] == 0
    shop.columns = [ENTRY]
    assert shop.open_all(read(shop)) == {1: "one"}


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom.rotate.columns import retrying  # noqa: PLC0415

    monkeypatch.setattr(retrying, "PATIENCE", 1.0)


def test_values_that_lie_in_another_row_or_were_changed_are_found_when_all_are_opened(shop: ColumnSystem) -> None:
    do(shop, USERS)
    fill(shop, {number: f"value {number}" for number in range(1, 31)})
    shop.run("columns.encrypt")
    code, status, _ = shop.run("columns.status", "--open")
    assert (code, status["columns"][0]["closed"], status["columns"][0]["rows"]) == (0, 0, [])
    stored = read(shop)
    swapped = {1: stored[2], 2: stored[1], 3: stored[3][:-1] + ("A" if stored[3][-1] != "A" else "B"), 4: stored[9]}
    fill(shop, {value: key for key, value in swapped.items()}, "UPDATE users SET secret = ? WHERE id = ?")
    code, status, _ = shop.run("columns.status")
    assert (code, status["columns"][0]["closed"]) == (0, None)
    code, status, _ = shop.run("columns.status", "--open", "--show-keys")
    assert (code, status["columns"][0]["closed"]) == (4, 4)
    assert [row["key"] for row in status["columns"][0]["rows"]] == ["[1]", "[2]", "[3]", "[4]"]
    code, said = shop.say("columns.status", "--open")
    assert code == 4
    assert "; 4 values do not open" in said
    assert read(shop) == {**stored, **swapped}
