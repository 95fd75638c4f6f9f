"""A system with encrypted columns and its writers, one task on it, and what must hold when that was killed."""

from __future__ import annotations

import base64
import json
import pickle
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from tests.faults.child import Driver
from tests.faults.column_oracle import Oracle, name_key
from tests.faults.column_tables import TABLES, Place, PostgresPlace, Rows, make_rows
from tests.faults.column_writers import ABSENT, Name, decode
from tests.faults.scene import Ended
from tests.processes import Child, open_child

WRITERS = 3
BATCH = 100
_SCRIPT = Path(__file__).with_name("column_writers.py")
_PROGRESS = "strongroom_column_progress"
_FIRSTS = count(1_000_000, 1_000_000)
"""Rows that writers add have numbers that no others had."""
_TRIES = 4
"""So often the same command may be asked for until it is done; it was killed once."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A system whose columns are encrypted, or to be."""

    root: Path
    place: Place
    oracle: Oracle = field(repr=False)
    old: str
    new: str
    """The key's ids: of before, and the active one."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def system(self) -> Path:
        return self.root / "mine"

    def argv(self, task: str, *flags: str) -> list[str]:
        return ["inv", task, "--system", str(self.system), *flags]

    def where(self, **more: Any) -> dict[str, Any]:
        """Say to the driver where the server is."""
        return {"columns": True, "environment": dict(self.environment), **more}

    def read_sealed(self, rows: Rows, name: str) -> Rows:
        """Return rows as they stand under a key."""
        return {
            (one.name, key): self.oracle.seal(value, name, one.name, one.column, key, as_bytes=one.as_bytes)
            for (table, key), value in rows.items()
            for one in TABLES
            if one.name == table
        }

    def open_all(self, stored: Rows) -> Rows:
        """Return rows as whoever has the keys reads them, without us."""
        columns = {one.name: one.column for one in TABLES}
        return {(name, key): self.oracle.open(one, name, columns[name], key) for (name, key), one in stored.items()}


def describe(root: Path, place: Place, keys: Mapping[str, Any], **more: Any) -> None:
    """Write ``system.yaml``."""
    columns = [
        {**place.named, "table": one.name, "primary_key": list(one.key), "column": one.column, "key": "encryption"}
        for one in TABLES
    ]
    about = {"version": 1, "name": "mine", "title": "For a test", "audit_log": str(root / "audit.jsonl")}
    about |= {"postgres": {"variables": ["SHOP_DSN"]}, "data_dir": {"default": str(root / "data")}}
    (root / "mine").mkdir(exist_ok=True)
    (root / "mine" / "system.yaml").write_text(yaml.safe_dump({**about, "keys": keys, "columns": columns, **more}))


def write_key(file: Path, key: bytes) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(base64.b64encode(key))
    return file


def list_keys(driver: Driver, system: Path, where: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each version that ``keys.show`` lists of the key, with its state."""
    ended = driver.run(["inv", "keys.show", "--system", str(system), "--key", "encryption", "--json"], **where)
    assert ended.code == 0, ended.err
    return [(one["id"], one["state"]) for one in ended.json["keys"][0]["versions"]]


@contextmanager
def open_writers(scratch: Path, environment: Mapping[str, str]) -> Iterator[list[Child]]:
    """Start the applications."""
    with ExitStack() as stack:
        words = [sys.executable, str(_SCRIPT)]
        yield [stack.enter_context(open_child(words, environment=environment)) for _ in range(WRITERS)]


@dataclass
class Writing:
    """What writers said that they did."""

    counts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def writing(
    columns: Columns, writers: list[Child], rows: Rows, seed: str, *, is_cut: bool = False
) -> Iterator[Writing]:
    """Let writers write for the length of a block."""
    kept = columns.root / "rows"
    kept.write_bytes(pickle.dumps(rows))
    place = columns.place
    about = (
        {"dsn": place.dsn, "password": place.password}
        if isinstance(place, PostgresPlace)
        else {"folder": str(place.folder), "mode": place.mode, "key": place.key}
    )
    job = {"system": str(columns.system), "place": about, "rows": str(kept), "seed": seed, "cut": is_cut}
    job["first"] = next(_FIRSTS)
    for number, child in enumerate(writers):
        share = {"share": [number, len(writers)], "journal": str(columns.root / f"journal{number}")}
        child.tell(json.dumps(job | share))
    for child in writers:
        assert child.read_line() == "ready"
    found = Writing()
    try:
        yield found
    finally:
        for child in writers:
            child.tell("stop")
        for child in writers:
            said = json.loads(child.read_line())
            found.wrong += [said["wrong"]] if said["wrong"] else []
            for name, count in said["counts"].items():
                found.counts[name] = found.counts.get(name, 0) + count


