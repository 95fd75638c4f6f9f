"""Whatever a small system looks like: it is refused, or every published child points at what its parent became."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import event, given

from tests.e2e.reference_scene import REFUSED, System, consolidate
from tests.e2e.reference_systems import systems

MEMORY = Path("/dev/shm")


def test_random_systems_are_refused_or_right() -> None:
    ends: Counter[str] = Counter()

    @given(systems())
    def run(system: System) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
            ended = consolidate(system, Path(scratch))
        word = "published" if ended.is_published else f"refused with {ended.code:d}"
        ends[word] += 1
        event(word)
        event("rows wait" if ended.quarantined else "no row waits")
        assert ended.is_published or ended.code in REFUSED, ended.said
        assert ended.problems == ()

    run()
    assert 3 * ends["published"] >= ends.total(), f"too few were published to prove anything: {ends}"
