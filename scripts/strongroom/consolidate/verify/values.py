"""Values as SQLite holds them: when two are the same, how they order, what a column would make of one.

TEXT is ``str`` (bytes that are no UTF-8 as lone surrogates, which come back as they were), BLOB is ``bytes``: so the
five storage classes are five types, and two values are the same when type and value are.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import partial
from math import copysign

Value = int | float | str | bytes | None
Row = Sequence[Value]

decode_text = partial(str, encoding="utf-8", errors="surrogateescape")
"""The text factory of every connection here."""
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t\n\v\f\r]*\Z")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*\Z")
_WORDS = {"NULL": None, "TRUE": 1, "FALSE": 0}
_QUOTED = re.compile(r"""'(?:[^']|'')*'|["](?:[^"]|"")*["]""")
_BLOB = re.compile(r"[xX]'((?:[0-9a-fA-F]{2})*)'")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_BROKEN = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?")


def encode_text(text: str) -> bytes:
    """Return the bytes of a TEXT as they are in the file."""
    return text.encode("utf-8", "surrogateescape")


def is_utf8(text: str) -> bool:
    """Tell whether a TEXT is UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_same(one: Value, other: Value) -> bool:
    """Tell whether two values are equal in storage class and to the last bit."""
    if type(one) is not type(other) or one != other:
        return False
    return type(one) is not float or one != 0.0 or copysign(1.0, one) == copysign(1.0, other)  # type: ignore[arg-type]


def is_same_row(one: Row, other: Row) -> bool:
    """Tell whether all values of two rows are the same."""
    if len(one) != len(other):
        return False
    for mine, theirs in zip(one, other, strict=True):
        if mine is not theirs and (
            mine != theirs or type(mine) is not type(theirs) or (mine == 0 and not is_same(mine, theirs))
        ):
            return False
    return True


def order_of(value: Value) -> tuple[int, int | float | bytes]:
    """Return what orders a value that is not NULL as SQLite does: numbers, TEXT by its bytes, BLOB."""
    if isinstance(value, str):
        return 1, encode_text(value)
    if isinstance(value, bytes):
        return 2, value
    return 0, 0 if value is None else value


def encode_key(values: Row) -> bytes | None:
    """Return the same bytes for keys that are equal by SQLite's ``=`` under BINARY; None where a value is NULL."""
    parts = []
    for value in values:
        if value is None:
            return None
        if isinstance(value, str):
            held = encode_text(value)
            parts += [b"t", struct.pack(">I", len(held)), held]
        elif isinstance(value, bytes):
            parts += [b"x", struct.pack(">I", len(value)), value]
        elif isinstance(value, float) and not (value.is_integer() and _LEAST <= value <= _MOST):
            parts += [b"r", struct.pack(">d", value)]
        else:
            number = int(value)
            parts += [b"i", struct.pack(">Q", number - _LEAST)] if number <= _MOST else [b"r", struct.pack(">d", value)]
    return b"".join(parts)


def choose_affinity(declared: str, *, is_strict: bool) -> str:
    """Return a column's affinity: TEXT, NUMERIC (INTEGER is the same in what it stores), REAL or BLOB (none).

    https://sqlite.org/datatype3.html, 3.1, and https://sqlite.org/stricttables.html.
    """
    word = declared.upper()
    if is_strict and word == "ANY":
        return "BLOB"
    if "INT" in word:
        return "NUMERIC"
    if any(part in word for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in word or not word:
        return "BLOB"
    return "REAL" if any(part in word for part in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def is_changed_by(affinity: str, value: Value) -> bool:
    """Tell whether a column of this affinity would store another value.

    https://sqlite.org/datatype3.html, 3.
    """
    if value is None or isinstance(value, bytes) or affinity == "BLOB":
        return False
    if affinity == "TEXT":
        return not isinstance(value, str)
    if isinstance(value, str):
        return _NUMBER.match(value) is not None
    if affinity == "REAL":
        return isinstance(value, int) or (value == 0.0 and copysign(1.0, value) < 0)
    return isinstance(value, float) and value.is_integer() and _LEAST < value < _MOST


def store(affinity: str, value: Value) -> Value:
    """Return what a column of this affinity stores: for defaults and for ids that are followed."""
    if not is_changed_by(affinity, value) or value is None or isinstance(value, bytes):
        return value
    if affinity == "TEXT":
        return str(value) if isinstance(value, int) else _write_real(float(value))
    if isinstance(value, str):
        number: int | float = int(value) if _INTEGER.match(value) else float(value)
        if isinstance(number, int) and not _LEAST <= number <= _MOST:
            number = float(number)
        value = number
    if affinity == "REAL":
        return float(value) + 0.0
    return int(value) if isinstance(value, int) or is_changed_by(affinity, value) else value


def read_literal(text: str | None) -> Value:
    """Return the value of a column's DEFAULT where that is a literal; else None."""
    word = (text or "").strip()
    if word.upper() in _WORDS:
        return _WORDS[word.upper()]
    if _QUOTED.fullmatch(word):
        return word[1:-1].replace(word[0] * 2, word[0])
    blob = _BLOB.fullmatch(word)
    if blob:
        return bytes.fromhex(blob.group(1))
    if _WHOLE.fullmatch(word):
        return int(word) if _LEAST <= int(word) <= _MOST else float(word)
    return float(word) if _BROKEN.fullmatch(word) else None


def is_literal(text: str | None) -> bool:
    """Tell whether a DEFAULT is one (``.github/PLAN.md``, section 6)."""
    return read_literal(text) is not None or (text or "").strip().upper() == "NULL"


def _write_real(value: float) -> str:
    """Write a REAL as SQLite does: 15 significant digits, always with a point."""
    text = f"{value:.15g}"
    if "e" in text:
        digits, _, power = text.partition("e")
        return f"{digits if '.' in digits else digits + '.0'}e{power}"
    return text if "." in text or not text.lstrip("-").isdigit() else f"{text}.0"
