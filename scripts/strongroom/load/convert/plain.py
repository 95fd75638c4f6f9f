"""Text, numbers of a fixed width, bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from strongroom.load.convert.model import Fixed, Packer, Sized, UnfitError, Value, refuse_class

_WIDTH = 8
"""Bytes of a double."""
_EXACT = 2**53
"""Up to here every whole number is a double."""


class TextPacker(Packer):
    """``text``, and ``varchar(n)`` of at most ``limit`` characters."""

    def __init__(self, limit: int | None = None, *, takes_numbers: bool = False) -> None:
        """Take texts of any length, or of at most ``limit`` characters; numbers too, as people write them."""
        self._limit, self._takes_numbers = limit, takes_numbers
        if limit is None and not takes_numbers:
            self.inline = Sized(write="encode{n}({v})", check="'\\0' in {v}", names={"encode": str.encode})

    def pack(self, value: Value) -> bytes:
        """Return a text's UTF-8; of a number its digits, of a double the shortest that read as the same."""
        if self._takes_numbers and type(value) in (int, float):
            value = repr(value)
        if type(value) is not str:
            raise refuse_class(value, "text")
        if "\0" in value:
            raise UnfitError("holds NUL, which PostgreSQL's text cannot")
        if self._limit is not None and len(value) > self._limit:
            raise UnfitError(f"has {len(value)} characters, more than {self._limit}")
        return value.encode()


class EnumPacker(Packer):
    """An enum: its labels."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Take texts that are one of ``labels``."""
        self._labels = {label: label.encode() for label in labels}

    def pack(self, value: Value) -> bytes:
        """Return a label's UTF-8."""
        if type(value) is not str:
            raise refuse_class(value, "an enum")
        if value not in self._labels:
            raise UnfitError("is none of the labels")
        return self._labels[value]


class BytesPacker(Packer):
    """``bytea``."""

    inline = Sized(write="{v}", check="type({v}) is not bytes")

    def pack(self, value: Value) -> bytes:
        """Return a BLOB as it is."""
        if type(value) is not bytes:
            raise refuse_class(value, "bytea")
        return value


class IntegerPacker(Packer):
    """``smallint``, ``integer``, ``bigint``: of 2, 4 or 8 bytes."""

    def __init__(self, size: int) -> None:
        """Take whole numbers that ``size`` bytes hold."""
        self._size = size
        self._form = {2: ">h", 4: ">i", 8: ">q"}[size]
        self.inline = Fixed(code=self._form[1], size=size)

    def pack(self, value: Value) -> bytes:
        """Return a number, most significant byte first."""
        if type(value) is not int:
            raise refuse_class(value, "a whole number")
        try:
            return struct.pack(self._form, value)
        except struct.error as error:
            raise UnfitError(f"lies outside of {8 * self._size} bits") from error


class DoublePacker(Packer):
    """``double precision``, and ``real`` where ``size`` is 4: what is a float as well."""

    def __init__(self, size: int = 8) -> None:
        """Take doubles, or those that are floats."""
        self._size = size
        self._form = {4: ">f", 8: ">d"}[size]
        if size == _WIDTH:
            written = "{v} if type({v}) is float else read{n}({v})"
            self.inline = Fixed(code="d", size=size, write=written, names={"read": _read_double})

    def pack(self, value: Value) -> bytes:
        """Return a number's IEEE-754 bits, most significant byte first."""
        value = _read_double(value)
        return struct.pack(">d", value) if self._size == _WIDTH else _pack_float(value)


def _read_double(value: Value) -> float:
    """Return a number as a double. Raises UnfitError for what is none, or may be rounded."""
    if type(value) is int:
        if abs(value) > _EXACT:
            raise UnfitError("is a whole number beyond 2^53, which a double may round")
        return float(value)
    if type(value) is not float:
        raise refuse_class(value, "a double")
    return value


def _pack_float(value: float) -> bytes:
    try:
        packed = struct.pack(">f", value)
    except OverflowError as error:
        raise UnfitError("is larger than any float") from error
    if struct.unpack(">f", packed)[0] != value and not math.isnan(value):
        raise UnfitError("is a double that real would round")
    return packed


class BooleanPacker(Packer):
    """``boolean``."""

    def pack(self, value: Value) -> bytes:
        """Return one byte for 0, 1, ``true`` and ``false``."""
        if type(value) is int and value in (0, 1):
            return b"\x01" if value else b"\0"
        if type(value) is str and value.lower() in ("true", "false"):
            return b"\x01" if value.lower() == "true" else b"\0"
        if type(value) in (int, str):
            raise UnfitError("is neither 0 nor 1, true nor false")
        raise refuse_class(value, "boolean")
