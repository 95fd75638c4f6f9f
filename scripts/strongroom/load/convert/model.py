"""What turns a column's values into the bytes that COPY takes in its binary format.

Values come as Python reads them from SQLite: None, int, float, bytes (BLOB), str (TEXT), and ``RawText`` for TEXT
that is no UTF-8. The format: https://www.postgresql.org/docs/current/sql-copy.html, and each type's ``…_recv``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

from strongroom.sqlite.connection import RawText

Value: TypeAlias = Any
Packed: TypeAlias = tuple[Sequence[bytes], ...]
"""One or more columns of pieces; those of a row, one after another, are its field."""

_KNOWN = [struct.pack(">i", size) for size in range(4096)]
_NULL = struct.pack(">i", -1)
_CLASSES = {int: "INTEGER", float: "REAL", str: "TEXT", RawText: "TEXT", bytes: "BLOB"}


class UnfitError(Exception):
    """A value does not fit its column; says why, without the value."""


class Packer:
    """One column's type. ``pack`` says what a value becomes, ``pack_all`` the same of many at a time."""

    def pack(self, value: Value) -> bytes:
        """Return the bytes of a value that is not NULL. Raises UnfitError."""
        raise NotImplementedError

    def pack_all(self, values: Sequence[Value]) -> Packed:
        """Return the fields of values, NULL among them. Raises UnfitError where one does not fit."""
        return frame([None if value is None else self.pack(value) for value in values])


def frame(packed: Sequence[bytes | None]) -> Packed:
    """Return fields of their contents: each length, and each content."""
    try:
        sizes = [_NULL if data is None else _KNOWN[len(data)] for data in packed]
    except IndexError:
        sizes = [_NULL if data is None else write_size(len(data)) for data in packed]
    return sizes, [data or b"" for data in packed]


def frame_all(packed: Sequence[bytes]) -> Packed:
    """Return fields of their contents, none of which is NULL."""
    try:
        return list(map(_KNOWN.__getitem__, map(len, packed))), packed
    except IndexError:
        return [write_size(len(data)) for data in packed], packed


def write_size(size: int) -> bytes:
    """Return a length (bytes) as a field begins with it."""
    return _KNOWN[size] if size < len(_KNOWN) else struct.pack(">i", size)


def name_class(value: Value) -> str:
    """Return SQLite's storage class of a value, and of text how it fails where it is no UTF-8."""
    return "NULL" if value is None else _CLASSES[type(value)]


def refuse_class(value: Value, kind: str) -> UnfitError:
    """Return the error for a value of a storage class that a type does not take."""
    if type(value) is RawText:
        return UnfitError("is no UTF-8")
    return UnfitError(f"holds {name_class(value)}, which {kind} does not take")
