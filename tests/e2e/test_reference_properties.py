"""Whatever a small system looks like: it is refused, or every published child points at what its parent became."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hypothesis import event, given, settings

from tests.e2e.reference_scene import REFUSED, System, consolidate
from tests.e2e.reference_systems import systems

MEMORY = Path("/dev/shm")
TRAITS = {
    "a composite key": "FOREIGN KEY (x, y)",
    "a reference in JSON": "'json': ",
    "two tables of one source": "TABLE users_archive",
    "several targets": "'attic'",
    "a dropped table": "'reason': 'old'",
    "a renamed column": "'uid'",
    "a NOCASE id": "id TEXT COLLATE NOCASE",
    "normalised keys": "'normalize': ",
    "keys that are transformed": "'transform': ",
    "rows that are filtered": "'where': ",
    **{rule: f"'rule': '{rule}'" for rule in ("prefer", "newest", "merge", "keep_both", "quarantine")},
    **{strategy: f"'strategy': '{strategy}'" for strategy in ("keep", "renumber", "offset", "uuid5")},
}
"""What the published systems must have had among them, and the words that tell."""
ENOUGH = 300


def describe(system: System) -> Iterator[str]:
    text = f"{system.files} {system.schemas} {system.rest}"
    return (trait for trait, word in TRAITS.items() if word in text)


def test_random_systems_are_refused_or_right() -> None:
    ends: Counter[str] = Counter()
    seen: Counter[str] = Counter()

    chosen = settings.default.max_examples
    chosen = ENOUGH if settings.get_current_profile_name() == "ci" else chosen

    @settings(max_examples=chosen)
    @given(systems())
    def run(system: System) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
            ended = consolidate(system, Path(scratch))
        word = "published" if ended.is_published else f"refused with {ended.code:d}"
        event(word)
        ends[word] += 1
        seen.update(describe(system) if ended.is_published else ())
        assert ended.is_published or ended.code in REFUSED, ended.said
        assert not ended.problems, "\n".join(ended.problems)

    run()
    assert 3 * ends["published"] >= ends.total(), f"too few were published to prove anything: {ends}"
    if ends.total() >= ENOUGH:
        assert seen.keys() == TRAITS.keys(), f"never published: {TRAITS.keys() - seen.keys()}"
