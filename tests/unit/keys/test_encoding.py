"""Keys are read strictly: what is not 32 bytes in the encoding that was said is named, and never shown."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.key_entries import Encoding
from strongroom.core.secret import Secret
from strongroom.keys.encoding import decode_key, encode_key, fingerprint_key
from strongroom.keys.errors import KeyFormatError
from tests.unit.keys.providers import CANARY, OTHER

BYTES = bytes.fromhex(CANARY)
BASE64 = base64.b64encode(BYTES)


@given(key=st.binary(min_size=32, max_size=32), encoding=st.sampled_from(["hex", "base64", "raw"]))
def test_what_was_written_is_read_again(key: bytes, encoding: Encoding) -> None:
    secret = Secret(key.hex())
    assert decode_key("key", encode_key(secret, encoding), encoding).reveal() == key.hex()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (CANARY.encode(), "hex"),
        (CANARY.upper().encode() + b"\n", "hex"),
        (CANARY.encode() + b"\r\n", "hex"),
        (BASE64, "base64"),
        (base64.urlsafe_b64encode(BYTES) + b"\n", "base64"),
        (BYTES, "raw"),
    ],
    ids=["hex", "upper case and a newline", "a newline of Windows", "base64", "URL-safe", "raw"],
)
def test_a_key_comes_out_as_hex(content: bytes, encoding: Encoding) -> None:
    assert decode_key("key", content, encoding).reveal() == CANARY


WRONG = [
    (b"", "hex", "is empty"),
    (b" \n", "base64", "is empty"),
    (b"", "raw", "is empty"),
    (CANARY.encode()[:62], "hex", "has 62 hex digits, not 64"),
    (CANARY.encode() * 2, "hex", "has 128 hex digits, not 64"),
    (CANARY.encode() + b"\n\n", "hex", "has white space"),
    (b" " + CANARY.encode(), "hex", "has white space"),
    (CANARY.encode() + b"\t", "hex", "has white space"),
    (CANARY.encode()[:63] + b"\0", "hex", "has white space or a NUL"),
    (CANARY.encode()[:63] + b"g", "hex", "is not hex"),
    (b"0x" + CANARY.encode(), "hex", "is not hex"),
    (BASE64, "hex", "is not hex"),
    (CANARY.encode(), "base64", "has 48 bytes, not 32"),
    (BASE64[:-1], "base64", "is not base64 of whole bytes"),
    (BASE64[:40], "base64", "has 30 bytes, not 32"),
    (b"+-" + BASE64[2:], "base64", "is not base64"),
    (BASE64[:20] + b"\n" + BASE64[20:], "base64", "is not base64"),
    (BASE64[:-2] + b"9=", "base64", "is not base64 of whole bytes"),
    (BYTES, "hex", "is no text"),
    (BYTES[:31], "raw", "has 31 bytes, not 32"),
    (BYTES + b"\n", "raw", "has 33 bytes, not 32, the last a newline"),
    (CANARY.encode(), "raw", "has 64 bytes, not 32"),
    (CANARY.encode(), "passphrase", "is said to be a passphrase, and is a raw key in hex"),
    (CANARY.encode() + CANARY.encode()[:32], "passphrase", "is a raw key in hex"),
    (b" open sesame", "passphrase", "has white space"),
]


@pytest.mark.parametrize(("content", "encoding", "fact"), WRONG, ids=[f"{e}-{n}" for n, (_, e, _) in enumerate(WRONG)])
def test_what_is_no_key_is_named_and_not_shown(content: bytes, encoding: Encoding, fact: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        decode_key("key vault", content, encoding)
    error = caught.value
    assert fact in error.fact
    assert (error.exit_code, bool(error.hint)) == (12, True)
    said = f"{error} {error.hint}"
    assert not content.strip() or content.decode("latin-1").strip() not in said
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(("content", "said", "meant"), [(BASE64, "hex", "base64"), (CANARY.encode(), "base64", "hex")])
def test_a_key_in_another_encoding_is_recognised(content: bytes, said: Encoding, meant: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        decode_key("key", content, said)
    assert f"it looks like encoding: {meant}" in caught.value.hint


def test_a_passphrase_is_taken_as_it_is_but_for_its_newline() -> None:
    assert decode_key("key", "pass wörd 32 characters, or more\n".encode(), "passphrase").reveal().endswith("more")


def test_a_passphrase_is_never_made_and_has_no_fingerprint() -> None:
    with pytest.raises(KeyFormatError, match="never made"):
        encode_key(Secret(CANARY), "passphrase")
    assert fingerprint_key(Secret("open sesame"), "passphrase") is None


def test_a_fingerprint_is_the_keys_own_and_stays() -> None:
    assert fingerprint_key(Secret(CANARY), "hex") == fingerprint_key(Secret(CANARY), "base64") == "476a4dbc1adc6308"
    assert fingerprint_key(Secret(OTHER), "hex") != fingerprint_key(Secret(CANARY), "hex")
