"""Instants are read as the paper says, and nothing else is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.load.verify.instants import (
    detect_unit,
    read_date,
    read_instant,
    read_local,
    read_number,
    read_zone,
)
from strongroom.load.verify.unfit import UnfitError

VIENNA = ZoneInfo("Europe/Vienna")
NEW_YEAR = 1704067200_000000


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("2024-01-01", NEW_YEAR),
        ("2024-01-01T00:00", NEW_YEAR),
        ("2024-01-01 00:00:00", NEW_YEAR),
        ("2024-01-01 00:00:00Z", NEW_YEAR),
        ("2024-01-01 00:00:00 UTC", NEW_YEAR),
        ("2024-01-01T01:00:00+01", NEW_YEAR),
        ("2024-01-01T01:00:00 +0100", NEW_YEAR),
        ("2023-12-31T19:30:00-04:30", NEW_YEAR),
        ("2024-01-01 00:00:00.1", NEW_YEAR + 100_000),
        ("2024-01-01 00:00:00.000001000", NEW_YEAR + 1),
        ("1970-01-01 00:00:00", 0),
        ("1969-12-31 23:59:59.999999", -1),
        ("0001-01-01 00:00:00Z", -62135596800_000000),
        ("9999-12-31 23:59:59.999999Z", 253402300799_999999),
        ("2024-02-29", NEW_YEAR + 59 * 86_400_000_000),
    ],
)
def test_an_instant_is_read(text: str, micro: int) -> None:
    assert read_instant(text, UTC) == micro


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 2024-01-01",
        "2024-01-01 ",
        "2024-01-01 24:00",
        "2024-01-01 00:00:60",
        "2024-01-01 00:00:00.",
        "2024-01-01 00:00:00.0000001",
        "2024-01-01 00:00:00.0000000000",
        "2024-01-01  00:00",
        "2024-01-01 00:00  Z",
        "2024-01-01 0:00",
        "2024-1-1",
        "2023-02-29",
        "0000-01-01",
        "10000-01-01",
        "2024-01-01T00:00:00z",
        "2024-01-01t00:00:00",
        "2024-01-01 00:00:00+1",
        "2024-01-01 00:00:00+24",
        "2024-01-01 00:00:00+01:60",
        "2024-01-01 00:00:00 GMT",
        "0001-01-01 00:00:00+01",
        "9999-12-31 23:59:59-01",
        "٢٠٢٤-01-01",
        "now",
        "infinity",
    ],
)
def test_what_is_no_instant_does_not_fit(text: str) -> None:
    with pytest.raises(UnfitError):
        read_instant(text, UTC)


def test_a_time_without_a_zone_is_in_the_one_that_is_said() -> None:
    assert read_instant("2024-01-01 01:00", VIENNA) == NEW_YEAR
    assert read_instant("2024-07-01 02:00", VIENNA) == read_instant("2024-07-01 00:00Z", None)
    with pytest.raises(UnfitError, match="nobody says one"):
        read_instant("2024-01-01", None)


@pytest.mark.parametrize("text", ["2024-03-31 02:30", "2024-10-27 02:30"])
def test_a_local_time_that_is_never_or_twice_does_not_fit(text: str) -> None:
    with pytest.raises(UnfitError, match="twice, or never"):
        read_instant(text, VIENNA)
    assert read_instant(f"{text}+01", VIENNA)


def test_a_local_time_has_no_zone() -> None:
    assert read_local("2024-01-01 00:00") == NEW_YEAR
    with pytest.raises(UnfitError):
        read_local("2024-01-01 00:00Z")


def test_a_date_is_a_day_that_there_is() -> None:
    assert read_date("2024-02-29") == "2024-02-29"
    for text in ("2023-02-29", "2024-01-01 00:00", "0000-01-01", "24-01-01"):
        with pytest.raises(UnfitError):
            read_date(text)


@pytest.mark.parametrize(
    ("number", "unit", "micro"),
    [
        (1704067200, "s", NEW_YEAR),
        (1704067200.5, "s", NEW_YEAR + 500_000),
        (0.0000005, "s", 0),
        (0.0000015, "s", 2),
        (1704067200123, "ms", NEW_YEAR + 123_000),
        (1704067200123456, "us", NEW_YEAR + 123_456),
        (-1, "ms", -1000),
        (2460310.5, "julian", NEW_YEAR),
        (2460311, "julian", NEW_YEAR + 43_200_000_000),
    ],
)
def test_a_number_is_read_in_its_unit(number: float, unit: str, micro: int) -> None:
    assert read_number(number, unit) == micro


@pytest.mark.parametrize("number", [float("inf"), 1e300, 2**62, -(2**62)])
def test_numbers_beyond_the_years_do_not_fit(number: float) -> None:
    with pytest.raises(UnfitError):
        read_number(number, "s")


@given(st.floats(-6e10, 2e11))
def test_the_nearest_microsecond_of_the_exact_double(number: float) -> None:
    exact = Fraction(number) * 1_000_000
    assert abs(read_number(number, "s") - exact) <= Fraction(1, 2)


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001  # the zone is drawn beside it
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["T", " "]),
    st.sampled_from(["", " "]),
)
def test_an_instant_that_python_writes_is_read_back(moment: datetime, minutes: int, between: str, gap: str) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = moment.isoformat(between)
    sign, minutes = "-" if minutes < 0 else "+", abs(minutes)
    text += f"{gap}{sign}{minutes // 60:02}:{minutes % 60:02}"
    assert read_instant(text, None) == (there - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("least", "most", "unit"),
    [
        (315532800, 4102444800, "s"),
        (1714557600123, 1714557600123, "ms"),
        (1714557600123456, 1714557600123456, "us"),
        (2444239.5, 2488069.5, "julian"),
        (315532799, 315532800, None),
        (1714557600, 1714557600123, None),
        (0, 1714557600, None),
    ],
)
def test_the_unit_is_the_one_in_which_all_lie_between_1980_and_2100(
    least: float, most: float, unit: str | None
) -> None:
    assert detect_unit(least, most) == unit


def test_zones_by_name() -> None:
    assert read_zone(None) is None
    assert read_zone("UTC") is UTC
    assert read_zone("Europe/Vienna") == VIENNA
