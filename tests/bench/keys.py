"""The benchmark of ``sqlcipher.*``: what backups and proofs cost beside the bare statements, paired in one run.

Every repetition runs all contenders in turn, each as a child process on a copy of the same data.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from strongroom.core.errors import UsageError
from tests.bench.bounds import Bound, conclude, format_bounds
from tests.bench.consolidate import HERE, KEPT_SCALE, Options, Say, open_workshop, require_space
from tests.bench.key_ways import GENERATOR, WAYS, export, make_plain
from tests.bench.measure import Measurement, measure_child, warm_memory
from tests.bench.outcome import Contender, Summary, align, count_free_cores

BOUNDS = (
    Bound(figure="cpu_rekey", about="CPU, sqlcipher.rekey / bare PRAGMA rekey", limit=2.2),
    Bound(figure="cpu_encrypt", about="CPU, sqlcipher.encrypt / bare sqlcipher_export", limit=2.0),
    Bound(figure="rekey_vs_bare", about="clock, the same", limit=2.2, on_the_clock=True),
    Bound(figure="encrypt_vs_bare", about="clock, the same", limit=2.0, on_the_clock=True),
    Bound(figure="open_ms", about="milliseconds that a raw key adds to opening", limit=5),
    Bound(figure="peak_mb", about="peak memory of either, MB", limit=150),
    Bound(figure="peak_vs_tenth", about="peak memory / at a tenth of the scale", limit=1.3),
)
PAIRS = {"encrypt": "bare_export", "rekey": "bare_rekey"}
"""Our way -> the bare statement that it is compared with."""
ABOUT = {
    "bare_export": "sqlcipher_export, nothing proven",
    "encrypt": "sqlcipher.encrypt: copy, comparison of every row, swap",
    "bare_rekey": "PRAGMA rekey, nothing kept, nothing proven",
    "rekey": "sqlcipher.rekey: copy, rekey, every page read again",
}
FILLED = 4
"""How many times the data's size a contender may write at most."""
SPACE = 5e9
"""Bytes needed at scale 1: both databases, and one contender's copies."""


def show_keys(options: Options, *, as_json: bool) -> None:
    """Run the benchmark and print it; raise DifferencesError (exit 3) when a bound is broken."""
    lines, summary = run_benchmark(options, lambda line: print(line, file=sys.stderr, flush=True))
    conclude("bench.keys", lines, summary, BOUNDS, as_json=as_json)


def run_benchmark(options: Options, say: Say) -> tuple[list[str], Summary]:
    """Measure, and return the lines to show and the figures."""
    scale, repeat = options.scale, options.repeat
    if scale <= 0 or repeat < 1:
        raise UsageError("bench.keys", f"cannot measure {repeat} times at scale {scale:g}")
    directory = (options.directory or HERE / ".data").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    require_space(directory, scale * SPACE / 7e9)
    with open_workshop(directory / "work-keys", keep=options.keep) as work:
        contenders = run_ways(directory, work, options, say)
        small = replace(options, scale=scale / 10, repeat=1)
        tenth = run_ways(directory, work, small, say) if options.flat else {}
        opening = _run("open", work / "open.db", work)[1]
    summary = summarize(contenders, tenth, opening)
    if scale != KEPT_SCALE:
        say(f"the bounds are meant for scale {KEPT_SCALE:g}")
    size = ensure_data(directory, scale).stat().st_size
    head = f"scale {scale:g}: {size / 1e6:.0f} MB; medians of {repeat}; {summary['free_cores']:.1f} cores were free"
    return [head, "", *format_ways(contenders), "", *format_bounds(summary, BOUNDS)], summary


def ensure_data(directory: Path, scale: float) -> Path:
    """Return the plain database, an encrypted one beside it; made when missing."""
    folder = directory / f"keys-{GENERATOR}-{scale:g}"
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make_plain(part / "plain.db", scale)
        export(part / "plain.db")
        part.rename(folder)
    return folder / "plain.db"


def run_ways(directory: Path, work: Path, options: Options, say: Say) -> dict[str, Contender]:
    """Run every contender in turn, repetition by repetition."""
    plain = ensure_data(directory, options.scale)
    runs: dict[str, list[Measurement]] = {name: [] for name in ABOUT}
    for repetition in range(1, options.repeat + 1):
        for name in ABOUT:
            database = work / name / "app.db"
            database.parent.mkdir()
            shutil.copyfile(plain if name in ("bare_export", "encrypt") else plain.with_name("encrypted.db"), database)
            warm_memory(int(FILLED * plain.stat().st_size))
            run, _ = _run(name, database, work)
            runs[name].append(run)
            say(f"{repetition} {name}: {run.wall:.2f} s, {run.cpu:.2f} CPU s, {run.peak_mb:.0f} MB")
            shutil.rmtree(database.parent)
    return {
        name: Contender(name=name, variant="plain", about=about, runs=tuple(runs[name]))
        for name, about in ABOUT.items()
    }


def _run(name: str, database: Path, work: Path) -> tuple[Measurement, Any]:
    """Run a way; its peak is its own, without that of the process that started it."""
    assert name in WAYS
    words = [sys.executable, "-P", "-m", "tests.bench.key_ways", name, str(database)]
    measurement, written = measure_child(words, work / "logs")
    found = json.loads(written)
    return replace(measurement, peak_mb=found["peak_mb"]), found["said"]


def summarize(
    contenders: Mapping[str, Contender], tenth: Mapping[str, Contender], opening: Mapping[str, float]
) -> Summary:
    """Return every figure that a bound names; ``tenth`` holds the runs at a tenth of the scale."""
    summary: Summary = {}
    for name, bare in PAIRS.items():
        summary[f"cpu_{name}"] = contenders[name].cpu / contenders[bare].cpu
        summary[f"{name}_vs_bare"] = contenders[name].wall / contenders[bare].wall
    summary["open_ms"] = opening["encrypted"] - opening["plain"]
    summary["peak_mb"] = max(contenders[name].peak_mb for name in PAIRS)
    if tenth:
        summary["peak_vs_tenth"] = max(contenders[name].peak_mb / tenth[name].peak_mb for name in PAIRS)
    summary["free_cores"] = count_free_cores(contenders)
    return {figure: round(value, 3) for figure, value in summary.items()}


def format_ways(contenders: Mapping[str, Contender]) -> list[str]:
    """Return a table of the costs, one line per contender."""
    lines = [("way", "runs", "wall s", "CPU s", "peak MB", "what it is")]
    for name, one in contenders.items():
        figures = (str(len(one.runs)), f"{one.wall:.2f}", f"{one.cpu:.2f}", f"{one.peak_mb:.0f}")
        lines.append((name, *figures, one.about))
    return align(lines)
