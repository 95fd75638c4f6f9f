"""What the measurements mean: medians, ratios, the share of each step, and the tables that show them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.dataset import Variant
from tests.bench.measure import Measurement
from tests.bench.steps import CONTENT, PARTS_OF_VERIFY, STEPS, VERIFY, Step

Summary = dict[str, float]

RUNS: dict[Variant, str] = {"plain": "total", "conflicts": "conflicts", "rewritten": "rewritten"}
"""Variant -> the whole run on it."""

BASES: dict[Variant, str] = {"plain": "bare", "conflicts": "bare_conflicts", "rewritten": "bare_rewritten"}
"""Variant -> the bare copy of it, with which everything on that data is compared."""

STEPPED: dict[Variant, str] = {variant: f"{variant}_steps" for variant in RUNS}
"""Variant -> the run on it whose steps are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way and every run of it."""

    name: str
    variant: Variant
    about: str
    runs: tuple[Measurement, ...]

    @property
    def wall(self) -> float:
        """Median seconds on the clock."""
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """Median CPU seconds."""
        return median(run.cpu for run in self.runs)

    @property
    def peak_mb(self) -> float:
        """Largest peak of all runs."""
        return max(run.peak_mb for run in self.runs)

    @property
    def steps(self) -> dict[str, float]:
        """Median CPU seconds of each step, and of verify with its parts; empty where they were not counted."""
        steps = {step: median(run.steps[step] for run in self.runs) for step in self.runs[0].steps}
        if steps:
            steps[VERIFY] += sum(steps[part] for part in PARTS_OF_VERIFY)
        return steps


def summarize(contenders: Mapping[str, Contender], tenth: Mapping[str, Contender]) -> Summary:
    """Return every figure that a bound names; ``tenth`` holds the runs at a tenth of the scale."""
    bare = {variant: contenders[name] for variant, name in BASES.items()}
    wall = {name: contender.wall for name, contender in contenders.items()}
    peaks = {name: contenders[name].peak_mb for name in RUNS.values()}
    summary = {f"cpu_{variant}": contenders[name].cpu / bare[variant].cpu for variant, name in RUNS.items()}
    for variant, name in STEPPED.items():
        summary[f"derivation_{variant}"] = contenders[name].steps[CONTENT] / bare[variant].cpu
    summary |= {f"{name}_vs_bare": wall[name] / bare[variant].wall for variant, name in RUNS.items()}
    summary |= {f"{name}_vs_total": wall[name] / wall["total"] for name in ("dump", "rows")}
    summary["free_cores"] = count_free_cores(contenders)
    summary["peak_mb"] = max(peaks.values())
    if tenth:
        summary["peak_vs_tenth"] = max(peaks[name] / tenth[name].peak_mb for name in tenth)
    return {figure: round(value, 3) for figure, value in summary.items()}


def count_free_cores(contenders: Mapping[str, Contender]) -> float:
    """Return how many of our cores nobody else used, on average while the contenders ran."""
    runs = [run for contender in contenders.values() for run in contender.runs]
    used = sum(run.others for run in runs) / sum(run.wall for run in runs)
    return max(len(os.sched_getaffinity(0)) - used, 0)


def format_contenders(contenders: Mapping[str, Contender]) -> list[str]:
    """Return a table of the costs, one line per contender."""
    lines = [("way", "runs", "wall s", "CPU s", "wall ratio", "CPU ratio", "peak MB", "what it is")]
    for name, contender in contenders.items():
        base = contenders[BASES[contender.variant]]
        lines.append(
            (
                name,
                str(len(contender.runs)),
                f"{contender.wall:.2f}",
                f"{contender.cpu:.2f}",
                f"{contender.wall / base.wall:.2f}",
                f"{contender.cpu / base.cpu:.2f}",
                f"{contender.peak_mb:.0f}",
                contender.about,
            )
        )
    return align(lines)


def format_steps(contenders: Mapping[str, Contender]) -> list[str]:
    """Return a table of the steps: for each variant CPU seconds, share of the run, ratio to the bare copy."""
    lines = [["step", *(head for variant in STEPPED for head in (f"{variant} s", "%", "x bare")), "what it is"]]
    for step in (*STEPS, Step(name="all", about="consolidate.run in one process")):
        cells = []
        for variant, name in STEPPED.items():
            steps, bare = contenders[name].steps, contenders[BASES[variant]].cpu
            whole = sum(steps[each.name] for each in STEPS if each.name not in PARTS_OF_VERIFY)
            cost = whole if step.name == "all" else steps[step.name]
            cells += [f"{cost:.2f}", f"{100 * cost / whole:.0f}", f"{cost / bare:.2f}"]
        lines.append([step.name, *cells, step.about])
    return align(lines)


def align(lines: Sequence[Sequence[str]]) -> list[str]:
    """Pad the columns: names and the closing text to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(
            cell.ljust(width) if number in (0, last) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
