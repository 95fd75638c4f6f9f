"""The one place where a value opens: a row of a column of a table, spelt so that no two places are spelt alike."""

from __future__ import annotations

import json
import uuid
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TypeAlias

from strongroom.core.errors import UsageError

KeyOfRow: TypeAlias = int | str | bytes | uuid.UUID

_spell_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Context:
    """A table, one of its columns, and the values of the primary key in the order that ``system.yaml`` names them.

    Raises UsageError for a key that is empty, or holds NULL, a real number or anything else that is no key.
    """

    table: str
    column: str
    key: tuple[KeyOfRow, ...]
    spelling: bytes = field(init=False, repr=False, compare=False)
    """The place as compact JSON in UTF-8: ``["users","api_key",7]``."""

    def __post_init__(self) -> None:
        """Spell the place, once."""
        object.__setattr__(self, "spelling", _spell(self.table, self.column, self.key))

    def rename(self, table: str, column: str) -> Context:
        """Return the place of the same row under other names."""
        return Context(table, column, self.key)


def _spell(table: str, column: str, key: tuple[KeyOfRow, ...]) -> bytes:
    if not key:
        raise UsageError("primary key", "has no value", "name the row that the value stands in")
    parts = [one if type(one) is int or type(one) is str else _spell_part(one) for one in key]
    try:
        return _spell_json([table, column, *parts]).encode()
    except UnicodeEncodeError:
        fact = "holds text that is no UTF-8"
        raise UsageError("primary key", fact, "such a row cannot be named: give it another key") from None


def _spell_part(part: object) -> object:
    if isinstance(part, uuid.UUID):
        return str(part)
    if isinstance(part, bytes | bytearray | memoryview):
        return {"bytes": b64encode(part).decode()}
    if isinstance(part, str):
        return str(part)
    if isinstance(part, int) and not isinstance(part, bool):
        return int(part)
    what = "NULL" if part is None else f"a value of type {type(part).__name__}"
    raise UsageError("primary key", f"holds {what}", "it is made of integers, texts, bytes and UUIDs")
