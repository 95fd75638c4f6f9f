"""A digest of a table that does not depend on the order of its rows (design, section 5), and equality as bags."""

from __future__ import annotations

import hashlib
import struct

from strongroom.consolidate.verify.catalogue import Table
from strongroom.consolidate.verify.values import Row, Value, encode_text
from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.sqlite.connection import Connection

_BYTES = 16
_MODULUS = 1 << (8 * _BYTES)


def digest_table(
    connection: Connection, table: Table, schema: str = "main", *, with_rowid: bool = False
) -> tuple[int, int]:
    """Return how many rows there are, and the sum of their 128-bit hashes."""
    cells = quote_all(column.name for column in table.columns)
    if with_rowid and table.rowid is not None:
        cells = f"{quote(table.rowid)}, {cells}"
    rows, total = 0, 0
    for row in connection.execute(f"SELECT {cells} FROM {dotted(schema, table.name)}"):
        rows += 1
        total += int.from_bytes(hashlib.blake2b(encode_row(row), digest_size=_BYTES).digest(), "big")
    return rows, total % _MODULUS


def write_digest(digest: tuple[int, int]) -> str:
    """Write a digest as ``rows:hash``."""
    return f"{digest[0]}:{digest[1]:032x}"


def encode_row(row: Row) -> bytes:
    """Return bytes that two rows share only if every value is the same: tag, length, content."""
    return b"".join(map(_encode, row))


def _encode(value: Value) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, int):
        return b"I" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"R" + struct.pack(">d", value)
    held, tag = (encode_text(value), b"T") if isinstance(value, str) else (value, b"B")
    return tag + struct.pack(">Q", len(held)) + held
