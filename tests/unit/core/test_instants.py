"""Instants: whatever an application wrote is read as the same moment, or as none; never as another."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from strongroom.core.engines import Engine
from strongroom.core.instants import Stored, is_earlier, is_later, read_epoch, read_instant, write_iso8601
from strongroom.sqlite.connection import RawText, open_memory
from strongroom.sqlite.functions import register_functions, transform_call

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ARABIC = "\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0661"  # digits, but not ISO's
NOON = 1_704_110_400_000_000  # 2024-01-01T12:00:00Z

STORED = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=30), st.binary(max_size=30)
)


def from_moment(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01T12:00:00Z",
        "2024-01-01T12:00:00+00:00",
        "2024-01-01T12:00:00",
        "2024-01-01 12:00:00",
        "2024-01-01 12:00",
        "2024-01-01T12",
        "20240101T120000",
        "20240101T120000Z",
        "2024-W01-1T12:00",
        "2024-01-01T12:00:00.000",
        "2024-01-01T12:00:00,0",
        "2024-01-01T12:00:00.000000000Z",
        "2024-01-01T14:00:00+02:00",
        "2024-01-01T14:00:00+0200",
        "2024-01-01 14:00:00 +02:00",
        "2024-01-01T00:30:00-11:30",
        "2024-01-02T02:00:00+14:00",
        "  2024-01-01T12:00:00Z\n",
    ],
)
def test_every_form_of_iso_text_is_the_same_moment(text: str) -> None:
    assert read_instant(text) == NOON
    assert read_instant(text.encode()) == NOON
    assert read_instant(RawText(text.encode())) == NOON


def test_a_date_is_its_midnight_in_utc() -> None:
    assert read_instant("2024-01-01") == read_instant("20240101") == NOON - 12 * 3600 * 10**6


@pytest.mark.parametrize(
    "value",
    [
        1_704_110_400, 1_704_110_400.0, 1_704_110_400_000, 1_704_110_400_000.0, 1_704_110_400_000_000,
        1_704_110_400_000_000.0,
    ],
)  # fmt: skip
def test_an_epoch_is_read_by_its_magnitude(value: float) -> None:
    assert read_instant(value) == NOON
    assert read_epoch(value, "auto") == NOON


@pytest.mark.parametrize(("unit", "factor"), [("s", 10**6), ("ms", 10**3), ("us", 1)])
def test_a_unit_that_is_said_is_not_guessed(unit: str, factor: int) -> None:
    assert read_epoch(7, unit) == 7 * factor
    assert read_epoch(-7.0, unit) == -7 * factor
    assert read_epoch(10**15, unit) == 10**15 * factor


@pytest.mark.parametrize(
    ("value", "microseconds"),
    [
        (10**11 - 1, (10**11 - 1) * 10**6), (10**11, 10**11 * 10**3), (-(10**11), -(10**11) * 10**3),
        (10**14 - 1, (10**14 - 1) * 10**3), (10**14, 10**14), (-(10**14), -(10**14)), (0, 0), (-1, -(10**6)),
    ],
)  # fmt: skip
def test_the_magnitudes_meet_without_a_gap(value: int, microseconds: int) -> None:
    assert read_epoch(value, "auto") == microseconds


def test_a_fraction_of_a_second_keeps_its_microseconds() -> None:
    assert read_instant(1_704_110_400.123456) == NOON + 123456
    assert read_instant("2024-01-01T12:00:00.123456Z") == NOON + 123456
    assert read_instant("2024-01-01T12:00:00.1Z") == NOON + 100000


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", " ", "now", "yesterday", "2024-02-30", "2024-13-01", "2024-01-01T25:00", "12:00",
        "2024-01-01\0", ARABIC, "\ud800", "x" * 10_000, b"", b"\xff\xfe", RawText(b"2024-01-01\xff"),
        math.nan, math.inf, -math.inf,
    ],
)  # fmt: skip
def test_what_is_no_instant_is_none(value: Stored) -> None:
    assert read_instant(value) is None


@given(STORED)
@example(1e300)
@example(-1e300)
@example(2.0**63)
def test_an_instant_always_fits_into_sqlite(value: Stored) -> None:
    found = read_instant(value)
    assert found is None or -(2**63) <= found < 2**63


@given(STORED)
@example(1e300)
def test_sql_may_ask_for_the_instant_of_any_value(value: Stored) -> None:
    with open_memory() as connection:
        register_functions(connection)
        found = connection.execute("SELECT strongroom_instant(?)", (value,)).fetchone()[0]
    expected = None if isinstance(value, float) and math.isnan(value) else read_instant(value)
    assert found == expected


@pytest.mark.parametrize("name", ["trim", "casefold", "epoch"])
def test_a_transform_leaves_text_alone_that_is_no_utf8(name: str) -> None:
    with open_memory() as connection:
        register_functions(connection)
        call = transform_call(name, "auto", "x")
        query = f"SELECT typeof(y), hex(y) FROM (SELECT {call} AS y FROM (SELECT CAST(x'2041ff' AS TEXT) AS x))"
        assert connection.execute(query).fetchone() == ("text", "2041FF")


TEXTS = st.text(st.sampled_from(" \t\x1c\x85\xa0\u2003\u3000\0aAßİ"), max_size=6)
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    *(
        st.integers(edge - 2, edge + 2)
        for size in (10**11, 10**14, 62_135_596_800, 253_402_300_799, 253_402_300_800 * 1_000_000)
        for edge in (size, -size)
    ),
    *(st.integers(0, 253_402_300_800 * a_second) for a_second in (1, 1_000, 1_000_000)),
    st.floats(allow_nan=False),
    st.floats(-4e9, 4e9),
)


@given(st.one_of(STORED, TEXTS, NUMBERS), st.sampled_from(["trim", "casefold", "epoch"]), st.sampled_from(list(Engine)))
@example(-62_135_596_801, "epoch", Engine.SYSTEM)
@example(253_402_300_800, "epoch", Engine.SYSTEM)
@example(-1, "epoch", Engine.SYSTEM)
@example(" a\0B ", "trim", Engine.BUNDLED)
def test_a_transform_is_what_python_makes_of_any_value(value: Stored, name: str, engine: Engine) -> None:
    assume(not isinstance(value, str) or not any("\ud800" <= letter <= "\udfff" for letter in value))
    for unit in ("auto", "s", "ms", "us") if name == "epoch" else ("",):
        expected: Stored = None if isinstance(value, float) and math.isnan(value) else value
        if name == "epoch" and isinstance(value, int | float):
            expected = write_exactly(value, unit) or expected
        if name != "epoch" and isinstance(value, str):
            expected = value.strip() if name == "trim" else value.casefold()
        with open_memory(engine) as connection:
            register_functions(connection)
            call = transform_call(name, unit, "x")
            query = f"SELECT typeof(y), CASE typeof(y) WHEN 'text' THEN hex(y) ELSE y END FROM (SELECT {call} AS y"
            kind, found = connection.execute(f"{query} FROM (SELECT ? AS x))", (value,)).fetchone()
        if isinstance(expected, str):
            assert (kind, found) == ("text", expected.encode().hex().upper())
        else:
            assert kind != "text"
            assert (type(found), found) == (type(expected), expected)


def write_exactly(value: float, unit: str) -> str | None:
    """Return what the plan's words say of a number, in fractions and the calendar of the standard library."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    size = abs(value)
    unit = unit if unit != "auto" else "s" if size < 10**11 else "ms" if size < 10**14 else "us"
    microseconds = round(Fraction(value) * {"s": 10**6, "ms": 10**3, "us": 1}[unit])
    try:
        moment = datetime(1970, 1, 1) + timedelta(microseconds=microseconds)  # noqa: DTZ001  UTC is written as Z
    except OverflowError:
        return None
    return f"{moment.isoformat()}Z"


