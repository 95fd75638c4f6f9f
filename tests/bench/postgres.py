"""The benchmark of ``postgres.*``: loads, proofs and cutovers beside the usual ways, on the same data in one run.

CPU seconds are those of the client and the server together. What each way left behind is compared cell by cell with
the rows as they were.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

from strongroom.core.errors import StrongroomError, UsageError
from tests.bench.apart import measure_apart
from tests.bench.bounds import Bound, conclude, format_bounds
from tests.bench.consolidate import (
    HERE,
    KEPT_SCALE,
    Options,
    Say,
    open_workshop,
    require_space,
    warm_caches,
    write_result,
)
from tests.bench.measure import Measurement, warm_memory
from tests.bench.outcome import Contender, Summary, align, count_free_cores
from tests.bench.postgres_check import Losses, find_losses, format_losses, keep_truth
from tests.bench.postgres_data import ensure_consolidated
from tests.bench.postgres_live import measure_live
from tests.bench.postgres_odd import TARGET, Judged, count_wrong, format_values, judge_values, make_odd
from tests.bench.postgres_server import BenchServer, open_server
from tests.bench.postgres_ways import ABOUT, OURS, Ground, find_peers, prepare_ground

LAST_RESULT = HERE / "last-postgres.json"
FASTER = {"pgloader": 2.5, "duckdb": 1.0, "adbc": 1.0}
"""Others' way -> how many times as long it takes as our load, at least."""
BOUNDS = (
    Bound(figure="cpu_load", about="CPU, load / floor", limit=1.5, aim=1.2),
    Bound(figure="load_vs_floor", about="clock, load / floor", limit=1.5, aim=1.2, on_the_clock=True),
    *(
        Bound(figure=f"{name}_vs_load", about=f"clock, {name} / load", limit=limit, at_least=True, on_the_clock=True)
        for name, limit in FASTER.items()
    ),
    Bound(
        figure="pgloader_vs_proven",
        about="clock, pgloader without any proof / load and proof",
        limit=1.5,
        at_least=True,
        on_the_clock=True,
    ),
    Bound(figure="peak_mb", about="peak memory of any process of ours, MB", limit=150),
    Bound(figure="peak_vs_tenth", about="peak memory / at a tenth of the scale", limit=1.3),
    Bound(figure="cutover_s", about="seconds without a write while a load becomes live", limit=1, on_the_clock=True),
    Bound(figure="rollback_s", about="seconds without a write while it is taken back", limit=1, on_the_clock=True),
    Bound(figure="lost", about="rows and cells that our load lost", limit=0),
    Bound(figure="odd", about="hard values that our load lost or altered, or that cost others their row", limit=0),
)
SPACE = 16e9
"""Bytes needed at scale 1: the data twice over, its CSV, the server with the truth and one way's result, its log."""
FILLED = 4
"""How many times the data's size a way may write at most."""
SUFFIXES = {"load": "_staged"}
"""Of the schemas into which a way loads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedMeasurement(Measurement):
    """What a way cost that makes a server work; ``cpu`` is both together."""

    server: float
    """CPU seconds of the server."""


def show_postgres(options: Options, *, as_json: bool) -> None:
    """Run the benchmark and print it; raise DifferencesError (exit 3) when a bound is broken."""
    lines, summary = run_benchmark(options, lambda line: print(line, file=sys.stderr, flush=True))
    conclude("bench.postgres", lines, summary, BOUNDS, as_json=as_json)


def run_benchmark(options: Options, say: Say) -> tuple[list[str], Summary]:
    """Measure, keep the result of a whole one, and return the lines to show and the figures."""
    scale, repeat = options.scale, options.repeat
    if scale <= 0 or repeat < 1:
        raise UsageError("bench.postgres", f"cannot measure {repeat} times at scale {scale:g}")
    directory = (options.directory or HERE / ".data").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    require_space(directory, scale * SPACE / 7e9)
    data, peers = ensure_consolidated(directory, scale), find_peers(directory, say)
    with (
        open_workshop(directory / "work-postgres", keep=options.keep) as work,
        open_server(work / "server", say) as server,
    ):
        ground = prepare_ground(work / "ground", data, server, peers)
        contenders, losses = run_ways(ground, repeat, say)
        live = measure_live(ground, say)
        tenth = run_tenth(directory, work, server, options, say) if options.flat else {}
        values = run_odd(work, server, peers)
    summary = summarize(contenders, tenth, live, losses) | {"odd": count_wrong(values["load"])}
    size = f"{data.size / 1e6:.0f} MB, {data.rows} rows in {len(data.tables)} tables"
    if scale == KEPT_SCALE:
        conditions = {"scale": scale, "repeat": repeat, "data": size}
        write_result(contenders, summary, conditions, bounds=BOUNDS, path=LAST_RESULT)
    else:
        say(f"the bounds are meant for scale {KEPT_SCALE:g}; nothing is kept of scale {scale:g}")
    head = f"scale {scale:g}: {size}; medians of {repeat}; {summary['free_cores']:.1f} cores were free"
    tables = (format_ways(contenders), format_losses(losses), format_values(values), format_bounds(summary, BOUNDS))
    absent = [f"{name}: not to be had here, not measured" for name in ABOUT if name not in contenders]
    return [head, *absent, *(line for table in tables for line in ("", *table))], summary


def run_ways(ground: Ground, repeat: int, say: Say) -> tuple[dict[str, Contender], dict[str, Losses]]:
    """Run every way in turn, repetition by repetition; compare what each leaves behind with the truth, once.

    The truth is what the floor loads first.
    """
    runs: dict[str, list[Measurement]] = {name: [] for name in ground.names}
    losses: dict[str, Losses] = {}
    truth: tuple[str, ...] = ()
    for repetition in range(1, repeat + 1):
        for name in list(runs):
            ground.prepare(name, *truth)
            try:
                run = measure_way(ground, name)
            except StrongroomError as error:
                if name in OURS or name.startswith("floor"):
                    raise
                say(f"{repetition} {name}: ended by itself, and has no figure: {error.hint}")
                del runs[name]
                continue
            runs[name].append(run)
            cpu = f"{run.cpu:.2f} CPU s, {run.server:.2f} of them the server's"
            say(f"{repetition} {name}: {run.wall:.2f} s, {cpu}, {run.peak_mb:.0f} MB")
            if not truth:
                truth = keep_truth(ground.data, ground.server)
            elif name not in losses and name not in ("floor", "verify"):
                losses[name] = find_losses(ground.data, ground.server, SUFFIXES.get(name, ""))
    ground.prepare("load")
    contenders = {
        name: Contender(name=name, variant="plain", about=ABOUT[name], runs=tuple(each)) for name, each in runs.items()
    }
    return contenders, losses


def measure_way(ground: Ground, name: str) -> ServedMeasurement:
    """Run a way once; the server's work is on its bill, and not among what others did meanwhile."""
    warm_memory(FILLED * ground.data.size)
    if name.startswith("floor"):
        warm_caches({ground.data.root / "csv"}, "*.csv")
    else:
        warm_caches({ground.target if name in OURS else ground.data.databases})
    words = ground.spell(name)
    before = ground.server.read_cpu()
    run = measure_apart(words, ground.root / "logs")
    server = ground.server.read_cpu() - before
    known = {field.name: getattr(run, field.name) for field in fields(run)}
    known |= {"cpu": run.cpu + server, "others": max(run.others - server, 0)}
    return ServedMeasurement(**known, server=server)


