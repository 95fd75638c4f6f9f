"""What the benchmark promises of its figures, and which of these promises a measurement can judge.

CPU seconds and memory hold whatever else the machine does. Seconds on the clock are judged where two cores
were free; elsewhere they are shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom.core.errors import DifferencesError
from tests.bench.outcome import Summary, align

FREE_CORES = 1.9
"""Two cores, but for what a quiet machine does by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A promise about one figure of the summary."""

    figure: str
    about: str
    limit: float
    aim: float | None = None
    """Where we want to get; never judged."""
    at_least: bool = False
    on_the_clock: bool = False
    """Whether the figure means something on free cores only."""

    def holds(self, value: float) -> bool:
        """Tell whether a measured value keeps the promise."""
        return value >= self.limit if self.at_least else value <= self.limit

    def judge(self, summary: Summary) -> str:
        """Return ``ok``, ``OVER``, or that the clock cannot be believed."""
        if self.holds(summary[self.figure]):
            return "ok"
        return "over, on a busy machine" if self.on_the_clock and summary["free_cores"] < FREE_CORES else "OVER"


BOUNDS = (
    Bound(figure="cpu_plain", about="CPU, whole run / bare copy", limit=2.7, aim=2.2),
    Bound(figure="cpu_conflicts", about="CPU, with conflicts / bare copy of them", limit=6, aim=5),
    Bound(figure="cpu_rewritten", about="CPU, every row rewritten / bare copy of them", limit=10, aim=7),
    Bound(figure="derivation_plain", about="CPU, the proof's derivation / bare copy", limit=1),
    Bound(figure="derivation_conflicts", about="CPU, the same with conflicts", limit=3),
    Bound(figure="total_vs_bare", about="clock, whole run / bare copy", limit=1.6, on_the_clock=True),
    Bound(figure="conflicts_vs_bare", about="clock, with conflicts", limit=3.5, on_the_clock=True),
    Bound(figure="rewritten_vs_bare", about="clock, every row rewritten", limit=6, on_the_clock=True),
    Bound(figure="dump_vs_total", about="clock, .dump / whole run", limit=4, at_least=True, on_the_clock=True),
    Bound(figure="rows_vs_total", about="clock, row loop / whole run", limit=2, at_least=True, on_the_clock=True),
    Bound(figure="peak_mb", about="peak memory of any process, MB", limit=150),
    Bound(figure="peak_vs_tenth", about="peak memory / at a tenth of the scale", limit=1.3),
)

PRINTED = (*(bound.figure for bound in BOUNDS if bound.figure != "peak_vs_tenth"), "derivation_rewritten", "free_cores")
"""The figures of the JSON line, in order."""


def find_broken(summary: Summary, bounds: Sequence[Bound] = BOUNDS) -> list[str]:
    """Name the figures that break their bound."""
    return [bound.figure for bound in find_measured(summary, bounds) if bound.judge(summary) == "OVER"]


def find_measured(summary: Mapping[str, float], bounds: Sequence[Bound] = BOUNDS) -> list[Bound]:
    """Return the bounds whose figures were measured."""
    return [bound for bound in bounds if bound.figure in summary]


def format_bounds(summary: Summary, bounds: Sequence[Bound] = BOUNDS) -> list[str]:
    """Return a table of the bounds, one line per figure of the summary."""
    lines = [("figure", "measured", "bound", "aim", "is", "what it is")]
    for bound in find_measured(summary, bounds):
        sign = ">=" if bound.at_least else "<="
        aim = "" if bound.aim is None else f"{bound.aim:g}"
        value = f"{summary[bound.figure]:.2f}"
        lines.append((bound.figure, value, f"{sign} {bound.limit:g}", aim, bound.judge(summary), bound.about))
    return align(lines)


def conclude(
    task: str,
    lines: Sequence[str],
    summary: Summary,
    bounds: Sequence[Bound],
    *,
    as_json: bool,
    printed: Sequence[str] | None = None,
) -> None:
    """Print what was measured, as JSON the figures ``printed``; raise DifferencesError (exit 3) for a broken bound."""
    print("\n".join(lines))
    if as_json:
        print(json.dumps({figure: summary[figure] for figure in printed or summary}))
    if broken := find_broken(summary, bounds):
        sys.stdout.flush()
        fact = f"{len(broken)} of {len(find_measured(summary, bounds))} bounds do not hold: {', '.join(broken)}"
        raise DifferencesError(task, fact)
