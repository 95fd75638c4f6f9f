"""No key, and no value that is to be encrypted, is ever seen by the database's server, or anywhere else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.tasks.namespace import namespace
from tests.e2e.canary.cases import MODES
from tests.e2e.canary.columns import (
    APPLICATION,
    NEEDLES,
    ONLY_KEYS,
    PASSPHRASE,
    PLAIN,
    TALKATIVE,
    ColumnHouse,
    be_silent,
    build_column_house,
    exchange_keys,
    plan_breaks,
    set_scene,
)
from tests.e2e.canary.house import KEYS, Ended
from tests.e2e.canary.needles import Needles, spell
from tests.faults.load_server import LoadServer, open_server

pytestmark = pytest.mark.sample(3, whole=True)
TASKS = ("columns.status", "columns.encrypt", "columns.rotate", "columns.decrypt")


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadServer]:
    with open_server(repository, tmp_path_factory.mktemp("server"), *TALKATIVE) as found:
        yield found


@pytest.fixture
def house(server: LoadServer, tmp_path: Path) -> ColumnHouse:
    server.set_anew()
    with server.connect() as connection:
        be_silent(connection)
        connection.execute(b"CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pgcrypto")
    found = build_column_house(tmp_path, server)
    set_scene(found)
    return found


def act(house: ColumnHouse, number: int, *words: str, needles: Needles = NEEDLES) -> Ended:
    """Type a line, while the server is looked at; nothing is found in what is said, and nothing in the server."""
    house.needles = needles
    with house.polling(needles) as polled:
        ended = house.run(*words, *MODES[number % len(MODES)], "--summary", house.root / "summary.md")
    assert (ended.found, polled) == ((), set()), words
    assert house.find_in_server(needles) == [], words
    assert b"Traceback" not in ended.err or "--debug" in MODES[number % len(MODES)], ended.err
    return ended


def test_every_task_on_columns_is_typed_here() -> None:
    found = {name for name in namespace.task_names if name.startswith("columns.")}
    assert found == set(TASKS)
    assert all(name in inspect.getsource(test_no_task_on_columns_shows_a_key_or_a_value) for name in TASKS)


def take_in(house: ColumnHouse) -> None:
    """Let all columns be encrypted; what was sent to the server for that is looked at by a test of its own."""
    assert act(house, 0, "columns.encrypt", "--batch-size", "7", needles=ONLY_KEYS).code == 0
    house.forget_log()


def test_no_task_on_columns_shows_a_key_or_a_value(house: ColumnHouse) -> None:
    assert act(house, 0, "columns.status").code == 7
    assert act(house, 1, "columns.status", "--scan").code == 7
    assert act(house, 2, "columns.encrypt", "--dry-run").code == 0
    take_in(house)
    assert house.find_in_dump() == []
    with house.polling() as polled:
        ended = house.run(program=("-c", APPLICATION))
    assert (ended.code, ended.found, polled, house.find_in_server()) == (0, (), set(), []), ended.err
    exchange_keys(house)
    assert act(house, 1, "columns.rotate", "--batch-size", "7").code == 0
    assert act(house, 3, "columns.status", "--scan", "--open").code == 0
    assert house.find_in_dump() == []
    assert house.find_written() == []
    assert {use["task"] for use in house.read_uses()} >= {"columns.encrypt", "columns.rotate", "application"}
    ended = act(house, 0, "columns.decrypt", "--reason", "a test", needles=ONLY_KEYS)
    assert ended.code == 0, ended.err
    plain = {f"dump: plain {name}" for name in ("text", "bytes", "fernet", "pgp")}
    assert {one.rpartition(" ")[0] for one in house.find_in_dump()} == plain


def test_no_task_that_the_server_refuses_shows_a_key_or_a_value(house: ColumnHouse) -> None:
    for number, (make, undo) in enumerate(plan_breaks()):
        house.server.do(make)
        ended = act(house, number, "columns.encrypt", "--show-keys", needles=ONLY_KEYS)
        assert ended.code in (4, 5, 6), ended.err
        house.server.do(undo)
    assert house.find_written() == []


def test_no_key_that_is_wrong_or_missing_is_shown(house: ColumnHouse) -> None:
    take_in(house)
    kept = dict(house.given)
    house.given |= {"FIRST": kept["TOKENS"], "SECOND": kept["TOKENS"]}
    house.describe(encryption={"provider": "environment", "variable": "FIRST", "encoding": "base64"})
    assert act(house, 0, "columns.rotate", "--show-keys").code in (4, 12)
    house.given |= {"FIRST": kept["FIRST"][:-5]}
    assert act(house, 1, "columns.rotate").code == 12
    del house.given["FIRST"]
    assert act(house, 2, "columns.status").code in (7, 12)
    assert house.find_written() == []


LEAKS = {
    "a literal": "SELECT pgp_sym_decrypt(message, '{}') FROM accounts.users",
    "a parameter": "SELECT pgp_sym_decrypt(message, %s) FROM accounts.users",
    "an error": "SELECT nothing('{}')",
    "bytes": "SELECT convert_from(decode('{}', 'hex'), 'LATIN1')",
}


APPLICATION_THAT_LEAKS = """
import os, sys, psycopg
asked, *secrets = sys.stdin.read().split("|")
with psycopg.connect(os.environ["SHOP_DSN"], autocommit=True) as connection:
    for secret in secrets:
        said = asked.format(secret)
        try:
            connection.execute(said, (secret,) if "%s" in said else None)
        except psycopg.Error:
            pass
"""


@pytest.mark.parametrize("leak", LEAKS)
def test_what_an_application_sends_to_the_server_is_found_there(house: ColumnHouse, leak: str) -> None:
    secrets = [KEYS["first"], PASSPHRASE, PLAIN["text"]]
    if leak == "bytes":
        secrets = [secrets[0], *(one.encode().hex() for one in secrets[1:])]
    assert house.find_in_server() == []
    ended = house.run(program=("-c", APPLICATION_THAT_LEAKS), said="|".join([LEAKS[leak], *secrets]).encode())
    assert ended.code == 0, ended.err
    found = {one.rpartition(" ")[0] for one in house.find_in_server()}
    assert found >= {"log: first", "log: passphrase", "log: plain text"}


def test_a_value_in_a_session_that_takes_long_is_found(house: ColumnHouse) -> None:
    with house.polling() as polled:
        house.server.do(f"SELECT pg_sleep(0.5), '{PLAIN['text']}'")
    assert {one.rpartition(" ")[0] for one in polled} == {"pg_stat_activity: plain text"}


def test_values_and_keys_in_a_dump_are_found_in_every_spelling(house: ColumnHouse) -> None:
    assert {one.split()[2] for one in house.find_in_dump()} >= {"text", "bytes"}
    for kind, form in spell(bytes.fromhex(KEYS["first"])):
        assert NEEDLES.find(b"before" + form + b"after"), kind
