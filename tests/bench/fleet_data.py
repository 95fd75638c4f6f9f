"""The tenants of ``bench.fleet``: three files and 13 750 rows each, 1.8 MB; all alike, each with bytes of its own."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.bench.system import write_yaml

GENERATOR = 1
"""Raised when the rows change: tenants of another generator are left alone."""
TABLES = {
    "people": ("app", "id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT, score REAL", "email", 1500),
    "events": ("app", "id INTEGER PRIMARY KEY, person INTEGER, kind TEXT, body TEXT, at REAL", "person", 6000),
    "visits": ("log", "id INTEGER PRIMARY KEY, person INTEGER, place TEXT, at REAL", "person", 6000),
    "documents": ("files", "id INTEGER PRIMARY KEY, name TEXT, content BLOB", "name", 250),
}
"""Table -> file, columns, the column that is indexed, rows."""
ROWS = {
    "people": "i, printf('u%05d@example.org', i), 'name ' || i, i / 7.0",
    "events": "i, i % 1500 + 1, 'kind ' || i % 23, printf('%0120d', i * 2654435761), i / 7.0",
    "visits": "i, i % 1500 + 1, 'place ' || i % 97, i / 3.0",
    "documents": "i, 'document ' || i, CAST(printf('%02000d', i * 2654435761) AS BLOB)",
}
TARGETS = {"app": "core", "log": "core", "files": "library"}
"""File -> the target into which it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """A fleet on disk."""

    system: Path
    sources: Path
    """A folder for each tenant."""
    names: tuple[str, ...]
    size: int
    """Bytes of one tenant."""

    def write_list(self, file: Path, targets: Path, names: tuple[str, ...] | None = None) -> Path:
        """Write the list of these tenants, each with a target of its own."""
        chosen = self.names if names is None else names
        lines = (
            {
                "name": name,
                "system": str(self.system),
                "source": str(self.sources / name),
                "target": str(targets / name),
            }
            for name in chosen
        )
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return file

    def forget(self) -> None:
        """Let the sources be as they were made: a run that published makes them read-only."""
        for file in self.sources.glob("*/*.db"):
            file.chmod(0o644)


def ensure_tenants(directory: Path, count: int) -> Tenants:
    """Make tenants below a directory, or find them there."""
    home = directory / f"fleet-{GENERATOR}"
    model, system = home / "model", home / "system"
    if not model.is_dir():
        part = home / "model.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for file in TARGETS:
            write_file(part / f"{file}.db", file)
        part.rename(model)
    write_fleet_system(system)
    names = tuple(f"tenant-{number:05d}" for number in range(count))
    for number, name in enumerate(names):
        make_tenant(model, home / "tenants" / name, number)
    size = sum(file.stat().st_size for file in model.iterdir())
    return Tenants(system=system, sources=home / "tenants", names=names, size=size)


def make_tenant(model: Path, folder: Path, number: int) -> None:
    """Copy the model, with one row that no other tenant has."""
    if folder.is_dir():
        return
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(model, part)
    with closing(sqlite3.connect(part / "app.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("INSERT INTO people (email, name) VALUES (?, ?)", (f"only-{number}@example.org", "one"))
    part.rename(folder)


def write_file(path: Path, file: str) -> None:
    """Write one file of a tenant."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in list_statements(file):
            connection.execute(statement)
        for name, (home, _, _, rows) in TABLES.items():
            if home == file:
                numbers = f"VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows}"
                connection.execute(f"WITH RECURSIVE n (i) AS ({numbers}) INSERT INTO {name} SELECT {ROWS[name]} FROM n")


def list_statements(*files: str) -> Iterator[str]:
    """Yield what makes the tables of files."""
    for name, (home, columns, indexed, _) in TABLES.items():
        if home in files:
            yield f"CREATE TABLE {name} ({columns})"
            yield f"CREATE INDEX ix_{name}_{indexed} ON {name} ({indexed})"


def write_fleet_system(folder: Path) -> None:
    """Write the system that all tenants have."""
    (folder / "sqlite").mkdir(parents=True, exist_ok=True)
    write_yaml(folder / "system.yaml", {"version": 1, "name": "tenant", "title": "A tenant of the benchmark"})
    targets = sorted(set(TARGETS.values()))
    plan = {
        "version": 1,
        "sources": {file: {"path": f"{file}.db"} for file in TARGETS},
        "targets": {name: {"path": f"{name}.db", "schema": f"sqlite/{name}.sql"} for name in targets},
        "copy": {name: [f"{file}.*" for file, target in TARGETS.items() if target == name] for name in targets},
    }
    write_yaml(folder / "plan.yaml", plan)
    for name in targets:
        statements = list_statements(*(file for file, target in TARGETS.items() if target == name))
        text = f"-- The {name} database of a tenant.\n" + ";\n".join(statements) + ";\n"
        (folder / "sqlite" / f"{name}.sql").write_text(text, encoding="utf-8")
