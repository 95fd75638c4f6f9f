"""The types of columns in the server, as its catalogue says them: domains are what they stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from strongroom.postgres.connection import Connection

INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
"""By how many bits of value they hold."""
FLOATS = ("float4", "float8")
_PLAIN = {*INTEGERS, *FLOATS, "numeric", "bool", "text", "varchar", "jsonb", "json", "timestamptz", "timestamp"} | {
    "date", "uuid", "bytea"
}  # fmt: skip
_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a column holds."""

    name: str
    """PostgreSQL's own short name (``int8``), ``enum`` or ``array``; empty for what a load makes nothing of."""
    shown: str
    """For people."""
    length: int | None = None
    """Of varchar, in characters."""
    precision: int | None = None
    scale: int = 0
    """Of numeric, both in decimal digits."""
    labels: tuple[str, ...] = ()
    element: Kind | None = None
    is_domain: bool = False
    is_not_null: bool = False
    """By its domain."""
    takes_numbers: bool = False
    """Whether it is text because the plan says so, of a column that mixes texts and numbers."""


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    sort: str
    base: int
    modifier: int
    element: int
    is_not_null: bool
    is_built_in: bool
    is_array: bool


class Kinds:
    """The types of a server, by their number. Read-only."""

    def __init__(self, connection: Connection) -> None:
        """Read the catalogue's types and the labels of enums."""
        self._types = {
            row[0]: _Type(*row[1:])
            for row in connection.execute(
                "SELECT oid, typname, typtype::text, typbasetype, typtypmod, typelem, typnotnull, "
                "typnamespace = 'pg_catalog'::regnamespace, typcategory = 'A' AND typlen = -1 FROM pg_type"
            )
        }
        self._labels: Mapping[int, tuple[str, ...]] = {
            oid: tuple(labels)
            for oid, labels in connection.execute(
                "SELECT enumtypid, array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum GROUP BY enumtypid"
            )
        }

    def find(self, oid: int, modifier: int, shown: str) -> Kind:
        """Return what a type is, with its length or precision."""
        found = self._types[oid]
        if found.sort == "d":
            inner = self.find(found.base, found.modifier, shown)
            return replace(inner, is_domain=True, is_not_null=found.is_not_null or inner.is_not_null)
        if found.sort == "e":
            return Kind(name="enum", shown=shown, labels=self._labels.get(oid, ()))
        if found.is_array and found.is_built_in:
            return Kind(name="array", shown=shown, element=self.find(found.element, modifier, shown))
        if not found.is_built_in or found.name not in _PLAIN:
            return Kind(name="", shown=shown)
        return _limit(Kind(name=found.name, shown=shown), modifier)


def _limit(kind: Kind, modifier: int) -> Kind:
    """Return a type with what its modifier says of it."""
    if modifier == _NONE:
        return kind
    if kind.name == "varchar":
        return replace(kind, length=modifier - 4)
    if kind.name == "numeric":
        precision, scale = (modifier - 4 >> 16) & 0xFFFF, (modifier - 4) & 0x7FF
        return replace(kind, precision=precision, scale=(scale ^ 1024) - 1024)
    return kind
