"""Which faults are tried: those made by hand, then others by a seed, until enough of every part count."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.mutants.areas import AREAS, Mutant, list_mutants
from tests.mutants.handmade import list_handmade
from tests.mutants.judge import Judgement
from tests.mutants.run import Bench

LEAST_OF_EACH, LEAST = 12, 120


@dataclass(slots=True)
class Found:
    """Every fault that was tried, by its part, with what became of it."""

    rows: dict[str, list[tuple[Mutant, Judgement]]] = field(default_factory=lambda: {area: [] for area in AREAS})

    def counted(self, area: str) -> list[tuple[Mutant, Judgement]]:
        return [row for row in self.rows[area] if row[1].verdict.counts]

    @property
    def total(self) -> int:
        return sum(len(self.counted(area)) for area in AREAS)


def try_faults(bench: Bench, seed: int, *, sample: int = 0) -> Found:
    """Try faults until 12 of each part count, and 120 in all; of a ``sample`` so many in all.

    The same seed tries the same faults, whatever the machine.
    """
    queues = _fill_queues(seed, is_sample=bool(sample))
    of_each, least = (sample // len(AREAS), sample) if sample else (LEAST_OF_EACH, LEAST)
    found = Found()
    if not sample:
        _try(bench, found, list_handmade())
    while batch := list(_choose(found, queues, of_each, least)):
        _try(bench, found, batch)
    return found


def _fill_queues(seed: int, *, is_sample: bool) -> dict[str, list[Mutant]]:
    """Shuffle the faults of every part; a sample begins with one that was made by hand."""
    queues = {}
    for area in AREAS:
        dice = random.Random(f"{seed} {area}")
        made = [mutant for mutant in list_handmade() if mutant.area == area] if is_sample else []
        others = list_mutants(area)
        dice.shuffle(others)
        queues[area] = [*(dice.sample(made, 1) if made else []), *others]
    return queues


def _choose(found: Found, queues: dict[str, list[Mutant]], of_each: int, least: int) -> Iterator[Mutant]:
    """Yield what is to be tried next: what each part lacks, then what the whole lacks, from the poorest parts."""
    lacking = {area: of_each - len(found.counted(area)) for area in AREAS}
    if any(queues[area] and lacking[area] > 0 for area in AREAS):
        for area in AREAS:
            for _ in range(min(lacking[area], len(queues[area]))):
                yield queues[area].pop(0)
        return
    counts = {area: len(found.counted(area)) for area in AREAS}
    for _ in range(least - found.total):
        rich = [area for area in AREAS if queues[area]]
        if not rich:
            return
        poorest = min(rich, key=lambda area: counts[area])
        counts[poorest] += 1
        yield queues[poorest].pop(0)


def _try(bench: Bench, found: Found, mutants: list[Mutant]) -> None:
    for mutant, judgement in zip(mutants, bench.judge(mutants), strict=True):
        found.rows[mutant.area].append((mutant, judgement))
