"""Faults planted in our own code are judged as they must be, and CI tries a sample of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = 9
VERDICTS = {
    "consolidate/merge/decide.py by hand: max of merge takes the smallest": "noticed",
    "consolidate/merge/insert.py by hand: the last row of every file lost": "noticed",
    "consolidate/merge/rows.py by hand: references keep the old ids": "noticed",
    "consolidate/merge/ledger.py by hand: a column kept as NULL": "noticed",
    "consolidate/merge/archive.py by hand: dropped tables are archived without their first row": "noticed",
    "runs/publish.py by hand: an old name leads to another file": "noticed",
    "sqlite/functions.py register_functions: constant: True -> False (7)": "same",
    "runs/keeping.py keep_file: dropped statement: sync_folder(kept.parent) -> nothing": "same",
    "sqlite/functions.py register_functions: constant: 1 -> 2 (3)": "crashed",
    "core/instants.py _read_text: dropped predicate: if moment.tzinfo -> if False": "crashed",
}


def run_tool(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(repository / "scripts"), str(repository)))
    return subprocess.run(
        [sys.executable, "-m", "tests.mutants", *arguments],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def verdicts(repository: Path) -> dict[str, str]:
    ended = run_tool(repository, *(f"--only={name}" for name in VERDICTS))
    assert ended.returncode == 0, ended.stderr
    lines = [line for line in ended.stdout.splitlines() if not line.startswith(" ")]
    return {line.partition(" ")[2].strip(): line.partition(" ")[0] for line in lines}


@pytest.mark.parametrize("name", VERDICTS)
def test_a_fault_is_judged_by_what_the_runs_leave_behind(name: str, verdicts: dict[str, str]) -> None:
    assert verdicts[name] == VERDICTS[name]


def test_a_sample_counts_as_many_of_every_part(repository: Path) -> None:
    ended = run_tool(repository, f"--sample={SAMPLE}")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{SAMPLE} faults count" in ended.stdout.splitlines()[-1], ended.stdout + ended.stderr
