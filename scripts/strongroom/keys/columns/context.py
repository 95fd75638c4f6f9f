"""The one place where a value opens: a row of a column of a table, spelt so that no two places are spelt alike."""

from __future__ import annotations

import json
import uuid
from base64 import b64encode
from dataclasses import dataclass
from typing import TypeAlias

from strongroom.core.errors import UsageError

KeyOfRow: TypeAlias = int | str | bytes | uuid.UUID

_spell_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Context:
    """A table, one of its columns, and the values of the primary key in the order that ``system.yaml`` names them."""

    table: str
    column: str
    key: tuple[KeyOfRow, ...]

    def spell(self) -> bytes:
        """Return the place as compact JSON in UTF-8: ``["users","api_key",7]``.

        Raises UsageError for a key that is empty, or holds NULL, a real number or anything else.
        """
        parts = [self.table, self.column]
        parts += [one if type(one) is int or type(one) is str else _spell_part(one) for one in self.key]  # type: ignore[misc]
        if len(parts) == 2:  # noqa: PLR2004  table and column alone
            raise UsageError("primary key", "has no value", "name the row that the value stands in")
        try:
            return _spell_json(parts).encode()
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
