"""Which packer a column's type has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strongroom.load.convert.documents import JsonPacker
from strongroom.load.convert.instants import DatePacker, InstantPacker, LocalPacker
from strongroom.load.convert.model import Packer
from strongroom.load.convert.numerals import NumericPacker
from strongroom.load.convert.others import ArrayPacker, UuidPacker
from strongroom.load.convert.plain import (
    BooleanPacker,
    BytesPacker,
    DoublePacker,
    EnumPacker,
    IntegerPacker,
    TextPacker,
)
from strongroom.load.stage.columns import ServerType

_HEADER = 4
"""What the server adds to a type modifier (``VARHDRSZ``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How values of a column are read, as far as somebody says."""

    zone: str | None = None
    epoch: str | None = None
    as_text: bool = False
    """Whether the plan says that numbers become text."""


_PACKERS: dict[str, Callable[[ServerType, Reading], Packer]] = {
    "bool": lambda _, __: BooleanPacker(),
    "bytea": lambda _, __: BytesPacker(),
    "citext": lambda _, __: TextPacker(),
    "date": lambda _, __: DatePacker(),
    "enum": lambda kind, _: EnumPacker(kind.labels),
    "float4": lambda _, __: DoublePacker(4),
    "float8": lambda _, __: DoublePacker(),
    "int2": lambda _, __: IntegerPacker(2),
    "int4": lambda _, __: IntegerPacker(4),
    "int8": lambda _, __: IntegerPacker(8),
    "json": lambda _, __: JsonPacker(is_binary=False),
    "jsonb": lambda _, __: JsonPacker(is_binary=True),
    "numeric": lambda kind, _: _choose_numeric(kind.modifier),
    "text": lambda _, reading: TextPacker(takes_numbers=reading.as_text),
    "timestamp": lambda _, __: LocalPacker(),
    "timestamptz": lambda _, reading: InstantPacker(reading.zone, reading.epoch),
    "uuid": lambda _, __: UuidPacker(),
    "varchar": lambda kind, _: TextPacker(kind.modifier - _HEADER if kind.modifier >= 0 else None),
}


def choose_packer(kind: ServerType, reading: Reading) -> Packer | None:
    """Return what packs a type's values; None for a type that nothing is loaded into."""
    if kind.element is not None:
        element = choose_packer(kind.element, reading)
        return None if element is None else ArrayPacker(element, kind.oid)
    found = _PACKERS.get(kind.name)
    return None if found is None else found(kind, reading)


def _choose_numeric(modifier: int) -> Packer:
    if modifier < 0:
        return NumericPacker()
    packed = modifier - _HEADER
    scale = packed & 0x7FF
    return NumericPacker((packed >> 16) & 0xFFFF, scale - 0x800 if scale >= 0x400 else scale)  # noqa: PLR2004  # 11 bits
