"""Random tables: of what stands as it must nothing is said, and any one cell that is changed is found."""

from __future__ import annotations

import json
import math
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.containers.audit_site import SCHEMA, Audit, make_empty, open_audit
from tests.integration.containers.schema_site import name_server

Pair = tuple[Any, Any]
"""A value as SQLite has it, and as PostgreSQL is given it."""
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LONG_TEXTS = st.builds(lambda text, times: text * times, TEXTS, st.sampled_from([1, 1, 1, 3000]))
DIGITS = st.text(string.digits, min_size=1, max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@dataclass(frozen=True)
class Sort:
    """A kind of column."""

    declared: str
    type: str
    pairs: st.SearchStrategy[Pair]


def alike(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Pair]:
    return values.map(lambda value: (value, value))


def write_instant(moment: datetime, minutes: int, between: str, zone: str) -> Pair:
    there = moment.replace(tzinfo=UTC)
    local = there.astimezone(timezone(timedelta(minutes=minutes if zone == "+" else 0)))
    text = local.replace(tzinfo=None).isoformat(between)
    sign, away = "-" if minutes < 0 else "+", abs(minutes)
    return f"{text}{f'{sign}{away // 60:02}:{away % 60:02}' if zone == '+' else zone}", there.isoformat()


def write_decimal(sign: str, whole: str, part: str) -> Pair:
    return f"{sign}{whole}.{part}", f"{sign}{whole}.{part}"


SORTS = (
    Sort("TEXT", "text", alike(LONG_TEXTS)),
    Sort("", "text", alike(TEXTS)),
    Sort("INTEGER", "bigint", alike(st.integers(-(2**63), 2**63 - 1))),
    Sort("INTEGER", "smallint", alike(st.integers(-(2**15), 2**15 - 1))),
    Sort("REAL", "double precision", alike(st.floats(allow_nan=False).map(lambda value: value + 0.0))),
    Sort("", "double precision", alike(st.floats(allow_nan=False))),
    Sort("", "real", alike(st.floats(allow_nan=False, width=32))),
    Sort("BOOLEAN", "boolean", st.sampled_from([(1, True), (0, False), ("true", True), ("False", False)])),
    Sort("BLOB", "bytea", alike(st.binary(max_size=12) | st.just(bytes(20_000)))),
    Sort("DATETIME", "timestamptz", st.builds(
        write_instant, st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1)), st.integers(-840, 840),  # noqa: DTZ001
        st.sampled_from("T "), st.sampled_from(["", "Z", " UTC", "+"]))),
    Sort("TEXT", "jsonb", JSON.map(lambda value: (
        json.dumps(value, indent=1), json.dumps(value, ensure_ascii=False, sort_keys=True)))),
    Sort("UUID", "uuid", st.uuids().flatmap(lambda uuid: st.sampled_from(
        [(str(uuid), str(uuid)), (uuid.hex.upper(), str(uuid)), (uuid.bytes, str(uuid))]))),
    Sort("", "numeric", st.builds(write_decimal, st.sampled_from(["", "-"]), DIGITS, DIGITS)),
    Sort("", "numeric", st.integers(-(2**63), 2**63 - 1).map(lambda value: (value, str(value)))),
    Sort("DATE", "date", st.dates().map(lambda day: (day.isoformat(), day.isoformat()))),
    Sort("", "text[]", st.lists(TEXTS | st.none(), max_size=3).map(lambda value: (json.dumps(value), value))),
    Sort("", "bigint[]", st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3).map(
        lambda value: (json.dumps(value), value))),
)  # fmt: skip
KEYS = ("INTEGER PRIMARY KEY", "TEXT PRIMARY KEY", "UUID PRIMARY KEY", "two", "none")


@dataclass(frozen=True)
class Content:
    """A table and its rows, on both sides."""

    key: str
    sorts: tuple[Sort, ...]
    rows: tuple[tuple[Pair, ...], ...]


@st.composite
def contents(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Content:
    sorts = tuple(draw(st.lists(st.sampled_from(SORTS), min_size=1, max_size=5)))
    values = st.tuples(*(st.just((None, None)) | sort.pairs for sort in sorts))
    return Content(draw(st.sampled_from(KEYS)), sorts, tuple(draw(st.lists(values, max_size=6))))


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "randoms", tmp_path_factory.mktemp("randoms"))


