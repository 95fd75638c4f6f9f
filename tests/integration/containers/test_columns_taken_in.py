"""Values of earlier formats are taken in: Fernet tokens as the seeds make them, and what pgcrypto made of others."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.faults.column_oracle import name_key
from tests.integration.containers.column_site import (
    NEW,
    OLD,
    PASSPHRASE,
    USERS,
    ColumnSite,
    open_column_site,
)
from tests.integration.containers.schema_site import Site

pytestmark = pytest.mark.sample(5, whole=True)
TASKS = ("columns.encrypt", "columns.rotate")
VALUES = {1: "hunter2", 2: "", 3: "ü ☂ \U0001f512", 4: "long " * 3000, 5: "line\nline\r\n\t\\'\""}
ARMORED = "armor(pgp_sym_encrypt(%s, %s))"


@pytest.fixture
def columns(site: Site, tmp_path: Path) -> ColumnSite:
    return open_column_site(site, tmp_path)


@pytest.fixture
def pgcrypto(columns: ColumnSite) -> ColumnSite:
    if not columns.site.read("SELECT FROM pg_available_extensions WHERE name = 'pgcrypto'"):
        pytest.skip("this server has no pgcrypto")
    columns.site.do("CREATE EXTENSION pgcrypto")
    return columns


def fernet(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key))


def check_all_in(columns: ColumnSite, expected: dict[int, Any]) -> None:
    assert columns.open_users() == expected
    assert {name_key(one) for one in columns.read_users().values() if one is not None} == {columns.new}
    assert columns.run("columns.status").code == 0


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", ["text", "bytea"])
def test_fernet_tokens_as_the_seeds_make_them_are_taken_in(columns: ColumnSite, kind: str, task: str) -> None:
    tokens = {key: fernet(OLD).encrypt(value.encode()) for key, value in VALUES.items()}
    stored = {key: one if kind == "bytea" else one.decode() for key, one in tokens.items()} | {6: None}
    columns.make_users(stored.items(), kind=kind)
    columns.register({**USERS, "reads": [{"format": "fernet", "key": "old"}]})
    assert columns.run("columns.status").code == 7
    ended = columns.run(task)
    assert ended.code == 0, ended.error
    check_all_in(columns, {**VALUES, 6: None})


@pytest.mark.parametrize("task", TASKS)
def test_tokens_under_any_version_of_their_key_are_taken_in(columns: ColumnSite, task: str) -> None:
    """As the seeds' loop leaves them when it is killed: some under the key of before, some under the new one."""
    under = {1: OLD, 2: NEW, 3: OLD, 4: NEW, 5: OLD}
    columns.make_users((key, fernet(under[key]).encrypt(value.encode()).decode()) for key, value in VALUES.items())
    columns.register({**USERS, "reads": [{"format": "fernet", "key": "encryption"}]})
    ended = columns.run(task)
    assert ended.code == 0, ended.error
    check_all_in(columns, VALUES)


def spoil(token: str) -> str:
    return token[:40] + ("A" if token[40] != "A" else "B") + token[41:]


WRONG_TOKENS: dict[str, Callable[[str], str]] = {
    "damaged": spoil,
    "cut off": lambda token: token[:-8],
    "under another key": lambda _: Fernet(Fernet.generate_key()).encrypt(b"hunter2").decode(),
}


@pytest.mark.parametrize("wrong", WRONG_TOKENS)
@pytest.mark.parametrize("task", TASKS)
def test_a_token_that_does_not_open_is_left_and_listed(columns: ColumnSite, task: str, wrong: str) -> None:
    tokens = {key: fernet(OLD).encrypt(value.encode()).decode() for key, value in VALUES.items()}
    tokens[3] = WRONG_TOKENS[wrong](tokens[3])
    columns.make_users(tokens.items())
    columns.register({**USERS, "reads": [{"format": "fernet", "key": "old"}]})
    for _ in range(2):
        ended = columns.run(task, "--show-keys", "--json")
        assert ended.code == 4, ended.error
        (about,) = ended.json["columns"]
        assert about["left"] == 1
        assert columns.read_users()[3] == tokens[3]
    stored = {key: one for key, one in columns.read_users().items() if key != 3}
    opened = {key: columns.oracle.open(one, "users", "api_key", (key,)) for key, one in stored.items()}
    assert opened == {key: value for key, value in VALUES.items() if key != 3}
    assert columns.run("columns.status").code == 7


def test_tokens_that_nobody_said_are_there_are_not_encrypted_a_second_time(columns: ColumnSite) -> None:
    token = fernet(OLD).encrypt(b"hunter2").decode()
    columns.make_users([(1, token), (2, "plain")])
    columns.register(USERS)
    ended = columns.run("columns.encrypt")
    assert ended.code == 4, ended.error
    assert columns.read_users()[1] == token
    assert columns.oracle.open(columns.read_users()[2], "users", "api_key", (2,)) == "plain"


