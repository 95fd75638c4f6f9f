"""JSON as it is written: what stands at a path, and the text with another value there.

What is rewritten loses its white space and nothing else, as SQLite's ``json_set`` leaves it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NoReturn

_STEP = re.compile(r"""\.(?:"(?P<quoted>[^"]*)"|(?P<bare>[^.\["]+))|\[(?P<place>\d+)\]|\[\#-(?P<behind>\d+)\]""")
_TOKEN = re.compile(r'[ \t\n\r]*("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[\[\]{}:,])', re.DOTALL)
_INTEGER = re.compile(r"-?[0-9]+\Z")
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_LONGEST = len(str(_LEAST))
"""The longest text that may be an integer: Python reads none of thousands of digits."""
Step = str | int
"""A member's name, or a place in a list; from its end where negative."""


@lru_cache
def read_path(path: str) -> tuple[Step, ...]:
    """Return the steps of a path. Raises ValueError for what is none."""
    steps: list[Step] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(path)
        name = match["quoted"] if match["quoted"] is not None else match["bare"]
        if name is not None:
            steps.append(name)
        else:
            steps.append(int(match["place"]) if match["place"] is not None else -int(match["behind"]))
        at = match.end()
    return tuple(steps)


def find_id(text: str, path: str) -> str | int | None:
    """Return the integer or the text that stands at a path; None for anything else, and in what is no JSON."""
    tokens = _read(text)
    place = None if tokens is None else _find(tokens, 0, read_path(path))
    if tokens is None or place is None:
        return None
    token = tokens[place]
    if token.startswith('"'):
        return str(json.loads(token))
    if _INTEGER.match(token) and _LEAST <= int(token) <= _MOST:
        return int(token)
    return None


def other_form(held: str | int) -> str | int:
    """Return an id as the text that means the same row, and a text as the integer; another text as it is."""
    if isinstance(held, int):
        return str(held)
    is_short = len(held) <= _LONGEST and _INTEGER.match(held) is not None
    is_one = is_short and str(int(held)) == held and _LEAST <= int(held) <= _MOST
    return int(held) if is_one else held


def write_id(value: object) -> str | int | None:
    """Return an id as JSON can hold it."""
    return value if isinstance(value, str | int) or value is None else str(value)


def replace_id(text: str, path: str, value: str | int | None) -> str:
    """Return a text with another value at a path, where one stands."""
    tokens = _read(text)
    place = None if tokens is None else _find(tokens, 0, read_path(path))
    if tokens is None or place is None:
        return text
    tokens[place] = json.dumps(value, ensure_ascii=False)
    return "".join(tokens)


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _read(text: str) -> list[str] | None:
    """Return the tokens of a JSON text; None for what is none."""
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return list(_cut(text))


def _cut(text: str) -> Iterator[str]:
    at = 0
    while match := _TOKEN.match(text, at):
        yield match[1]
        at = match.end()


def _find(tokens: list[str], at: int, steps: tuple[Step, ...]) -> int | None:
    """Return where the scalar at a path stands; of members with one name the first counts."""
    if not steps:
        return None if tokens[at] in ("{", "[") else at
    step, rest = steps[0], steps[1:]
    if tokens[at] != ("{" if isinstance(step, str) else "["):
        return None
    places = list(_parts(tokens, at))
    if isinstance(step, int):
        wanted = step if step >= 0 else len(places) + step
        return _find(tokens, places[wanted][1], rest) if 0 <= wanted < len(places) else None
    found = next((place for name, place in places if name == step), None)
    return None if found is None else _find(tokens, found, rest)


def _parts(tokens: list[str], at: int) -> Iterator[tuple[str, int]]:
    """Yield the names (of an object's members) and places of the values one level below."""
    is_object = tokens[at] == "{"
    at += 1
    while tokens[at] not in ("}", "]"):
        name = ""
        if is_object:
            name = json.loads(tokens[at])
            at += 2
        yield name, at
        at = _skip(tokens, at)
        at += tokens[at] == ","


def _skip(tokens: list[str], at: int) -> int:
    """Return what follows a value."""
    depth = 0
    while True:
        depth += tokens[at] in ("{", "[")
        depth -= tokens[at] in ("}", "]")
        at += 1
        if not depth:
            return at
