"""Plant faults in our own code, one at a time, and demand that each is noticed.

usage: python -m tests.mutants [--loads] [--seed N] [--sample N] [--only WORDS]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.areas import AREAS, LOADS, REPOSITORY, list_mutants
from tests.mutants.handmade import list_handmade
from tests.mutants.run import open_bench
from tests.mutants.selection import Bench, try_faults
from tests.mutants.table import find_faults, render
from tests.mutants.tested.bench import open_case_bench

KEPT = {
    AREAS: Path(__file__).with_name("last-result.txt"),
    LOADS: Path(__file__).with_name("last-result-of-loads.txt"),
}
SEED = 10
_SURVIVED = 3
_SERVER = "STRONGROOM_TEST_POSTGRES"


def main() -> int:
    """Return 0, or 3 when a fault survives that may not."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description="Plant faults; each must be noticed.")
    parser.add_argument("--seed", type=int, default=SEED, help="what chooses the faults")
    parser.add_argument("--sample", type=int, default=0, help="how many that count; 0 for the whole, which is kept")
    parser.add_argument("--only", action="append", help="try those whose name has these words; nothing is kept")
    parser.add_argument("--loads", action="store_true", help="faults of loads, which tests must notice")
    options = parser.parse_args()
    areas, began = LOADS if options.loads else AREAS, time.monotonic()
    server = os.environ.get(_SERVER, "")
    if options.loads and not (server or options.only):
        parser.error(
            f"{_SERVER} must name a server that the tests may ask (postgresql://postgres@?host=/run/postgresql)"
        )
    with _open(areas, server, is_quick=bool(options.only)) as bench:
        if options.only:
            _show_some(bench, areas, options.only)
            return 0
        found = try_faults(bench, options.seed, sample=options.sample, areas=areas)
    text = render(found)
    print(text)
    if not options.sample and options.seed == SEED:
        KEPT[areas].write_text(text, encoding="utf-8")
        print(f"kept in {KEPT[areas].relative_to(REPOSITORY)}")
    wrong = find_faults(found, is_sample=bool(options.sample))
    for line in wrong:
        print(line)
    print(f"{found.total} faults count, {len(wrong)} complaints, {time.monotonic() - began:.0f} s")
    return _SURVIVED if wrong else 0


@contextmanager
def _open(areas: tuple[str, ...], server: str, *, is_quick: bool) -> Iterator[Bench]:
    """Open what judges faults of these parts; quickly, where every test is asked, whatever it runs."""
    if areas == AREAS:
        with open_bench() as runs:
            yield runs
    else:
        with open_case_bench(areas, server=server, is_quick=is_quick) as tests:
            yield tests


def _show_some(bench: Bench, areas: tuple[str, ...], words: list[str]) -> None:
    every = [*list_handmade(), *(mutant for area in areas for mutant in list_mutants(area))]
    chosen = [mutant for mutant in every if mutant.area in areas and any(word in mutant.name for word in words)]
    for mutant, judgement in zip(chosen, bench.judge(chosen), strict=True):
        print(f"{judgement.verdict:15} {mutant.name}\n{'':15}   {judgement.said}")


def _start_again() -> None:
    """Fix what differs from process to process: what stands first in a set is told first."""
    path = os.pathsep.join((str(REPOSITORY / "scripts"), str(REPOSITORY)))
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": path}
    os.execve(sys.executable, [sys.executable, "-P", "-m", "tests.mutants", *sys.argv[1:]], environment)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        _start_again()
    sys.exit(main())
