"""Values and keys of every kind are what they were; what the paper says can be typed and run as it stands there."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.column_oracle import name_key, say_context
from tests.integration.containers.column_site import FILE_USERS, NEW, USERS, ColumnSite, open_column_site
from tests.integration.containers.schema_site import Site

pytestmark = pytest.mark.sample(4, whole=True)
FIFTY_MEGABYTES = 50_000_000
TEXTS = {1: "one", 2: "", 3: None, 4: "ü ☂ \U0001f512", 5: "'\"\\%s{}$1", 6: "a\n\r\tb", 7: "long " * 4000, 8: " "}
BYTES = {1: b"one", 2: b"", 3: None, 4: bytes(range(256)), 5: b"\x00" * 9, 6: b"\xff" * 9000, 7: b"srx", 8: b"\\x41"}


@pytest.fixture
def columns(site: Site, tmp_path: Path) -> ColumnSite:
    found = open_column_site(site, tmp_path)
    found.register(USERS)
    return found


@pytest.mark.parametrize(
    ("kind", "rows"), [("text", TEXTS), ("varchar(40000)", TEXTS), ("bytea", BYTES)], ids=["text", "varchar", "bytea"]
)
def test_values_of_postgresql_go_in_stay_and_come_out(columns: ColumnSite, kind: str, rows: dict[int, Any]) -> None:
    columns.make_users(rows.items(), kind=kind)
    assert columns.run("columns.encrypt").code == 0
    assert columns.open_users() == rows
    stored = columns.read_users()
    library = columns.library
    for key, value in rows.items():
        assert library.decrypt("users", "api_key", key, stored[key]) == value
        again = library.encrypt("users", "api_key", key, value, as_bytes=kind == "bytea")
        assert columns.oracle.open(again, "users", "api_key", (key,)) == value
    assert columns.run("columns.encrypt").code == columns.run("columns.rotate").code == 0
    assert columns.read_users() == stored
    assert columns.run("columns.decrypt", "--reason", "a test").code == 0
    assert columns.read_users() == rows
    assert columns.run("columns.status").code == 7


def test_nobody_makes_values_plain_without_a_reason(columns: ColumnSite) -> None:
    columns.make_users([(1, columns.seal("one", 1))])
    columns.run("columns.decrypt").refuse(2, "reason")
    assert name_key(str(columns.read_users()[1])) == columns.old
    ended = columns.run("columns.decrypt", "--reason", "asked for by nobody", "--json")
    assert (ended.code, ended.json["reason"]) == (0, "asked for by nobody")


KEYS: dict[str, tuple[str, list[Any]]] = {
    "smallint": ("smallint", [1, -1, 0, 32767]),
    "bigint": ("bigint", [2**63 - 1, -(2**63), 2**53 + 1]),
    "text": ("text", ["", "7", "ü\u2028", 'a"b\\c/d', "\t\x7f", "</script>"]),
    "varchar": ("varchar(40)", ["x", "É"]),
    "uuid": ("uuid", ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"]),
    "bytea": ("bytea", [b"", b"\x00\xff", b"abc"]),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_every_kind_tell_rows_apart_by_the_paper(columns: ColumnSite, kind: str) -> None:
    about, keys = KEYS[kind]
    columns.site.do("CREATE SCHEMA accounts", f"CREATE TABLE accounts.users (id {about} PRIMARY KEY, api_key text)")
    with columns.site.connect() as connection:
        for key in keys:
            connection.execute("INSERT INTO accounts.users VALUES (%s, %s)", (key, f"of {key!r}"))
    before = dict(columns.site.read("SELECT id, api_key FROM accounts.users"))  # type: ignore[arg-type]
    for task in ("columns.encrypt", "columns.rotate"):
        ended = columns.run(task)
        assert ended.code == 0, ended.error
    found = dict(columns.site.read("SELECT id, api_key FROM accounts.users"))  # type: ignore[arg-type]
    assert {key: columns.oracle.open(one, "users", "api_key", (key,)) for key, one in found.items()} == before
    for key, stored in found.items():
        assert columns.library.decrypt("users", "api_key", key, stored) == before[key]


@pytest.mark.parametrize("kind", ["date", "timestamptz", "numeric", "boolean", "double precision", "inet"])
def test_keys_that_the_paper_does_not_know_are_refused(columns: ColumnSite, kind: str) -> None:
    value = {"boolean": "true", "inet": "'::1'", "numeric": "1.50", "double precision": "1.5"}.get(kind, "now()")
    columns.site.do(
        "CREATE SCHEMA accounts",
        f"CREATE TABLE accounts.users (id {kind} PRIMARY KEY, api_key text)",
        f"INSERT INTO accounts.users VALUES ({value}, 'one')",
    )
    columns.run("columns.encrypt").refuse(6, "id")
    assert columns.site.read("SELECT api_key FROM accounts.users") == [("one",)]


def test_a_number_is_no_text_and_a_text_no_bytes() -> None:
    assert say_context("users", "api_key", (7,)) == b'["users","api_key",7]'
    assert say_context("users", "api_key", ("7",)) == b'["users","api_key","7"]'
    assert say_context("users", "api_key", (b"7", "ü")) == '["users","api_key",{"bytes":"Nw=="},"ü"]'.encode()


SQLITE_VALUES = [
    1,
    -(2**63),
    2**63 - 1,
    1.5,
    -0.0,
    1e308,
    5e-324,
    "",
    "x",
    "7",
    "7.0",
    b"",
    b"x",
    b"\xff\x00",
    None,
    "ü☂",
]


@pytest.mark.parametrize("declared", ["TEXT", "BLOB", "INTEGER", "REAL", "VARCHAR(9)", ""])
def test_values_of_sqlite_keep_their_kinds(columns: ColumnSite, declared: str) -> None:
    columns.write_file(f"CREATE TABLE people (id INTEGER PRIMARY KEY, secret {declared})")
    columns.write_file(("INSERT INTO people (secret) VALUES (?)", [(value,) for value in SQLITE_VALUES]))
    columns.register(FILE_USERS)
    asked = "SELECT id, typeof(secret), quote(secret), secret FROM people"
    before = columns.read_file(asked)
    for task in ("columns.encrypt", "columns.rotate"):
        ended = columns.run(task)
        assert ended.code == 0, ended.error
    found = {key: stored for key, _, _, stored in columns.read_file(asked)}
    opened = {key: columns.oracle.open(stored, "people", "secret", (key,)) for key, stored in found.items()}
    assert {key: repr(value) for key, value in opened.items()} == {key: repr(value) for key, _, _, value in before}
    for key, _, _, value in before:
        assert repr(columns.library.decrypt("people", "secret", key, found[key])) == repr(value)
    assert columns.run("columns.decrypt", "--reason", "a test").code == 0
    assert columns.read_file(asked) == before


def test_texts_of_sqlite_that_are_no_utf_8_are_left(columns: ColumnSite) -> None:
    columns.write_file("CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT)")
    columns.write_file(
        "INSERT INTO people VALUES (1, CAST(x'ff41' AS TEXT)), (2, 'two'), (3, 'nul' || char(0) || 'in')"
    )
    columns.register(FILE_USERS)
    asked = "SELECT id, typeof(secret), hex(secret) FROM people"
    before = columns.read_file(asked)
    for task in ("columns.encrypt", "columns.rotate"):
        ended = columns.run(task, "--json")
        assert (ended.code, ended.json["columns"][0]["left"]) == (4, 1), ended.error
    columns.run("columns.decrypt", "--reason", "a test")
    assert columns.read_file(asked) == before


def test_keys_of_sqlite_of_any_kind_tell_rows_apart(columns: ColumnSite) -> None:
    columns.write_file("CREATE TABLE people (id BLOB, name TEXT, secret TEXT, PRIMARY KEY (name, id)) WITHOUT ROWID")
    keys = [(name, key) for name in ("", "ü", "7") for key in (7, "7", b"7", -1, "", b"")]
    rows = [(name, key, f"of {name!r} {key!r}") for name, key in keys]
    columns.write_file(("INSERT INTO people (name, id, secret) VALUES (?, ?, ?)", rows))
    columns.register({**FILE_USERS, "primary_key": ["name", "id"]})
    for task in ("columns.encrypt", "columns.rotate"):
        ended = columns.run(task, "--batch-size", "4")
        assert ended.code == 0, ended.error
    found = columns.read_file("SELECT name, id, secret FROM people")
    assert len({stored for *_, stored in found}) == len(rows)
    for name, key, stored in found:
        assert columns.oracle.open(stored, "people", "secret", (name, key)) == f"of {name!r} {key!r}"
        assert columns.library.decrypt("people", "secret", (name, key), stored) == f"of {name!r} {key!r}"


def test_rows_of_sqlite_whose_keys_are_null_are_left(columns: ColumnSite) -> None:
    """A rowid table's TEXT PRIMARY KEY may be NULL, several times."""
    columns.write_file("CREATE TABLE people (id TEXT PRIMARY KEY, secret TEXT)")
    columns.write_file("INSERT INTO people VALUES (NULL, 'one'), (NULL, 'two'), ('a', 'three')")
    columns.register(FILE_USERS)
    ended = columns.run("columns.encrypt", "--json")
    assert (ended.code, ended.json["columns"][0]["left"]) == (4, 2), ended.error
    assert columns.read_file("SELECT secret FROM people WHERE id IS NULL ORDER BY 1") == [("one",), ("two",)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.lists(
        st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"])), st.binary()),
        min_size=1,
        max_size=3,
    ),
    value=st.one_of(
        st.none(),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.binary(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
    ),
    as_bytes=st.booleans(),
)
def test_any_value_for_any_key_is_opened_by_the_paper(
    tmp_path_factory: pytest.TempPathFactory, columns: ColumnSite, key: list[Any], value: Any, as_bytes: bool
) -> None:
    names = [f"k{number}" for number in range(len(key))]
    columns.register({**USERS, "primary_key": names})
    given_key = tuple(key) if len(key) > 1 else key[0]
    text = isinstance(value, str | bytes)
    if text and (value if isinstance(value, bytes) else value.encode()).startswith(b"sr1:"):
        return
    stored = columns.library.encrypt("users", "api_key", given_key, value, as_bytes=as_bytes)
    opened = columns.oracle.open(stored, "users", "api_key", tuple(key))
    assert (type(opened), repr(opened)) == (type(value), repr(value))
    assert repr(columns.library.decrypt("users", "api_key", given_key, stored)) == repr(value)


@pytest.mark.parametrize("place", ["postgres", "sqlite"])
def test_a_value_of_fifty_megabytes_is_encrypted_like_any_other(
    columns: ColumnSite, place: str, is_nightly: bool
) -> None:
    value = "0123456789" * (FIFTY_MEGABYTES // (10 if is_nightly else 100))
    if place == "postgres":
        columns.make_users([(1, value), (2, "two")])
    else:
        columns.write_file("CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT)")
        columns.write_file(("INSERT INTO people VALUES (?, ?)", [(1, value), (2, "two")]))
        columns.register(FILE_USERS)
    for task in ("columns.encrypt", "columns.rotate", "columns.status"):
        ended = columns.run(task)
        assert ended.code == 0, ended.error
    if place == "postgres":
        assert columns.open_users() == {1: value, 2: "two"}
    else:
        ((stored,),) = columns.read_file("SELECT secret FROM people WHERE id = 1")
        assert columns.oracle.open(stored, "people", "secret", (1,)) == value


def test_how_many_are_left_under_a_key_is_one_query(columns: ColumnSite, repository: Path) -> None:
    rows = {
        number: columns.seal(f"v{number}", number, columns.old if number % 3 else columns.new) for number in range(30)
    }
    columns.make_users(rows.items())
    page = (repository / ".github" / "COLUMNS.md").read_text()
    query = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)[0]
    assert dict(columns.site.read(query.replace(";", ""))) == {columns.old: 20, columns.new: 10}  # type: ignore[arg-type]
    ended = columns.run("columns.status", "--json")
    assert ended.code == 7
    assert all(count in json.dumps(ended.json) for count in ("20", "10", columns.old, columns.new))


def test_the_example_of_an_application_runs_as_it_stands_in_the_paper(
    columns: ColumnSite, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (repository / ".github" / "COLUMNS.md").read_text()
    (example,) = [one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "Columns.of_system" in one]
    columns.site.system.rename(columns.root / "mine")
    monkeypatch.chdir(columns.root)
    said: dict[str, Any] = {}
    exec(example, said)  # the paper says that it runs
    assert columns.oracle.open(said["stored"], "users", "api_key", (7,)) == "the secret"


def test_the_recipe_of_the_paper_opens_what_we_wrote(columns: ColumnSite, repository: Path) -> None:
    page = (repository / ".github" / "COLUMNS.md").read_text()
    (recipe,) = [one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def open_value" in one]
    said: dict[str, Any] = {}
    exec(recipe, said)  # the paper says that it runs
    columns.make_users([(7, "the secret"), (8, "")])
    assert columns.run("columns.encrypt").code == 0
    stored = columns.read_users()
    assert said["open_value"](NEW, stored[7], '["users","api_key",7]') == b"tthe secret"
    assert said["open_value"](NEW, stored[8], '["users","api_key",8]') == b"t"
    raw = columns.library.encrypt("users", "api_key", 9, b"\x00:\xff", as_bytes=True)
    assert said["open_value"](NEW, raw, '["users","api_key",9]') == b"b\x00:\xff"


def test_values_that_do_not_open_are_named_by_who_opens_all(columns: ColumnSite) -> None:
    good = {number: columns.seal(f"v{number}", number, columns.new) for number in range(1, 5)}
    columns.make_users(good.items())
    assert columns.run("columns.status", "--open").code == 0
    for wrong in (good[1], str(good[2])[:-3] + "AAA"):
        columns.make_users({**good, 2: wrong}.items())
        ended = columns.run("columns.status", "--open", "--json", "--show-keys")
        assert (ended.code, len(ended.json["columns"][0]["rows"])) == (4, 1), ended.out


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(columns: ColumnSite) -> None:
    columns.make_users([(1, "one"), (2, columns.seal("two", 2)), (3, None), (4, columns.seal("four", 9))])
    before = columns.site.read("SELECT t::text, xmin::text FROM accounts.users t")
    for task in ("columns.encrypt", "columns.rotate"):
        dry = columns.run(task, "--dry-run", "--json")
        (about,) = dry.json["columns"]
        assert columns.site.read("SELECT t::text, xmin::text FROM accounts.users t") == before
        assert columns.site.read("SELECT relname FROM pg_class WHERE relname ~ 'strongroom'") == []
        assert "would" in columns.run(task, "--dry-run").out
        assert about["due"] >= 1
    columns.run("columns.decrypt", "--dry-run", "--reason", "a test")
    assert columns.site.read("SELECT t::text, xmin::text FROM accounts.users t") == before


def test_one_column_of_several_is_chosen(columns: ColumnSite) -> None:
    columns.make_users([(1, "one")])
    columns.site.do("UPDATE accounts.users SET note = 'two'")
    columns.register(USERS, {**USERS, "column": "note"})
    assert columns.run("columns.encrypt", "--column", "users.note").code == 0
    ((first, second),) = columns.site.read("SELECT api_key, note FROM accounts.users")
    assert (first, columns.oracle.open(second, "users", "note", (1,))) == ("one", "two")
    columns.run("columns.encrypt", "--column", "users.other").refuse(2, "users.other")
    for size in ("0", "-1", "many"):
        assert columns.run("columns.encrypt", "--batch-size", size).code == 2


def test_a_file_keeps_nothing_that_was_plain(columns: ColumnSite) -> None:
    columns.write_file("PRAGMA journal_mode = DELETE; CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT)")
    columns.write_file(("INSERT INTO people VALUES (?, ?)", [(n, f"planted-plain-value-{n}") for n in range(500)]))
    columns.register(FILE_USERS)
    assert columns.run("columns.encrypt").code == 0
    with closing(sqlite3.connect(columns.file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    found = [
        path.name for path in columns.file.parent.rglob("*") if path.is_file() and b"planted-plain" in path.read_bytes()
    ]
    assert found == []
