"""Which faults are tried: all that were made by hand, and of the operators' as many as count, by a seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Protocol

from tests.mutants.areas import AREAS, LOADS, Mutant, list_mutants
from tests.mutants.handmade import list_handmade
from tests.mutants.judge import Judgement

LEAST_OF_EACH, LEAST = 12, 120


class Bench(Protocol):
    """What judges faults."""

    def judge(self, mutants: Sequence[Mutant], /) -> list[Judgement]:
        """Judge every mutant; in their order."""


class Found:
    """Every fault that was tried, by its part, with what became of it."""

    def __init__(self, areas: Sequence[str]) -> None:
        """Hold nothing yet of these parts."""
        self.areas = tuple(areas)
        self.rows: dict[str, list[tuple[Mutant, Judgement]]] = {area: [] for area in areas}

    def counted(self, area: str) -> list[tuple[Mutant, Judgement]]:
        return [row for row in self.rows[area] if row[1].verdict.counts]

    def by_operators(self, area: str) -> int:
        return sum(not mutant.is_handmade for mutant, _ in self.counted(area))

    @property
    def total(self) -> int:
        return sum(len(self.counted(area)) for area in self.areas)


def try_faults(bench: Bench, seed: int, *, sample: int = 0, areas: Sequence[str] = AREAS) -> Found:
    """Try those made by hand, and others until 12 of each part count, and 120 in all; of a ``sample`` so many in all.

    The same seed tries the same faults, whatever the machine.
    """
    dice = {area: random.Random(f"{seed} {area}") for area in areas}
    queues = {area: _draw(area, seed, dice[area]) for area in areas}
    made = [mutant for mutant in list_handmade() if mutant.area in areas]
    if sample:
        made = [dice[area].choice([mutant for mutant in made if mutant.area == area]) for area in areas]
    found = Found(areas)
    _try(bench, found, made)
    of_each, least = (sample // len(areas) - 1, sample) if sample else (LEAST_OF_EACH, LEAST)
    while batch := list(_choose(found, queues, of_each, least)):
        _try(bench, found, batch)
    return found


def _draw(area: str, seed: int, dice: random.Random) -> list[Mutant]:
    """Return the faults of a part by chance; of loads so that a fault keeps its place when others come or go."""
    queue = list_mutants(area)
    if area in LOADS:
        return sorted(queue, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.name}".encode()).digest())
    dice.shuffle(queue)
    return queue


def _choose(found: Found, queues: dict[str, list[Mutant]], of_each: int, least: int) -> Iterator[Mutant]:
    """Yield what is to be tried next: what each part lacks, then what the whole lacks, from the poorest parts."""
    lacking = {area: min(of_each - found.by_operators(area), len(queues[area])) for area in found.areas}
    if any(number > 0 for number in lacking.values()):
        for area, number in lacking.items():
            for _ in range(number):
                yield queues[area].pop(0)
        return
    counts = {area: len(found.counted(area)) for area in found.areas}
    for _ in range(least - found.total):
        rich = [area for area in found.areas if queues[area]]
        if not rich:
            return
        poorest = min(rich, key=lambda area: counts[area])
        counts[poorest] += 1
        yield queues[poorest].pop(0)


def _try(bench: Bench, found: Found, mutants: list[Mutant]) -> None:
    for mutant, judgement in zip(mutants, bench.judge(mutants), strict=True):
        found.rows[mutant.area].append((mutant, judgement))
