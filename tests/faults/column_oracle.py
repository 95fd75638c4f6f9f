"""Open and seal values as the paper says that anybody can: shares no code with what it watches."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Stored: TypeAlias = str | bytes | None
Value: TypeAlias = str | bytes | int | float | None
Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Oracle:
    """Keys by their ids, as ``keys.show`` lists them."""

    keys: Mapping[str, bytes] = field(repr=False)

    def open(self, stored: Stored, table: str, column: str, key: Key) -> Value:
        """Return what was encrypted; anything that is not opened by its own key, in its own place, is a failure."""
        if stored is None:
            return None
        head, body = split(stored)
        sealed = body if isinstance(stored, bytes) else read_base64(body)
        context = head + say_context(table, column, key)
        try:
            plain = AESGCM(self._derive(name_key(stored))).decrypt(sealed[:12], sealed[12:], context)
        except InvalidTag:
            raise AssertionError(f"{table}.{column} of {key} does not open under {name_key(stored)}") from None
        return take_kind(plain[:1], plain[1:])

    def seal(self, value: Value, name: str, table: str, column: str, key: Key, *, as_bytes: bool) -> Stored:
        """Return a value as it would stand in a row; None stays None."""
        if value is None:
            return None
        head, nonce = f"sr1:{name}:".encode(), os.urandom(12)
        context = head + say_context(table, column, key)
        body = nonce + AESGCM(self._derive(name)).encrypt(nonce, give_kind(value), context)
        return head + body if as_bytes else (head + base64.urlsafe_b64encode(body).rstrip(b"=")).decode()

    def _derive(self, name: str) -> bytes:
        assert name in self.keys, f"there is no key {name}"
        return HKDF(SHA256(), 32, salt=None, info=b"strongroom/columns/1").derive(self.keys[name])


def split(stored: str | bytes) -> tuple[bytes, bytes]:
    """Return the head up to its second colon, and the body."""
    content = stored.encode() if isinstance(stored, str) else bytes(stored)
    mark, name, body = content.split(b":", 2)
    assert mark == b"sr1", f"{content[:20]!r} is no ciphertext of ours"
    return mark + b":" + name + b":", body


def name_key(stored: str | bytes) -> str:
    """Return the id of the key under which a value stands."""
    return split(stored)[0].decode().split(":")[1]


def read_base64(body: bytes) -> bytes:
    assert not set(body) & set(b"+/="), "not url-safe, or padded"
    return base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))


def say_context(table: str, column: str, key: Key) -> bytes:
    told = [table, column, *map(_tell, key)]
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def _tell(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    return str(value).lower() if isinstance(value, UUID) else value


def give_kind(value: str | bytes | float) -> bytes:
    match value:
        case str():
            return b"t" + value.encode()
        case bytes():
            return b"b" + value
        case int():
            return b"i" + str(value).encode()
        case float():
            return b"r" + repr(value).encode()


def take_kind(kind: bytes, content: bytes) -> str | bytes | float:
    match kind:
        case b"t":
            return content.decode()
        case b"b":
            return content
        case b"i":
            return int(content)
        case b"r":
            return float(content)
    raise AssertionError(f"there is no kind {kind!r}")
