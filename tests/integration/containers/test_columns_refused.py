"""Columns that cannot be encrypted as they are, keys that are missing, rows that do not open: said, and left alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import AlreadyEncryptedError, NotEncryptedError, WrongContextError
from strongroom.keys.errors import KeyNotFoundError
from tests.faults.column_oracle import Stored, name_key
from tests.integration.containers.column_site import FILE_USERS, USERS, ColumnSite, open_column_site
from tests.integration.containers.schema_site import Site

pytestmark = pytest.mark.sample(8, whole=True)
ROWS = {1: "one", 2: "two", 3: "", 4: "four " * 40}
TASKS = ("columns.encrypt", "columns.rotate", "columns.decrypt")


@pytest.fixture
def columns(site: Site, tmp_path: Path) -> ColumnSite:
    found = open_column_site(site, tmp_path)
    found.make_users(ROWS.items())
    found.register(USERS)
    return found


def words_of(task: str) -> list[str]:
    return [task, *(("--reason", "a test") if task == "columns.decrypt" else ())]


def photograph(columns: ColumnSite) -> list[tuple[Any, ...]]:
    """Return every row, with the transaction that wrote it where it is a table's."""
    about = "SELECT relkind::text FROM pg_class WHERE oid = to_regclass('accounts.users')"
    kinds = [kind for (kind,) in columns.site.read(about)]
    written = ", xmin::text" if kinds == ["r"] else ""
    return columns.site.read(f"SELECT t::text{written} FROM accounts.users t ORDER BY 1") if kinds else []


ALTER = "ALTER TABLE accounts.users "
FOREIGN = f"""CREATE TABLE accounts.kinds (name text PRIMARY KEY);
    INSERT INTO accounts.kinds SELECT DISTINCT api_key FROM accounts.users;
    {ALTER} ADD FOREIGN KEY (api_key) REFERENCES accounts.kinds"""
