"""UUIDs, and arrays of what has a packer of its own."""

from __future__ import annotations

import json
import math
import re
import struct
from decimal import Decimal
from typing import Any

from strongroom.load.convert.documents import JsonPacker, check_json
from strongroom.load.convert.model import Packer, UnfitError, Value, refuse_class, write_size
from strongroom.load.convert.numerals import NumericPacker

_UUID = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_UUID_BYTES = 16


class UuidPacker(Packer):
    """``uuid``."""

    def pack(self, value: Value) -> bytes:
        """Return 16 bytes."""
        if type(value) is bytes and len(value) == _UUID_BYTES:
            return value
        if type(value) is not str:
            raise refuse_class(value, "uuid")
        if _UUID.fullmatch(value) is None:
            raise UnfitError("is no UUID")
        return bytes.fromhex(value.replace("-", ""))


class ArrayPacker(Packer):
    """An array of one dimension, of a text that is a JSON array."""

    def __init__(self, element: Packer, oid: int) -> None:
        """Take elements that ``element`` takes; ``oid`` is their type's number in the server."""
        self._element, self._oid = element, oid
        self._read_fraction = Decimal if isinstance(element, NumericPacker | JsonPacker) else float

    def pack(self, value: Value) -> bytes:
        """Return dimension, flags and elements (``array_recv``)."""
        if type(value) is not str:
            raise refuse_class(value, "an array")
        check_json(value)
        read = json.loads(value, parse_float=self._read_fraction)
        if not isinstance(read, list):
            raise UnfitError("is no JSON array")
        if not read:
            return struct.pack(">iiI", 0, 0, self._oid)
        fields = [self._pack_element(one) for one in read]
        head = struct.pack(">iiIii", 1, int(None in read), self._oid, len(read), 1)
        return head + b"".join(fields)

    def _pack_element(self, value: Any) -> bytes:
        if value is None:
            return struct.pack(">i", -1)
        if isinstance(value, dict | list):
            raise UnfitError("has an element that is an array or an object")
        if isinstance(value, float) and math.isinf(value):
            raise UnfitError("has a number that is larger than any double")
        packed = self._element.pack(int(value) if isinstance(value, bool) else value)
        return write_size(len(packed)) + packed
