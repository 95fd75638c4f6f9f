"""The arithmetic of ``bench.columns``, and that a bound of it can break."""

from __future__ import annotations

import pytest

from tests.bench.bounds import find_broken, format_bounds
from tests.bench.columns import BOUNDS, count_rows, format_ways, summarize
from tests.unit.test_bench import contender

CONTENDERS = {
    "psql": contender("psql", 20),
    "postgres": contender("postgres", 25, peak_mb=90),
    "postgres_writers": contender("postgres_writers", 32, peak_mb=95),
    "sqlite3": contender("sqlite3", 10),
    "sqlite": contender("sqlite", 16, peak_mb=80),
}
TENTH = {name: contender(name, 3, peak_mb=80) for name in ("postgres", "postgres_writers", "sqlite")}
WRITES = {"alone": [400.0, 420.0], "meanwhile": [410.0, 390.0]}
KEPT = {bound.figure: bound.limit for bound in BOUNDS} | {"free_cores": 2.0}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def test_rows_are_divided_by_the_clock_and_writers_by_what_they_did_alone() -> None:
    assert summarize(CONTENDERS, WRITES, TENTH, 320_000) == {
        "postgres_rows_s": 10_000,
        "sqlite_rows_s": 20_000,
        "writers_slowed": 1.025,
        "peak_mb": 95,
        "postgres_vs_floor": 1.25,
        "sqlite_vs_floor": 1.6,
        "peak_vs_tenth": 1.188,
        "free_cores": 2,
    }


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.figure)
def test_every_figure_can_break_its_bound(bound: object) -> None:
    figure, is_least = bound.figure, bound.at_least  # type: ignore[attr-defined]
    assert find_broken(KEPT, BOUNDS) == []
    assert find_broken(KEPT | {figure: KEPT[figure] + (-0.01 if is_least else 0.01)}, BOUNDS) == [figure]


def test_the_figures_are_printed_with_their_bounds() -> None:
    lines = format_bounds(summarize(CONTENDERS, WRITES, {}, 320), BOUNDS)
    assert [line.split()[0] for line in lines[1:]] == [bound.figure for bound in BOUNDS if "tenth" not in bound.figure]
    assert "OVER" in lines[1]
    assert format_ways(CONTENDERS, 320_000)[2].split()[:6] == ["postgres", "1", "25.00", "50.00", "12800", "90"]


def test_there_is_always_a_row() -> None:
    assert (count_rows(1), count_rows(1e-9)) == (400_000, 1)