SHAPES = {
    "the table is missing": ("DROP TABLE accounts.users", "users"),
    "the schema is missing": ("DROP SCHEMA accounts CASCADE", "accounts"),
    "the column is missing": (ALTER + "DROP COLUMN api_key", "api_key"),
    "the column was renamed": (ALTER + "RENAME api_key TO secret", "api_key"),
    "a part of the key is missing": (ALTER + "RENAME id TO number", "id"),
    "the key is no key": (ALTER + "DROP CONSTRAINT users_pkey", "id"),
    "integers": (ALTER + "ALTER api_key TYPE integer USING 1", "integer"),
    "dates": (ALTER + "ALTER api_key TYPE date USING now()", "date"),
    "json": (ALTER + "ALTER api_key TYPE jsonb USING to_jsonb(api_key)", "json"),
    "an array": (ALTER + "ALTER api_key TYPE text[] USING ARRAY[api_key]", "api_key"),
    "too short": (ALTER + "ALTER api_key TYPE varchar(30) USING 'x'", "30"),
    "padded": (ALTER + "ALTER api_key TYPE char(200)", "api_key"),
    "unique": (ALTER + "ADD UNIQUE (api_key)", "unique"),
    "unique with another": (ALTER + "ADD UNIQUE (note, api_key)", "unique"),
    "in a unique index of an expression": ("CREATE UNIQUE INDEX ON accounts.users (lower(api_key))", "unique"),
    "generated": (
        ALTER + "DROP COLUMN api_key, ADD api_key text GENERATED ALWAYS AS (note || 'x') STORED",
        "generated",
    ),
    "under a foreign key": (FOREIGN, "foreign key"),
    "what another refers to": (
        f"{ALTER} ADD UNIQUE (api_key); CREATE TABLE accounts.more (key text REFERENCES accounts.users (api_key))",
        "api_key",
    ),
    "rewritten by a rule": ("CREATE RULE r AS ON UPDATE TO accounts.users DO ALSO NOTHING", "rule"),
    "with children": ("CREATE TABLE accounts.more () INHERITS (accounts.users)", "inherit"),
    "a view": (
        "ALTER TABLE accounts.users RENAME TO people; CREATE VIEW accounts.users AS SELECT * FROM accounts.people",
        "users",
    ),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_column_that_cannot_be_encrypted_is_refused_before_anything_is_written(
    columns: ColumnSite, shape: str, task: str
) -> None:
    change, word = SHAPES[shape]
    columns.site.do(*change.split(";"))
    before = photograph(columns)
    columns.run(*words_of(task)).refuse(6, word)
    assert photograph(columns) == before
    assert columns.site.read("SELECT relname FROM pg_class WHERE relname ~ 'strongroom'") == []


def test_a_column_that_is_too_short_is_encrypted_once_it_was_widened(columns: ColumnSite) -> None:
    columns.site.do("UPDATE accounts.users SET api_key = left(api_key, 30)", ALTER + "ALTER api_key TYPE varchar(30)")
    columns.run("columns.encrypt").refuse(6, "30")
    columns.site.do(ALTER + "ALTER api_key TYPE varchar(4000)")
    assert columns.run("columns.encrypt").code == 0
    assert columns.open_users() == {key: value[:30] for key, value in ROWS.items()}


@pytest.mark.parametrize("new", ["secret", "api_key"])
def test_a_renamed_column_opens_by_its_earlier_name_and_is_written_under_its_own(columns: ColumnSite, new: str) -> None:
    columns.make_users((number, columns.seal(value, number)) for number, value in ROWS.items())
    columns.site.do("ALTER TABLE accounts.users RENAME TO people")
    columns.site.do(*([f"ALTER TABLE accounts.people RENAME api_key TO {new}"] if new != "api_key" else []))
    renamed = {**USERS, "table": "people", "column": new}
    columns.register(renamed)
    ended = columns.run("columns.rotate", "--json")
    assert (ended.code, ended.json["columns"][0]["left"]) == (4, len(ROWS)), ended.error
    columns.register({**renamed, "was": ["users.api_key"]})
    ((stored,),) = columns.site.read(f"SELECT {new} FROM accounts.people WHERE id = 1")
    assert columns.library.decrypt("people", new, 1, stored) == "one"
    assert columns.run("columns.rotate").code == 0
    found = dict(columns.site.read(f"SELECT id, {new} FROM accounts.people"))  # type: ignore[arg-type]
    assert {key: columns.oracle.open(one, "people", new, (key,)) for key, one in found.items()} == ROWS


TRIGGERS = {
    "changes what is written": "NEW.api_key = upper(NEW.api_key); RETURN NEW",
    "pads what is written": "NEW.api_key = NEW.api_key || ' '; RETURN NEW",
    "writes nothing": "RETURN NULL",
    "refuses it": "RAISE EXCEPTION 'no'",
    "keeps what was there": "NEW.api_key = OLD.api_key; RETURN NEW",
}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_that_changes_what_is_written_has_the_batch_undone(columns: ColumnSite, trigger: str) -> None:
    columns.site.do(
        f"CREATE FUNCTION accounts.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {TRIGGERS[trigger]}; END $$",
        "CREATE TRIGGER t BEFORE UPDATE ON accounts.users FOR EACH ROW EXECUTE FUNCTION accounts.t()",
    )
    before = photograph(columns)
    columns.run("columns.encrypt").refuse(6, "trigger")
    assert photograph(columns) == before


def test_what_a_check_refuses_is_undone(columns: ColumnSite) -> None:
    columns.site.do(ALTER + "ADD CONSTRAINT short CHECK (length(api_key) < 70) NOT VALID")
    columns.site.do("UPDATE accounts.users SET api_key = left(api_key, 5)")
    before = photograph(columns)
    columns.run("columns.encrypt").refuse(6, "short")
    assert photograph(columns) == before


def become_a_role(columns: ColumnSite) -> str:
    """Let tasks connect as a role with the rights that the paper names, and no others."""
    role = columns.site.make_role("")
    columns.site.do(
        f"GRANT USAGE, CREATE ON SCHEMA accounts TO {role}",
        f"GRANT SELECT (id, api_key), UPDATE (api_key) ON accounts.users TO {role}",
    )
    columns.site.act_as(role)
    columns.site.monkeypatch.setenv("SHOP_DSN", re.sub("postgres(:[^@]*)?@", f"{role}@", columns.site.dsn))
    return role


def test_a_role_with_the_rights_that_the_paper_names_does_it(columns: ColumnSite) -> None:
    become_a_role(columns)
    for task in ("columns.encrypt", "columns.rotate", "columns.status"):
        ended = columns.run(task)
        assert ended.code == 0, ended.error
    assert columns.open_users() == ROWS


def test_row_security_that_hides_rows_is_refused(columns: ColumnSite) -> None:
    role = become_a_role(columns)
    columns.site.do(ALTER + "ENABLE ROW LEVEL SECURITY")
    columns.site.do(f"CREATE POLICY few ON accounts.users TO {role} USING (id < 3)")
    before = photograph(columns)
    columns.run("columns.encrypt").refuse(6, "row")
    assert photograph(columns) == before


def test_a_trigger_that_notes_something_else_is_in_nobody_s_way(columns: ColumnSite) -> None:
    columns.site.do(
        "CREATE TABLE accounts.noted (id bigint)",
        "CREATE FUNCTION accounts.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO accounts.noted "
        "VALUES (NEW.id); NEW.note = 'seen'; RETURN NEW; END $$",
        "CREATE TRIGGER t BEFORE UPDATE ON accounts.users FOR EACH ROW EXECUTE FUNCTION accounts.t()",
    )
    assert columns.run("columns.encrypt").code == 0
    assert columns.open_users() == ROWS
    assert columns.site.read("SELECT count(DISTINCT id) FROM accounts.noted") == [(len(ROWS),)]


@pytest.mark.parametrize("key", ["old", "new"])
def test_a_key_that_cannot_be_had_is_said_before_anything_is_written(columns: ColumnSite, key: str) -> None:
    columns.make_users((number, columns.seal(value, number)) for number, value in ROWS.items())
    before = photograph(columns)
    (columns.root / "keys" / key).unlink()
    if key == "old":
        del columns.keys["encryption"]["previous"]
        columns.register(USERS)
    columns.run("columns.rotate").refuse(12, "encryption")
    assert photograph(columns) == before


def test_an_application_that_cannot_read_the_new_key_yet_says_so(columns: ColumnSite) -> None:
    assert columns.run("columns.encrypt").code == 0
    columns.keys["encryption"] = columns.keys["stale"]
    columns.register(USERS)
    with pytest.raises(KeyNotFoundError):
        columns.library.decrypt("users", "api_key", 1, columns.read_users()[1])


def test_an_application_whose_old_key_is_gone_says_so(columns: ColumnSite) -> None:
    del columns.keys["encryption"]["previous"]
    columns.register(USERS)
    with pytest.raises(KeyNotFoundError):
        columns.library.decrypt("users", "api_key", 1, columns.seal("one", 1))


def spoil(columns: ColumnSite, wrong: str) -> Stored:
    """Return what stands in row 2 and cannot be opened there."""
    good = str(columns.seal("two", 2))
    name, body = name_key(good), good.split(":", 2)[2]
    other = "B" if body[30] == "A" else "A"
    return {
        "of another row": columns.seal("two", 1),
        "of another column": columns.oracle.seal("two", columns.old, "users", "other", (2,), as_bytes=False),
        "of another table": columns.oracle.seal("two", columns.old, "other", "api_key", (2,), as_bytes=False),
        "of a row whose key is a text": columns.seal("two", ("2",)),
        "changed": good[: len(good) - len(body)] + body[:30] + other + body[31:],
        "cut off": good[:-4],
        "its key's name changed": good.replace(name, columns.new),
        "without a body": f"sr1:{name}:",
        "no base64": f"sr1:{name}:*** no base64 ***",
        "padded": good + "==",
        "with a line's end": good + "\n",
        "of a version that never was": good.replace(name, "encryption@0123456789abcdef"),
        "under another key": good.replace(name, "old@1"),
        "of a key that nobody has": good.replace(name, "elsewhere@1"),
        "no envelope": "sr1:",
        "an envelope of tomorrow": good.replace("sr1:", "sr2:"),
    }[wrong]


NO_KEY = {"of a version that never was"}
OTHER_KEY = {"under another key", "of a key that nobody has"}
NOT_OURS = {"an envelope of tomorrow"}
WRONG = (
    "of another row", "of another column", "of another table", "of a row whose key is a text", "changed", "cut off",
    "its key's name changed", "without a body", "no base64", "padded", "with a line's end", *NO_KEY, *sorted(OTHER_KEY),
    "no envelope", *sorted(NOT_OURS),
)  # fmt: skip


SEEN = {"columns.rotate": set(WRONG) - {"its key's name changed"}, "columns.decrypt": set(WRONG) - NOT_OURS}
"""What each task opens: a rotation none that is said to be under the active version."""


@pytest.mark.parametrize(("task", "wrong"), [(task, wrong) for task in SEEN for wrong in WRONG if wrong in SEEN[task]])
def test_a_value_that_does_not_open_is_left_and_listed_and_the_others_go_on(
    columns: ColumnSite, wrong: str, task: str
) -> None:
    stored = {number: columns.seal(value, number) for number, value in ROWS.items()} | {2: spoil(columns, wrong)}
    columns.make_users(stored.items())
    ended = columns.run(*words_of(task), "--json", "--show-keys")
    if wrong in NO_KEY:
        assert ended.code == 12, ended.error
        assert columns.read_users() == stored
        return
    assert ended.code == 4, ended.error
    (about,) = ended.json["columns"]
    assert (about["left"], len(about["rows"]), "2" in str(about["rows"])) == (1, 1, True)
    found = columns.read_users()
    assert found.pop(2) == stored[2]
    values = {key: value for key, value in ROWS.items() if key != 2}
    if task == "columns.decrypt":
        assert found == values
    else:
        assert {name_key(str(one)) for one in found.values()} == {columns.new}
        assert {key: columns.oracle.open(one, "users", "api_key", (key,)) for key, one in found.items()} == values
    assert columns.run("columns.status").code == 7


@pytest.mark.parametrize("wrong", sorted(set(WRONG) - NOT_OURS))
def test_what_looks_encrypted_is_not_encrypted_a_second_time(columns: ColumnSite, wrong: str) -> None:
    stored = {**ROWS, 2: spoil(columns, wrong)}
    columns.make_users(stored.items())
    assert columns.run("columns.encrypt").code in (0, 4)
    found = columns.read_users()
    assert found.pop(2) == stored[2]
    assert {name_key(str(one)) for one in found.values()} == {columns.new}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_library_returns_nothing_for_a_value_that_does_not_open(columns: ColumnSite, wrong: str) -> None:
    expected: Any = WrongContextError
    if wrong in NO_KEY | OTHER_KEY:
        expected = (KeyNotFoundError, NotEncryptedError, WrongContextError)
    elif wrong in NOT_OURS | {"no envelope", "without a body", "no base64", "padded", "with a line's end", "cut off"}:
        expected = (NotEncryptedError, WrongContextError)
    with pytest.raises(expected):
        columns.library.decrypt("users", "api_key", 2, spoil(columns, wrong))


@pytest.mark.parametrize("stored", ["plain", "", "sr1", "gAAAA", b"plain", 7, 1.5])
def test_the_library_says_what_is_no_ciphertext(columns: ColumnSite, stored: Any) -> None:
    with pytest.raises(NotEncryptedError):
        columns.library.decrypt("users", "api_key", 2, stored)


def test_what_is_encrypted_already_is_refused(columns: ColumnSite) -> None:
    library = columns.library
    sealed = library.encrypt("users", "api_key", 1, "one")
    sealed_bytes = library.encrypt("users", "api_key", 1, "one", as_bytes=True)
    assert isinstance(sealed_bytes, bytes)
    for again in (sealed, sealed_bytes, "sr1:anything"):
        with pytest.raises(AlreadyEncryptedError):
            library.encrypt("users", "api_key", 1, again)
    assert library.encrypt("users", "api_key", 1, None) is None


def test_plain_values_are_left_by_a_rotation_and_named(columns: ColumnSite) -> None:
    columns.site.do(f"UPDATE accounts.users SET api_key = '{columns.seal('two', 2)}' WHERE id = 2")
    ended = columns.run("columns.rotate")
    assert ended.code == 4, ended.error
    assert "columns.encrypt" in ended.out + ended.error
    found = columns.read_users()
    assert {key: one for key, one in found.items() if key != 2} == {key: one for key, one in ROWS.items() if key != 2}
    assert name_key(str(found[2])) == columns.new


def test_keys_of_rows_are_shown_to_who_asks_for_them(columns: ColumnSite) -> None:
    columns.site.do("UPDATE accounts.users SET id = 4711471 WHERE id = 1")
    columns.make_users([(4711471, columns.seal("one", 1))])
    for flags in ((), ("--json",)):
        assert "4711471" not in str(columns.run("columns.rotate", *flags))
        assert "4711471" in str(columns.run("columns.rotate", "--show-keys", *flags))


def test_sqlite_columns_are_refused_alike(columns: ColumnSite) -> None:
    shapes = {
        "CREATE TABLE other (id INTEGER PRIMARY KEY, secret TEXT)": "people",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, other TEXT)": "secret",
        "CREATE TABLE people (number INTEGER PRIMARY KEY, secret TEXT)": "id",
        "CREATE TABLE people (id INTEGER, secret TEXT)": "id",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT UNIQUE)": "unique",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT, n TEXT, UNIQUE (n, secret))": "unique",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT REFERENCES t)": "foreign key",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, n TEXT, secret TEXT AS (n) STORED)": "generated",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, secret TEXT); CREATE VIEW people AS SELECT * FROM p": "people",
    }
    columns.register(FILE_USERS)
    for made, word in shapes.items():
        columns.file.unlink(missing_ok=True)
        columns.write_file("CREATE TABLE t (id TEXT PRIMARY KEY)", made)
        before = columns.file.read_bytes()
        refused = columns.run("columns.encrypt")
        assert (refused.code, word in refused.error) == (6, True), (made, refused)
        assert columns.file.read_bytes() == before, made


PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, secret"
CHANGES = "UPDATE people SET secret = upper(secret) WHERE id = NEW.id AND secret <> upper(secret)"
FILES = {
    "a strict column of numbers": (f"{PEOPLE} INTEGER) STRICT", "INTEGER"),
    "a trigger that changes it": (
        f"{PEOPLE}); CREATE TRIGGER t AFTER UPDATE ON people BEGIN {CHANGES}; END",
        "trigger",
    ),
    "a trigger that refuses it": (
        f"{PEOPLE}); CREATE TRIGGER t BEFORE UPDATE ON people BEGIN SELECT RAISE(ABORT, 'not today'); END",
        "a trigger of its table refuses",
    ),
    "a trigger that skips it": (
        f"{PEOPLE}); CREATE TRIGGER t BEFORE UPDATE ON people BEGIN SELECT RAISE(IGNORE); END",
        "trigger",
    ),
    "a check": (f"{PEOPLE} CHECK (length(secret) < 40))", "a CHECK"),
}
"""What a table of SQLite makes of what is to be written, and the word that says so."""


@pytest.mark.parametrize("shape", FILES)
def test_what_a_file_s_table_refuses_is_undone(columns: ColumnSite, shape: str) -> None:
    made, word = FILES[shape]
    columns.write_file(made, "INSERT INTO people VALUES (1, 1), (2, 2), (3, NULL)")
    columns.register(FILE_USERS)
    columns.run("columns.encrypt").refuse(6, word)
    assert columns.read_file("SELECT * FROM people") == [(1, 1), (2, 2), (3, None)]


@pytest.mark.parametrize("declared", ["TEXT", "BLOB", "ANY"])
def test_strict_tables_of_sqlite_are_encrypted_like_others(columns: ColumnSite, declared: str) -> None:
    value = b"one" if declared == "BLOB" else "one"
    columns.write_file(f"CREATE TABLE people (id INTEGER PRIMARY KEY, secret {declared}) STRICT")
    columns.write_file(("INSERT INTO people VALUES (?, ?)", [(1, value), (2, None)]))
    columns.register(FILE_USERS)
    for task in ("columns.encrypt", "columns.rotate", "columns.status"):
        ended = columns.run(task)
        assert ended.code == 0, ended.error
    ((stored,),) = columns.read_file("SELECT secret FROM people WHERE id = 1")
    assert columns.oracle.open(stored, "people", "secret", (1,)) == value
