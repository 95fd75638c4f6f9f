"""The benchmark's arithmetic and its data; its bounds themselves are judged by bench.consolidate."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pytest

from strongroom.core.errors import DifferencesError
from strongroom.core.plan import read_plan
from tests.bench import consolidate
from tests.bench.baselines import copy_bare, copy_dump, copy_iterdump, copy_rows
from tests.bench.bounds import find_broken, format_bounds
from tests.bench.dataset import DataSet, Variant, ensure_dataset
from tests.bench.measure import Measurement, measure_child
from tests.bench.outcome import Contender, format_contenders, format_steps, summarize
from tests.bench.rewritten import USERS
from tests.bench.steps import Meter, name_step, read_cpu
from tests.bench.system import write_system
from tests.bench.ways import require_proof

TINY = 0.001
NO_DATA = DataSet(variant="plain", sources=Path(), files=(), rows=0, size=0)


STEPS = {"start": 0.5, "snapshot": 1, "bind": 0.5, "merge": 4, "verify": 0.5, "verify.soundness": 1}
STEPS |= {"verify.content": 2, "hash, fsync": 0.25, "publish": 0.25}


def contender(
    name: str,
    *walls: float,
    variant: Variant = "plain",
    peak_mb: float = 100,
    others: float = 0,
    steps: Mapping[str, float] = MappingProxyType({}),
) -> Contender:
    runs = tuple(
        Measurement(wall=wall, cpu=2 * wall, peak_mb=peak_mb, others=others * wall, steps=steps) for wall in walls
    )
    return Contender(name=name, variant=variant, about=f"about {name}", runs=runs)


def contenders_beside(others: float) -> dict[str, Contender]:
    """Return contenders that ran while so many cores were used by others."""
    return {
        "bare": contender("bare", 9, 2, 1, peak_mb=20, others=others),
        "total": contender("total", 3, 3, 30, others=others),
        "plain_steps": contender("plain_steps", 5, steps=STEPS, others=others),
        "bare_conflicts": contender("bare_conflicts", 2, variant="conflicts", peak_mb=20, others=others),
        "conflicts": contender("conflicts", 9, variant="conflicts", peak_mb=140, others=others),
        "conflicts_steps": contender("conflicts_steps", 5, variant="conflicts", steps=STEPS, others=others),
        "bare_rewritten": contender("bare_rewritten", 2, variant="rewritten", others=others),
        "rewritten": contender("rewritten", 11, variant="rewritten", others=others),
        "rewritten_steps": contender("rewritten_steps", 5, variant="rewritten", steps=STEPS, others=others),
        "rows": contender("rows", 6, others=others),
        "dump": contender("dump", 15, others=others),
    }


CONTENDERS = contenders_beside(0)
TENTH = {"total": contender("total", 1, peak_mb=80), "conflicts": contender("conflicts", 1, peak_mb=100)}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def test_the_summary_divides_medians_and_takes_the_largest_peak() -> None:
    assert summarize(CONTENDERS, TENTH) == {
        "cpu_plain": 1.5,
        "cpu_conflicts": 4.5,
        "cpu_rewritten": 5.5,
        "derivation_plain": 0.5,
        "derivation_conflicts": 0.5,
        "derivation_rewritten": 0.5,
        "total_vs_bare": 1.5,
        "conflicts_vs_bare": 4.5,
        "rewritten_vs_bare": 5.5,
        "dump_vs_total": 5,
        "rows_vs_total": 2,
        "free_cores": 2,
        "peak_mb": 140,
        "peak_vs_tenth": 1.4,
    }
    assert summarize(contenders_beside(0.75), {})["free_cores"] == 1.25


KEPT = {
    "cpu_plain": 2.7,
    "cpu_conflicts": 6,
    "cpu_rewritten": 10,
    "derivation_plain": 1,
    "derivation_conflicts": 3,
    "total_vs_bare": 1.6,
    "conflicts_vs_bare": 3.5,
    "rewritten_vs_bare": 6,
    "dump_vs_total": 4,
    "rows_vs_total": 2,
    "peak_mb": 150,
    "peak_vs_tenth": 1.3,
}


@pytest.mark.parametrize(("figure", "limit"), KEPT.items())
def test_every_figure_can_break_its_bound(figure: str, limit: float) -> None:
    kept = KEPT | {"free_cores": 2.0}
    assert find_broken(kept) == []
    worse = -0.01 if figure.endswith("_vs_total") else 0.01
    assert find_broken(kept | {figure: limit + worse}) == [figure]


@pytest.mark.parametrize(("figure", "limit"), KEPT.items())
def test_a_busy_machine_breaks_no_bound_on_the_clock_and_excuses_no_other(figure: str, limit: float) -> None:
    worse = -0.01 if figure.endswith("_vs_total") else 0.01
    broken = find_broken(KEPT | {"free_cores": 1.5, figure: limit + worse})
    assert broken == ([] if "_vs_bare" in figure or "_vs_total" in figure else [figure])


def test_the_tables_are_aligned_and_say_what_does_not_hold() -> None:
    assert format_bounds(summarize(CONTENDERS, {})) == [
        "figure                measured   bound  aim    is  what it is",
        "cpu_plain                 1.50  <= 2.7  2.2    ok  CPU, whole run / bare copy",
        "cpu_conflicts             4.50    <= 6    5    ok  CPU, with conflicts / bare copy of them",
        "cpu_rewritten             5.50   <= 10    7    ok  CPU, every row rewritten / bare copy of them",
        "derivation_plain          0.50    <= 1         ok  CPU, the proof's derivation / bare copy",
        "derivation_conflicts      0.50    <= 3         ok  CPU, the same with conflicts",
        "total_vs_bare             1.50  <= 1.6         ok  clock, whole run / bare copy",
        "conflicts_vs_bare         4.50  <= 3.5       OVER  clock, with conflicts",
        "rewritten_vs_bare         5.50    <= 6         ok  clock, every row rewritten",
        "dump_vs_total             5.00    >= 4         ok  clock, .dump / whole run",
        "rows_vs_total             2.00    >= 2         ok  clock, row loop / whole run",
        "peak_mb                 140.00  <= 150         ok  peak memory of any process, MB",
    ]
    assert "over, on a busy machine" in format_bounds(summarize(contenders_beside(0.5), {}))[7]
    assert format_contenders(CONTENDERS)[5] == (
        "conflicts           1    9.00  18.00        4.50       4.50      140  about conflicts"
    )


def test_the_steps_of_each_run_add_up_and_stand_beside_the_bare_copy() -> None:
    lines = {line.split("  ")[0]: line.split()[1:] for line in format_steps(CONTENDERS)}
    assert lines["merge"][:3] == ["4.00", "40", "1.00"]
    assert lines["verify"][:3] == ["3.50", "35", "0.88"]
    assert lines["verify.content"][:3] == ["2.00", "20", "0.50"]
    assert lines["all"][:3] == ["10.00", "100", "2.50"]


def test_the_meter_counts_to_the_innermost_step() -> None:
    seconds = iter((1, 3, 6, 10, 15, 21, 28))
    meter = Meter(lambda: float(next(seconds)))
    meter.start("snapshot", 0)
    meter.counted_as("hash, fsync", lambda: None)()
    with meter.inside("merge"):
        meter.counted_as("hash, fsync", lambda: None)()
    counted = {step: spent for step, spent in meter.seconds.items() if spent}
    assert counted == {"start": 1, "snapshot": 2 + 4, "hash, fsync": 3 + 6, "merge": 5 + 7}


@pytest.mark.parametrize(
    ("module", "name", "step"),
    [
        ("strongroom.consolidate.merge.build", "build_target", "merge"),
        ("strongroom.consolidate.verify.anything", "verify_soundness", "verify.soundness"),
        ("strongroom.consolidate.verify", "anything_else", "verify.content"),
        ("strongroom.sqlite.snapshot", "take_snapshot", None),
    ],
)
def test_jobs_are_told_apart_by_the_package_they_are_of(module: str, name: str, step: str | None) -> None:
    def job() -> None: ...

    job.__module__, job.__name__ = module, name
    assert name_step(job) == step


BURN = """
import os, time
if os.fork():
    os.wait()
