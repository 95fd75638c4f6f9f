"""Applications open encrypted databases as their older paper says, and never a plain one in its stead."""

from __future__ import annotations

import stat
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from strongroom.core.errors import ConfigurationError, KeyMissingError, StrongroomError, UnreachableError, UsageError
from strongroom.core.secret import Secret
from strongroom.persistence.encrypted import get_encrypted_connection, open_sqlcipher
from strongroom.sqlite.keyring import hold_keys
from tests.e2e.vault import KEYS, OTHER, can_open, read_vault, write_vault

RAW = KEYS["vault"]
PASSPHRASE = "your-32-character-encryption-key"
Export = Callable[..., None]


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch) -> Export:
    def set_variables(key: str | None = RAW, switch: str | None = "1") -> None:
        for name, value in (("ARAGORA_SQLITE_KEY", key), ("ARAGORA_SQLITE_ENCRYPTION", switch)):
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return set_variables


def test_what_is_written_is_read_again_and_opened_by_this_key_alone(tmp_path: Path, export: Export) -> None:
    export()
    file = tmp_path / "secure.db"
    with closing(get_encrypted_connection(str(file))) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES ('planted-in-a-connection')")
    with closing(get_encrypted_connection(file)) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [("planted-in-a-connection",)]
    assert read_vault(file, RAW, "SELECT a FROM t") == [("planted-in-a-connection",)]
    assert not can_open(file, None)
    assert not can_open(file, OTHER)
    assert b"planted" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_transaction_is_begun_by_itself_and_rolled_back_as_python_s_module_does(
    tmp_path: Path, export: Export
) -> None:
    export()
    with closing(get_encrypted_connection(tmp_path / "a.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
        assert connection.in_transaction
        connection.rollback()
        assert connection.execute("SELECT * FROM t").fetchall() == []


@pytest.mark.parametrize("switch", ["1", "true", "YES", "on"])
def test_it_is_switched_on_in_any_of_the_usual_words(tmp_path: Path, export: Export, switch: str) -> None:
    export(switch=switch)
    get_encrypted_connection(tmp_path / "a.db").close()


@pytest.mark.parametrize("switch", [None, "", "0", "off", "maybe"])
def test_where_it_is_off_nothing_is_opened_in_plain(tmp_path: Path, export: Export, switch: str | None) -> None:
    export(switch=switch)
    with pytest.raises(ConfigurationError) as caught:
        get_encrypted_connection(tmp_path / "a.db")
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_opens_what_is_there_and_begins_nothing_new(tmp_path: Path, export: Export) -> None:
    export(PASSPHRASE)
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    with closing(sqlcipher.connect(old)) as connection:
        connection.set_key(PASSPHRASE)
        connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (7)")
    with closing(get_encrypted_connection(old)) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [(7,)]
    with pytest.raises(UsageError, match="is a passphrase") as caught:
        get_encrypted_connection(new)
    assert (caught.value.exit_code, "keys.init" in caught.value.hint) == (2, True)
    assert not new.exists()


@pytest.mark.parametrize(
    ("key", "made_with", "error", "words"),
    [
        (None, RAW, KeyMissingError, "ARAGORA_SQLITE_KEY: is not set"),
        (OTHER, RAW, KeyMissingError, "is not opened by key ARAGORA_SQLITE_KEY"),
        (PASSPHRASE, RAW, KeyMissingError, "is not opened by key ARAGORA_SQLITE_KEY"),
        (RAW[:-1], RAW, KeyMissingError, "is not opened by key ARAGORA_SQLITE_KEY"),
        (f"x'{RAW}'", RAW, KeyMissingError, "key ARAGORA_SQLITE_KEY: is no raw key"),
        (RAW, None, KeyMissingError, "is not encrypted"),
    ],
    ids=["no key", "another key", "a passphrase", "a digit short", "quoted", "a plain file"],
)
def test_what_does_not_fit_is_one_line_without_a_key(
    tmp_path: Path, export: Export, key: str | None, made_with: str | None, error: type[StrongroomError], words: str
) -> None:
    export(key)
    file = write_vault(tmp_path / "a.db", "CREATE TABLE t (a)", made_with)
    before = file.read_bytes()
    with pytest.raises(error, match=words) as caught:
        get_encrypted_connection(file)
    told = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert not [text for text in (RAW, RAW[:-1], OTHER, PASSPHRASE) if text in told]
    assert file.read_bytes() == before


def test_a_folder_is_named(tmp_path: Path, export: Export) -> None:
    export()
    with pytest.raises(UnreachableError, match="is a folder"):
        get_encrypted_connection(tmp_path)
    with pytest.raises(UnreachableError):
        get_encrypted_connection(tmp_path / "no" / "such" / "a.db")


def test_our_own_code_opens_one_under_a_key_that_is_held(tmp_path: Path) -> None:
    with hold_keys({"vault": Secret(RAW)}):
        with open_sqlcipher(tmp_path / "a.db", "vault") as connection, connection:
            connection.execute("CREATE TABLE t (a)")
        with open_sqlcipher(tmp_path / "a.db", "vault") as connection:
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    with pytest.raises(KeyMissingError, match="is not at hand"), open_sqlcipher(tmp_path / "a.db", "vault"):
        pass
