"""Names as PostgreSQL takes them: at most 63 bytes, and each once in a schema."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from strongroom.core.errors import PlanError

_LONGEST = 63
"""Bytes (NAMEDATALEN - 1)."""
_HASH_DIGITS = 8
_SYSTEM_COLUMNS = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}


class NameBook:
    """The names of a schema's relations and types, which share one space there."""

    def __init__(self, taken: Iterable[str]) -> None:
        """Begin with those that are given away."""
        self._taken = set(taken)

    def choose(self, *parts: str) -> str:
        """Return a name made of ``parts`` that nothing else has, and give it away."""
        wanted = "_".join(parts)
        name, number = shorten(wanted), 1
        while name in self._taken:
            number += 1
            name = shorten(f"{wanted}_{number}")
        self._taken.add(name)
        return name


def shorten(name: str) -> str:
    """Return a name that fits: a longer one is cut, and ends with a hash of the whole."""
    if len(name.encode()) <= _LONGEST:
        return name
    kept = name.encode()[: _LONGEST - 1 - _HASH_DIGITS].decode(errors="ignore")
    return f"{kept}_{sha256(name.encode()).hexdigest()[:_HASH_DIGITS]}"


def refuse_table_name(target: str, table: str) -> None:
    """Raise PlanError for a name that no table or view can have in PostgreSQL."""
    _refuse_length(f"{target}.{table}", table)


def refuse_column_name(target: str, table: str, column: str) -> None:
    """Raise PlanError for a name that no column can have in PostgreSQL."""
    subject = f"{target}.{table}.{column}"
    _refuse_length(subject, column)
    if column in _SYSTEM_COLUMNS:
        raise PlanError(subject, "is the name of a column that every table of PostgreSQL has", _RENAME)


def _refuse_length(subject: str, name: str) -> None:
    size = len(name.encode())
    if size > _LONGEST:
        raise PlanError(subject, f"has a name of {size} bytes; PostgreSQL's have at most {_LONGEST}", _RENAME)
    if not name:
        raise PlanError(subject, "has an empty name, which PostgreSQL does not take", _RENAME)


_RENAME = "merge it under another name first (into: and columns: of the plan's tables), or load it into schema files"
