"""Rows as Python reads them, TEXT that is no UTF-8 marked, whatever the connection was set to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from strongroom.sqlite.connection import Connection, RawText

_ROWS = 1_000
"""So many are held at a time."""


@contextmanager
def texts_as_str(connection: Connection) -> Iterator[None]:
    """Let a connection give TEXT as str, and what is no UTF-8 as ``RawText``; afterwards as before."""
    before = connection.text_factory
    connection.text_factory = decode_text
    try:
        yield
    finally:
        connection.text_factory = before


def decode_text(raw: bytes) -> str | RawText:
    """Return TEXT as str, or as its bytes where these are no UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return RawText(raw)


def read_batches(connection: Connection, asked: str) -> Iterator[list[tuple[Any, ...]]]:
    """Yield what a query answers, many rows at a time."""
    with texts_as_str(connection):
        cursor = connection.execute(asked)
        while rows := cursor.fetchmany(_ROWS):
            yield rows
