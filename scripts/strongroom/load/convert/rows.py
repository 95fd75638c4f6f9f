"""Pack many rows of a table in one go, by a function that is written for the kinds of its columns.

As the standard library does for its dataclasses. What is written are numbers of columns and words of this module and of
the packers, never a name or a value. Such a function takes rows that fit; whose values do not is asked of each packer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from strongroom.load.convert.model import Fixed, Packer, Sized, UnfitError, Value

PackRows: TypeAlias = Callable[[Sequence[Sequence[Value]]], list[bytes]]
_FAILS = (UnfitError, struct.error, TypeError, AttributeError, ValueError, OverflowError)
"""What such a function raises where a value does not fit, or is not of the class that it was written for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a table."""

    packer: Packer
    not_null: bool


def write_packer(fields: Sequence[Field], *, with_address: bool) -> PackRows:
    """Return what packs rows, each with its address before its values; on request that becomes the last field.

    It returns the bytes of a COPY in pieces, and raises UnfitError where any value does not fit.
    """
    writer = _Writer(len(fields) + with_address)
    for number, field in enumerate(fields, start=1):
        writer.add(f"c{number}", field.packer.inline, number, nullable=not field.not_null, pack=field.packer.pack)
    if with_address:
        writer.add("c0", Fixed(code="q", size=8), 0, nullable=False, pack=None)
    pack = writer.make(len(fields))

    def pack_rows(rows: Sequence[Sequence[Value]]) -> list[bytes]:
        try:
            return pack(rows)
        except UnfitError:
            raise
        except _FAILS as error:
            raise UnfitError("is of another class than most") from error

    return pack_rows


class _Writer:
    """Writes the function: for each row numbers that follow each other go into one ``struct``."""

    def __init__(self, fields: int) -> None:
        """Begin a row with the number of its fields."""
        self._codes, self._values = "h", [str(fields)]
        self._lines: list[str] = []
        self._pieces: list[str] = []
        self._names: dict[str, Any] = {"NULL": struct.pack(">i", -1), "UnfitError": UnfitError}
        self._count = count()

    def add(self, value: str, kind: Fixed | Sized | None, number: int, *, nullable: bool, pack: Any) -> None:
        """Write one column."""
        if isinstance(kind, Fixed):
            self._check(value, kind.check, nullable=nullable)
            self._names |= {f"{name}{number}": known for name, known in kind.names.items()}
            written = kind.write.format(v=value, n=number)
            if nullable:
                self._add_nullable(value, kind, written)
            else:
                self._codes += f"i{kind.code}"
                self._values += [str(kind.size), written]
            return
        self._check(value, kind.check if kind is not None else "", nullable=nullable)
        known = {"pack": pack} if kind is None else kind.names
        self._names |= {f"{name}{number}": one for name, one in known.items()}
        written = (kind or Sized(write="pack{n}({v})")).write.format(v=value, n=number)
        self._add_sized(value, number, written, nullable=nullable)

    def _check(self, value: str, check: str, *, nullable: bool) -> None:
        if check:
            there = f"{value} is not None and " if nullable else ""
            self._lines.append(f"if {there}{check.format(v=value)}: raise UnfitError")

    def _add_nullable(self, value: str, kind: Fixed, written: str) -> None:
        self._flush()
        name = self._know(f"i{kind.code}")
        self._pieces.append(f"NULL if {value} is None else {name}({kind.size}, {written})")

    def _add_sized(self, value: str, number: int, written: str, *, nullable: bool) -> None:
        if nullable:
            self._lines.append(f"if {value} is None: n{number}, e{number} = -1, b''")
            self._lines.append(f"else: e{number} = {written}; n{number} = len(e{number})")
        else:
            self._lines.append(f"e{number} = {written}; n{number} = len(e{number})")
        self._codes += "i"
        self._values.append(f"n{number}")
        self._flush()
        self._pieces.append(f"e{number}")

    def _flush(self) -> None:
        if self._codes:
            self._pieces.append(f"{self._know(self._codes)}({', '.join(self._values)})")
        self._codes, self._values = "", []

    def _know(self, codes: str) -> str:
        name = f"s{next(self._count)}"
        self._names[name] = struct.Struct(f">{codes}").pack
        return name

    def make(self, columns: int) -> PackRows:
        """Return the function."""
        self._flush()
        names = ", ".join(f"c{number}" for number in range(columns + 1))
        body = "".join(f"        {line}\n" for line in self._lines)
        text = (
            f"def pack(rows):\n    out = []\n    for ({names},) in rows:\n{body}"
            f"        out += ({', '.join(self._pieces)},)\n    return out\n"
        )
        exec(compile(text, "<packer of rows>", "exec"), self._names)  # noqa: S102  # see the module's text
        made: PackRows = self._names["pack"]
        return made
