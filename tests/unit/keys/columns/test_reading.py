"""Fernet tokens and what pgcrypto wrote are opened where ``reads:`` names them, and never written."""

from __future__ import annotations

import random
import traceback
from pathlib import Path
from typing import Any

import pysequoia
import pytest
from cryptography.fernet import Fernet

from strongroom.core.errors import AlreadyEncryptedError, NotEncryptedError, StrongroomError, WrongContextError
from strongroom.core.scrubbing import holds_secret
from strongroom.keys.columns import ColumnCipher, Kind
from strongroom.keys.errors import KeyFormatError
from tests.unit.keys.columns.messages import OPENED, PASSPHRASE, REFUSED, TEXTS
from tests.unit.keys.columns.sites import READS, ROW, Seconds, make_cipher, make_site, spell_fernet
from tests.unit.keys.providers import CANARY, OTHER

TOKEN = Fernet(spell_fernet(CANARY)).encrypt(b"planted")


@pytest.fixture
def cipher(tmp_path: Path) -> ColumnCipher:
    return make_cipher(make_site(tmp_path), reads=READS)


@pytest.mark.parametrize("name", OPENED)
def test_a_message_of_pgcrypto_opens_as_text_or_as_bytes(cipher: ColumnCipher, name: str) -> None:
    message, value = OPENED[name]
    opened = cipher.open(ROW, bytes.fromhex(message))
    assert (type(opened), opened) == (type(value), value)


@pytest.mark.parametrize("name", TEXTS)
def test_a_message_in_a_text_column_opens(cipher: ColumnCipher, name: str) -> None:
    text = TEXTS[name]
    assert cipher.open(ROW, text) in ("planted", "planted" * 20)
    assert cipher.open(ROW, text.replace("\n", "\r\n")) == cipher.open(ROW, text)


@pytest.mark.parametrize("name", REFUSED)
def test_what_pgcrypto_alone_opens_is_recognised_and_refused(cipher: ColumnCipher, name: str) -> None:
    message = bytes.fromhex(REFUSED[name])
    assert cipher.find_format(message).kind is Kind.OPENPGP
    with pytest.raises(WrongContextError) as caught:
        cipher.open(ROW, message)
    told = "".join(traceback.format_exception(caught.value))
    assert "backtrace" not in told
    assert not holds_secret(told)


@pytest.mark.parametrize("content", [b"", b"planted", bytes(range(256)), b"x" * 100_000])
def test_tokens_open_under_the_active_key_and_under_earlier_ones(tmp_path: Path, content: bytes) -> None:
    cipher = make_cipher(make_site(tmp_path, active=CANARY, previous=[OTHER]), reads=READS[:1])
    for key in (CANARY, OTHER):
        token = Fernet(spell_fernet(key)).encrypt(content)
        for stored in (token, token.decode()):
            opened = cipher.open(ROW, stored)
            assert (opened.encode() if isinstance(opened, str) else opened) == content
            assert isinstance(opened, bytes) == (content == bytes(range(256)))


def test_what_holds_bytes_comes_out_as_bytes(tmp_path: Path) -> None:
    reads = [one | {"holds": "bytes"} for one in READS]
    cipher = make_cipher(make_site(tmp_path), reads=reads)
    assert cipher.open(ROW, TOKEN.decode()) == b"planted"
    assert cipher.open(ROW, bytes.fromhex(OPENED["sess-key=1"][0])) == b"planted"


def test_a_format_that_reads_does_not_name_is_refused_and_no_key_is_asked_for(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    cipher = make_cipher(site)
    for stored in (TOKEN, TOKEN.decode(), bytes.fromhex(OPENED["sess-key=1"][0]), TEXTS["armor()"]):
        with pytest.raises(NotEncryptedError, match="reads: does not name"):
            cipher.open(ROW, stored)
    assert not site.log.exists()


def test_what_no_key_opens_is_refused_and_its_versions_are_not_listed_for_every_row(tmp_path: Path) -> None:
    site = make_site(tmp_path, active=OTHER)
    cipher = make_cipher(site, reads=READS)
    message = pysequoia.encrypt(b"planted", passwords=["another"], armor=False)
    for _ in range(10):
        for stored in (TOKEN, message):
            with pytest.raises(WrongContextError, match="opens"):
                cipher.open(ROW, stored)
    assert len(site.read_log()) <= 6


def test_an_earlier_version_that_came_later_is_found(tmp_path: Path) -> None:
    site, clock = make_site(tmp_path), Seconds()
    active, later = tmp_path / "active", tmp_path / "later"
    site.entries = {
        "encryption": {"provider": "file", "path": str(active), "previous": [str(later)], "encoding": "hex"},
    }
    active.write_text(OTHER)
    active.chmod(0o600)
    cipher = make_cipher(site, clock, reads=READS[:1])
    with pytest.raises(WrongContextError):
        cipher.open(ROW, TOKEN)
    later.write_text(CANARY)
    later.chmod(0o600)
    clock.now = 10
    assert cipher.open(ROW, TOKEN) == "planted"


def test_a_passphrase_that_is_another_by_now_is_fetched_anew_once(tmp_path: Path) -> None:
    site, clock, file = make_site(tmp_path), Seconds(), tmp_path / "passphrase"
    site.entries = {**site.entries, "pgp": {"provider": "file", "path": str(file), "encoding": "passphrase"}}
    file.write_text("another passphrase")
    file.chmod(0o600)
    cipher = make_cipher(site, clock, reads=READS)
    message = bytes.fromhex(OPENED["sess-key=1"][0])
    for _ in range(5):
        with pytest.raises(WrongContextError):
            cipher.open(ROW, message)
    assert [line["action"] for line in site.read_log()] == ["get", "list", "refresh"]
    file.write_text(PASSPHRASE)
    clock.now = 10
    assert cipher.open(ROW, message) == "planted"


def test_a_token_under_a_passphrase_is_no_token(tmp_path: Path) -> None:
    cipher = make_cipher(make_site(tmp_path), reads=[{"format": "fernet", "key": "pgp"}])
    with pytest.raises(KeyFormatError):
        cipher.open(ROW, TOKEN)


def test_what_reads_names_is_not_encrypted_as_if_it_were_plain(cipher: ColumnCipher, tmp_path: Path) -> None:
    for stored in (TOKEN, TOKEN.decode(), bytes.fromhex(OPENED["sess-key=1"][0]), TEXTS["armor()"]):
        with pytest.raises(AlreadyEncryptedError):
            cipher.seal(ROW, stored)
    other = make_cipher(make_site(tmp_path))  # a value of the application, for all that is known of this column
    assert other.open(ROW, other.seal(ROW, TOKEN)) == TOKEN


def test_changed_messages_and_tokens_end_in_our_errors(cipher: ColumnCipher, capfd: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(17)
    samples: list[Any] = [TOKEN, *(bytes.fromhex(message) for message, _ in OPENED.values())]
    for _ in range(1_500):
        changed = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        del changed[chance.choice([len(changed), chance.randrange(len(changed))]) :]
        try:
            cipher.open(ROW, bytes(changed))
        except StrongroomError:
            continue
        assert bytes(changed) in samples
    assert capfd.readouterr() == ("", "")  # no stack trace of the library


def test_a_message_that_another_program_wrote_opens(cipher: ColumnCipher) -> None:
    for armor in (False, True):
        message = pysequoia.encrypt(b"planted", passwords=["another", PASSPHRASE], armor=armor)
        assert cipher.open(ROW, message) == "planted"
        if armor:
            assert cipher.open(ROW, message.decode()) == "planted"
