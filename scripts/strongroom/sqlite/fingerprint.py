"""What a table holds, as a number that tells every typed value and not the order of its rows.

A sum, never an XOR, so that duplicates count (design, section 5). Sums of parts add up: a table can be
read in chunks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from strongroom.core.errors import ConfigurationError
from strongroom.core.quoting import dotted, literal, quote, quote_all

_MODULUS = 1 << 128
_DIGEST_BYTES = 16

Value = int | float | str | bytes | None
"""TEXT is ``str`` or a subclass of bytes (SQLite's TEXT may be no UTF-8), BLOB is bytes itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """How many rows, and the sum of their 128-bit hashes modulo 2^128."""

    rows: int = 0
    total: int = 0

    def __add__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(rows=self.rows + other.rows, total=(self.total + other.total) % _MODULUS)

    def __str__(self) -> str:
        return f"{self.rows}:{self.total:032x}"


class Database(Protocol):
    """As much of an open SQLite connection as reading takes."""

    text_factory: Any

    def execute(self, sql: str, /) -> Iterable[tuple[Any, ...]]:
        """Run one statement."""


class _Text(bytes):
    __slots__ = ()


def encode_value(value: Value) -> bytes:
    """Write a value as tag, length and bytes; no two values of SQLite's five storage classes share one."""
    if value is None:
        return _frame(b"N", b"")
    if isinstance(value, int):
        return _frame(b"I", struct.pack(">q", value))
    if isinstance(value, float):
        return _frame(b"R", struct.pack(">d", value))
    if isinstance(value, str):
        return _frame(b"T", value.encode("utf-8", "surrogateescape"))
    return _frame(b"B" if type(value) is bytes else b"T", value)


def _frame(tag: bytes, content: bytes) -> bytes:
    return tag + struct.pack(">Q", len(content)) + content


def hash_row(row: Sequence[Value]) -> int:
    """Return the 128-bit hash of one row's values in order."""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for value in row:
        digest.update(encode_value(value))
    return int.from_bytes(digest.digest(), "big")


def fingerprint_rows(rows: Iterable[Sequence[Value]]) -> Fingerprint:
    """Return the fingerprint of rows in any order; rows are read one at a time."""
    count = total = 0
    for row in rows:
        count += 1
        total += hash_row(row)
    return Fingerprint(rows=count, total=total % _MODULUS)


def fingerprint_table(connection: Database, table: str, schema: str = "main") -> Fingerprint:
    """Return the fingerprint of a table's columns in declared order, without generated ones. Read-only.

    Raises ConfigurationError when there is no such table.
    """
    factory = connection.text_factory
    try:
        connection.text_factory = str
        described = connection.execute(f"PRAGMA {quote(schema)}.table_xinfo({literal(table)})")
        # The last field is 1 for hidden columns of virtual tables, 2 and 3 for generated ones.
        columns = [row[1] for row in described if row[6] == 0]
        if not columns:
            raise ConfigurationError(f"{schema}.{table}", "there is no such table")
        connection.text_factory = _Text
        return fingerprint_rows(connection.execute(f"SELECT {quote_all(columns)} FROM {dotted(schema, table)}"))
    finally:
        connection.text_factory = factory
