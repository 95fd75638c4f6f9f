"""What SQLite asks of Python while it joins: a plan's transforms, as they are meant, and instants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from strongroom.consolidate.verify.instants import read_instant, write_instant
from strongroom.consolidate.verify.values import Value, decode_text
from strongroom.sqlite.connection import Connection


def register_functions(connection: Connection) -> None:
    """Let SQLite do transforms and tell instants: of TEXT, given as its bytes, and of numbers.

    Of a transform NULL says that Python has to look, of an instant that there is none.
    """
    functions: list[tuple[str, int, Callable[..., Value]]] = [
        ("proof_trim", 1, _trim),
        ("proof_casefold", 1, _casefold),
        ("proof_instant", 1, read_instant),
        ("proof_instant_text", 1, _read_instant),
        ("proof_newest", 2, _is_later),
        ("proof_oldest", 2, _is_earlier),
    ]
    functions += [(f"proof_epoch_{unit}", 1, partial(_write_instant, unit)) for unit in ("auto", "s", "ms", "us")]
    for name, arguments, function in functions:
        connection.create_function(name, arguments, function, deterministic=True)


def _trim(held: bytes) -> str | None:
    text = _decode(held)
    return None if text is None else text.strip()


def _casefold(held: bytes) -> str | None:
    text = _decode(held)
    return None if text is None else text.casefold()


def _decode(held: bytes) -> str | None:
    """Return a TEXT; None where it is none, or holds a NUL, where one of our libraries ends an answer."""
    try:
        return None if b"\0" in held else held.decode()
    except UnicodeDecodeError:
        return None


def _write_instant(unit: str, number: float) -> str | None:
    written = write_instant(number, unit)
    return written if isinstance(written, str) else None


def _read_instant(held: bytes) -> int | None:
    return read_instant(decode_text(held))


def _is_later(first: bytes, second: bytes) -> bool:
    """Tell whether of two TEXTs the second is the later instant, or the only one."""
    try:
        return datetime.fromisoformat(second.decode()) > datetime.fromisoformat(first.decode())
    except (ValueError, TypeError):  # none, white space around it, or one with a zone and one without
        one, other = _read_instant(first), _read_instant(second)
        return other is not None and (one is None or other > one)


def _is_earlier(first: bytes, second: bytes) -> bool:
    """Tell whether of two TEXTs the second is the earlier instant, or the only one."""
    try:
        return datetime.fromisoformat(second.decode()) < datetime.fromisoformat(first.decode())
    except (ValueError, TypeError):
        one, other = _read_instant(first), _read_instant(second)
        return other is not None and (one is None or other < one)
