"""Columns of many rows at once: how the server sends one, and whether it is what the source holds, byte by byte.

The server joins the values of a column into a few byte strings; the source's are joined here into what these must be
where every value fits and stands as it is. Equal bytes prove the column. Where they differ, both are taken apart and
read value by value: only then something is a difference.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import Any

from strongroom.load.verify.instants import read_zone
from strongroom.load.verify.kinds import FLOATS, INTEGERS
from strongroom.load.verify.pairing import Cell

LONGEST = 1 << 14
"""Bytes of a value that goes along with others; longer ones are fetched one by one."""


class _TooLong:
    """Stands for a value that is fetched by itself."""


TOO_LONG = _TooLong()
Join = Callable[[Sequence[Any]], bytes]
Items = list[Any]
"""A column taken apart: what ``make_server_reader`` reads, None for NULL, ``TOO_LONG``."""
_NULL, _LONG = b"\xff", b"\xfe"
"""In place of a text: bytes that no UTF-8 holds."""
_MARK = "\x01"
_WIDTH = 8
_NAUGHTS = (
    (re.compile(r"\.0{1,9}(?=\+00)"), ""),
    (re.compile(r"\.(?=[0-9]{1,9}\+)([0-9]*[1-9])0+(?=\+00)"), r".\1"),
)
"""Zeros behind a second's fraction, which the server does not write."""
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DAYS = re.compile(rf"(?:{_DAY}|\x01)(?:\0(?:{_DAY}|\x01))*")
_INSTANT = rf"(?:{_DAY} [0-9:]{{8}}(?:\.[0-9]{{1,6}})?\+00|\x01(?:\+00)?)"
_INSTANTS = re.compile(rf"{_INSTANT}(?:\0{_INSTANT})*")
"""What the server writes of the years 1 to 9999: it knows others, and words like infinity."""
_COMMON = len("2020-01-01 00:00:00+00")


def select_inner(cell: Cell, name: str) -> str:
    """Return the expression of a column, in which ``{name}`` stands for it, as the server works it out row by row."""
    if cell.kind.name in INTEGERS or cell.kind.name in FLOATS or cell.kind.name in ("bool", "bytea", "text"):
        return f"{{{name}}}"
    if cell.kind.name == "array":
        return (
            f"(CASE WHEN array_lower({{{name}}}, 1) <> 1 OR array_ndims({{{name}}}) > 1 THEN {{{name}}}::text "
            f"ELSE array_to_json({{{name}}}::text[])::text END)"
        )
    return f"{{{name}}}::text"


def select_outer(cell: Cell, name: str) -> list[str]:
    """Return the aggregates that join a column's values, in the order of the rows."""
    if cell.kind.name in INTEGERS:
        return [f"string_agg(int8send(coalesce({name}, 0)), '')", *_join_nulls(cell, name)]
    if cell.kind.name in FLOATS:
        return [f"string_agg(float8send(coalesce({name}, 0)), '')", *_join_nulls(cell, name)]
    if cell.kind.name == "bool":
        return [f"string_agg(boolsend(coalesce({name}, false)), '')", *_join_nulls(cell, name)]
    if cell.kind.name == "bytea":
        return [
            f"string_agg(CASE WHEN octet_length({name}) <= {LONGEST} THEN {name} END, '')",
            f"string_agg(int4send(coalesce(octet_length({name}), -1)), '')",
        ]
    held = f"CASE WHEN octet_length({name}) > {LONGEST} THEN '\\xfe' ELSE textsend({name}) END"
    return [f"string_agg(coalesce({held}, '\\xff'), '\\x00')"]


def _join_nulls(cell: Cell, name: str) -> list[str]:
    return (
        [f"string_agg(CASE WHEN {name} IS NULL THEN '\\x01'::bytea ELSE '\\x00' END, '')"] if cell.is_nullable else []
    )


def is_same_column(cell: Cell, values: Sequence[Any], parts: Sequence[bytes | None]) -> bool:
    """Tell whether a column of the source, whose texts are all UTF-8, must be what the server sent; False: look closer.

    ``values`` are as the library gives them, and at least one.
    """
    name = cell.kind.name
    try:
        if name in INTEGERS:
            return _is_same_fixed(values, parts, _join_integers)
        if name in FLOATS:
            return (cell.affinity == "REAL" or _are_all(float, values)) and _is_same_fixed(values, parts, _join_doubles)
        if name == "bool":
            return _is_same_fixed(values, parts, bytes)
        if name == "bytea":
            return _is_same_binary(values, parts)
        return any(joined == parts[0] for joined in _TEXTS.get(name, _join_nothing)(cell, values))
    except (TypeError, ValueError, OverflowError):  # a value of another class among them
        return False


def _is_same_fixed(values: Sequence[Any], parts: Sequence[bytes | None], join: Join) -> bool:
    try:
        joined, nulls = join(values), bytes(len(values))
    except TypeError:
        if len(parts) == 1:
            return False
        nulls = bytes([value is None for value in values])
        joined = join([0 if value is None else value for value in values])
    return joined == parts[0] and (len(parts) == 1 or nulls == parts[1])


def _are_all(kind: type, values: Iterable[Any]) -> bool:
    return {type(value) for value in values} <= {kind, type(None)}


