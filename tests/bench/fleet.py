"""The benchmark of ``fleet.run``: a thousand tenants of 2 MB, beside a loop of commands; and a list of a million.

Every run makes its targets anew. One that does not end with every tenant PROVEN stops the benchmark.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from strongroom.core.errors import DifferencesError, UsageError
from tests.bench.bounds import Bound, conclude, format_bounds
from tests.bench.consolidate import HERE, KEPT_SCALE, Options, Say, open_workshop, require_space, write_result
from tests.bench.fleet_data import Tenants, ensure_tenants
from tests.bench.measure import Measurement, measure_child, warm_memory
from tests.bench.outcome import Contender, Summary, align, count_free_cores

LAST_RESULT = HERE / "last-fleet.json"
TENANTS = 1000
LISTED = 1_000_000
"""Lines of the long list."""
IN_A_LOOP = 20
"""One of so many tenants is consolidated by a command of its own."""
BOUNDS = (
    Bound(
        figure="per_second",
        about="tenants a second, two processes",
        limit=10,
        aim=15,
        at_least=True,
        on_the_clock=True,
    ),
    Bound(figure="cpu_ms", about="CPU milliseconds of a tenant, two processes", limit=180, aim=120),
    Bound(figure="scaling", about="clock, one process / two processes", limit=1.8, at_least=True, on_the_clock=True),
    Bound(figure="cpu_loop", about="CPU of a tenant, a command for each / fleet.run", limit=3, at_least=True),
    Bound(figure="peak_mb", about="peak memory of any process, MB", limit=150),
    Bound(figure="peak_vs_tenth", about="peak memory / with a tenth of the tenants", limit=1.1),
    Bound(figure="list_mb", about="peak memory with a list of a million, MB", limit=80),
    Bound(figure="list_vs_tenth", about="the same / with a list of a hundred thousand", limit=1.1),
    Bound(figure="list_us", about="CPU microseconds of a line of the list", limit=40),
)
SPACE = 9e9
"""Bytes needed at scale 1: tenants, and what one run makes of them."""
ABOUT = {
    "two": "fleet.run --jobs 2",
    "one": "fleet.run --jobs 1",
    "loop": f"consolidate.run for one of {IN_A_LOOP} tenants, one after the other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a repetition works on."""

    tenants: Tenants
    work: Path


def show_fleet(options: Options, *, as_json: bool) -> None:
    """Run the benchmark and print it; raise DifferencesError (exit 3) when a bound is broken."""
    lines, summary = run_benchmark(options, lambda line: print(line, file=sys.stderr, flush=True))
    conclude("bench.fleet", lines, summary, BOUNDS, as_json=as_json)


