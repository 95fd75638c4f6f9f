"""The arithmetic of ``bench.fleet``, that a bound of it can break, and that its tenants are what the figures say."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench.bounds import find_broken, format_bounds
from tests.bench.fleet import BOUNDS, IN_A_LOOP, format_ways, summarize, write_long_list
from tests.bench.fleet_data import ensure_tenants
from tests.bench.measure import Measurement
from tests.unit.test_bench import contender

COUNT = 1000
CONTENDERS = {
    "two": contender("two", 80, peak_mb=80),
    "one": contender("one", 152, peak_mb=75),
    "loop": contender("loop", 50),
}
TENTH = Measurement(wall=8, cpu=12, peak_mb=79)
KEPT = {bound.figure: bound.limit for bound in BOUNDS} | {"free_cores": 2.0}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def test_figures_are_those_of_a_tenant() -> None:
    assert summarize(CONTENDERS, COUNT, TENTH) == {
        "per_second": 12.5,
        "cpu_ms": 160,
        "scaling": 1.9,
        "cpu_loop": 12.5,
        "peak_mb": 80,
        "peak_vs_tenth": 1.013,
        "free_cores": 2,
    }


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.figure)
def test_every_figure_can_break_its_bound(bound: object) -> None:
    assert find_broken(KEPT, BOUNDS) == []
    figure = bound.figure  # type: ignore[attr-defined]
    worse = -0.01 if bound.at_least else 0.01  # type: ignore[attr-defined]
    assert find_broken(KEPT | {figure: KEPT[figure] + worse}, BOUNDS) == [figure]


def test_the_figures_are_printed_with_their_bounds() -> None:
    lines = format_bounds(summarize(CONTENDERS, COUNT, None), BOUNDS)
    assert [line.split()[0] for line in lines[1:]] == ["per_second", "cpu_ms", "scaling", "cpu_loop", "peak_mb"]
    assert format_ways(CONTENDERS, COUNT)[1].split()[:6] == ["two", "1", "80.00", "160.00", "12.5", "80"]
    assert format_ways(CONTENDERS, COUNT)[3].split()[4] == f"{COUNT / IN_A_LOOP / 50:.1f}"


def test_tenants_are_alike_and_no_two_the_same(tmp_path: Path) -> None:
    tenants = ensure_tenants(tmp_path, 2)
    assert 1_700_000 < tenants.size < 2_300_000
    last = []
    for name in tenants.names:
        with closing(sqlite3.connect(tenants.sources / name / "app.db")) as connection:
            last.append(connection.execute("SELECT email FROM people ORDER BY id DESC LIMIT 1").fetchone()[0])
    assert last == ["only-0@example.org", "only-1@example.org"]
    listed = tenants.write_list(tmp_path / "list", tmp_path / "new")
    assert [json.loads(line)["name"] for line in listed.read_text().splitlines()] == list(tenants.names)
    assert ensure_tenants(tmp_path, 2) == tenants


def test_the_long_list_is_a_list(tmp_path: Path) -> None:
    lines = write_long_list(tmp_path / "list", 12).read_text().splitlines()
    assert len({json.loads(line)["name"] for line in lines}) == 12
