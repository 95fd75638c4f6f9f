"""Faults planted in our own code are judged as they must be, and CI tries a sample of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = 9
SERVER = "STRONGROOM_TEST_POSTGRES"
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
OF_LOADS = {
    "load/convert/numerals.py by hand: numbers that the server rounds fit": "noticed",
    "load/draft/epochs.py by hand: numbers of two units have one": "noticed",
    "load/stage/excerpt.py by hand: a column that holds something of its own stays behind": "noticed",
    "load/convert/plain.py _read_double: dropped statement: if type(value) is not float": "crashed",
    "load/run.py by hand: what differs in structure is no difference": "SURVIVED",
}
"""What tests without a server say of them; the last is one that those with a server notice."""


def run_tool(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(repository / "scripts"), str(repository)))
    return subprocess.run(
        [sys.executable, "-m", "tests.mutants", *arguments],
        cwd=repository,
        env={name: value for name, value in os.environ.items() if name != SERVER} | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def read_verdicts(repository: Path, *arguments: str) -> dict[str, str]:
    ended = run_tool(repository, *arguments)
    assert ended.returncode == 0, ended.stderr
    lines = [line for line in ended.stdout.splitlines() if not line.startswith(" ")]
    return {line.partition(" ")[2].strip(): line.partition(" ")[0] for line in lines}


@pytest.fixture(scope="module")
def verdicts(repository: Path) -> dict[str, str]:
    return read_verdicts(repository, *(f"--only={name}" for name in VERDICTS))


@pytest.mark.parametrize("name", VERDICTS)
def test_a_fault_is_judged_by_what_the_runs_leave_behind(name: str, verdicts: dict[str, str]) -> None:
    assert verdicts[name] == VERDICTS[name]


def test_a_sample_counts_as_many_of_every_part(repository: Path) -> None:
    ended = run_tool(repository, f"--sample={SAMPLE}")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{SAMPLE} faults count" in ended.stdout.splitlines()[-1], ended.stdout + ended.stderr


def test_a_fault_of_loads_is_judged_by_the_tests_that_answer_for_it(repository: Path) -> None:
    found = read_verdicts(repository, "--loads", *(f"--only={name}" for name in OF_LOADS))
    assert {name: next(said for told, said in found.items() if told.startswith(name)) for name in OF_LOADS} == OF_LOADS


def test_without_a_server_loads_are_not_judged_as_a_whole(repository: Path) -> None:
    ended = run_tool(repository, "--loads")
    assert ended.returncode == 2
    assert f"{SERVER} must name a server" in ended.stderr
