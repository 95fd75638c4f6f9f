"""Faults that no operator makes, from ``handmade.txt``: each was, or could be, published as proven with wrong data.

# part: name
@ file
- what stands there, exactly once
+ what comes in its place
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

from tests.mutants.areas import AREAS, LOADS, PACKAGE, Mutant, compile_replaced

_TABLE = Path(__file__).with_name("handmade.txt")


def list_handmade() -> list[Mutant]:
    """Return every fault of the table. Raises ValueError for an entry that is not of its form."""
    entries = _TABLE.read_text(encoding="utf-8").strip().split("\n\n")
    return [_read_entry(entry.splitlines()) for entry in entries]


def _read_entry(lines: list[str]) -> Mutant:
    (area, _, name), file = lines[0].removeprefix("# ").partition(": "), lines[1].removeprefix("@ ")
    if area not in (*AREAS, *LOADS) or not lines[1].startswith("@ "):
        raise ValueError(f"is no entry: {lines[:2]}")
    changes = tuple(_read_changes(lines[2:]))
    return Mutant(
        name=f"{file} by hand: {name}",
        area=area,
        file=file,
        build=partial(compile_replaced, PACKAGE / file, changes),
        is_handmade=True,
    )


def _read_changes(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield old and new texts: lines with a minus, and the lines with a plus behind them."""
    blocks = [(sign, "\n".join(line[2:] for line in block)) for sign, block in groupby(lines, key=lambda line: line[0])]
    for (minus, old), (plus, new) in zip(blocks[::2], blocks[1::2], strict=True):
        if (minus, plus) != ("-", "+"):
            raise ValueError(f"is no change: {minus} {old}")
        yield old, new
