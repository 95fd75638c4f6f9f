"""The benchmark of ``backup.*``: what sets cost beside the same steps by hand, paired in one run.

By hand: ``sqlite3 .backup``, ``quick_check`` and ``sha256sum`` of each file, then ``restic backup``; the way back with
``cp`` or ``restic restore``, ``sha256sum`` and ``integrity_check``. Every contender runs as a child process on the same
data and on a store of its own.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from strongroom.core.errors import UsageError
from tests.bench.backup_ways import DATA_VERSION, Ground, change_some, make_data, open_server, write_ground
from tests.bench.bounds import Bound, conclude, format_bounds
from tests.bench.consolidate import HERE, KEPT_SCALE, Options, Say, open_workshop, require_space
from tests.bench.measure import Measurement, measure_child, warm_memory
from tests.bench.outcome import Contender, Summary, align, count_free_cores

PAIRS = {
    "create_folder": "hand_folder",
    "create_restic": "hand_restic",
    "create_postgres": "hand_postgres",
    "restore_folder": "hand_restore_folder",
    "restore_restic": "hand_restore_restic",
    "drill_folder": "hand_drill_folder",
    "drill_restic": "hand_drill_restic",
}
"""Our way -> the same steps by hand."""
AGAIN = {"again_folder": "create_folder", "again_restic": "create_restic"}
"""The second set, with one row in a hundred changed -> the first."""
ABOUT = {
    "hand_folder": ".backup, quick_check, sha256sum of each file",
    "create_folder": "backup.create into a folder",
    "again_folder": "the same with 1 % changed",
    "hand_restic": ".backup, quick_check, sha256sum, restic backup",
    "create_restic": "backup.create into restic",
    "again_restic": "the same with 1 % changed",
    "hand_postgres": "pg_dump -Fd -j2, restic backup, of as much in PostgreSQL",
    "create_postgres": "backup.create of it into restic: rows and digests by the server besides",
    "hand_restore_folder": "cp, sha256sum",
    "restore_folder": "backup.restore from a folder",
    "hand_restore_restic": "restic restore, sha256sum",
    "restore_restic": "backup.restore from restic",
    "hand_drill_folder": "cp, sha256sum, integrity_check, count of every table",
    "drill_folder": "backup.drill from a folder",
    "hand_drill_restic": "restic restore, sha256sum, integrity_check, count of every table",
    "drill_restic": "backup.drill from restic",
}
BOUNDS = (
    *(Bound(figure=f"cpu_{ours}", about=f"CPU, {ABOUT[ours]} / by hand", limit=1.3) for ours in PAIRS),
    *(Bound(figure=f"cpu_{ours}", about=f"CPU, {ABOUT[ours]} / the first", limit=0.5) for ours in AGAIN),
    *(
        Bound(figure=f"{ours}_vs_hand", about=f"clock, {ABOUT[ours]} / by hand", limit=1.3, on_the_clock=True)
        for ours in PAIRS
    ),
    *(
        Bound(figure=f"{ours}_vs_first", about="clock, with 1 % changed / the first", limit=0.5, on_the_clock=True)
        for ours in AGAIN
    ),
    Bound(figure="peak_mb", about="peak memory of any process of ours, MB", limit=150),
)
SPACE = 14e9
"""Bytes needed at scale 1: the data, both stores, what is restored."""


def show_backup(options: Options, *, as_json: bool) -> None:
    """Run the benchmark and print it; raise DifferencesError (exit 3) when a bound is broken."""
    lines, summary = run_benchmark(options, lambda line: print(line, file=sys.stderr, flush=True))
    conclude("bench.backup", lines, summary, BOUNDS, as_json=as_json)


def run_benchmark(options: Options, say: Say) -> tuple[list[str], Summary]:
    """Measure, and return the lines to show and the figures. Raises ConfigurationError without restic or sqlite3."""
    scale, repeat = options.scale, options.repeat
    if scale <= 0 or repeat < 1:
        raise UsageError("bench.backup", f"cannot measure {repeat} times at scale {scale:g}")
    directory = (options.directory or HERE / ".data").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    require_space(directory, scale * SPACE / 7e9)
    runs: dict[str, list[Measurement]] = {name: [] for name in ABOUT}
    with open_workshop(directory / "work-backup", keep=options.keep) as work:
        data = ensure_data(directory, scale)
        size = sum(path.stat().st_size for path in data.iterdir())
        with open_server(work / "server", scale):
            for repetition in range(1, repeat + 1):
                _repeat(data, work / str(repetition), runs, say)
                shutil.rmtree(work / str(repetition))
    contenders = {
        name: Contender(name=name, variant="plain", about=about, runs=tuple(runs[name]))
        for name, about in ABOUT.items()
    }
    summary = summarize(contenders)
    if scale != KEPT_SCALE:
        say(f"the bounds are meant for scale {KEPT_SCALE:g}")
    head = f"scale {scale:g}: {size / 1e6:.0f} MB; medians of {repeat}; {summary['free_cores']:.1f} cores were free"
    return [head, "", *format_ways(contenders), "", *format_bounds(summary, BOUNDS)], summary


def ensure_data(directory: Path, scale: float) -> Path:
    """Return the folder of databases; made when missing."""
    folder = directory / f"backup-{DATA_VERSION}-{scale:g}"
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make_data(part, scale)
        part.rename(folder)
    return folder


def _repeat(data: Path, work: Path, runs: dict[str, list[Measurement]], say: Say) -> None:
    """Run every contender once, in turn, on a copy of the data."""
    ground = Ground(root=work)
    write_ground(ground, data)
    for name in ABOUT:
        if name.startswith("again"):
            change_some(ground.data)
        for step in ground.prepare(name):
            measure_child(step, work / "logs")
        warm_memory(sum(path.stat().st_size for path in data.iterdir()) * 2)
        run, _ = measure_child(ground.spell(name), work / "logs")
        runs[name].append(run if name in (*PAIRS, *AGAIN) else replace(run, peak_mb=0))
        say(f"{work.name} {name}: {run.wall:.2f} s, {run.cpu:.2f} CPU s, {run.peak_mb:.0f} MB")
        ground.clear()


def summarize(contenders: Mapping[str, Contender]) -> Summary:
    """Return every figure that a bound names."""
    summary: Summary = {}
    for pairs, suffix in ((PAIRS, "vs_hand"), (AGAIN, "vs_first")):
        for ours, other in pairs.items():
            summary[f"cpu_{ours}"] = contenders[ours].cpu / contenders[other].cpu
            summary[f"{ours}_{suffix}"] = contenders[ours].wall / contenders[other].wall
    summary["peak_mb"] = max(contenders[ours].peak_mb for ours in PAIRS if ours.endswith("folder"))
    summary["free_cores"] = count_free_cores(contenders)
    return {figure: round(value, 3) for figure, value in summary.items()}


def format_ways(contenders: Mapping[str, Contender]) -> list[str]:
    """Return a table of the costs, one line per contender."""
    lines = [("way", "runs", "wall s", "CPU s", "peak MB", "what it is")]
    for name, one in contenders.items():
        peak = f"{one.peak_mb:.0f}" if one.peak_mb else ""
        lines.append((name, str(len(one.runs)), f"{one.wall:.2f}", f"{one.cpu:.2f}", peak, one.about))
    return align(lines)