else:
    while time.process_time() < 0.3:
        pass
"""


def test_what_a_child_process_uses_is_on_the_bill(tmp_path: Path) -> None:
    measurement, _ = measure_child([sys.executable, "-c", BURN], tmp_path)
    assert 0.3 <= measurement.cpu < 2
    assert measurement.others >= 0
    before = read_cpu()
    subprocess.run([sys.executable, "-c", BURN], check=True, timeout=60)
    assert read_cpu() - before >= 0.3


def test_what_others_use_meanwhile_is_not(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        measurement, _ = measure_child([sys.executable, "-c", "import time; time.sleep(0.5)"], tmp_path)
    finally:
        other.kill()
        other.wait(timeout=10)
    assert measurement.cpu < 0.4
    assert measurement.others > 0.1


def test_only_a_whole_benchmark_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(consolidate, "list_ways", lambda *_: {"total": SimpleNamespace(dataset=NO_DATA)})
    monkeypatch.setattr(consolidate, "warm_caches", lambda _: None)
    monkeypatch.setattr(consolidate, "run_ways", lambda *_: CONTENDERS)
    monkeypatch.setattr(consolidate, "require_space", lambda *_: None)
    monkeypatch.setattr(consolidate, "LAST_RESULT", tmp_path / "last.json")
    for scale, is_kept in ((0.1, False), (1.0, True)):
        options = consolidate.Options(scale=scale, repeat=1, directory=tmp_path, keep=False, flat=False)
        consolidate.run_benchmark(options, lambda _: None)
        assert (tmp_path / "last.json").exists() == is_kept
    kept = json.loads((tmp_path / "last.json").read_text())
    assert kept["summary"]["cpu_rewritten"] == 5.5
    assert kept["contenders"]["plain_steps"]["steps"]["verify"] == 3.5
    assert kept["broken"] == ["conflicts_vs_bare"]


def test_a_fifth_of_the_rows_is_in_conflict(tmp_path: Path) -> None:
    sources = ensure_dataset(tmp_path, "conflicts", TINY).sources
    with closing(sqlite3.connect(sources / "debates.db")) as connection:
        connection.execute("ATTACH ? AS other", (str(sources / "archive.db"),))
        rows, shared, ties = connection.execute(
            "SELECT (SELECT count(*) FROM debates), count(*), sum(a.updated_at = b.updated_at) "
            "FROM main.debates AS a JOIN other.debates AS b USING (id)"
        ).fetchone()
    assert (shared / rows, ties) == (pytest.approx(0.2, abs=0.02), 0)


def test_the_three_data_sets_are_of_one_size_and_every_copy_of_one_is_the_same(tmp_path: Path) -> None:
    sets = {variant: ensure_dataset(tmp_path, variant, 0.005) for variant in ("plain", "conflicts", "rewritten")}
    users = sum(table.rows for file in sets["rewritten"].files for table in file.tables if table.name == USERS)
    assert sets["plain"].rows == sets["conflicts"].rows == sets["rewritten"].rows - users
    assert sets["rewritten"].size == pytest.approx(sets["plain"].size, rel=0.1)
    again = ensure_dataset(tmp_path / "again", "rewritten", 0.005)
    for file in again.sources.iterdir():
        assert file.read_bytes() == (sets["rewritten"].sources / file.name).read_bytes()


def test_users_are_shared_by_name_under_other_ids(tmp_path: Path) -> None:
    sources = ensure_dataset(tmp_path, "rewritten", TINY).sources
    with closing(sqlite3.connect(sources / "elo.db")) as connection:
        connection.execute("ATTACH ? AS other", (str(sources / "leagues.db"),))
        rows, shared, same_id = connection.execute(
            "SELECT (SELECT count(*) FROM users), count(*), sum(a.id = b.id) "
            "FROM main.users AS a JOIN other.users AS b USING (name)"
        ).fetchone()
        orphans = connection.execute("PRAGMA main.foreign_key_check").fetchall()
    assert (shared, same_id, orphans) == (rows / 2, 0, [])


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


@pytest.mark.parametrize("variant", ["plain", "conflicts", "rewritten"])
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
