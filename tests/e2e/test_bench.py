"""The benchmark runs through: it measures whole runs by step, judges its bounds, and its data is what it says."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.bench import consolidate, keys
from tests.bench.bounds import BOUNDS
from tests.bench.dataset import DataSet, SourceFile, Table
from tests.bench.outcome import STEPPED
from tests.bench.rewritten import USERS
from tests.bench.steps import STEPS
from tests.bench.ways import list_ways

TINY = 0.002


def test_a_small_benchmark_says_every_figure_and_that_its_bounds_do_not_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = consolidate.LAST_RESULT.read_bytes()
    words = ("bench.consolidate", "--scale", TINY, "--repeat", 1, "--directory", tmp_path, "--no-flat", "--json")
    code = OpsProgram(every_task).main(["inv", *map(str, words)])
    written = capsys.readouterr()
    lines = written.out.splitlines()
    figures = json.loads(lines[-1])
    assert all(figures[bound.figure] > 0 for bound in BOUNDS if bound.figure != "peak_vs_tenth")
    assert all(any(line.startswith(step.name) for line in lines) for step in STEPS)
    # So little data is done before Python has started.
    assert code == 3
    assert "cpu_plain" in written.err.splitlines()[-1]
    assert consolidate.LAST_RESULT.read_bytes() == kept


@pytest.mark.parametrize("variant", STEPPED)
def test_every_step_of_a_run_has_its_share(tmp_path: Path, variant: str) -> None:
    way = list_ways(tmp_path, tmp_path / "systems", TINY)[f"{variant}_steps"]
    measurement = way.run(tmp_path / "built")
    assert set(measurement.steps) == {step.name for step in STEPS}
    assert all(seconds > 0 for seconds in measurement.steps.values())
    assert sum(measurement.steps.values()) == pytest.approx(measurement.cpu, abs=0.3)


def test_every_row_of_the_rewritten_set_arrives_as_another(tmp_path: Path) -> None:
    way = list_ways(tmp_path, tmp_path / "systems", TINY)["rewritten"]
    way.run(tmp_path / "built")
    for file, table in list_tables(way.dataset):
        with closing(sqlite3.connect(way.dataset.sources / f"{file.name}.db")) as connection:
            connection.execute("ATTACH ? AS target", (str(tmp_path / "built" / "rewritten" / f"{file.target}.db"),))
            both = f"SELECT * FROM main.{table.name} INTERSECT SELECT * FROM target.{table.name}"
            assert connection.execute(f"SELECT count(*) FROM ({both})").fetchone() == (0,)
            assert connection.execute(f"SELECT count(*) FROM target.{table.name}").fetchone() == (table.rows,)


def list_tables(dataset: DataSet) -> Iterator[tuple[SourceFile, Table]]:
    """Yield the tables that one file holds alone."""
    for file in dataset.files:
        for table in file.tables:
            if table.name != USERS:
                yield file, table


def test_a_small_benchmark_of_keys_says_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("bench.keys", "--scale", TINY, "--repeat", 1, "--directory", tmp_path, "--no-flat", "--json")
    OpsProgram(every_task).main(["inv", *map(str, words)])
    lines = capsys.readouterr().out.splitlines()
    figures = json.loads(lines[-1])
    assert all(figures[bound.figure] > 0 for bound in keys.BOUNDS if bound.figure != "peak_vs_tenth")
    assert all(any(line.startswith(name) for line in lines) for name in keys.ABOUT)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"keys-1-{TINY}"]
