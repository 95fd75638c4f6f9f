"""The hash of a row: the same for the same source, columns and stored values, byte for byte, and for nothing else."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

from strongroom.sqlite.connection import RawText

Exact = int | float | bytes | None
"""A stored value, TEXT as ``RawText``."""


def hash_row(source: str, columns: Sequence[str], values: Sequence[Exact]) -> str:
    """Return the hash of a row of ``source.table`` (PLAN.md, section 8); TEXT comes as ``RawText``."""
    parts = [source.encode(), b"\n"]
    for name, value in zip(columns, values, strict=True):
        parts += (name.encode(), b"=", _write(value), b"\n")
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _write(value: Exact) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, int):
        return b"I%d" % value
    if isinstance(value, float):
        return b"R" + struct.pack(">d", value).hex().encode()
    return (b"T" if isinstance(value, RawText) else b"B") + value.hex().encode()
