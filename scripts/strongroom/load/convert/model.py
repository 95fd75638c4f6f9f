"""What turns a column's values into the bytes that COPY takes in its binary format.

Values come as Python reads them from SQLite: None, int, float, bytes (BLOB), str (TEXT), and ``RawText`` for TEXT
that is no UTF-8. The format: https://www.postgresql.org/docs/current/sql-copy.html, and each type's ``…_recv``.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from strongroom.sqlite.connection import RawText

Value: TypeAlias = Any
_CLASSES = {int: "INTEGER", float: "REAL", str: "TEXT", RawText: "TEXT", bytes: "BLOB"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """How a number of a fixed width is written into a function that packs rows (``rows.py``)."""

    code: str
    """Of ``struct``."""
    size: int
    """Bytes."""
    write: str = "{v}"
    """An expression of the value ``{v}``; words of ``names`` are followed by ``{n}``."""
    check: str = ""
    """A condition under which the value does not fit."""
    names: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """The same for a value that becomes any number of bytes."""

    write: str
    check: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)


class UnfitError(Exception):
    """A value does not fit its column; says why, without the value."""


class Packer(ABC):
    """One column's type. ``pack`` says what a value becomes, ``pack_all`` the same of many at a time."""

    inline: Fixed | Sized | None = None
    """How it is written into a function for rows, where that is faster than to call ``pack``."""

    @abstractmethod
    def pack(self, value: Value) -> bytes:
        """Return the bytes of a value that is not NULL. Raises UnfitError."""

    def pack_all(self, values: Sequence[Value]) -> list[bytes | None]:
        """Return what values become; None for NULL. Raises UnfitError where one does not fit."""
        return [None if value is None else self.pack(value) for value in values]


def write_size(size: int) -> bytes:
    """Return a length (bytes) as a field begins with it."""
    return struct.pack(">i", size)


def name_class(value: Value) -> str:
    """Return SQLite's storage class of a value, and of text how it fails where it is no UTF-8."""
    return "NULL" if value is None else _CLASSES[type(value)]


def refuse_class(value: Value, kind: str) -> UnfitError:
    """Return the error for a value of a storage class that a type does not take."""
    if type(value) is RawText:
        return UnfitError("is no UTF-8")
    return UnfitError(f"holds {name_class(value)}, which {kind} does not take")
