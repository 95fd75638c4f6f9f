"""A small fleet: tenants with two files each, and ten ways to break one."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS = "name TEXT PRIMARY KEY, score INTEGER"
ROWS = 20
"""Of each file; five names stand in both."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Tenants below one folder, their list and their results."""

    root: Path

    @property
    def list(self) -> Path:
        return self.root / "tenants.jsonl"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def system(self) -> Path:
        return self.root / "systems" / "shop"

    def source(self, name: str) -> Path:
        return self.root / "legacy" / name

    def target(self, name: str) -> Path:
        return self.root / "new" / name

    def line(self, name: str, **changes: Any) -> dict[str, Any]:
        said = {"name": name, "system": str(self.system), "source": f"legacy/{name}", "target": f"new/{name}"}
        return said | changes

    def write_list(self, lines: Iterable[Mapping[str, Any]]) -> Path:
        self.list.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return self.list

    def argv(self, *more: str, task: str = "consolidate") -> list[str]:
        """The command line of a run."""
        words = ["fleet.run", "--tenants", str(self.list), "--root", str(self.root), "--task", task]
        return ["inv", *words, "--results", str(self.results), *more]

    def status(self, *more: str) -> list[str]:
        words = ["fleet.status", "--tenants", str(self.list), "--root", str(self.root)]
        return ["inv", *words, "--results", str(self.results), *more]

    def read_results(self) -> list[dict[str, Any]]:
        """Return every line, in the order in which they count."""
        files = sorted(self.results.glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]

    def read_people(self, name: str) -> list[tuple[str, int]]:
        with closing(sqlite3.connect(self.target(name) / "main.db")) as connection:
            return connection.execute("SELECT name, score FROM people ORDER BY name").fetchall()


def build_fleet(root: Path, names: Sequence[str]) -> Fleet:
    """Make tenants, a system and a list."""
    fleet = Fleet(root=root)
    write_system(fleet.system)
    for number, name in enumerate(names):
        write_tenant(fleet.source(name), number)
    (root / "new").mkdir(exist_ok=True)
    fleet.write_list(fleet.line(name) for name in names)
    return fleet


def write_system(folder: Path, *, encrypted: bool = False, hook: Sequence[str] = ()) -> Path:
    (folder / "sqlite").mkdir(parents=True)
    system: dict[str, Any] = {"version": 1, "name": "shop", "title": "A shop"}
    if hook:
        system["hooks"] = {"before_publish": [list(hook)]}
    if encrypted:
        path = str(folder / "no-such-key")
        system["keys"] = {"vault": {"provider": "file", "path": path, "encoding": "hex"}}
    plan = {
        "version": 1,
        "sources": {name: {"path": f"{name}.db"} for name in ("one", "two")},
        "targets": {"main": {"path": "main.db", "schema": "sqlite/main.sql"}},
        "tables": [{"into": "main.people", "from": ["one.people", "two.people"], "key": ["name"]}],
    }
    if encrypted:
        plan["targets"]["main"]["encrypt"] = "vault"  # type: ignore[index]
    (folder / "system.yaml").write_text(json.dumps(system), encoding="utf-8")
    (folder / "plan.yaml").write_text(json.dumps(plan), encoding="utf-8")
    (folder / "sqlite" / "main.sql").write_text(f"-- People.\nCREATE TABLE people ({COLUMNS});\n", encoding="utf-8")
    return folder


