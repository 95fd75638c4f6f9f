"""Ciphertext in columns that nobody registered: what a value is, also as a text inside of JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from strongroom.keys.columns import TEXT_STARTS, Kind, find_format
from strongroom.rotate.columns.model import Found

JSON_SIGNS = tuple(f'"{json.dumps(start)[1:-1]}' for start in TEXT_STARTS)
"""With one of these begins each text in JSON that is not plain."""


def count_formats(place: str, column: str, values: Iterable[object]) -> Iterator[Found]:
    """Yield how many values of a column are ciphertext, by format; each counts once for a format.

    What only begins as ciphertext does is text like any other.
    """
    counted: Counter[Kind] = Counter()
    for value in values:
        counted.update({find_format(part).kind for part in _list_parts(value)} - {Kind.PLAIN, Kind.DAMAGED})
    for kind, count in sorted(counted.items()):
        yield Found(place=place, column=column, format=str(kind), count=count)


def _list_parts(value: object) -> Iterator[object]:
    """Yield a value, and each text in it where it is JSON."""
    yield value
    text = value.lstrip() if isinstance(value, str) else ""
    if text.startswith(("{", "[", '"')):
        with suppress(ValueError, RecursionError):
            yield from _list_texts(json.loads(text))


def _list_texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for inner in part.values():
            yield from _list_texts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _list_texts(inner)
