"""The contenders before they ran: which command builds what, of which data."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.core.errors import DifferencesError
from tests.bench.dataset import DataSet, Variant, ensure_dataset
from tests.bench.measure import Measurement, measure_child
from tests.bench.outcome import BASES, RUNS, STEPPED
from tests.bench.system import write_system

CONSOLIDATE = "consolidate.run: backup, merge, proof, publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A contender before it ran."""

    name: str
    about: str
    dataset: DataSet
    system: Path

    def arguments(self, work: Path) -> list[str]:
        """Return the command that builds everything under ``work``."""
        if self.name in RUNS.values():
            return self.run_arguments(work)
        if self.name in STEPPED.values():
            places = (self.system, self.dataset.sources, work)
            return [sys.executable, "-P", "-m", "tests.bench.steps", *map(str, places)]
        return self.baseline_arguments(work)

    def run_arguments(self, work: Path) -> list[str]:
        """Return ``consolidate.run`` as the project's wrapper starts it."""
        return [
            *(sys.executable, "-P", "-m", "strongroom", "consolidate.run"),
            *("--system", str(self.system), "--source", str(self.dataset.sources)),
            *("--target", str(work), "--json"),
        ]

    def baseline_arguments(self, work: Path) -> list[str]:
        """Return one of the usual ways; files that hold tables of one name are not brought together."""
        command = [sys.executable, "-P", "-m", "tests.bench.baselines", self.name.partition("_")[0]]
        for file in self.dataset.files:
            target = file.target if self.dataset.variant == "plain" else file.name
            command += [str(self.dataset.sources / f"{file.name}.db"), str(work / f"{target}.db")]
        return command

    def run(self, work: Path) -> Measurement:
        """Run once into an empty place under ``work``. Raises DifferencesError for a run that proves too little."""
        built = work / self.name
        built.mkdir(parents=True)
        measurement, written = measure_child(self.arguments(built), work / "logs")
        if self.name in RUNS.values():
            require_proof(written, self.dataset)
        if self.name in STEPPED.values():
            return replace(measurement, steps=require_proof(written, self.dataset)["steps"])
        return measurement


def list_ways(directory: Path, systems: Path, scale: float) -> dict[str, Way]:
    """Generate all data sets, write their systems, and list the contenders in turn."""
    datasets = {variant: ensure_dataset(directory, variant, scale) for variant in RUNS}
    homes = {variant: write_system(dataset, systems / variant) for variant, dataset in datasets.items()}
    ways = {}
    for name, (variant, about) in describe_ways().items():
        ways[name] = Way(name=name, about=about, dataset=datasets[variant], system=homes[variant])
    return ways


def describe_ways() -> Mapping[str, tuple[Variant, str]]:
    """Return every contender's data and what it is, in the order in which they run."""
    copied = {
        "plain": "INSERT … SELECT *, then CREATE INDEX",
        "conflicts": "the same bare copy of the conflicts' sources",
        "rewritten": "the same bare copy of the rewritten ones",
    }
    consolidated = {
        "plain": CONSOLIDATE,
        "conflicts": "consolidate.run, a fifth of the rows in conflict",
        "rewritten": "consolidate.run, a transform or a followed reference in every row",
    }
    ways: dict[str, tuple[Variant, str]] = {}
    for variant in RUNS:
        ways[BASES[variant]] = variant, copied[variant]
        ways[RUNS[variant]] = variant, consolidated[variant]
        ways[STEPPED[variant]] = variant, "the same in one process, step by step"
    dump = "sqlite3 .dump | sqlite3" if shutil.which("sqlite3") else "Connection.iterdump"
    return ways | {"rows": ("plain", "Python fetchmany, executemany"), "dump": ("plain", dump)}


def require_proof(written: str, dataset: DataSet) -> dict[str, Mapping[str, float]]:
    """Return what a run said; raise DifferencesError unless it proved every generated row."""
    result = json.loads(written.strip().splitlines()[-1])
    expected = {"verdict": "PROVEN", "exit": 0, "unexplained": 0, "rows_read": dataset.rows}
    found = {name: result.get(name) for name in expected}
    if found != expected:
        raise DifferencesError(f"consolidate.run on the {dataset.variant} data", f"{found}, not {expected}")
    return dict(result)
