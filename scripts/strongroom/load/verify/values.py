"""What a value becomes in a column of each type, and what the server's text of one means: by the paper alone.

Both sides are read into one form in which same means same: texts as ``str``, numbers as ``int`` or one spelling,
doubles as their eight bytes, instants as microseconds.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any

from strongroom.load.verify.instants import read_date, read_instant, read_local, read_number
from strongroom.load.verify.json_values import read_json, read_list, spell_number, write_json
from strongroom.load.verify.kinds import INTEGERS, Kind
from strongroom.load.verify.unfit import UnfitError

Value = int | float | str | bytes | None
Same = Any
"""A value in the form in which both sides are compared."""
Read = Callable[[Any], Same]

decode_text = partial(str, encoding="utf-8", errors="surrogateescape")
"""The text factory where bytes that are no UTF-8 must survive."""
_DOUBLE = struct.Struct(">d")
_EXACT = 1 << 53
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")
_UUID_BYTES = 16
_WORDS = {"true": 1, "false": 0}
_DECIMALS = ("numeric", "json", "jsonb")
"""Types that hold a number of an array as it is written there."""
_CLASSES = {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB", type(None): "NULL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How the times of one column are read."""

    zone: tzinfo | None = None
    """Of texts without one."""
    find_unit: Callable[[], str | None] = lambda: None
    """Of numbers; asked when the first is met."""


def class_of(value: Value) -> str:
    """Return a value's storage class."""
    return _CLASSES[type(value)]


def encode_text(text: str) -> bytes:
    """Return the bytes of a TEXT as they are in the file."""
    return text.encode("utf-8", "surrogateescape")


def pack_double(number: float) -> bytes:
    """Return the bits of a double."""
    return _DOUBLE.pack(number)


def make_reader(kind: Kind, times: Times) -> Read:
    """Return what reads a source's value, not NULL, as a column of this type takes it; it raises UnfitError."""
    if kind.name in INTEGERS:
        return partial(_read_integer, 1 << INTEGERS[kind.name])
    if kind.name == "timestamptz":
        return partial(_read_timestamptz, times)
    if kind.name == "array" and kind.element is not None and kind.element.name not in ("", "array"):
        read_real = Decimal if kind.element.name in _DECIMALS else float
        return partial(_read_array, make_reader(kind.element, times), read_real)
    if kind.name in _WITH_KIND:
        return partial(_WITH_KIND[kind.name], kind)
    return _ALONE.get(kind.name, _refuse)


def encode_same(value: Same) -> bytes:
    """Return the same bytes for the same values of one column."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return encode_text(value)
    if isinstance(value, int):
        return b"%d" % value
    return write_json(value if not isinstance(value, tuple) else [_printable(one) for one in value])


def shorten(encoded: bytes) -> str:
    """Return what stands for a value that is not shown."""
    return hashlib.sha256(encoded).hexdigest()[:16]


def encode_raw(value: Value) -> bytes:
    """Return the bytes of a source's value that fits nowhere."""
    if isinstance(value, bytes):
        return value
    return encode_text(value) if isinstance(value, str) else repr(value).encode()