def build(room: Audit, folder: Path, content: Content) -> Audit:
    for path in folder.iterdir():
        path.unlink()
    audit = make_empty(room, folder)
    declared, typed, keyed = list_columns(content)
    audit.change_source(f"CREATE TABLE t ({', '.join(declared)}{keyed}){' WITHOUT ROWID' if keyed else ''}")
    audit.do(f"CREATE TABLE {SCHEMA}.t ({', '.join(typed)}{keyed})")
    with audit.connect() as connection, audit.open_source() as source:
        for number, row in enumerate(content.rows):
            mine = [*keys_of(content.key, number), *(pair[0] for pair in row)]
            theirs = [*keys_of(content.key, number), *(pair[1] for pair in row)]
            source.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(mine))})", mine)
            connection.execute(f"INSERT INTO {SCHEMA}.t VALUES ({', '.join(['%s'] * len(theirs))})".encode(), theirs)
        source.commit()
    return audit


def list_columns(content: Content) -> tuple[list[str], list[str], str]:
    declared = [f"c{place} {sort.declared}" for place, sort in enumerate(content.sorts)]
    typed = [f"c{place} {sort.type}" for place, sort in enumerate(content.sorts)]
    if content.key == "none":
        return declared, typed, ""
    if content.key == "two":
        return ["a TEXT", "b INTEGER", *declared], ["a text", "b bigint", *typed], ", PRIMARY KEY (a, b)"
    kind = {"I": "bigint", "T": "text", "U": "uuid"}[content.key[0]]
    return [f"k {content.key}", *declared], [f"k {kind} PRIMARY KEY", *typed], ""


def keys_of(key: str, number: int) -> list[Any]:
    keys: dict[str, list[Any]] = {
        "I": [number * 7 - 20],
        "T": [f"K{number}é"],
        "U": [f"0b5c4ea1-7f3d-4b12-9e0a-3d8c6f1a2b{number:02}"],
        "t": [f"a{number % 2}", number],
        "n": [],
    }
    return keys[key[0]]


def means_the_same(one: Any, other: Any) -> bool:
    """Tell whether PostgreSQL is given the same by two values."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    if isinstance(one, str) and isinstance(other, str):
        return one == other or _as_number(one) == _as_number(other)
    return type(one) is type(other) and bool(one == other)


def _as_number(text: str) -> Any:
    sign, digits = text.startswith("-"), text.lstrip("-")
    whole, point, part = digits.partition(".")
    if not digits.replace(".", "", 1).isdigit() or not digits.isascii():
        return text
    held = (whole.lstrip("0"), part.rstrip("0") if point else "")
    return (sign and held != ("", ""), *held)


@settings(
    max_examples=500 if settings.get_current_profile_name() == "nightly" else 20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=contents(), data=st.data())
def test_what_stands_is_proven_and_what_is_changed_is_found(
    room: Audit, tmp_path: Path, content: Content, data: st.DataObject
) -> None:
    audit = build(room, tmp_path, content)
    found = audit.prove()
    assert found.differences == ()
    assert found.tables["shop.t"].inserted == len(content.rows)
    if not content.rows:
        return
    row = data.draw(st.integers(0, len(content.rows) - 1))
    place = data.draw(st.integers(0, len(content.sorts) - 1))
    _, instead = data.draw(st.just((None, None)) | content.sorts[place].pairs)
    before = content.rows[row][place][1]
    with audit.connect() as connection:
        ctid = connection.execute(f"SELECT ctid FROM {SCHEMA}.t ORDER BY ctid OFFSET {row} LIMIT 1".encode()).fetchone()
        assert ctid is not None
        connection.execute(f"UPDATE {SCHEMA}.t SET c{place} = %s WHERE ctid = %s".encode(), (instead, ctid[0]))
        same = means_the_same(before, instead) or same_json(content.sorts[place], before, instead)
    assert bool(audit.prove().differences) is not same


def same_json(sort: Sort, one: Any, other: Any) -> bool:
    """Tell whether two JSON texts are one value: Python's 1 is its 1.0, and not its true."""
    if sort.type != "jsonb" or one is None or other is None:
        return False
    return repr(_normal(json.loads(one))) == repr(_normal(json.loads(other)))


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((name, repr(_normal(inner))) for name, inner in value.items())
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