def read_journals(columns: Columns, rows: Rows) -> Rows:
    """Return what stands where by what writers noted: they ended by themselves, so that nothing is open."""
    known = dict(rows)
    for number in range(WRITERS):
        changes: dict[int, list[tuple[Name, Any]]] = {}
        for line in (columns.root / f"journal{number}").read_text().splitlines():
            told = json.loads(line)
            if "intended" in told:
                changes[told["n"]] = [decode(one) for one in told["intended"]]
            else:
                settled = [decode(one) for one in told.get("settled", ())] or changes.get(told["n"], [])
                changes.pop(told["n"], None)
                known |= dict(settled)
        assert not changes or list(changes) == [max(changes)], "a writer went on from what it did not know"
    return {name: value for name, value in known.items() if value != ABSENT}


class Case:
    """One task on rows that others write to, and how it ends when nobody disturbs it."""

    def __init__(self, columns: Columns, driver: Driver, task: str, writers: list[Child], seed: str) -> None:
        self.columns, self.driver, self.task, self.writers = columns, driver, task, writers
        self.rows = make_rows(seed)
        self.stage = task.replace(".", "_")
        stored = self.rows if task == "columns.encrypt" else columns.read_sealed(self.rows, columns.old)
        columns.place.build(stored)
        columns.place.keep(self.stage)
        ended, self.trace = driver.trace(self.argv, **columns.where())
        assert ended.code == 0, ended.err
        assert compare(columns.open_all(columns.place.read()), self.rows) == []

    @property
    def argv(self) -> list[str]:
        return self.columns.argv(self.task, "--batch-size", str(BATCH), "--json")

    @property
    def checkpoints(self) -> list[str]:
        return [line.removeprefix("checkpoint ") for line in self.trace if line.startswith("checkpoint ")]

    def run(self, **where: Any) -> Ended:
        return self.driver.run(self.argv, **self.columns.where(**where))

    def finish(self) -> list[int]:
        """Give the same command until it is done; return how it ended."""
        codes = []
        for _ in range(_TRIES):
            ended = self.run()
            codes.append(ended.code)
            if ended.code == 0:
                return codes
        raise AssertionError(f"it is never done: {codes}: {ended.err}")

    def check(self, expected: Rows) -> list[str]:
        """Say what is not as whoever wrote last left it, or not under the active key, or left over."""
        stored = self.columns.place.read()
        wrong = compare(self.columns.open_all(stored), expected)
        ids = {name_key(one) for one in stored.values() if one is not None}
        wrong += [] if ids == {self.columns.new} else [f"keys are {ids}"]
        left = self.columns.place.list_tables() - {one.name for one in TABLES}
        return wrong + [f"{name} is left" for name in left]


def compare(found: Rows, expected: Rows) -> list[str]:
    """Say which rows are lost, invented or not what they should be."""
    wrong = [f"{name} is lost" for name in expected.keys() - found.keys()]
    wrong += [f"{name} is invented" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        if (type(found[name]), found[name]) != (type(expected[name]), expected[name]):
            wrong.append(f"{name} is {found[name]!r:.40}, not {expected[name]!r:.40}")
    return wrong


def choose_moments(case: Case, wanted: int, seed: str) -> list[dict[str, Any]]:
    """Choose lines of the trace, not of its last tenth: beside writers the same command may wait less often."""
    chance = random.Random(f"{seed} {case.task}")
    numbers = range(1, len(case.trace) * 9 // 10)
    return [{"moment": number} for number in sorted(chance.sample(numbers, min(wanted, len(numbers))))]
