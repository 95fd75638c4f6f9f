"""Plans over ids of other spellings and types: the proof says of what was built what the oracle says of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from strongroom.consolidate import attempt
from strongroom.consolidate.outcome import Verdict
from tests.e2e.odd_plans import draw_system
from tests.e2e.reference_scene import REFUSED, consolidate

SEEDS = range(20)
MISFIT = "that the column would change"
"""What is refused whatever it refers to."""


def test_the_proof_and_the_oracle_judge_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the proof finds is published here, so that the oracle can look at it."""
    found: list[tuple[str, ...]] = []
    judge = attempt.judge

    def let_pass(differences: tuple[str, ...], unexplained: int, quarantined: int) -> Verdict:
        found.append(differences or ("unexplained",) * bool(unexplained))
        return judge((), 0, quarantined)

    monkeypatch.setattr(attempt, "judge", let_pass)
    ends: Counter[str] = Counter()
    for seed in SEEDS:
        found.clear()
        folder = tmp_path / str(seed)
        folder.mkdir()
        ended = consolidate(draw_system(seed), folder)
        if not found:
            assert ended.code in REFUSED, f"{seed}: {ended.said}"
            ends["refused"] += 1
        elif any(MISFIT in difference for difference in found[0]):
            ends["misfit"] += 1
        else:
            assert bool(found[0]) == bool(ended.problems), f"{seed}: {found[0]}, {ended.problems}"
            ends["wrong" if ended.problems else "right"] += 1
    assert ends["right"] >= len(SEEDS) // 2, ends