def run_tenth(directory: Path, work: Path, server: BenchServer, options: Options, say: Say) -> dict[str, Contender]:
    """Load and prove a tenth of the data, for the peaks."""
    data = ensure_consolidated(directory, options.scale / 10)
    ground = prepare_ground(work / "tenth", data, server, {})
    found = {}
    for name in OURS:
        ground.prepare(name)
        run = measure_way(ground, name)
        say(f"a tenth, {name}: {run.wall:.2f} s, {run.peak_mb:.0f} MB")
        found[name] = Contender(name=name, variant="plain", about=ABOUT[name], runs=(run,))
    return found


def run_odd(work: Path, server: BenchServer, peers: Mapping[str, Path]) -> dict[str, Judged]:
    """Let ours and others' ways load values that are hard to carry."""
    ground = prepare_ground(work / "odd", make_odd(work / "odd-data"), server, peers)
    return {name: judge_values(ground, name, TARGET + SUFFIXES.get(name, "")) for name in ("load", *peers)}


def summarize(
    contenders: Mapping[str, Contender],
    tenth: Mapping[str, Contender],
    live: Mapping[str, float],
    losses: Mapping[str, Losses],
) -> Summary:
    """Return every figure that a bound names and that could be measured.

    The load proves what it loaded; without that it takes what is left when a proof of its own is taken off.
    """
    floor, proven, proof = (contenders[name] for name in ("floor", "load", "verify"))
    load = proven.wall - proof.wall
    summary: Summary = {"cpu_load": (proven.cpu - proof.cpu) / floor.cpu, "load_vs_floor": load / floor.wall}
    summary |= {f"{name}_vs_load": contenders[name].wall / load for name in FASTER if name in contenders}
    if "pgloader" in contenders:
        summary["pgloader_vs_proven"] = contenders["pgloader"].wall / proven.wall
    summary["peak_mb"] = max(contenders[name].peak_mb for name in OURS)
    if tenth:
        summary["peak_vs_tenth"] = max(contenders[name].peak_mb / tenth[name].peak_mb for name in OURS)
    summary |= live
    summary["lost"] = losses["load"].missing + losses["load"].extra + losses["load"].changed
    summary["free_cores"] = count_free_cores(contenders)
    return {figure: round(value, 3) for figure, value in summary.items()}


def format_ways(contenders: Mapping[str, Contender]) -> list[str]:
    """Return a table of the costs, one line per way, and one of the load without its proof."""
    floor, proven, proof = (contenders[name] for name in ("floor", "load", "verify"))
    lines = [("way", "runs", "wall s", "x floor", "CPU s", "x floor", "of it server", "peak MB", "what it is")]
    costs = {name: (one.wall, one.cpu, _server(one), f"{one.peak_mb:.0f}") for name, one in contenders.items()}
    costs["load alone"] = (proven.wall - proof.wall, proven.cpu - proof.cpu, _server(proven) - _server(proof), "")
    about = ABOUT | {"load alone": "postgres.load less postgres.verify"}
    for name, (wall, cpu, server, peak) in costs.items():
        runs = str(len(contenders[name].runs)) if name in contenders else ""
        ratios = f"{wall / floor.wall:.2f}", f"{cpu / floor.cpu:.2f}"
        lines.append(
            (name, runs, f"{wall:.2f}", ratios[0], f"{cpu:.2f}", ratios[1], f"{server:.2f}", peak, about[name])
        )
    return align(lines)


def _server(contender: Contender) -> float:
    return median(run.server for run in contender.runs if isinstance(run, ServedMeasurement))
