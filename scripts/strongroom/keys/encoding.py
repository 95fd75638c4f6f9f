"""How a key is written where it is kept, read strictly: 32 bytes as hex, base64 or themselves; or a passphrase."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NoReturn

from strongroom.core.key_entries import Encoding
from strongroom.core.secret import Secret
from strongroom.keys.errors import KeyFormatError
from strongroom.sqlite.keyring import Passphrase

KEY_BYTES = 32
_HEX = re.compile(r"[0-9a-fA-F]*\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]*={0,2}\Z")
_RAW_KEY = re.compile(r"(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{96})\Z")
_CONTEXT = b"strongroom key fingerprint v1"
_FINGERPRINT_BYTES = 8
_MAKE = "a key is 32 random bytes: openssl rand -hex 32 makes one"


def decode_key(subject: str, content: bytes, encoding: Encoding) -> Secret:
    """Return a key as 64 hex digits, a passphrase as it is; one newline at the end of a text is not part of it.

    Raises KeyFormatError saying what is wrong, never what was there.
    """
    if not (content if encoding == "raw" else content.strip()):
        _refuse(subject, "is empty", _MAKE)
    if encoding == "raw":
        return Secret(_check_length(subject, content).hex())
    text = _read_text(subject, content)
    if encoding == "passphrase":
        return _read_passphrase(subject, text)
    return Secret(_decode_hex(subject, text) if encoding == "hex" else _decode_base64(subject, text))


def encode_key(secret: Secret, encoding: Encoding) -> bytes:
    """Write a raw key (64 hex digits) as ``decode_key`` reads it; a passphrase is never made."""
    content = bytes.fromhex(secret.reveal())
    if encoding == "passphrase":
        _refuse("passphrase", "is for databases that already have one, and never made", _MAKE)
    return {"raw": content, "hex": content.hex().encode(), "base64": base64.b64encode(content)}[encoding]


def fingerprint_key(secret: Secret, encoding: Encoding) -> str | None:
    """Return 16 hex digits by which two people see that they hold one key; nothing can be learnt from them.

    None for a passphrase, which could be guessed by them.
    """
    if encoding == "passphrase":
        return None
    digest = hmac.new(bytes.fromhex(secret.reveal()), _CONTEXT, hashlib.sha256).digest()
    return digest[:_FINGERPRINT_BYTES].hex()


def _read_text(subject: str, content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        hint = "say encoding: raw where the key is kept as its 32 bytes"
        _refuse(subject, "is no text, and its encoding says it is", hint)
    text = text.removesuffix("\n").removesuffix("\r")
    if text != text.strip() or "\0" in text:
        _refuse(subject, "has white space or a NUL around it", "write it without; one newline may end it")
    return text


def _read_passphrase(subject: str, text: str) -> Passphrase:
    if _RAW_KEY.match(text):
        # SQLCipher is told x'…' for one and text for the other: taken for the wrong one, nothing would open.
        _refuse(subject, "is said to be a passphrase, and is a raw key in hex", "say encoding: hex")
    return Passphrase(text)


def _decode_hex(subject: str, text: str) -> str:
    if not _HEX.match(text):
        _refuse(subject, "is not hex", f"{_suggest(text)}{_MAKE}")
    if len(text) != 2 * KEY_BYTES:
        _refuse(subject, f"has {len(text)} hex digits, not {2 * KEY_BYTES}", _MAKE)
    return text.lower()


def _decode_base64(subject: str, text: str) -> str:
    alphabet = next((name for name in (_BASE64, _URL_SAFE) if name.match(text)), None)
    if alphabet is None:
        _refuse(subject, "is not base64", f"{_suggest(text)}openssl rand -base64 32 makes one")
    standard = text.translate(str.maketrans("-_", "+/"))
    try:
        content = base64.b64decode(standard, validate=True)
    except ValueError:
        content = b""
    if base64.b64encode(content).decode() != standard:  # cut short, or with bits that mean nothing
        hint = f"{_suggest(text)}with its = at the end it has 44 characters"
        _refuse(subject, "is not base64 of whole bytes", hint)
    return _check_length(subject, content, _suggest(text)).hex()


def _check_length(subject: str, content: bytes, suggestion: str = "") -> bytes:
    if len(content) != KEY_BYTES:
        is_ended = len(content) == KEY_BYTES + 1 and content.endswith(b"\n")
        more = ", the last a newline: it is not part of a key" if is_ended else ""
        _refuse(subject, f"has {len(content)} bytes, not {KEY_BYTES}{more}", f"{suggestion}{_MAKE}")
    return content


def _suggest(text: str) -> str:
    """Name the encoding that a text looks like, where it is a whole key in it."""
    if len(text) == 2 * KEY_BYTES and _HEX.match(text):
        return "it looks like encoding: hex; "
    if len(text) == 44 and (_BASE64.match(text) or _URL_SAFE.match(text)):  # noqa: PLR2004  32 bytes in base64
        return "it looks like encoding: base64; "
    return ""


def _refuse(subject: str, fact: str, hint: str) -> NoReturn:
    """Raise, in a place that was given no key: reports of tests show what the last function was given."""
    raise KeyFormatError(subject, fact, hint) from None