def is_same_value(one: Value, other: Value) -> bool:
    """Tell whether two of SQLite's values are equal in storage class and to the last bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and isinstance(other, float):
        return pack_double(one) == pack_double(other)
    return one == other


def _printable(value: Same) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _refuse(_value: Value) -> Same:
    raise UnfitError("has a type that no load makes")


def _demand_text(value: Value) -> str:
    if not isinstance(value, str):
        raise UnfitError(f"is {class_of(value)}")
    return value


def _read_integer(beyond: int, value: Value) -> int:
    if not isinstance(value, int):
        raise UnfitError(f"is {class_of(value)}")
    if not -beyond <= value < beyond:
        raise UnfitError("is out of range")
    return value


def _read_double(value: Value) -> bytes:
    if isinstance(value, int):
        if not -_EXACT <= value <= _EXACT:
            raise UnfitError("is an INTEGER that no double holds for sure")
    elif not isinstance(value, float):
        raise UnfitError(f"is {class_of(value)}")
    return pack_double(value)


def _read_real(value: Value) -> bytes:
    held = _read_double(value)
    number = _DOUBLE.unpack(held)[0]
    try:
        (back,) = struct.unpack(">f", struct.pack(">f", number))
    except OverflowError:
        raise UnfitError("is out of range") from None
    if pack_double(back) != held:
        raise UnfitError("is no float of four bytes")
    return held


def _read_numeric(kind: Kind, value: Value | Decimal) -> str:
    if isinstance(value, int | Decimal):
        spelt = spell_number(str(value))
    elif isinstance(value, float) and isfinite(value):
        spelt = spell_number(repr(value))
    elif isinstance(value, str) and _DECIMAL.fullmatch(value):
        spelt = spell_number(value)
    else:
        raise UnfitError("is no decimal number")
    if kind.precision is not None and spelt != "0":
        digits, _, power = spelt.lstrip("-").partition("e")
        if int(power) < -kind.scale or len(digits) + int(power) > kind.precision - kind.scale:
            raise UnfitError("would be rounded")
    return spelt


def _read_text(value: Value) -> str:
    text = _demand_text(value)
    if "\0" in text:
        raise UnfitError("holds NUL")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UnfitError("is no UTF-8") from None
    return text


def _read_text_or_number(kind: Kind, value: Value) -> str:
    return repr(value) if kind.takes_numbers and isinstance(value, int | float) else _read_text(value)


def _read_varchar(kind: Kind, value: Value) -> str:
    text = _read_text(value)
    if kind.length is not None and len(text) > kind.length:
        raise UnfitError("is too long")
    return text


def _read_enum(kind: Kind, value: Value) -> str:
    if _demand_text(value) not in kind.labels:
        raise UnfitError("is none of the labels")
    return str(value)


def _read_boolean(value: Value) -> int:
    if isinstance(value, int) and value in (0, 1):
        return value
    if isinstance(value, str) and value.isascii() and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    raise UnfitError("is neither true nor false")


def _read_json(value: Value | Decimal) -> Same:
    if isinstance(value, int | Decimal):
        return [f"\0{spell_number(str(value))}"]
    if isinstance(value, float):
        if not isfinite(value):
            raise UnfitError("is no number in JSON")
        return [f"\0{spell_number(repr(value))}"]
    return [read_json(_demand_text(value))]


def _read_timestamptz(times: Times, value: Value) -> int:
    if isinstance(value, str):
        return read_instant(value, times.zone)
    if not isinstance(value, int | float):
        raise UnfitError(f"is {class_of(value)}")
    unit = times.find_unit()
    if unit is None:
        raise UnfitError("is a number of an unknown unit")
    return read_number(value, unit)


def _read_timestamp(value: Value) -> int:
    return read_local(_demand_text(value))


def _read_date(value: Value) -> str:
    return read_date(_demand_text(value))


def _read_uuid(value: Value) -> str:
    if isinstance(value, bytes) and len(value) == _UUID_BYTES:
        return value.hex()
    if isinstance(value, str) and _UUID.fullmatch(value):
        return value.replace("-", "").lower()
    raise UnfitError("is no UUID")


def _read_bytea(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise UnfitError(f"is {class_of(value)}")
    return value


def _read_array(read: Read, read_real: type[float | Decimal], value: Value) -> tuple[Same, ...]:
    elements = read_list(_demand_text(value), read_real=read_real)
    return tuple(None if one is None else read(one) for one in elements)


_ALONE: dict[str, Read] = {
    "float8": _read_double,
    "float4": _read_real,
    "bool": _read_boolean,
    "json": _read_json,
    "jsonb": _read_json,
    "timestamp": _read_timestamp,
    "date": _read_date,
    "uuid": _read_uuid,
    "bytea": _read_bytea,
}
_WITH_KIND: dict[str, Callable[[Kind, Any], Same]] = {
    "text": _read_text_or_number,
    "numeric": _read_numeric,
    "varchar": _read_varchar,
    "enum": _read_enum,
}
