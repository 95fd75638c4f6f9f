"""What the measurements mean: medians, ratios, bounds, and the table that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.measure import Measurement

Summary = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way and every run of it."""

    name: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A promise about one figure of the summary."""

    figure: str
    about: str
    limit: float
    at_least: bool = False

    def holds(self, value: float) -> bool:
        """Tell whether a measured value keeps the promise."""
        return value >= self.limit if self.at_least else value <= self.limit


BOUNDS = (
    Bound(figure="total_vs_bare", about="whole run / bare copy", limit=1.75),
    Bound(figure="dump_vs_total", about=".dump / whole run", limit=4, at_least=True),
    Bound(figure="rows_vs_total", about="row loop / whole run", limit=2, at_least=True),
    Bound(figure="conflicts_vs_bare", about="run with conflicts / bare copy of them", limit=4),
    Bound(figure="peak_mb", about="peak memory of any process, MB", limit=150),
    Bound(figure="peak_vs_tenth", about="peak memory / at a tenth of the scale", limit=1.3),
)

PRINTED = ("total_vs_bare", "dump_vs_total", "rows_vs_total", "conflicts_vs_bare", "peak_mb")
"""The figures of the JSON line, in order."""

BASES = {"conflicts": "bare_conflicts"}
"""What a contender is compared with; every other one with ``bare``."""


def summarize(contenders: Mapping[str, Contender], tenth: Mapping[str, Contender]) -> Summary:
    """Return every figure that a bound names; ``tenth`` holds the runs at a tenth of the scale."""
    wall = {name: contender.wall for name, contender in contenders.items()}
    peaks = {name: contenders[name].peak_mb for name in ("total", "conflicts")}
    summary = {
        "total_vs_bare": wall["total"] / wall["bare"],
        "dump_vs_total": wall["dump"] / wall["total"],
        "rows_vs_total": wall["rows"] / wall["total"],
        "conflicts_vs_bare": wall["conflicts"] / wall["bare_conflicts"],
        "peak_mb": max(peaks.values()),
    }
    if tenth:
        summary["peak_vs_tenth"] = max(peaks[name] / tenth[name].peak_mb for name in tenth)
    return {figure: round(value, 3) for figure, value in summary.items()}


def find_broken(summary: Mapping[str, float]) -> list[str]:
    """Name the figures that break their bound."""
    return [bound.figure for bound in BOUNDS if bound.figure in summary and not bound.holds(summary[bound.figure])]


def format_contenders(contenders: Mapping[str, Contender]) -> list[str]:
    """Return a table of the costs, one line per contender."""
    lines = [("way", "runs", "wall s", "CPU s", "wall ratio", "CPU ratio", "peak MB", "what it is")]
    for name, contender in contenders.items():
        base = contenders[BASES.get(name, "bare")]
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


def format_bounds(summary: Mapping[str, float]) -> list[str]:
    """Return a table of the bounds, one line per figure of the summary."""
    lines = [("figure", "measured", "bound", "holds", "what it is")]
    for bound in BOUNDS:
        if bound.figure in summary:
            value = summary[bound.figure]
            sign = ">=" if bound.at_least else "<="
            holds = "yes" if bound.holds(value) else "NO"
            lines.append((bound.figure, f"{value:.2f}", f"{sign} {bound.limit:g}", holds, bound.about))
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