MOMENT_TEXTS = st.sampled_from(
    [b"2024-01-01T12:00:00", b"2024-01-01 12:00:00", b"2024-01-01T12:00:00Z", b"2024-01-01T14:00:00+02:00",
     b"2024-02-30", b" 2023-12-31\n", b"9999-12-31", b"", b"\xff", b"soon"]
)  # fmt: skip


@given(st.one_of(STORED, MOMENT_TEXTS), st.one_of(STORED, MOMENT_TEXTS))
@example(b"2024-01-01T12:00:00", b"2024-01-01T12:00:00Z")
def test_of_two_values_the_later_one_and_the_earlier_one_are_told(one: Stored, two: Stored) -> None:
    first, second = read_instant(one), read_instant(two)
    is_only = first is not None and second is None
    is_pair = first is not None and second is not None
    assert is_later(one, two) == (is_only or (is_pair and first > second))  # type: ignore[operator]
    assert is_earlier(one, two) == (is_only or (is_pair and first < second))  # type: ignore[operator]


ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))])
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001  see ZONES


@given(MOMENTS)
def test_what_is_written_is_read_as_the_same_moment(moment: datetime) -> None:
    microseconds = from_moment(moment)
    assert read_instant(moment.isoformat()) == microseconds
    written = write_iso8601(microseconds)
    assert written is not None
    assert written.endswith("Z")
    assert read_instant(written) == microseconds


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["auto", "s", "ms", "us"]))
def test_a_moment_beyond_the_calendar_is_not_written(value: int, unit: str) -> None:
    microseconds = read_epoch(value, unit)
    written = None if microseconds is None else write_iso8601(microseconds)
    assert written is None or read_instant(written) == microseconds


def test_offsets_reach_over_both_ends_of_the_calendar() -> None:
    assert read_instant("0001-01-01T00:00:00+14:00") == from_moment(datetime(1, 1, 1, tzinfo=UTC)) - 14 * 3600 * 10**6
    assert write_iso8601(from_moment(datetime(1, 1, 1, tzinfo=UTC)) - 1) is None
    assert write_iso8601(from_moment(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) + 1) is None
