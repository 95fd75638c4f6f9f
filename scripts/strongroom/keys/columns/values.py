"""What is encrypted of a value: a byte for its kind, then the value, so that it comes out as it went in."""

from __future__ import annotations

import re
from typing import TypeAlias

from strongroom.core.errors import UsageError, WrongContextError

Value: TypeAlias = str | bytes | int | float

MOST_BYTES = 700_000_000
"""As base64 it is what a cell of PostgreSQL or SQLite can hold, of 1 GB."""
_INTEGER = re.compile(rb"-?[0-9]{1,4000}\Z")


def pack_value(value: Value) -> bytes:
    """Return the kind and the value. Raises UsageError for what is of no kind, or larger than a cell can be."""
    packed = _pack(value)
    if len(packed) > MOST_BYTES:
        raise UsageError(
            "value", f"has {len(packed):,} bytes", f"{MOST_BYTES:,} fit in a column once they are encrypted"
        )
    return packed


def _pack(value: Value) -> bytes:
    if isinstance(value, str):
        return b"t" + _encode_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return b"b" + bytes(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() > 10_000:  # noqa: PLR2004  Python spells no number of more than 4,300 digits
            raise UsageError("value", "is an integer of more than 10,000 bits", "keep it as text")
        return b"i%d" % value
    if isinstance(value, float):
        return b"r" + repr(float(value)).encode()
    raise UsageError(
        "value", f"is of type {type(value).__name__}", "texts, bytes, integers and real numbers are encrypted"
    )


def unpack_value(packed: bytes) -> Value:
    """Return the value. Raises WrongContextError for what ``pack_value`` never made."""
    kind, content = packed[:1], packed[1:]
    if kind == b"t":
        return content.decode(errors="surrogateescape")
    if kind == b"b":
        return content
    if kind == b"i" and _INTEGER.match(content):
        return int(content)
    if kind == b"r":
        try:
            return float(content)
        except ValueError:
            pass
    raise WrongContextError("value", "was encrypted by something else: it is of no kind that is known")


def _encode_text(text: str) -> bytes:
    """Return a text in UTF-8, or the bytes that it was read from where they are none (SQLite takes any)."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    try:
        content = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        content = b""
    if content.decode(errors="surrogateescape") != text:
        raise UsageError("value", "is text with half a character in it", "give it as bytes")
    return content
