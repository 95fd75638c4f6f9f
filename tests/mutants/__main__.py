"""Plant faults in our own code, one at a time, and demand that each is noticed.

usage: python -m tests.mutants [--seed N] [--sample N] [--only WORDS]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.mutants.areas import AREAS, REPOSITORY, list_mutants
from tests.mutants.handmade import list_handmade
from tests.mutants.run import Bench, open_bench
from tests.mutants.selection import try_faults
from tests.mutants.table import find_faults, render

KEPT = Path(__file__).with_name("last-result.txt")
SEED = 10
_SURVIVED = 3


def main() -> int:
    """Return 0, or 3 when a fault survives that may not."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description="Plant faults; each must be noticed.")
    parser.add_argument("--seed", type=int, default=SEED, help="what chooses the faults")
    parser.add_argument("--sample", type=int, default=0, help="how many that count; 0 for the whole, which is kept")
    parser.add_argument("--only", action="append", help="try those whose name has these words; nothing is kept")
    options = parser.parse_args()
    began = time.monotonic()
    with open_bench() as bench:
        if options.only:
            _show_some(bench, options.only)
            return 0
        found = try_faults(bench, options.seed, sample=options.sample)
    text = render(found)
    print(text)
    if not options.sample and options.seed == SEED:
        KEPT.write_text(text, encoding="utf-8")
        print(f"kept in {KEPT.relative_to(REPOSITORY)}")
    wrong = find_faults(found, is_sample=bool(options.sample))
    for line in wrong:
        print(line)
    print(f"{found.total} faults count, {len(wrong)} complaints, {time.monotonic() - began:.0f} s")
    return _SURVIVED if wrong else 0


def _show_some(bench: Bench, words: list[str]) -> None:
    every = [*list_handmade(), *(mutant for area in AREAS for mutant in list_mutants(area))]
    chosen = [mutant for mutant in every if any(word in mutant.name for word in words)]
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
