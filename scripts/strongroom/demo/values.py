"""Cell values that look like an application's own, each a function of numbers alone."""

from __future__ import annotations

import json
import string
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

Value = int | float | str | bytes | None

_MASK = (1 << 64) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_TWO_YEARS = 2 * 365 * 86_400 * 1_000_000

NAMES = (
    "ana",
    "björn",
    "chloé",
    "dmitri",
    "émile",
    "fatma",
    "gwen",
    "hồng",
    "ines",
    "o'neill",
    "joão",
    "κώστας",
    "lì",
    "mårten",
    "noor",
    "ольга",
    "priya",
    "qiu",
    "rosa",
    "søren",
    "tomás",
    "uwe",
    "věra",
    "李雷",
    "zoë",
)
_WORDS = (
    "open",
    "closed",
    "pending",
    "semantic",
    "critical",
    "general",
    "code",
    "design",
    "proposal",
    "naïve",
    "draft",
    "high",
    "low",
    "medium",
    '"quoted"',
    "it's",
    "100 %",
    "a\tb",
    "résumé",
    "🙂",
)
_SENTENCES = (
    "The evidence does not support this.",
    "Both sides agree on the goal; they differ on the way.",
    "Ärger mit Umlauten: größer, schöner.",
    'He said "no", and it is recorded.',
    "Line one\nline two.",
    "これは試験です。",
    "Costs fell by 12 % -- see the table.",
    "O'Brien; DROP TABLE students;--",
    "Combining: e\u0301 is not é.",
    "Right to left: שלום.",
    "Trailing space ",
    "",
)
_BCRYPT = f"./{string.ascii_letters}{string.digits}"


def draw(*parts: int) -> int:
    """Mix numbers into one of 64 bits, evenly spread and the same on every machine."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = ((state ^ (part & _MASK)) * 0xBF58476D1CE4E5B9) & _MASK
        state ^= state >> 29
    state = (state * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 32)


def number_of(text: str) -> int:
    """Return a number for a text, the same on every machine."""
    return zlib.crc32(text.encode())


def singular(name: str) -> str:
    """Return what one row of a table is called."""
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def make_name(number: int) -> str:
    """Return the name of that number; names differ when numbers do."""
    name = NAMES[number % len(NAMES)]
    return name if number < len(NAMES) else f"{name}-{number // len(NAMES)}"


def make_instant(chance: int, affinity: str) -> Value:
    """Return an instant: ISO text in one of the usual forms, or seconds since 1970 in a number's column."""
    instant = _FIRST_DAY + timedelta(microseconds=chance % _TWO_YEARS)
    if affinity == "INTEGER":
        return int((instant - _EPOCH).total_seconds())
    if affinity == "REAL":
        return (instant - _EPOCH).total_seconds()
    return _FORMS[(chance >> 48) % len(_FORMS)](instant)


_FORMS: tuple[Callable[[datetime], str], ...] = (
    lambda instant: instant.replace(tzinfo=None).isoformat(),
    lambda instant: instant.strftime("%Y-%m-%d %H:%M:%S"),
    lambda instant: instant.strftime("%Y-%m-%dT%H:%M:%SZ"),
    datetime.isoformat,
    lambda instant: instant.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="milliseconds"),
    lambda instant: instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
)


def _make_json(chance: int) -> str:
    if chance % 3 == 0:
        return json.dumps([_WORDS[(chance >> shift) % len(_WORDS)] for shift in (8, 16, 24)])
    return json.dumps(
        {
            _WORDS[(chance >> 8) % 12]: (chance >> 16) % 100,
            "note": _SENTENCES[(chance >> 24) % len(_SENTENCES)],
            "parts": [round((chance >> shift) % 1000 / 1000, 3) for shift in (10, 20, 30)],
        },
        ensure_ascii=chance % 2 == 0,
    )


def _make_prose(chance: int) -> str:
    count = 1 + chance % 4
    return " ".join(_SENTENCES[(chance >> (8 * step + 4)) % len(_SENTENCES)] for step in range(count))


def _make_blob(chance: int) -> bytes:
    return struct.pack("<16f", *(((chance >> shift) % 2001 - 1000) / 1000 for shift in range(0, 48, 3)))


def _make_password(chance: int) -> str:
    """Return what a password's hash looks like: bcrypt, 22 characters of salt and 31 of the hash itself."""
    signs = (_BCRYPT[draw(chance, place) % len(_BCRYPT)] for place in range(53))
    return f"$2b$12${''.join(signs)}"


MAKERS: dict[str, Callable[[int], Value]] = {
    "json": _make_json,
    "prose": _make_prose,
    "blob": _make_blob,
    "flag": lambda chance: chance % 2,
    "count": lambda chance: chance % 1000 if chance % 7 else 0,
    "measure": lambda chance: round((chance >> 11) / (1 << 53), 6),
    "email": lambda chance: f"{make_name(chance % 999)}@example.org",
    "password": _make_password,
    "name": lambda chance: make_name(chance % 40),
    "word": lambda chance: _WORDS[chance % len(_WORDS)],
}
"""Kind of a column to a maker of its values from one random number."""
