"""``jsonb`` and ``json``: what is JSON, and the same value in the server."""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

from strongroom.load.convert.model import Packer, UnfitError, Value, refuse_class

_DEEPEST = 500
_LARGEST = 1000
_MOST_AFTER = 16383
"""Digits after the point that the server takes, zeros among them."""
_SMALLEST, _GREATEST = Decimal(f"1e-{_LARGEST}"), Decimal(f"1e{_LARGEST}")


class JsonPacker(Packer):
    """JSON as its text, which the server reads; ``jsonb`` has a byte before it."""

    def __init__(self, *, is_binary: bool) -> None:
        """Write for ``jsonb``, or for ``json``."""
        self._before = b"\x01" if is_binary else b""

    def pack(self, value: Value | Decimal) -> bytes:
        """Return a document's UTF-8."""
        if type(value) is int or type(value) is Decimal:
            return self._before + str(value).encode()
        if type(value) is float:
            if not math.isfinite(value):
                raise UnfitError("is infinite, which JSON does not know")
            return self._before + repr(value).encode()
        if type(value) is not str:
            raise refuse_class(value, "JSON")
        check_json(value)
        return self._before + value.encode()


def check_json(text: str) -> Any:
    """Return a document with None in the place of its numbers. Raises UnfitError for what the server cannot hold."""
    if text.count("[") + text.count("{") > _DEEPEST:
        _refuse_deep(text)
    try:
        found = _READ(text)
    except (ValueError, RecursionError) as error:
        raise UnfitError("is no JSON") from error
    if "\\u" in text:
        _refuse_texts(found)
    return found


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnfitError("has a name twice in one object")
    return found


def _refuse_constant(_: str) -> None:
    raise UnfitError("is no JSON: NaN and infinity are none")


def _refuse_large(text: str) -> None:
    if len(text) <= _LARGEST and "e" not in text and "E" not in text:
        return
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UnfitError("has a number beyond 10^±1000") from None
    if abs(int(number.as_tuple().exponent)) > _MOST_AFTER:
        raise UnfitError(f"has a number of more than {_MOST_AFTER} digits after its point, or an exponent as large")
    if number and not _SMALLEST <= number.copy_abs() <= _GREATEST:
        raise UnfitError("has a number beyond 10^±1000")


_READ = json.JSONDecoder(
    object_pairs_hook=_refuse_twice,
    parse_constant=_refuse_constant,
    parse_int=_refuse_large,
    parse_float=_refuse_large,
).decode


def _refuse_deep(text: str) -> None:
    """Count brackets outside of texts."""
    depth, is_text, is_escaped = 0, False, False
    for letter in text:
        if is_text:
            is_escaped, is_text = letter == "\\" and not is_escaped, letter != '"' or is_escaped
        elif letter == '"':
            is_text = True
        elif letter in "[{":
            depth += 1
            if depth > _DEEPEST:
                raise UnfitError(f"is nested more than {_DEEPEST} deep")
        elif letter in "]}":
            depth -= 1


def _refuse_texts(value: Any) -> None:
    """Refuse NUL and half a surrogate pair in any text of a document."""
    if isinstance(value, str):
        if "\0" in value:
            raise UnfitError("holds NUL (\\u0000), which PostgreSQL's JSON cannot")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise UnfitError("holds half a surrogate pair")
    elif isinstance(value, dict):
        for name, one in value.items():
            _refuse_texts(name)
            _refuse_texts(one)
    elif isinstance(value, list):
        for one in value:
            _refuse_texts(one)