def _join_integers(values: Sequence[Any]) -> bytes:
    return _to_wire(array("q", values))


def _join_doubles(values: Sequence[Any]) -> bytes:
    return _to_wire(array("d", values))


def _to_wire(numbers: array[Any]) -> bytes:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()


def _is_same_binary(values: Sequence[Any], parts: Sequence[bytes | None]) -> bool:
    held = [value for value in values if value is not None]
    if not _are_all(bytes, held):
        return False
    sizes = [-1 if value is None else len(value) for value in values]
    return max(sizes) <= LONGEST and _to_wire(array("i", sizes)) == parts[1] and b"".join(held) == (parts[0] or b"")


def _join_texts(values: Sequence[Any], between: str) -> tuple[str, bytes]:
    """Join texts; return what stands for NULL among them, too: nothing where there is none.

    Raises TypeError for values of other classes, ValueError where a text holds the mark itself.
    """
    try:
        return between.join(values), b""
    except TypeError:
        if _MARK in "".join(filter(None, values)):
            raise ValueError("a text holds the mark") from None
        return between.join([_MARK if value is None else value for value in values]), _MARK.encode()


def _seal(joined: str, mark: bytes) -> bytes:
    """Return the bytes, with NULL as the server sends it."""
    encoded = joined.encode()
    return encoded.replace(mark + b"+00", _NULL).replace(mark, _NULL) if mark else encoded


def _join_plain(_cell: Cell, values: Sequence[Any]) -> Iterable[bytes]:
    yield _seal(*_join_texts(values, "\0"))


def _join_days(_cell: Cell, values: Sequence[Any]) -> Iterable[bytes]:
    joined, mark = _join_texts(values, "\0")
    if _DAYS.fullmatch(joined):
        yield _seal(joined, mark)


def _join_ids(_cell: Cell, values: Sequence[Any]) -> Iterable[bytes]:
    joined, mark = _join_texts(values, "\0")
    yield _seal(joined, mark)
    yield _seal(joined.lower(), mark)


def _join_instants(cell: Cell, values: Sequence[Any]) -> Iterable[bytes]:
    """Write instants as the server does: what comes out so is one, whatever was written in another way is not."""
    first = next((value for value in values if value is not None), "")
    if not isinstance(first, str):
        return
    if first.endswith("Z"):
        joined, mark = _join_texts(values, "\0")
        joined = joined.replace("Z", "+00")
    elif first.endswith("+00:00"):
        joined, mark = _join_texts(values, "\0")
        joined = joined.replace("+00:00", "+00")
    elif read_zone(cell.zone) is UTC:
        joined, mark = _join_texts(values, "+00\0")
        joined += "+00"
    else:
        return
    joined = joined.replace("T", " ")
    if "." in joined:
        for pattern, instead in _NAUGHTS:
            joined = pattern.sub(instead, joined)
    # The server writes nothing shorter but "infinity", so that this length says that all are of it.
    are_common = len(joined) == (_COMMON + 1) * len(values) - 1 and "y" not in joined
    if are_common or _INSTANTS.fullmatch(joined):
        yield _seal(joined, mark)


def _join_nothing(_cell: Cell, _values: Sequence[Any]) -> Iterable[bytes]:
    return ()


_TEXTS: dict[str, Callable[[Cell, Sequence[Any]], Iterable[bytes]]] = {
    "text": _join_plain,
    "varchar": _join_plain,
    "enum": _join_plain,
    "date": _join_days,
    "uuid": _join_ids,
    "timestamptz": _join_instants,
}


def take_apart(cell: Cell, parts: Sequence[bytes | None], count: int) -> Items:
    """Return the values that the server sent, one for each row."""
    if not count:
        return []
    name = cell.kind.name
    if name == "bytea":
        return list(_cut(parts[0] or b"", _numbers("i", parts[1])))
    if name in INTEGERS or name in FLOATS or name == "bool":
        return _with_nulls(_cut_fixed(name, parts[0] or b""), parts[1] if len(parts) > 1 else None)
    return [_read_text(one) for one in (parts[0] or b"").split(b"\0")]


def _read_text(item: bytes) -> Any:
    if item == _NULL:
        return None
    return TOO_LONG if item == _LONG else item.decode("utf-8", "surrogateescape")


def _cut_fixed(name: str, joined: bytes) -> Items:
    if name == "bool":
        return list(joined)
    if name in INTEGERS:
        return _numbers("q", joined)
    return [joined[at : at + _WIDTH] for at in range(0, len(joined), _WIDTH)]


def _numbers(code: str, joined: bytes | None) -> list[int]:
    numbers = array(code, joined or b"")
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tolist()


def _with_nulls(items: Items, nulls: bytes | None) -> Items:
    if nulls is None or not nulls.strip(b"\0"):
        return items
    return [None if is_null else item for item, is_null in zip(items, nulls, strict=True)]


def _cut(joined: bytes, sizes: Iterable[int]) -> Iterable[Any]:
    at = 0
    for size in sizes:
        if size < 0:
            yield None
        elif size > LONGEST:
            yield TOO_LONG
        else:
            yield joined[at : at + size]
            at += size
