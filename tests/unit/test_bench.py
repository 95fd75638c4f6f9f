"""The benchmark's arithmetic and its data; its bounds themselves are judged by bench.consolidate."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.errors import DifferencesError
from strongroom.core.plan import read_plan
from tests.bench.baselines import copy_bare, copy_dump, copy_iterdump, copy_rows
from tests.bench.consolidate import require_proof
from tests.bench.dataset import Variant, ensure_dataset
from tests.bench.measure import Measurement
from tests.bench.outcome import Contender, find_broken, format_bounds, format_contenders, summarize
from tests.bench.system import write_system

TINY = 0.001


def contender(name: str, *walls: float, peak_mb: float = 100) -> Contender:
    runs = tuple(Measurement(wall=wall, cpu=2 * wall, peak_mb=peak_mb) for wall in walls)
    return Contender(name=name, about=f"about {name}", runs=runs)


CONTENDERS = {
    "bare": contender("bare", 9, 2, 1, peak_mb=20),
    "total": contender("total", 3, 3, 30),
    "bare_conflicts": contender("bare_conflicts", 2, peak_mb=20),
    "conflicts": contender("conflicts", 9, peak_mb=140),
    "rows": contender("rows", 6),
    "dump": contender("dump", 15),
}
TENTH = {"total": contender("total", 1, peak_mb=80), "conflicts": contender("conflicts", 1, peak_mb=100)}


def test_the_summary_divides_medians_and_takes_the_largest_peak() -> None:
    assert summarize(CONTENDERS, TENTH) == {
        "total_vs_bare": 1.5,
        "dump_vs_total": 5,
        "rows_vs_total": 2,
        "conflicts_vs_bare": 4.5,
        "peak_mb": 140,
        "peak_vs_tenth": 1.4,
    }


def test_every_figure_can_break_its_bound() -> None:
    kept = {
        "total_vs_bare": 1.75,
        "dump_vs_total": 4,
        "rows_vs_total": 2,
        "conflicts_vs_bare": 4,
        "peak_mb": 150,
    }
    assert find_broken(kept) == []
    for figure, limit in kept.items():
        worse = -0.01 if figure.endswith("_vs_total") else 0.01
        assert find_broken(kept | {figure: limit + worse}) == [figure]


def test_the_tables_are_aligned_and_say_what_does_not_hold() -> None:
    summary = summarize(CONTENDERS, {})
    assert format_bounds(summary) == [
        "figure             measured    bound  holds  what it is",
        "total_vs_bare          1.50  <= 1.75    yes  whole run / bare copy",
        "dump_vs_total          5.00     >= 4    yes  .dump / whole run",
        "rows_vs_total          2.00     >= 2    yes  row loop / whole run",
        "conflicts_vs_bare      4.50     <= 4     NO  run with conflicts / bare copy of them",
        "peak_mb              140.00   <= 150    yes  peak memory of any process, MB",
    ]
    assert format_contenders(CONTENDERS)[4] == (
        "conflicts          1    9.00  18.00        4.50       4.50      140  about conflicts"
    )


def test_a_fifth_of_the_rows_is_in_conflict(tmp_path: Path) -> None:
    sources = ensure_dataset(tmp_path, "conflicts", TINY).sources
    with closing(sqlite3.connect(sources / "debates.db")) as connection:
        connection.execute("ATTACH ? AS other", (str(sources / "archive.db"),))
        rows, shared, ties = connection.execute(
            "SELECT (SELECT count(*) FROM debates), count(*), sum(a.updated_at = b.updated_at) "
            "FROM main.debates AS a JOIN other.debates AS b USING (id)"
        ).fetchone()
    assert (shared / rows, ties) == (pytest.approx(0.2, abs=0.02), 0)


def test_every_baseline_brings_every_row_and_index(tmp_path: Path) -> None:
    dataset = ensure_dataset(tmp_path, "plain", TINY)
    ways = (copy_bare, copy_rows, copy_dump, copy_iterdump)
    for way in ways:
        target = tmp_path / f"{way.__name__}.db"
        for file in dataset.files:
            if file.target == "analytics":
                way(dataset.sources / f"{file.name}.db", target)
    assert len({count_everything(tmp_path / f"{way.__name__}.db") for way in ways}) == 1


def count_everything(path: Path) -> tuple[int, ...]:
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            if not name.startswith("sqlite_")
        ]
        indexes = connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'index'").fetchone()
        assert len(names) == 8
        return (
            *indexes,
            *(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names),
        )


@pytest.mark.parametrize("variant", ["plain", "conflicts"])
def test_the_systems_plan_places_every_file_and_its_schemas_every_table(tmp_path: Path, variant: Variant) -> None:
    dataset = ensure_dataset(tmp_path, variant, TINY)
    system = write_system(dataset, tmp_path / "system")
    plan = read_plan(system / "plan.yaml")
    assert set(plan.sources) == {file.name for file in dataset.files}
    with closing(sqlite3.connect(":memory:")) as connection:
        for target in plan.targets:
            connection.executescript((system / "sqlite" / f"{target}.sql").read_text())
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert tables == {table.name for file in dataset.files for table in file.tables} | {"sqlite_sequence"}


@pytest.mark.parametrize("flaw", [{"verdict": "DIFFERENT"}, {"unexplained": 1}, {"exit": 4}, {"rows_read": 1}])
def test_a_run_that_proved_less_stops_the_benchmark(tmp_path: Path, flaw: dict[str, object]) -> None:
    dataset = ensure_dataset(tmp_path, "plain", TINY)
    proven = {"verdict": "PROVEN", "exit": 0, "unexplained": 0, "rows_read": dataset.rows}
    require_proof(f"progress\n{json.dumps(proven)}\n", dataset)
    with pytest.raises(DifferencesError, match="plain"):
        require_proof(json.dumps(proven | flaw), dataset)
