"""Defaults that are the time of the insert: SQLite's ways to say it, and PostgreSQL's."""

from __future__ import annotations

import re
from collections.abc import Callable

from strongroom.core.quoting import literal
from strongroom.load.draft.terms import UntranslatableError

_FORMATS = {
    "current_timestamp": "%Y-%m-%d %H:%M:%S",
    "current_date": "%Y-%m-%d",
    "current_time": "%H:%M:%S",
    "datetime": "%Y-%m-%d %H:%M:%S",
    "date": "%Y-%m-%d",
    "time": "%H:%M:%S",
    "unixepoch": "%s",
    "julianday": "%J",
}
_NOW = r"(?:'now'|\"now\")"
_CALL = re.compile(
    rf"(?P<name>current_(?:timestamp|date|time))|(?P<call>datetime|date|time|julianday|unixepoch)\((?:{_NOW})?\)|"
    rf"strftime\('(?P<format>[^']*)'(?:,{_NOW})?\)",
    re.IGNORECASE,
)
_CAST = re.compile(r"cast\((?P<inner>.+)as(?:integer|int|bigint)\)", re.IGNORECASE)
_TIMES_1000 = re.compile(r"(?P<inner>.+?)\*1000|1000\*(?P<other>.+)")
_FROM_JULIAN = re.compile(
    r"(?:round)?\(*julianday\('now'\)-2440587\.5\)\*86400(?P<milli>000)?(?:\.0)?\)*", re.IGNORECASE
)
_FIELDS = {"Y": "YYYY", "m": "MM", "d": "DD", "H": "HH24", "M": "MI", "S": "SS", "f": "SS.MS", "j": "DDD"}
_UTC = "now() AT TIME ZONE 'UTC'"
_EPOCH = "EXTRACT(epoch FROM now())"


def find_moment(sql: str) -> str | None:
    """Return how a default writes the time of the insert, as ``strftime`` would; ``%Q`` for milliseconds since 1970.

    None where it is no such default.
    """
    bare = _strip(_without_spaces(sql))
    scaled = _TIMES_1000.fullmatch(bare)
    if scaled is not None:
        return "%Q" if find_moment(scaled["inner"] or scaled["other"]) == "%s" else None
    cast = _CAST.fullmatch(bare)
    if cast is not None:
        inner = find_moment(cast["inner"])
        return inner if inner in {"%s", "%Q"} else None
    julian = _FROM_JULIAN.fullmatch(bare)
    if julian is not None:
        return "%Q" if julian["milli"] else "%s"
    found = _CALL.fullmatch(bare)
    if found is None:
        return None
    return found["format"] if found["format"] is not None else _FORMATS[(found["name"] or found["call"]).lower()]


def write_moment(written: str, kind: str) -> str:
    """Return a default of a column's type that is the time of the insert. Raises UntranslatableError."""
    plain = kind.partition("(")[0]
    writer = _WRITERS.get(plain)
    sql = writer(written) if writer is not None else None
    if sql is None:
        raise UntranslatableError(f"is no {kind}")
    return sql


def _write_text(written: str) -> str | None:
    if written in {"%s", "%Q"}:
        return f"{_write_number(written)}::text"
    pieces = [_write_piece(piece) for piece in re.findall(r"%.|[^%]+", written, re.DOTALL)]
    return None if None in pieces else f"to_char({_UTC}, {literal(''.join(map(str, pieces)))})"


def _write_piece(piece: str) -> str | None:
    """Return what ``to_char`` writes as ``strftime`` does."""
    if piece.startswith("%"):
        return _FIELDS.get(piece[1:])
    if '"' in piece or "\\" in piece:
        return None
    return f'"{piece}"' if any(map(str.isalnum, piece)) else piece


def _write_number(written: str) -> str | None:
    numbers = {"%s": f"floor({_EPOCH})::bigint", "%Q": f"floor({_EPOCH} * 1000)::bigint"}
    return numbers.get(written)


def _write_double(written: str) -> str | None:
    if written == "%J":
        return f"({_EPOCH} / 86400.0 + 2440587.5)::double precision"
    number = _write_number(written)
    return None if number is None else f"{number}::double precision"


def _write_instant(written: str) -> str | None:
    is_whole = all(f"%{field}" in written for field in "YmdHM") or written in {"%s", "%Q", "%J"}
    return "CURRENT_TIMESTAMP" if is_whole else None


_WRITERS: dict[str, Callable[[str], str | None]] = {
    "bigint": _write_number,
    "date": lambda written: f"({_UTC})::date" if written == "%Y-%m-%d" else None,
    "double precision": _write_double,
    "text": _write_text,
    "timestamp": lambda written: f"({_UTC})" if _write_instant(written) else None,
    "timestamptz": _write_instant,
    "varchar": _write_text,
}


def _without_spaces(sql: str) -> str:
    """Take out spaces that are in no text."""
    return "".join(
        re.sub(r"\s+", "", piece) if at % 2 == 0 else f"'{piece}'" for at, piece in enumerate(sql.split("'"))
    )


def _strip(sql: str) -> str:
    """Take off parentheses around the whole."""
    while sql.startswith("(") and sql.endswith(")") and _is_balanced(sql[1:-1]):
        sql = sql[1:-1]
    return sql


def _is_balanced(sql: str) -> bool:
    depth = 0
    for letter in sql:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0
