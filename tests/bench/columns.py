"""The benchmark of ``columns.rotate``: beside the same UPDATE by psql or sqlite3 without a cipher, and with writers.

Every repetition runs all contenders in turn on the same rows: a rotation brings them under the other version.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from strongroom.core.errors import UsageError
from tests.bench.apart import measure_apart
from tests.bench.bounds import Bound, conclude, format_bounds
from tests.bench.column_ways import Ground, open_ground
from tests.bench.consolidate import HERE, KEPT_SCALE, Options, Say, open_workshop, require_space
from tests.bench.measure import Measurement
from tests.bench.outcome import Contender, Summary, align, count_free_cores

BOUNDS = (
    Bound(figure="postgres_rows_s", about="rows of 1 KB a second, PostgreSQL with two writers", limit=10_000,
          at_least=True, on_the_clock=True),
    Bound(figure="sqlite_rows_s", about="the same, SQLite", limit=20_000, at_least=True, on_the_clock=True),
    Bound(figure="writers_slowed", about="writes a second of two writers, alone / meanwhile", limit=1.2,
          on_the_clock=True),
    Bound(figure="peak_mb", about="peak memory of columns.rotate, MB", limit=150),
    Bound(figure="peak_vs_tenth", about="peak memory / at a tenth of the scale", limit=1.3),
)  # fmt: skip
ABOUT = {
    "psql": "UPDATE of 500 rows at a time by psql, no cipher",
    "postgres": "columns.rotate, PostgreSQL, nobody writes",
    "postgres_writers": "columns.rotate, PostgreSQL, two writers",
    "sqlite3": "UPDATE of 500 rows at a time by sqlite3, no cipher",
    "sqlite": "columns.rotate, SQLite (WAL)",
}
ROWS = 400_000
"""At scale 1."""
SPACE = 6e9
"""Bytes needed at scale 1: both tables with their dead rows, and logs."""
ALONE_SECONDS = 10.0
"""So long the writers write alone, at scale 1."""


def show_columns(options: Options, *, as_json: bool) -> None:
    """Run the benchmark and print it; raise DifferencesError (exit 3) when a bound is broken."""
    lines, summary = run_benchmark(options, lambda line: print(line, file=sys.stderr, flush=True))
    conclude("bench.columns", lines, summary, BOUNDS, as_json=as_json)


def run_benchmark(options: Options, say: Say) -> tuple[list[str], Summary]:
    """Measure, and return the lines to show and the figures."""
    scale, repeat = options.scale, options.repeat
    if scale <= 0 or repeat < 1:
        raise UsageError("bench.columns", f"cannot measure {repeat} times at scale {scale:g}")
    directory = (options.directory or HERE / ".data").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    require_space(directory, scale * SPACE / 7e9)
    with open_workshop(directory / "work-columns", keep=options.keep) as work:
        contenders, writes = run_ways(work / "whole", options, say)
        small = replace(options, scale=scale / 10, repeat=1)
        tenth = run_ways(work / "tenth", small, say)[0] if options.flat else {}
    summary = summarize(contenders, writes, tenth, count_rows(scale))
    if scale != KEPT_SCALE:
        say(f"the bounds are meant for scale {KEPT_SCALE:g}")
    head = (
        f"scale {scale:g}: {count_rows(scale)} rows of 1 KB; medians of {repeat}; "
        f"{summary['free_cores']:.1f} cores were free"
    )
    return [head, "", *format_ways(contenders, count_rows(scale)), "", *format_bounds(summary, BOUNDS)], summary


def count_rows(scale: float) -> int:
    """Return how many rows there are at a scale."""
    return max(int(ROWS * scale), 1)


def run_ways(work: Path, options: Options, say: Say) -> tuple[dict[str, Contender], dict[str, list[float]]]:
    """Run every contender in turn, repetition by repetition; also return the writes a second, alone and meanwhile."""
    runs: dict[str, list[Measurement]] = {name: [] for name in ABOUT}
    writes: dict[str, list[float]] = {"alone": [], "meanwhile": []}
    with open_ground(work, count_rows(options.scale), say) as ground:
        for repetition in range(1, options.repeat + 1):
            with ground.writing() as alone:
                ground.wait(max(ALONE_SECONDS * min(options.scale, 1), 1))
            writes["alone"].append(alone["writes_s"])
            for name in ABOUT:
                run, told = _run(name, ground)
                runs[name].append(run)
                say(f"{repetition} {name}: {run.wall:.2f} s, {run.cpu:.2f} CPU s, {run.peak_mb:.0f} MB")
                writes["meanwhile"] += [told["writes_s"]] if told else []
    contenders = {
        name: Contender(name=name, variant="plain", about=about, runs=tuple(runs[name]))
        for name, about in ABOUT.items()
    }
    return contenders, writes


def _run(name: str, ground: Ground) -> tuple[Measurement, Mapping[str, float]]:
    """Run a way; tell what the writers did meanwhile, if there are any."""
    words = ground.prepare(name)
    if name != "postgres_writers":
        return measure_apart(words, ground.root / "logs"), {}
    with ground.writing() as told:
        run = measure_apart(words, ground.root / "logs")
    return run, told


def summarize(
    contenders: Mapping[str, Contender],
    writes: Mapping[str, list[float]],
    tenth: Mapping[str, Contender],
    rows: int,
) -> Summary:
    """Return every figure that a bound names; ``tenth`` holds the runs at a tenth of the scale."""
    ours = ("postgres", "postgres_writers", "sqlite")
    summary: Summary = {
        "postgres_rows_s": rows / contenders["postgres_writers"].wall,
        "sqlite_rows_s": rows / contenders["sqlite"].wall,
        "writers_slowed": _mean(writes["alone"]) / max(_mean(writes["meanwhile"]), 1e-9),
        "peak_mb": max(contenders[name].peak_mb for name in ours),
        "postgres_vs_floor": contenders["postgres"].wall / contenders["psql"].wall,
        "sqlite_vs_floor": contenders["sqlite"].wall / contenders["sqlite3"].wall,
        "free_cores": count_free_cores({name: one for name, one in contenders.items() if name.startswith("sqlite")}),
    }
    if tenth:
        summary["peak_vs_tenth"] = max(contenders[name].peak_mb / tenth[name].peak_mb for name in ours)
    return {figure: round(value, 3) for figure, value in summary.items()}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def format_ways(contenders: Mapping[str, Contender], rows: int) -> list[str]:
    """Return a table of the costs, one line per contender."""
    lines = [("way", "runs", "wall s", "CPU s", "rows/s", "peak MB", "what it is")]
    for name, one in contenders.items():
        figures = (f"{one.wall:.2f}", f"{one.cpu:.2f}", f"{rows / one.wall:.0f}", f"{one.peak_mb:.0f}")
        lines.append((name, str(len(one.runs)), *figures, one.about))
    return align(lines)
