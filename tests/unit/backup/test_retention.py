"""What stays of a history of sets: the rules against their own words, and each of them alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random, SystemRandom

import pytest

from strongroom.backup.catalog import BackupSet, read_catalog, write_entry, write_evidence
from strongroom.backup.retention import choose_kept
from strongroom.backup.stores.objects import FolderObjects
from strongroom.core.backup_entry import Keep
from tests.unit.backup.histories import NOW, draw_history, draw_keep, make_set
from tests.unit.backup.retention_oracle import PERIODS, counts, list_reasons

NOTHING = {"last": 0, "hourly": 0, "daily": 0, "weekly": 0, "monthly": 0, "yearly": 0, "days": 0, "verified": 1}
SPARED = {"future", "not yet replaced"}


@pytest.fixture
def histories(is_nightly: bool) -> Sequence[Random]:
    """One source of chance for each history; by day always the same."""
    first, count = (SystemRandom().randrange(2**40), 10_000) if is_nightly else (0, 200)
    return [Random(first + number) for number in range(count)]


def describe(sets: Sequence[BackupSet], keep: Keep, now: datetime) -> str:
    told = "\n".join(f"{one.id} {one.entry.began} {counts(one)}" for one in sets)
    return f"{keep}\nnow {now}\n{told}"


def test_what_stays_is_what_the_rules_say(histories: Sequence[Random]) -> None:
    seen = set[str]()
    gone = 0
    for random in histories:
        sets, keep, now = draw_history(random)
        reasons = {one.id: list_reasons(one, sets, keep, now) for one in sets}
        given = list(sets)
        random.shuffle(given)
        decided = choose_kept(given, keep, now)
        told = describe(sets, keep, now)
        assert list(decided.kept) == [name for name, found in reasons.items() if found], told
        assert list(decided.removed) == [name for name, found in reasons.items() if not found], told
        for one in filter(counts, sets):
            assert set(decided.kept.get(one.id, ())) - SPARED == reasons[one.id] - SPARED, f"{one.id}\n{told}"
        assert all(decided.kept.values()), told
        seen.update(*reasons.values())
        gone += len(decided.removed)
    assert seen == {*NOTHING, "future"}
    assert gone > len(histories)


def test_so_many_verified_sets_stay_whatever_else_is_said(histories: Sequence[Random]) -> None:
    for random in histories:
        sets, keep, now = draw_history(random)
        verified = [one.id for one in sets if counts(one)]
        kept = choose_kept(sets, keep, now).kept
        newest = verified[max(0, len(verified) - keep.verified) :]
        assert kept.keys() >= set(newest), describe(sets, keep, now)


def test_what_was_removed_once_changes_nothing_of_what_stays(histories: Sequence[Random]) -> None:
    for random in histories[:200]:
        sets, keep, now = draw_history(random)
        first = choose_kept(sets, keep, now)
        left = [one for one in sets if one.id in first.kept]
        again = choose_kept(left, keep, now)
        assert (again.kept, again.removed) == (first.kept, ()), describe(sets, keep, now)


@pytest.mark.parametrize("seen", [(False,), (True, False)])
def test_a_hundred_damaged_newer_ones_remove_no_sound_one(seen: Sequence[bool]) -> None:
    sound = [make_set(NOW - timedelta(days=400 + day)) for day in (2, 1, 0)]
    damaged = [make_set(NOW - timedelta(days=day), seen=seen) for day in range(100, 0, -1)]
    partial = [make_set(NOW - timedelta(hours=hour), is_whole=False) for hour in range(20, 0, -1)]
    decided = choose_kept([*sound, *damaged, *partial], Keep(**{**NOTHING, "verified": 3}), NOW)
    assert decided.removed == ()
    assert len(decided.kept) == 123


def test_a_damaged_set_goes_once_enough_verified_ones_are_newer() -> None:
    damaged = make_set(NOW - timedelta(days=9), seen=(False,))
    newer = [make_set(NOW - timedelta(days=day)) for day in (8, 7)]
    keep = Keep(**{**NOTHING, "verified": 3, "days": 30})
    assert choose_kept([damaged, *newer], keep, NOW).removed == ()
    newer.append(make_set(NOW - timedelta(days=1)))
    assert choose_kept([damaged, *newer], keep, NOW).removed == (damaged.id,)


def test_one_that_was_damaged_and_is_mended_counts_again() -> None:
    mended = make_set(NOW - timedelta(days=9), seen=(True, False, True))
    decided = choose_kept([mended], Keep(**NOTHING), NOW)
    assert decided.kept == {mended.id: ("verified",)}


@pytest.mark.parametrize("rule", PERIODS)
def test_a_rule_keeps_the_newest_of_each_period_that_has_one(rule: str) -> None:
    step = {"hourly": 1 / 24, "daily": 1, "weekly": 7, "monthly": 31, "yearly": 366}[rule]
    sets = [make_set(NOW - timedelta(days=step * number * 3)) for number in range(9, -1, -1)]
    decided = choose_kept(sets, Keep(**{**NOTHING, rule: 4}), NOW)
    assert list(decided.kept) == [one.id for one in sets[-4:]]


def test_a_week_is_one_of_iso_and_a_day_one_of_utc() -> None:
    tokyo = datetime.fromisoformat("2027-01-04T08:30:00+09:00")  # Sunday evening in UTC: still week 53 of 2026
    sunday = make_set(datetime(2027, 1, 3, 12, tzinfo=UTC))
    late = make_set(tokyo)
    monday = make_set(datetime(2027, 1, 4, 0, 0, tzinfo=UTC))
    for rule in ("daily", "weekly", "yearly"):
        decided = choose_kept([sunday, late, monday], Keep(**{**NOTHING, rule: 5}), NOW + timedelta(days=90))
        expected = {late.id, monday.id} if rule != "yearly" else {monday.id}
        assert decided.kept.keys() == expected, rule


def test_younger_than_seven_days_is_younger() -> None:
    exact, younger = (make_set(NOW - timedelta(days=7) + timedelta(seconds=late)) for late in (0, 1))
    newest = make_set(NOW - timedelta(minutes=1))
    decided = choose_kept([exact, younger, newest], Keep(**{**NOTHING, "days": 7}), NOW)
    assert decided.removed == (exact.id,)


@pytest.mark.parametrize("off", [timedelta(days=-1), timedelta(days=1), timedelta(days=-4000), timedelta(days=4000)])
def test_a_clock_that_is_off_never_empties_a_store(off: timedelta) -> None:
    sets = [make_set(NOW - timedelta(hours=hour)) for hour in range(48, 0, -1)]
    decided = choose_kept(sets, Keep(**{**NOTHING, "days": 1, "verified": 3}), NOW + off)
    assert decided.kept.keys() >= {one.id for one in sets[-3:]}
    if off < timedelta(days=-2):
        assert decided.removed == ()


def test_nothing_to_decide_over_is_nothing_to_remove() -> None:
    decided = choose_kept([], draw_keep(Random(1)), NOW)
    assert (dict(decided.kept), decided.removed) == ({}, ())


def test_sets_of_another_system_are_not_there_to_decide_over(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)
    ours, theirs = make_set(NOW - timedelta(days=3)), make_set(NOW - timedelta(days=2), system="other", seen=(True,))
    for one in (ours, theirs):
        write_entry(store, "store", one.entry)
        for piece in one.evidence:
            write_evidence(store, "store", piece)
    sets = read_catalog(store, "store", "shop").sets
    decided = choose_kept(sets, Keep(**NOTHING), NOW)
    assert (set(decided.kept), decided.removed) == ({ours.id}, ())


def test_ten_years_of_hourly_sets_are_decided_over_in_a_moment() -> None:
    sets = [make_set(NOW - timedelta(hours=hour)) for hour in range(20_000)]
    started = time.process_time()
    decided = choose_kept(sets, Keep(), NOW)
    assert time.process_time() - started < 5
    assert len(decided.kept) < 24 + 14 + 8 + 12 + 7
