"""The arithmetic of ``bench.backup``, that a bound of it can break, and that every way is what its name says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.backup import ABOUT, AGAIN, BOUNDS, PAIRS, format_ways, summarize
from tests.bench.backup_ways import Ground
from tests.bench.bounds import find_broken
from tests.unit.test_bench import contender

CONTENDERS = {name: contender(name, 10) for name in ABOUT} | {
    "create_folder": contender("create_folder", 12, peak_mb=90),
    "again_folder": contender("again_folder", 3, peak_mb=95),
    "drill_folder": contender("drill_folder", 20, peak_mb=120),
}
KEPT = {bound.figure: bound.limit for bound in BOUNDS} | {"free_cores": 2.0}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def test_our_ways_are_divided_by_those_by_hand_and_the_second_set_by_the_first() -> None:
    summary = summarize(CONTENDERS)
    assert (summary["cpu_create_folder"], summary["create_folder_vs_hand"]) == (1.2, 1.2)
    assert (summary["cpu_again_folder"], summary["again_folder_vs_first"]) == (0.25, 0.25)
    assert (summary["cpu_drill_folder"], summary["peak_mb"]) == (2.0, 120)
    assert set(summary) == set(KEPT)


@pytest.mark.parametrize("figure", [bound.figure for bound in BOUNDS])
def test_every_figure_can_break_its_bound(figure: str) -> None:
    assert find_broken(KEPT, BOUNDS) == []
    assert find_broken(KEPT | {figure: KEPT[figure] + 0.01}, BOUNDS) == [figure]


def test_every_way_is_a_command_and_stands_in_the_table(tmp_path: Path) -> None:
    ground = Ground(root=tmp_path)
    for name in ABOUT:
        words = ground.spell(name)
        is_ours = name in PAIRS or name in AGAIN
        assert ("strongroom" in words) == is_ours, name
        assert is_ours or words[0] == "/bin/bash"
    assert [line.split()[0] for line in format_ways(CONTENDERS)[1:]] == list(ABOUT)