def run_benchmark(options: Options, say: Say) -> tuple[list[str], Summary]:
    """Measure, keep the result of a whole one, and return the lines to show and the figures."""
    scale, repeat = options.scale, options.repeat
    if scale <= 0 or repeat < 1:
        raise UsageError("bench.fleet", f"cannot measure {repeat} times at scale {scale:g}")
    directory = (options.directory or HERE / ".data").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    require_space(directory, scale * SPACE / 7e9)
    count = max(IN_A_LOOP, round(TENANTS * scale))
    tenants = ensure_tenants(directory, count)
    with open_workshop(directory / "work-fleet", keep=options.keep) as work:
        contenders = run_ways(Ground(tenants=tenants, work=work), repeat, say)
        small = replace(tenants, names=tenants.names[: max(count // 10, 1)])
        tenth = run_fleet(Ground(tenants=small, work=work), 2) if options.flat else None
        lists = measure_lists(work, scale, say) if options.flat else {}
    summary = summarize(contenders, count, tenth) | lists
    size = f"{count} tenants of {tenants.size / 1e6:.1f} MB"
    if scale == KEPT_SCALE:
        conditions = {"scale": scale, "repeat": repeat, "data": size}
        write_result(contenders, summary, conditions, bounds=BOUNDS, path=LAST_RESULT)
    else:
        say(f"the bounds are meant for scale {KEPT_SCALE:g}; nothing is kept of scale {scale:g}")
    head = f"{size}; medians of {repeat}; {summary['free_cores']:.1f} cores were free"
    return [head, "", *format_ways(contenders, count), "", *format_bounds(summary, BOUNDS)], summary


def run_ways(ground: Ground, repeat: int, say: Say) -> dict[str, Contender]:
    """Run every way in turn, repetition by repetition."""
    runs: dict[str, list[Measurement]] = {name: [] for name in ABOUT}
    for repetition in range(1, repeat + 1):
        for name in ABOUT:
            run = run_loop(ground) if name == "loop" else run_fleet(ground, 2 if name == "two" else 1)
            runs[name].append(run)
            say(f"{repetition} {name}: {run.wall:.2f} s, {run.cpu:.2f} CPU s, {run.peak_mb:.0f} MB")
    return {
        name: Contender(name=name, variant="plain", about=about, runs=tuple(runs[name]))
        for name, about in ABOUT.items()
    }


def run_fleet(ground: Ground, jobs: int) -> Measurement:
    """Consolidate every tenant. Raises DifferencesError where one is not proven."""
    names = ground.tenants.names
    with fresh(ground) as targets:
        listed = ground.tenants.write_list(ground.work / "tenants.jsonl", targets)
        words = ["fleet.run", "--tenants", str(listed), "--root", "/", "--task", "consolidate"]
        words += ["--results", str(targets / ".results"), "--jobs", str(jobs), "--json"]
        run, written = measure_child([sys.executable, "-P", "-m", "strongroom", *words], ground.work / "logs")
        ended = json.loads(written.splitlines()[-1])
        if (ended["done"], ended["before"]) != (len(names), 0):
            raise DifferencesError("bench.fleet", f"{ended['done']} of {len(names)} tenants were done")
    return run


def run_loop(ground: Ground) -> Measurement:
    """Consolidate some tenants by a command for each, and return what all of them cost together."""
    names, runs = ground.tenants.names[::IN_A_LOOP], list[Measurement]()
    with fresh(ground) as targets:
        for name in names:
            words = ["consolidate.run", "--system", str(ground.tenants.system), "--target", str(targets / name)]
            words += ["--source", str(ground.tenants.sources / name), "--json"]
            run, written = measure_child([sys.executable, "-P", "-m", "strongroom", *words], ground.work / "logs")
            if json.loads(written.splitlines()[-1])["verdict"] != "PROVEN":
                raise DifferencesError("bench.fleet", f"{name} was not proven")
            runs.append(run)
    return Measurement(
        wall=sum(run.wall for run in runs),
        cpu=sum(run.cpu for run in runs),
        peak_mb=max(run.peak_mb for run in runs),
        others=sum(run.others for run in runs),
    )


@contextmanager
def fresh(ground: Ground) -> Iterator[Path]:
    """Give an empty place for targets, the sources as they were made; it is gone afterwards."""
    targets = ground.work / "targets"
    shutil.rmtree(targets, ignore_errors=True)
    targets.mkdir()
    ground.tenants.forget()
    warm_memory(min(3 * ground.tenants.size * len(ground.tenants.names), 4 << 30))
    yield targets
    shutil.rmtree(targets)


def measure_lists(work: Path, scale: float, say: Say) -> Summary:
    """Measure what reading a long list costs, and a tenth of it."""
    runs = {}
    for name, lines in (("tenth", LISTED * scale / 10), ("whole", LISTED * scale)):
        listed = write_long_list(work / "long.jsonl", max(int(lines), 10))
        words = ["fleet.run", "--tenants", str(listed), "--task", "consolidate", "--dry-run", "--json"]
        words += ["--results", str(work / "no-results"), "--index", "0", "--of", "2"]
        runs[name], _ = measure_child([sys.executable, "-P", "-m", "strongroom", *words], work / "logs")
        say(f"{lines:.0f} lines: {runs[name].wall:.2f} s, {runs[name].cpu:.2f} CPU s, {runs[name].peak_mb:.0f} MB")
    whole, tenth = runs["whole"], runs["tenth"]
    more = (whole.cpu - tenth.cpu) / (LISTED * scale * 0.9)
    figures = {"list_mb": whole.peak_mb, "list_vs_tenth": whole.peak_mb / tenth.peak_mb, "list_us": more * 1e6}
    return {figure: round(value, 3) for figure, value in figures.items()}


def write_long_list(file: Path, lines: int) -> Path:
    """Write a list of tenants that are not there."""
    with file.open("w", encoding="utf-8") as stream:
        for number in range(lines):
            name = f"tenant-{number:07d}"
            line = {"name": name, "system": "aragora", "source": f"legacy/{name}", "target": f"new/{name}"}
            stream.write(json.dumps(line) + "\n")
    return file


def summarize(contenders: Mapping[str, Contender], count: int, tenth: Measurement | None) -> Summary:
    """Return every figure that a bound names; ``tenth``: the run with a tenth of ``count`` tenants."""
    two, one, loop = (contenders[name] for name in ABOUT)
    of_loop = loop.cpu / -(-count // IN_A_LOOP)
    summary = {
        "per_second": count / two.wall,
        "cpu_ms": 1000 * two.cpu / count,
        "scaling": median(run.wall for run in one.runs) / two.wall,
        "cpu_loop": of_loop / (two.cpu / count),
        "peak_mb": max(one.peak_mb, two.peak_mb),
        "free_cores": count_free_cores(contenders),
    }
    if tenth is not None:
        summary["peak_vs_tenth"] = two.peak_mb / tenth.peak_mb
    return {figure: round(value, 3) for figure, value in summary.items()}


def format_ways(contenders: Mapping[str, Contender], count: int) -> list[str]:
    """Return a table of the costs, one line per contender."""
    lines = [("way", "runs", "wall s", "CPU s", "tenants/s", "peak MB", "what it is")]
    for name, one in contenders.items():
        done = -(-count // IN_A_LOOP) if name == "loop" else count
        figures = (str(len(one.runs)), f"{one.wall:.2f}", f"{one.cpu:.2f}", f"{done / one.wall:.1f}")
        lines.append((name, *figures, f"{one.peak_mb:.0f}", one.about))
    return align(lines)
