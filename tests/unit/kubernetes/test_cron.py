"""Schedules: read as the controller reads them, and asked when they fire."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.kubernetes.checking.cron import DAY, ScheduleError, read_schedule


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("* * * * *", 1), ("*/5 * * * *", 5), ("9 * * * *", 60), ("17 2 * * *", DAY), ("0 0,12 * * *", 12 * 60),
        ("17 7 * * 0", 7 * DAY), ("17 7 * * mon-fri", DAY), ("@weekly", 7 * DAY), ("0 0 1 * *", 28 * DAY),
        ("53 13 1 1 *", 365 * DAY), ("0 0 29 2 *", 1461 * DAY), ("55 23 * * *", DAY), ("5,55 0,23 * * *", 10),
        ("0/20 3 * * *", 20), ("0 0 31 */2 *", 59 * DAY), ("0 0 ? * ?", DAY), ("0 0 1 jan,JUL *", 181 * DAY),
    ],
)  # fmt: skip
def test_the_shortest_time_between_two_starts(text: str, period: int) -> None:
    assert read_schedule(text).period == period


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "has 0 fields instead of five"),
        ("17 2 * *", "has 4 fields instead of five"),
        ("0 17 2 * * *", "has 6 fields instead of five"),
        ("60 2 * * *", "minute must lie in 0 to 59"),
        ("0 24 * * *", "hour must lie in 0 to 23"),
        ("0 0 0 * *", "day of the month must lie in 1 to 31"),
        ("0 0 * 13 *", "month must lie in 1 to 12"),
        ("0 0 * * 7", "day of the week must lie in 0 to 6"),
        ("0 0 * * fri-mon", "the smaller one first"),
        ("0 0 * feb-jan *", "the smaller one first"),
        ("*/0 * * * *", "minute must lie in"),
        ("-5 * * * *", "minute cannot be read"),
        ("1-2-3 * * * *", "minute cannot be read"),
        ("a b c d e", "minute cannot be read"),
        ("0 0 30 2 *", "can never fire"),
        ("0 0 31 4,6,9,11 *", "can never fire"),
        ("@every 1h", "@every counts"),
        ("@sometimes", "has 1 fields"),
        ("TZ=UTC 0 0 * * *", "no part of a schedule"),
        ("CRON_TZ=Europe/Berlin 0 0 * * *", "no part of a schedule"),
    ],
)
def test_what_is_no_schedule_is_said(text: str, fact: str) -> None:
    with pytest.raises(ScheduleError, match=fact):
        read_schedule(text)


@pytest.mark.parametrize(
    ("text", "day", "fires"),
    [
        ("0 0 13 * 5", date(2026, 11, 13), True),  # a Friday and a 13th
        ("0 0 13 * 5", date(2026, 11, 20), True),  # either is enough
        ("0 0 13 * 5", date(2026, 12, 13), True),
        ("0 0 13 * 5", date(2026, 11, 14), False),
        ("0 0 13 * *", date(2026, 11, 20), False),
        ("0 0 * * 5", date(2026, 11, 13), True),
        ("0 0 */2 * 5", date(2026, 11, 20), True),  # a step is no star: either is enough
        ("0 0 */1 * 5", date(2026, 11, 14), False),
    ],
)
def test_days_of_the_month_and_of_the_week(text: str, day: date, fires: bool) -> None:
    assert (day in read_schedule(text).days) is fires


@pytest.mark.parametrize(
    ("one", "other", "minute"),
    [
        ("17 2 * * *", "17 2 * * 0", 137),
        ("17 2 * * 1", "17 2 * * 0", None),
        ("17 * * * *", "47 * * * *", None),
        ("*/15 * * * *", "30 4 1 * *", 270),
        ("0 0 29 2 *", "0 0 28 2 *", None),
    ],
)
def test_where_two_meet(one: str, other: str, minute: int | None) -> None:
    assert read_schedule(one).meets(read_schedule(other)) == minute
    assert read_schedule(other).meets(read_schedule(one)) == minute


_FIELDS = st.tuples(
    st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(0, 23), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True),
)


@given(_FIELDS)
def test_it_fires_when_each_field_says_so(fields: tuple[list[int], ...]) -> None:
    minutes, hours, months, week_days = fields
    text = "{} {} * {} {}".format(*(",".join(map(str, numbers)) for numbers in fields))
    schedule = read_schedule(text)
    assert schedule.minutes == tuple(sorted(60 * hour + minute for hour in hours for minute in minutes))
    day = date(2027, 1, 1)
    while day.year == 2027:
        assert (day in schedule.days) == (day.month in months and int(day.strftime("%w")) in week_days)
        day += timedelta(days=1)
