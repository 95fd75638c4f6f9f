"""One value of a key, as an index of the server compares it with the rows that are there."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strongroom.load.verify.kinds import FLOATS, INTEGERS, Kind
from strongroom.load.verify.pairing import Cell
from strongroom.load.verify.values import Same

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDS = {"lower": 'lower({} COLLATE "C")', "casefold": "lower({})", "rtrim": "rtrim({}, ' ')"}
_UNKNOWN = ("json", "jsonb", "array")
"""Types of which one value has many texts here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart:
    """A column of an index, and the value that a row of the source has of it."""

    place: int
    how: str
    """What folds it: ``lower``, ``casefold``, ``rtrim`` or nothing."""
    collation: str
    """To which different texts may be one (quoted, with its schema); empty for others."""
    value: Same

    def compare(self, cell: Cell) -> tuple[str, list[str]]:
        """Return the condition (``{cN}`` is the column) under which a row has the value, and its parameters.

        Of a type that cannot be asked for, every row may have it.
        """
        name = f"{{c{self.place}}}"
        if self.value is None:
            return f"{name} IS NULL", []
        if cell.kind.name in _UNKNOWN:
            return "true", []
        fold = _FOLDS.get(self.how, "{}")
        value = fold.replace("{}", f"%s::text::{spell(cell.kind.shown)}")
        collation = f" COLLATE {spell(self.collation)}" if self.collation else ""
        return f"{fold.replace('{}', name)} = {value}{collation}", [write_server(cell.kind, self.value)]


def write_server(kind: Kind, value: Same) -> str:
    """Return a value, in the form in which both sides are compared, as the server reads it."""
    if kind.name in FLOATS:
        return repr(unpack_double(value))
    if kind.name == "bytea":
        return f"\\x{value.hex()}"
    if kind.name == "bool":
        return "true" if value else "false"
    if kind.name in ("timestamptz", "timestamp"):
        return (_BEGIN + timedelta(microseconds=value)).isoformat()
    return str(value) if kind.name in INTEGERS else value


def unpack_double(packed: bytes) -> float:
    """Return a double of its bits."""
    (number,) = struct.unpack(">d", packed)
    return float(number)


def spell(name: str) -> str:
    """Return what the server wrote, within a statement with parameters and parts."""
    return name.replace("%", "%%").replace("{", "{{").replace("}", "}}")
