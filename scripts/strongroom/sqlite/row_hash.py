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
    lines = [f"{name}={_write(value)}\n" for name, value in zip(columns, values, strict=True)]
    return hashlib.sha256(f"{source}\n{''.join(lines)}".encode()).hexdigest()


def _write(value: Exact) -> str:
    if isinstance(value, RawText):
        return f"T{value.hex()}"
    if value is None:
        return "N"
    if isinstance(value, int):
        return f"I{value}"
    return f"B{value.hex()}" if isinstance(value, bytes) else f"R{struct.pack('>d', value).hex()}"