OPTIONS = {
    "as it is": "",
    "aes256": "cipher-algo=aes256",
    "zip": "compress-algo=1, compress-level=6",
    "zlib": "compress-algo=2, unicode-mode=1",
    "s2k": "s2k-mode=1, s2k-digest-algo=sha256",
    "session key": "sess-key=1",
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("task", TASKS)
def test_what_pgcrypto_encrypted_is_taken_in(pgcrypto: ColumnSite, task: str, options: str) -> None:
    pgcrypto.make_users([], kind="bytea")
    with pgcrypto.site.connect() as connection, connection.cursor() as cursor:
        asked = "INSERT INTO accounts.users (id, api_key) VALUES (%s, pgp_sym_encrypt(%s, %s, %s))"
        cursor.executemany(asked, [(key, value, PASSPHRASE, OPTIONS[options]) for key, value in VALUES.items()])
    pgcrypto.register({**USERS, "reads": [{"format": "pgcrypto", "key": "pgp"}]})
    ended = pgcrypto.run(task)
    assert ended.code == 0, ended.error
    check_all_in(pgcrypto, VALUES)


def test_bytes_that_pgcrypto_encrypted_are_bytes_again(pgcrypto: ColumnSite) -> None:
    pgcrypto.make_users([], kind="bytea")
    values = {1: b"\x00\xff\xfe", 2: b"", 3: bytes(range(256)) * 50}
    with pgcrypto.site.connect() as connection, connection.cursor() as cursor:
        asked = "INSERT INTO accounts.users (id, api_key) VALUES (%s, pgp_sym_encrypt_bytea(%s, %s))"
        cursor.executemany(asked, [(key, value, PASSPHRASE) for key, value in values.items()])
    pgcrypto.register({**USERS, "reads": [{"format": "pgcrypto", "key": "pgp", "holds": "bytes"}]})
    ended = pgcrypto.run("columns.encrypt")
    assert ended.code == 0, ended.error
    check_all_in(pgcrypto, values)


@pytest.mark.parametrize("task", TASKS)
def test_armored_messages_in_a_text_column_are_taken_in(pgcrypto: ColumnSite, task: str) -> None:
    pgcrypto.make_users([])
    with pgcrypto.site.connect() as connection, connection.cursor() as cursor:
        asked = f"INSERT INTO accounts.users (id, api_key) VALUES (%s, {ARMORED})"
        cursor.executemany(asked, [(key, value, PASSPHRASE) for key, value in VALUES.items()])
    pgcrypto.register({**USERS, "reads": [{"format": "pgcrypto", "key": "pgp"}]})
    ended = pgcrypto.run(task)
    assert ended.code == 0, ended.error
    check_all_in(pgcrypto, VALUES)


MADE = f"pgp_sym_encrypt('a longer text', '{PASSPHRASE}')"
WRONG_MESSAGES = {
    "wrong passphrase": "pgp_sym_encrypt('x', 'another passphrase')",
    "without a check": f"pgp_sym_encrypt('x', '{PASSPHRASE}', 'disable-mdc=1')",
    "damaged": f"set_byte(m, n, 255 - get_byte(m, n)) FROM {MADE} m, LATERAL (SELECT length(m) - 8) o (n)",
    "damaged at its head": f"set_byte(m, 20, 255 - get_byte(m, 20)) FROM {MADE} m",
    "cut off": f"substr(m, 1, length(m) - 5) FROM {MADE} m",
}


@pytest.mark.parametrize("wrong", WRONG_MESSAGES)
@pytest.mark.parametrize("task", TASKS)
def test_a_message_that_does_not_open_is_left_and_listed(pgcrypto: ColumnSite, task: str, wrong: str) -> None:
    pgcrypto.make_users([], kind="bytea")
    pgcrypto.site.do(
        f"INSERT INTO accounts.users (id, api_key) SELECT 1, pgp_sym_encrypt('one', '{PASSPHRASE}')",
        f"INSERT INTO accounts.users (id, api_key) SELECT 2, {WRONG_MESSAGES[wrong]}",
        f"INSERT INTO accounts.users (id, api_key) SELECT 3, pgp_sym_encrypt('three', '{PASSPHRASE}')",
    )
    before = pgcrypto.read_users()[2]
    pgcrypto.register({**USERS, "reads": [{"format": "pgcrypto", "key": "pgp"}]})
    ended = pgcrypto.run(task, "--show-keys", "--json")
    assert ended.code == 4, ended.error
    (about,) = ended.json["columns"]
    assert (about["changed"], about["left"]) == (2, 1)
    assert pgcrypto.read_users()[2] == before
    opened = [pgcrypto.oracle.open(pgcrypto.read_users()[key], "users", "api_key", (key,)) for key in (1, 3)]
    assert opened == ["one", "three"]
    assert pgcrypto.run("columns.status").code == 7
