"""The functions that SQL may call: transforms of the plan's closed registry, and instants.

A transform leaves alone what it cannot read, so that nothing is lost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from uuid import UUID, uuid5

from strongroom.core.instants import Stored, is_earlier, is_later, read_epoch, read_instant, write_iso8601
from strongroom.core.quoting import literal
from strongroom.sqlite.connection import Connection

_NAMESPACE = UUID("8f0c9d1e-6a43-5b0e-9d1c-5f2a7c3e4b10")
"""Ours alone, so that an id which we made is no one else's (RFC 9562, 5.5)."""
_A_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""The first and the last second of the years 1 to 9999."""
_PLAIN_EPOCHS = {
    "s": (("s", _FIRST, _LAST),),
    "ms": (("ms", 0, _LAST * 1_000),),
    "us": (("us", 0, _LAST * 1_000_000),),
    "auto": (("s", _FIRST, 10**11 - 1), ("ms", 10**11, 10**14 - 1), ("us", 10**14, _LAST * 1_000_000)),
}
"""How a unit is read, and from where to where, in integers that SQLite writes as we do: division rounds down there."""


def register_functions(connection: Connection) -> None:
    """Make our functions known to one connection."""
    connection.create_function("strongroom_instant", 1, read_instant, deterministic=True)
    connection.create_function("strongroom_later", 2, is_later, deterministic=True)
    connection.create_function("strongroom_earlier", 2, is_earlier, deterministic=True)
    connection.create_function("strongroom_sign", 1, _sign, deterministic=True)
    connection.create_function("strongroom_matches", 2, _matches, deterministic=True)
    connection.create_function("strongroom_epoch", 2, _epoch_to_iso8601, deterministic=True)
    connection.create_function("strongroom_uuid5", 1, _uuid5, deterministic=True)
    connection.create_function("strongroom_trim", 1, _trim, deterministic=True)
    connection.create_function("strongroom_casefold", 1, _casefold, deterministic=True)


def instant_call(expression: str) -> str:
    """Return the SQL that reads an instant."""
    return f"strongroom_instant({_as_bytes(expression)})"


def instants_call(rule: str, one: str, two: str) -> str:
    """Return the condition that ``one`` goes before ``two`` by a rule, ``newest`` or ``oldest``; no instant never does.

    One call for two values is cheaper than reading both.
    """
    return f"strongroom_{'later' if rule == 'newest' else 'earlier'}({_as_bytes(one)}, {_as_bytes(two)})"


def _as_bytes(expression: str) -> str:
    """Return the SQL for a value whose TEXT travels as bytes, for it may be no UTF-8."""
    return f"CASE typeof({expression}) WHEN 'text' THEN CAST({expression} AS BLOB) ELSE {expression} END"


def same_sign(one: str, two: str) -> str:
    """Return the SQL that tells -0.0 from 0.0; CASE keeps TEXT that is no UTF-8 away from the function."""
    zeros = f"typeof({one}) = 'real' AND typeof({two}) = 'real' AND {one} = 0"
    return f"CASE WHEN {zeros} THEN strongroom_sign({one}) = strongroom_sign({two}) ELSE 1 END"


def matches_call(expression: str, pattern: str) -> str:
    """Return the SQL that tells whether TEXT matches a pattern as a whole; what is no UTF-8 does not."""
    held = f"CAST(X'{pattern.encode().hex()}' AS TEXT)"  # whatever it has in it
    return (
        f"CASE typeof({expression}) WHEN 'text' THEN strongroom_matches(CAST({expression} AS BLOB), {held}) ELSE 0 END"
    )


def transform_call(name: str, option: str, expression: str) -> str:
    """Return the SQL that applies a transform of the registry; TEXT that is no UTF-8 stays as it is."""
    if name == "epoch":
        return _epoch_call(expression, option)
    # As bytes both ways: the bundled library cuts text off at a NUL that functions are given or return.
    changed = f"coalesce(CAST(strongroom_{name}(CAST({expression} AS BLOB)) AS TEXT), {expression})"
    return f"CASE typeof({expression}) WHEN 'text' THEN {changed} ELSE {expression} END"


def _epoch_call(expression: str, unit: str) -> str:
    """Return the SQL that writes a number as ISO 8601: an integer within the calendar costs no call of ours."""
    plain = "".join(
        f"WHEN typeof({expression}) = 'integer' AND {expression} BETWEEN {first} AND {last} "
        f"THEN {_write_integer(expression, _A_SECOND[read])} "
        for read, first, last in _PLAIN_EPOCHS[unit]
    )
    other = f"typeof({expression}) IN ('integer', 'real') THEN strongroom_epoch({expression}, {literal(unit)})"
    return f"CASE {plain}WHEN {other} ELSE {expression} END"


def _write_integer(expression: str, a_second: int) -> str:
    """Return the SQL that writes an integer of so many to the second as ISO 8601, microseconds where it has some."""
    rest = f"{expression} % {a_second}"
    seconds = f"replace(datetime({expression} / {a_second}, 'unixepoch'), ' ', 'T')"
    if a_second == 1:
        return f"{seconds} || 'Z'"
    digits = len(str(a_second)) - 1
    fraction = f"printf('.%0{digits}d{'0' * (6 - digits)}Z', {rest})"
    return f"{seconds} || CASE {rest} WHEN 0 THEN 'Z' ELSE {fraction} END"


def fresh_text_id(source: str, old: str) -> str:
    """Return the SQL for the id that a row of a source gets when its own is taken: always the same one."""
    return f"strongroom_uuid5({literal(source + '/')} || hex({old}))"


def normalized_call(names: Sequence[str], expression: str) -> str:
    """Return the SQL for the form in which a key is matched; what is empty then matches nothing, like NULL."""
    for name in names:
        expression = transform_call(name, "", expression)
    return f"nullif({expression}, '')" if names else expression


def _uuid5(name: str) -> str:
    return str(uuid5(_NAMESPACE, name))


def _matches(value: bytes, pattern: str) -> bool:
    try:
        return re.fullmatch(pattern, value.decode()) is not None
    except UnicodeDecodeError:
        return False


def _sign(value: Stored) -> float:
    """Tell -0.0 from 0.0, which SQL's comparison cannot."""
    return math.copysign(1.0, value) if isinstance(value, int | float) else 0.0


def _epoch_to_iso8601(value: Stored, unit: str) -> Stored:
    if not isinstance(value, int | float):
        return value
    microseconds = read_epoch(value, unit)
    return value if microseconds is None else write_iso8601(microseconds) or value


def _trim(text: bytes) -> bytes | None:
    try:
        return text.decode().strip().encode()
    except UnicodeDecodeError:
        return None


def _casefold(text: bytes) -> bytes | None:
    try:
        return text.decode().casefold().encode()
    except UnicodeDecodeError:
        return None
