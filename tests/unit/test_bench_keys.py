"""The arithmetic of ``bench.keys``, and that a bound of it can break."""

from __future__ import annotations

import pytest

from tests.bench.bounds import find_broken, format_bounds
from tests.bench.keys import BOUNDS, format_ways, summarize
from tests.unit.test_bench import contender

CONTENDERS = {
    "bare_export": contender("bare_export", 10),
    "encrypt": contender("encrypt", 19, peak_mb=120),
    "bare_rekey": contender("bare_rekey", 20),
    "rekey": contender("rekey", 41, peak_mb=90),
}
TENTH = {"encrypt": contender("encrypt", 2, peak_mb=100), "rekey": contender("rekey", 4, peak_mb=90)}
KEPT = {bound.figure: bound.limit for bound in BOUNDS} | {"free_cores": 2.0}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def test_our_ways_are_divided_by_the_bare_ones() -> None:
    assert summarize(CONTENDERS, TENTH, {"encrypted": 1.75, "plain": 0.5}) == {
        "cpu_encrypt": 1.9,
        "cpu_rekey": 2.05,
        "encrypt_vs_bare": 1.9,
        "rekey_vs_bare": 2.05,
        "open_ms": 1.25,
        "peak_mb": 120,
        "peak_vs_tenth": 1.2,
        "free_cores": 2,
    }


@pytest.mark.parametrize("figure", [bound.figure for bound in BOUNDS])
def test_every_figure_can_break_its_bound(figure: str) -> None:
    assert find_broken(KEPT, BOUNDS) == []
    assert find_broken(KEPT | {figure: KEPT[figure] + 0.01}, BOUNDS) == [figure]


def test_the_figures_are_printed_with_their_bounds() -> None:
    lines = format_bounds(summarize(CONTENDERS, {}, {"encrypted": 7, "plain": 1}), BOUNDS)
    assert [line.split()[0] for line in lines[1:]] == [bound.figure for bound in BOUNDS if "tenth" not in bound.figure]
    assert "OVER" in lines[5]
    assert format_ways(CONTENDERS)[2].split()[:5] == ["encrypt", "1", "19.00", "38.00", "120"]
