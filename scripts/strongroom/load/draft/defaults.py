"""DEFAULTs: the value that SQLite would store, written for the column's type; or the time of the insert."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from strongroom.core.quoting import literal
from strongroom.load.convert import UnfitError, choose_packer
from strongroom.load.draft.census import name_server_type
from strongroom.load.draft.model import Chosen
from strongroom.load.draft.moments import find_moment, write_moment
from strongroom.load.draft.parsing import is_constant
from strongroom.load.draft.reading import texts_as_str
from strongroom.load.draft.terms import UntranslatableError
from strongroom.sqlite.connection import open_memory
from strongroom.sqlite.schema import Column

_RANDOM = re.compile(r"\(*(?P<lower>lower\()?hex\(randomblob\(16\)\)\)*", re.IGNORECASE)
_BEGIN = datetime(2000, 1, 1)  # noqa: DTZ001  # what the server counts from, in UTC


def write_default(chosen: Chosen) -> str | None:
    """Return a column's DEFAULT as PostgreSQL has it; None where there is none. Raises UntranslatableError."""
    said = chosen.column.default
    if said is None or chosen.column.generated:
        return None
    moment = find_moment(said)
    if moment is not None:
        return write_moment(moment, chosen.type)
    if chosen.type in {"text", "uuid"} and _RANDOM.fullmatch(said):
        return _write_random(chosen, said)
    if not is_constant(said):
        raise UntranslatableError("has no counterpart of the same meaning")
    value = _ask_sqlite(chosen.column)
    return None if value is None else write_value(value, chosen)


def write_value(value: Any, chosen: Chosen) -> str:
    """Write a value of SQLite's as a literal of the column's type. Raises UntranslatableError where it does not fit."""
    if chosen.type.endswith("[]"):
        return _write_empty(value)
    plain = chosen.type.partition("(")[0]
    packer = choose_packer(name_server_type(plain, chosen.labels), chosen.reading)
    try:
        packed = packer.pack(value) if packer is not None else b""
    except UnfitError as error:
        raise UntranslatableError(str(error)) from error
    return _WRITERS[plain](value, packed)


def _write_random(chosen: Chosen, said: str) -> str:
    if chosen.type == "uuid":
        return "gen_random_uuid()"
    digits = "replace(gen_random_uuid()::text, '-', '')"
    return digits if "lower" in said.lower() else f"upper({digits})"


def _ask_sqlite(column: Column) -> Any:
    """Let SQLite insert the default, and return what it stored."""
    said = column.default
    is_bare = re.fullmatch(r"[A-Za-z_]\w*|\"[^\"]*\"", str(said)) is not None  # a word is a text, unless in parentheses
    with open_memory() as memory, texts_as_str(memory):
        strict = " STRICT" if column.strict else ""
        memory.execute(f"CREATE TABLE t (c {column.declared} DEFAULT {said if is_bare else f'({said})'}){strict}")
        try:
            memory.execute("INSERT INTO t DEFAULT VALUES")
        except memory.Error as error:
            raise UntranslatableError("does not fit its own column") from error
        return memory.execute("SELECT c FROM t").fetchone()[0]


def _write_empty(value: Any) -> str:
    if isinstance(value, str) and value.strip() == "[]":
        return "'{}'"
    raise UntranslatableError("is an array with elements")


def _write_instant(_: Any, packed: bytes) -> str:
    moment = _BEGIN + timedelta(microseconds=int.from_bytes(packed, "big", signed=True))
    return f"'{moment.isoformat(sep=' ')}+00'"


_WRITERS: dict[str, Callable[[Any, bytes], str]] = {
    "bigint": lambda value, _: str(value),
    "boolean": lambda _, packed: "true" if packed == b"\x01" else "false",
    "bytea": lambda value, _: f"'\\x{value.hex()}'::bytea",
    "date": lambda value, _: f"'{value}'",
    "double precision": lambda value, _: f"'{value!r}'::double precision",
    "enum": lambda value, _: literal(value),
    "integer": lambda value, _: str(value),
    "json": lambda value, _: literal(value if isinstance(value, str) else json.dumps(value)),
    "jsonb": lambda value, _: literal(value if isinstance(value, str) else json.dumps(value)),
    "numeric": lambda value, _: f"'{value}'::numeric",
    "real": lambda value, _: f"'{value!r}'::real",
    "smallint": lambda value, _: str(value),
    "text": lambda value, _: literal(value),
    "timestamp": lambda value, _: f"'{value}'",
    "timestamptz": _write_instant,
    "uuid": lambda _, packed: f"'{packed.hex()}'",
    "varchar": lambda value, _: literal(value),
}
