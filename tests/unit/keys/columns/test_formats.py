"""What a value is, is seen by its shape: every ciphertext, and no plain text."""

from __future__ import annotations

import base64
import os
import random
import uuid
from pathlib import Path

import pysequoia
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from strongroom.keys.columns import BINARY_STARTS, TEXT_STARTS, Format, Kind, find_format
from tests.unit.keys.columns.messages import OPENED, REFUSED, TEXTS
from tests.unit.keys.columns.sites import ROW, make_cipher, make_site

MESSAGES = [bytes.fromhex(text) for text in (*(text for text, _ in OPENED.values()), *REFUSED.values())]
PUBLIC_KEY_1 = (
    bytes.fromhex("85010c03") + bytes(8) + b"\x01" + os.urandom(258) + bytes.fromhex("d2400101") + os.urandom(62)
)


def list_spellings(message: bytes) -> list[str | bytes]:
    """Return a message as columns hold it."""
    wrapped = base64.encodebytes(message).decode()
    return [
        message,
        f"\\x{message.hex()}",
        wrapped,
        wrapped.replace("\n", ""),
        pysequoia.armor(message, pysequoia.ArmorKind.Message),
    ]


@pytest.mark.parametrize("message", MESSAGES, ids=[*OPENED, *REFUSED])
def test_every_message_is_seen_however_it_is_spelt(message: bytes) -> None:
    for stored in list_spellings(message):
        assert find_format(stored) == Format(Kind.OPENPGP)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_message_of_a_text_column_is_seen(text: str) -> None:
    assert find_format(text).kind is Kind.OPENPGP
    assert find_format(text.encode()).kind is Kind.OPENPGP or text.startswith(("\\x", "ww"))


def test_a_message_to_public_keys_is_seen() -> None:
    for stored in list_spellings(PUBLIC_KEY_1):
        assert find_format(stored).kind is Kind.OPENPGP
    reader = pysequoia.Tsk.generate("reader@example.com").extract_certificate()
    for stored in list_spellings(pysequoia.encrypt(b"planted", recipients=[reader], armor=False)):
        assert find_format(stored).kind is Kind.OPENPGP


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1_000, 100_000])
def test_every_token_is_seen(size: int) -> None:
    token = Fernet(Fernet.generate_key()).encrypt(os.urandom(size))
    assert find_format(token) == find_format(token.decode()) == Format(Kind.FERNET)


def test_a_token_that_is_cut_off_is_damaged_and_not_plain() -> None:
    token = Fernet(Fernet.generate_key()).encrypt(b"planted")
    for end in range(40, len(token)):
        for stored in (token[:end], token[:end].decode()):
            assert find_format(stored).kind is Kind.DAMAGED


def test_ours_is_seen_with_its_key(tmp_path: Path) -> None:
    cipher = make_cipher(make_site(tmp_path))
    for as_bytes in (False, True):
        stored = cipher.seal(ROW, "planted", as_bytes=as_bytes)
        assert find_format(stored) == Format(Kind.OURS, cipher.active_id)
        assert find_format(stored[:20]).kind is Kind.DAMAGED


def test_all_that_is_not_plain_begins_as_is_said() -> None:
    tokens = [Fernet(Fernet.generate_key()).encrypt(b"planted")]
    stored = [one for message in [*MESSAGES, PUBLIC_KEY_1] for one in list_spellings(message)]
    for one in [*stored, *TEXTS.values(), *tokens, tokens[0].decode()]:
        assert one.startswith(TEXT_STARTS) if isinstance(one, str) else one.startswith(BINARY_STARTS)


@pytest.mark.parametrize(
    "plain",
    [
        "",
        b"",
        None,
        7,
        1.5,
        "sr1",
        "sr2:encryption@3:" + "A" * 60,
        "gAAAAABplain words that begin as a token does",
        "-----BEGIN PGP MESSAGE-----",
        "-----BEGIN PGP MESSAGE-----\n\nplanted\n-----END PGP MESSAGE-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nww0E\n-----END PGP PUBLIC KEY BLOCK-----",
        r"\xc30d",
        r"\xdeadbeef",
        r"\x",
        "www.example.com",
        "ww0EBwMC",
        "hQ",
        "jA0EBwMC",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl",
        "$2b$12$abcdefghijklmnopqrstuv",
        "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        str(uuid.UUID(int=7)),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"\xff\xd8\xff\xe0" + bytes(100),
        b"PK\x03\x04" + bytes(100),
        b"\xc3" + bytes(100),
        b"\xc3\x0d\x04\x07\x03\x02" + bytes(9),
        b"\xd2\x40" + bytes(100),
        "\xc3ber den Wolken".encode("latin-1"),
        "über".encode(),
    ],
)
def test_plain_values_are_plain(plain: object) -> None:
    assert find_format(plain) == Format(Kind.PLAIN)


def test_chance_is_no_ciphertext() -> None:
    chance = random.Random(17)
    for _ in range(20_000):
        content = chance.choice(BINARY_STARTS) + chance.randbytes(chance.randint(1, 200))
        kind = find_format(content).kind
        assert kind in (Kind.PLAIN, Kind.DAMAGED)


@given(
    st.one_of(
        st.text(), st.binary(), st.builds(lambda start, rest: start + rest, st.sampled_from(TEXT_STARTS), st.text())
    )
)
def test_any_value_has_a_format(stored: str | bytes) -> None:
    assert find_format(stored).kind in (Kind.PLAIN, Kind.DAMAGED)
