"""JSON by value: names without order, numbers as decimals of any length, texts by characters.

A number becomes a text that begins with NUL, which no text in JSON may hold here: so 1, true and "1" stay three things,
and two values are the same when Python says so.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import isinf
from typing import Any, NoReturn

from strongroom.load.verify.unfit import UnfitError

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_OUTSIDE = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)
_DEEPEST = 500
_FARTHEST = 1000
_MOST_AFTER = 16383


@lru_cache(maxsize=8192)
def spell_number(text: str) -> str:
    """Return the one spelling of a decimal number: digits without zeros around them, and a power of ten.

    Raises UnfitError for one of which Python's decimals know nothing.
    """
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation:
        raise UnfitError("is a number beyond 10^1000") from None
    whole = "".join(map(str, digits)).lstrip("0")
    held = whole.rstrip("0")
    if not held:
        return "0"
    return f"{'-' * sign}{held}e{int(exponent) + len(whole) - len(held)}"


def read_json(text: str) -> Any:
    """Return the value of a text that is JSON as the paper takes it, comparable. Raises UnfitError."""
    if text.count("[") + text.count("{") > _DEEPEST and _measure_depth(text) > _DEEPEST:
        raise UnfitError(f"is nested beyond {_DEEPEST} levels")
    return _decode(text)


def _decode(text: str) -> Any:
    _refuse_odd(text)
    try:
        found = _VALUES.decode(text)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UnfitError("holds half a surrogate pair") from None
    except UnfitError:
        raise
    except (ValueError, RecursionError):
        raise UnfitError("is no JSON") from None
    return found


def read_all_json(texts: Sequence[str]) -> list[Any]:
    """Return the values of many texts, at half the cost of one by one. Raises UnfitError where one is none.

    They are read as one list, with a mark behind each that none can hold: a text is one value where one stands between
    two marks. How deep they are nested is not looked at (``may_be_deep``).
    """
    if not texts:
        return []
    mark = secrets.token_hex(16)
    between = f',"{mark}",'
    found = _decode(f'[{between.join(texts)},"{mark}"]')
    if len(found) != 2 * len(texts) or found[1::2].count(mark) != len(texts):
        raise UnfitError("is no JSON")
    return list(found[::2])


def may_be_deep(texts: Sequence[str]) -> bool:
    """Tell whether one of these texts may be nested too deep to fit."""
    return any(text.count("[") + text.count("{") > _DEEPEST for text in texts)


def read_server_json(text: str) -> Any:
    """Return the value of what the server wrote, comparable; a text that is no value for what the paper refuses."""
    try:
        return read_json(text)
    except UnfitError as error:
        return f"\0{error}: {text}"


def read_list(text: str, *, read_real: Callable[[str], float | Decimal] = float) -> list[Any]:
    """Return the elements of a JSON array as SQLite's values: true is 1; with what reads numbers that are no INTEGER.

    Raises UnfitError.
    """
    read_json(text)
    found = json.loads(text, parse_float=read_real)
    if not isinstance(found, list):
        raise UnfitError("is no JSON array")
    if any(isinstance(one, list | dict) for one in found):
        raise UnfitError("is an array of more than one dimension")
    if any(isinstance(one, float) and isinf(one) for one in found):
        raise UnfitError("holds a number beyond any double")
    return [int(one) if isinstance(one, bool) else one for one in found]


def write_json(value: Any) -> bytes:
    """Return the same bytes for values that are the same."""
    return b"".join(write_json_piecewise(value))


def write_json_piecewise(value: Any) -> Iterator[bytes]:
    """Yield the same bytes for values that are the same, piece by piece."""
    yield from (piece.encode("utf-8", "surrogatepass") for piece in _WRITER.iterencode(value))


def _refuse_odd(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UnfitError("is no UTF-8") from None
    if "\\u0000" in text and _NUL.search(text):
        raise UnfitError("holds NUL")


def _measure_depth(text: str) -> int:
    depth = deepest = 0
    for found in _OUTSIDE.finditer(text):
        if found[1]:
            depth += 1
            deepest = max(deepest, depth)
        elif found[2]:
            depth -= 1
    return deepest


@lru_cache(maxsize=8192)
def _mark_number(text: str) -> str:
    spelt = spell_number(text)
    if abs(int(Decimal(text).as_tuple().exponent)) > _MOST_AFTER:
        raise UnfitError(f"holds a number with more than {_MOST_AFTER} digits after its point")
    held, _, power = spelt.partition("e")
    digits = held.lstrip("-")
    size = len(digits) + int(power or 0) - 1
    if spelt != "0" and (size > _FARTHEST or size < -_FARTHEST or (size == _FARTHEST and digits != "1")):
        raise UnfitError("holds a number beyond 10^±1000")
    return f"\0{spelt}"


def _join(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnfitError("has a name twice in one object")
    return found


def _refuse(_word: str) -> NoReturn:
    raise UnfitError("is no JSON: NaN and infinity are no numbers")


_WRITER = json.JSONEncoder(sort_keys=True, ensure_ascii=False)
_VALUES = json.JSONDecoder(
    parse_float=_mark_number, parse_int=_mark_number, parse_constant=_refuse, object_pairs_hook=_join
)
