"""Which rows wait, straight from ``.github/POSTGRES.md``; of a load it knows the columns that the server has."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?:(:\d\d)(?:\.(\d{1,9}))?)?(?: ?(Z|UTC|[+-]\d\d(?::?\d\d)?))?)?", re.ASCII
)
UUID = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
RANGES = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
LABELS = ("open", "closed")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnfitError(Exception):
    """A value does not fit."""


def demand(fits: object) -> None:
    if not fits:
        raise UnfitError


def read_text(value: Any) -> str:
    demand(isinstance(value, str) and "\0" not in value)
    demand(not re.search("[\ud800-\udfff]", value))  # in place of bytes that are no UTF-8
    return str(value)


def read_double(value: Any) -> Any:
    demand(isinstance(value, float) or (isinstance(value, int) and abs(value) <= 2**53))
    return float(value)


def read_real(value: Any) -> Any:
    wide = read_double(value)
    try:
        demand(struct.unpack("f", struct.pack("f", wide))[0] == wide)
    except OverflowError:
        raise UnfitError from None
    return wide


def read_numeric(value: Any) -> Decimal:
    if isinstance(value, str):
        demand(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value))
    else:
        demand(isinstance(value, int | float) and abs(value) != float("inf"))
    return Decimal(repr(value) if isinstance(value, float) else value)


def read_money(value: Any) -> Decimal:
    number = read_numeric(value)
    demand(abs(number) < 1000 and number * 100 % 1 == 0)
    return number


def read_boolean(value: Any) -> Any:
    words = {"true": True, "false": False}
    demand((isinstance(value, int) and value in (0, 1)) or (isinstance(value, str) and value.lower() in words))
    return words[value.lower()] if isinstance(value, str) else bool(value)


def read_json(value: Any) -> str:
    if isinstance(value, int | float):
        demand(abs(value) != float("inf"))
        return repr(value)
    text = read_text(value)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        demand(len(dict(pairs)) == len(pairs))
        return dict(pairs)

    try:
        found = json.loads(text, object_pairs_hook=once, parse_constant=lambda _: demand(None))
    except ValueError:
        raise UnfitError from None
    written = json.dumps(found, ensure_ascii=False)
    demand(not re.search(r"(?<!\\)(\\\\)*\\u0000|[\ud800-\udfff]", written))
    return written


def read_instant(value: Any) -> int:
    if isinstance(value, int | float):
        demand(abs(value) != float("inf"))
        micro = round(Fraction(value) * 1_000_000)
    else:
        found = INSTANT.fullmatch(read_text(value))
        demand(found)
        assert found is not None
        day, minute, second, fraction, zone = found.groups()
        demand(not (fraction or "")[6:].strip("0"))
        try:
            moment = datetime.fromisoformat(f"{day}T{minute or '00:00'}{second or ':00'}")
        except ValueError:
            raise UnfitError from None
        micro = (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) + int(
            (fraction or "0")[:6].ljust(6, "0")
        )
        if zone and zone[0] in "+-":
            digits = zone[1:].replace(":", "").ljust(4, "0")
            demand(int(digits[:2]) < 24 and int(digits[2:]) < 60)
            micro -= int(f"{zone[0]}1") * (int(digits[:2]) * 60 + int(digits[2:])) * 60_000_000
    demand(-62135596800_000000 <= micro < 253402300800_000000)
    return micro


def read_date(value: Any) -> str:
    text = read_text(value)
    demand(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text))
    try:
        return str(datetime.strptime(text, "%Y-%m-%d"))  # noqa: DTZ007  # a day
    except ValueError:
        raise UnfitError from None


def read_uuid(value: Any) -> str:
    if isinstance(value, bytes):
        demand(len(value) == 16)
        return value.hex()
    demand(UUID.fullmatch(read_text(value)))
    return str(value).replace("-", "").lower()


def read_list(inner: Callable[[Any], Any], value: Any) -> list[Any]:
    read_json(read_text(value))
    found = json.loads(value)
    demand(isinstance(found, list) and not any(isinstance(one, list | dict) for one in found))
    return [None if one is None else inner(int(one) if isinstance(one, bool) else one) for one in found]


def read_whole(beyond: int, value: Any) -> int:
    demand(isinstance(value, int) and -beyond <= value < beyond)
    return int(value)


def read_bytes(value: Any) -> bytes:
    demand(isinstance(value, bytes))
    return bytes(value)


def read_label(value: Any) -> str:
    demand(value in LABELS)
    return str(value)


READERS: dict[str, Callable[[Any], Any]] = {
    "text": read_text, "double precision": read_double, "real": read_real, "numeric": read_numeric,
    "numeric(5,2)": read_money, "boolean": read_boolean, "jsonb": read_json, "timestamp with time zone": read_instant,
    "date": read_date, "uuid": read_uuid, "bytea": read_bytes, "text[]": lambda value: read_list(read_text, value),
    "bigint[]": lambda value: read_list(lambda one: read_whole(2**63, one), value),
    **{name: (lambda value, beyond=beyond: read_whole(beyond, value)) for name, beyond in RANGES.items()},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Held:
    """A table: its rows by address as SQLite has them, and what the server says of its columns."""

    rows: Mapping[int, Mapping[str, Any]]
    types: Mapping[str, str]
    planned: frozenset[str]
    """Columns that the plan makes text: they take numbers too."""
    required: frozenset[str]
    uniques: Sequence[Sequence[str]]
    references: Sequence[tuple[tuple[str, ...], str, tuple[str, ...]]]
    """Its columns, the parent, and the parent's columns."""


def convert(held: Held, name: str, value: Any) -> Any:
    """Return what a value becomes. Raises UnfitError."""
    if value is None:
        demand(name not in held.required)
        return None
    if name in held.planned and isinstance(value, int | float):
        return repr(value)
    return READERS.get(held.types[name], read_label)(value)


def find_waiting(tables: Mapping[str, Held]) -> set[tuple[str, int]]:
    """Return the rows that wait: by their values, by a key that another has, by a parent that waits."""
    waiting = {(table, address) for table, held in tables.items() for address in _find_own(held)}
    while more := set(_find_children(tables, waiting)) - waiting:
        waiting |= more
    return waiting


def _find_own(held: Held) -> Iterator[int]:
    taken: set[Any] = set()
    for address, row in sorted(held.rows.items()):
        try:
            became = {name: convert(held, name, row[name]) for name in held.types}
        except UnfitError:
            yield address
            continue
        keys = [(number, *(repr(_same(became[name])) for name in names)) for number, names in enumerate(held.uniques)
                if None not in (became[name] for name in names)]  # fmt: skip
        if taken.isdisjoint(keys):
            taken.update(keys)
        else:
            yield address


def _same(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value.normalize() + 0
    return value + 0.0 if isinstance(value, float) else value


def _find_children(tables: Mapping[str, Held], waiting: set[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    for table, held in tables.items():
        for columns, parent, parent_columns in held.references:
            for address, row in held.rows.items():
                key = [row[name] for name in columns]
                parents = [
                    at for at, other in tables[parent].rows.items() if [other[name] for name in parent_columns] == key
                ]
                if None not in key and parents and all((parent, at) in waiting for at in parents):
                    yield table, address
