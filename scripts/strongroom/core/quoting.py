"""The one place where names and values become SQL text.

Every statement that is put together from identifiers goes through here.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from functools import lru_cache

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def quote(name: str) -> str:
    """Quote one identifier; a quote inside it is doubled."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """Return a name as SQLite compares names: only A to Z lose their case."""
    return name.translate(_LOWER)


def quote_all(names: Iterable[str], prefix: str = "") -> str:
    """Quote identifiers into a comma-separated list, each after ``prefix``."""
    return ", ".join(prefix + quote(name) for name in names)


def dotted(*parts: str) -> str:
    """Quote a qualified name: ``dotted("main", "my table")``."""
    return ".".join(quote(part) for part in parts)


def literal(value: str | int) -> str:
    """Write a text or an integer as an SQL literal."""
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"
