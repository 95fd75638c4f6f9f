"""The benchmark of ``consolidate.run``: everything paired in one run, on the same data.

Every repetition runs all contenders in turn on sources that were read once before, each as a child
process. A run that is not PROVEN, or that read another number of rows than were generated, stops
the benchmark: a fast wrong answer is no answer.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from strongroom.core.errors import NoSpaceError, UsageError
from tests.bench.bounds import BOUNDS, PRINTED, Bound, conclude, find_broken, format_bounds
from tests.bench.measure import Measurement, warm_memory
from tests.bench.outcome import RUNS, Contender, Summary, format_contenders, format_steps, summarize
from tests.bench.ways import Way, list_ways

HERE = Path(__file__).parent
LAST_RESULT = HERE / "last-result.json"
KEPT_SCALE = 1.0
"""The scale whose result is kept: a trial on less data does not take its place."""

SPACE = 7e9
"""Bytes needed at scale 1: three data sets, and one contender's snapshots, stage and ledger."""

FILLED = 3.5
"""How many times the data's size a contender may write at most, and so fill of the page cache."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for."""

    scale: float
    repeat: int
    directory: Path | None
    """Where data sets stay from one benchmark to the next, and where contenders build."""
    keep: bool
    flat: bool


def show_benchmark(options: Options, *, as_json: bool) -> None:
    """Run the benchmark and print it; raise DifferencesError (exit 3) when a bound is broken."""
    lines, summary = run_benchmark(options, lambda line: print(line, file=sys.stderr, flush=True))
    conclude("bench.consolidate", lines, summary, BOUNDS, as_json=as_json, printed=PRINTED)


def run_benchmark(options: Options, say: Say) -> tuple[list[str], Summary]:
    """Measure, keep the result of a whole one beside this module, and return the lines to show and the figures.

    The data sets stay in the directory; what the contenders built goes, unless asked to keep it.
    """
    scale, repeat = options.scale, options.repeat
    if scale <= 0 or repeat < 1:
        raise UsageError("bench.consolidate", f"cannot measure {repeat} times at scale {scale:g}")
    directory = (options.directory or HERE / ".data").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    require_space(directory, scale)
    with open_workshop(directory / "work", keep=options.keep) as work:
        ways = prepare_ways(directory, work, scale, say)
        contenders = run_ways(ways, work / "built", options, say)
        tenth = run_tenth(directory, work, options, say) if options.flat else {}
    summary = summarize(contenders, tenth)
    data = ways["total"].dataset
    size = f"{data.size / 1e6:.0f} MB, {data.rows} rows in {len(data.files)} files"
    if scale == KEPT_SCALE:
        write_result(contenders, summary, {"scale": scale, "repeat": repeat, "data": size})
    else:
        say(f"the bounds are meant for scale {KEPT_SCALE:g}; nothing is kept of scale {scale:g}")
    head = f"scale {scale:g}: {size}; medians of {repeat}; {summary['free_cores']:.1f} cores were free"
    shares = ["CPU seconds by step, of runs of their own in one process (as with STRONGROOM_JOBS=1):"]
    tables = (format_contenders(contenders), shares + format_steps(contenders), format_bounds(summary))
    return [head, *(line for table in tables for line in ("", *table))], summary


def require_space(directory: Path, scale: float) -> None:
    """Raise NoSpaceError before an hour is spent on finding out."""
    free, needed = shutil.disk_usage(directory).free, SPACE * scale
    if free < needed:
        fact = f"{free / 1e9:.1f} GB free, about {needed / 1e9:.1f} needed at scale {scale:g}"
        raise NoSpaceError(directory, fact, "choose another --directory or a smaller --scale")


@contextmanager
def open_workshop(work: Path, *, keep: bool) -> Iterator[Path]:
    """Yield an empty directory to build in; remove it afterwards unless ``keep``."""
    remove(work)
    work.mkdir()
    yield work
    if not keep:
        remove(work)


def remove(directory: Path) -> None:
    """Remove a directory that may be absent."""
    if directory.exists():
        shutil.rmtree(directory)


def prepare_ways(directory: Path, work: Path, scale: float, say: Say) -> dict[str, Way]:
    """Generate the data sets, warm the cache with them, and list the contenders in turn."""
    say(f"data sets at scale {scale:g}")
    ways = list_ways(directory, work / f"systems-{scale:g}", scale)
    warm_caches({way.dataset.sources for way in ways.values()})
    return ways


def warm_caches(directories: set[Path], pattern: str = "*.db") -> None:
    """Read every source once."""
    for path in sorted(path for directory in directories for path in directory.glob(pattern)):
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass


def run_ways(ways: Mapping[str, Way], work: Path, options: Options, say: Say) -> dict[str, Contender]:
    """Run every contender in turn, repetition by repetition."""
    runs: dict[str, list[Measurement]] = {name: [] for name in ways}
    for repetition in range(1, options.repeat + 1):
        for name, way in ways.items():
            warm_memory(int(FILLED * way.dataset.size))
            run = way.run(work)
            runs[name].append(run)
            say(f"{repetition} {name}: {run.wall:.2f} s, {run.cpu:.2f} CPU s, {run.peak_mb:.0f} MB")
            if not (options.keep and repetition == options.repeat):
                remove(work / name)  # the page cache that it filled is free for the next one
    return {
        name: Contender(name=name, variant=way.dataset.variant, about=way.about, runs=tuple(runs[name]))
        for name, way in ways.items()
    }


def run_tenth(directory: Path, work: Path, options: Options, say: Say) -> dict[str, Contender]:
    """Run the consolidations once more on a tenth of the data, for their peaks."""
    small = replace(options, scale=options.scale / 10, repeat=1, keep=False)
    ways = prepare_ways(directory, work, small.scale, say)
    return run_ways({name: ways[name] for name in RUNS.values()}, work / "tenth", small, say)


def write_result(
    contenders: Mapping[str, Contender],
    summary: Summary,
    conditions: Mapping[str, object],
    *,
    bounds: Sequence[Bound] = BOUNDS,
    path: Path | None = None,
) -> None:
    """Keep the last result beside this module: figures and facts, no names of hosts or paths."""
    result = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **conditions,
        "broken": find_broken(summary, bounds),
        "summary": summary,
        "contenders": {
            name: {
                "about": contender.about,
                "wall": round(contender.wall, 3),
                "cpu": round(contender.cpu, 3),
                "peak_mb": round(contender.peak_mb, 1),
                "steps": {step: round(seconds, 3) for step, seconds in contender.steps.items()},
                "runs": [
                    {figure: round(getattr(run, figure), 3) for figure in ("wall", "cpu", "peak_mb", "others")}
                    for run in contender.runs
                ],
            }
            for name, contender in contenders.items()
        },
    }
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    (path or LAST_RESULT).write_text(text, encoding="utf-8")