def write_tenant(folder: Path, number: int) -> None:
    folder.mkdir(parents=True)
    for first, file in ((0, "one"), (ROWS - 5, "two")):
        with closing(sqlite3.connect(folder / f"{file}.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"CREATE TABLE people ({COLUMNS})")
            rows = ((f"person {one}", 1000 * number + one) for one in range(first, first + ROWS))
            connection.executemany("INSERT INTO people VALUES (?, ?)", rows)


def people_of(number: int) -> list[tuple[str, int]]:
    """Return what the target of a tenant must hold."""
    return sorted((f"person {one}", 1000 * number + one) for one in range(2 * ROWS - 5))


# Ten ways to break a tenant: each changes it, or what the list says of it, and is one by which it can be mended.


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with one tenant."""

    exit: int
    says: str
    plant: Callable[[Fleet, str], Mapping[str, Any]]
    """Break it, and return what the list says otherwise."""
    mend: Callable[[Fleet, str], None] = lambda _fleet, _name: None
    """Mend what the list does not say."""


def _hide(fleet: Fleet, name: str) -> Mapping[str, Any]:
    fleet.source(name).rename(fleet.root / f"{name}.hidden")
    return {}


def _show(fleet: Fleet, name: str) -> None:
    (fleet.root / f"{name}.hidden").rename(fleet.source(name))


def _truncate(fleet: Fleet, name: str) -> Mapping[str, Any]:
    file = fleet.source(name) / "one.db"
    (fleet.root / f"{name}.kept").write_bytes(file.read_bytes())
    os.truncate(file, file.stat().st_size - 4096)
    return {}


def _scribble(fleet: Fleet, name: str) -> Mapping[str, Any]:
    file = fleet.source(name) / "one.db"
    (fleet.root / f"{name}.kept").write_bytes(file.read_bytes())
    file.write_bytes(b"this is no database, though it is called one" * 100)
    return {}


def _put_back(fleet: Fleet, name: str) -> None:
    (fleet.source(name) / "one.db").write_bytes((fleet.root / f"{name}.kept").read_bytes())


def _add_stranger(fleet: Fleet, name: str) -> Mapping[str, Any]:
    (fleet.source(name) / "three.db").write_bytes((fleet.source(name) / "one.db").read_bytes())
    return {}


def _remove_stranger(fleet: Fleet, name: str) -> None:
    (fleet.source(name) / "three.db").unlink()


def _set_score(fleet: Fleet, name: str, change: int) -> None:
    with closing(sqlite3.connect(fleet.source(name) / "two.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE people SET score = score + {change} WHERE name = 'person {ROWS - 1}'")


def _contradict(fleet: Fleet, name: str) -> Mapping[str, Any]:
    _set_score(fleet, name, 1)
    return {}


def _take_place(fleet: Fleet, name: str) -> Mapping[str, Any]:
    fleet.target(name).mkdir()
    (fleet.target(name) / "main.db").write_bytes((fleet.source(name) / "one.db").read_bytes())
    return {}


def _free_place(fleet: Fleet, name: str) -> None:
    (fleet.target(name) / "main.db").unlink()


def _lead_out(fleet: Fleet, name: str) -> Mapping[str, Any]:
    outside = fleet.root.with_name(f"{fleet.root.name}-outside")
    outside.mkdir(exist_ok=True)
    fleet.source(name).rename(outside / name)
    fleet.source(name).symlink_to(outside / name)
    return {}


def _lead_back(fleet: Fleet, name: str) -> None:
    real = fleet.source(name).resolve()
    fleet.source(name).unlink()
    real.rename(fleet.source(name))


def _without_key(fleet: Fleet, name: str) -> Mapping[str, Any]:
    return {"system": str(write_system(fleet.root / "systems" / f"{name}-secret", encrypted=True))}


def _kill_worker(fleet: Fleet, name: str) -> Mapping[str, Any]:
    hook = ("/bin/sh", "-c", "kill -9 $PPID")
    return {"system": str(write_system(fleet.root / "systems" / f"{name}-deadly", hook=hook))}


FAULTS: Mapping[str, Fault] = {
    "missing": Fault(exit=5, says="there is no such directory", plant=_hide, mend=_show),
    "truncated": Fault(exit=6, says="one.db", plant=_truncate, mend=_put_back),
    "no database": Fault(exit=6, says="one.db", plant=_scribble, mend=_put_back),
    "unnamed file": Fault(exit=2, says="does not name this file", plant=_add_stranger, mend=_remove_stranger),
    "contradiction": Fault(exit=4, says="wait", plant=_contradict, mend=lambda f, n: _set_score(f, n, -1)),
    "target taken": Fault(exit=6, says="is there already", plant=_take_place, mend=_free_place),
    "unknown system": Fault(exit=2, says="no such system", plant=lambda _f, _n: {"system": "nobody's"}),
    "leads out": Fault(exit=6, says="leads to", plant=_lead_out, mend=_lead_back),
    "no key": Fault(exit=12, says="no-such-key", plant=_without_key),
    "killed": Fault(exit=1, says="its worker was killed", plant=_kill_worker),
}


@contextmanager
def locked(fleet: Fleet, name: str) -> Iterator[None]:
    """Hold a tenant's lock, as another run of it does."""
    folder = fleet.target(name) / ".strongroom"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
