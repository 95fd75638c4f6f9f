"""``numeric``: decimal numbers of any length."""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal

from strongroom.load.convert.model import Packer, UnfitError, Value, refuse_class

_WRITTEN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_BASE_DIGITS = 4
_NEGATIVE = 0x4000
_MOST_AFTER, _MOST_BEFORE = 16383, 131072
"""Digits after the point, and before it, that the server takes
(https://www.postgresql.org/docs/current/datatype-numeric.html).
"""


class NumericPacker(Packer):
    """``numeric``, or ``numeric(precision, scale)`` where nothing is rounded."""

    def __init__(self, precision: int | None = None, scale: int = 0) -> None:
        """Take numbers of any length, or of ``precision`` digits, ``scale`` of them after the point."""
        self._precision, self._scale = precision, scale

    def pack(self, value: Value | Decimal) -> bytes:
        """Return a number in the server's form: groups of four digits (``numeric_recv``)."""
        number = read_decimal(value)
        self._refuse_rounding(number)
        return pack_decimal(number)

    def _refuse_rounding(self, number: Decimal) -> None:
        after, before = _count_digits(number)
        if after > _MOST_AFTER or before > _MOST_BEFORE:
            raise UnfitError("has more digits than numeric takes")
        if self._precision is None or not number:
            return
        if after > self._scale:
            raise UnfitError(f"has more than {self._scale} digits after the point")
        if before > self._precision - self._scale:
            raise UnfitError(f"has more than {self._precision - self._scale} digits before the point")


def _count_digits(number: Decimal) -> tuple[int, int]:
    """Return how many digits count after the point, and before it; below zero where the first ones do not."""
    written = number.as_tuple()
    exponent = int(written.exponent)
    digits = "".join(map(str, written.digits)).rstrip("0")
    after = -(exponent + len(written.digits) - len(digits)) if digits else 0
    return after, number.adjusted() + 1


def read_decimal(value: Value | Decimal) -> Decimal:
    """Return the decimal number that a value is: of a double the shortest that reads as the same. Raises UnfitError."""
    if type(value) is Decimal:
        return value
    if type(value) is int:
        return Decimal(value)
    if type(value) is float:
        if not math.isfinite(value):
            raise UnfitError("is infinite, which numeric does not take")
        return Decimal(repr(value))
    if type(value) is str:
        if _WRITTEN.fullmatch(value) is None:
            raise UnfitError("is no decimal number")
        return Decimal(value)
    raise refuse_class(value, "numeric")


def pack_decimal(number: Decimal) -> bytes:
    """Return a finite decimal as ``numeric_recv`` takes it; zeros at its end go where there are too many."""
    written = f"{number.copy_abs():f}"
    whole, _, part = written.partition(".")
    part = part[:_MOST_AFTER]
    scale = len(part)
    whole = whole.zfill(-(-len(whole) // _BASE_DIGITS) * _BASE_DIGITS)
    part = part.ljust(-(-len(part) // _BASE_DIGITS) * _BASE_DIGITS, "0")
    groups = [int((whole + part)[at : at + _BASE_DIGITS]) for at in range(0, len(whole + part), _BASE_DIGITS)]
    weight = len(whole) // _BASE_DIGITS - 1
    while groups and groups[0] == 0:
        del groups[0]
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    sign = _NEGATIVE if number.is_signed() and groups else 0
    return struct.pack(f">HhHH{len(groups)}H", len(groups), weight if groups else 0, sign, scale, *groups)
