"""Pages that say what to type, an application whose backups they are about, and a shell that types it there."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PAGES = Path(__file__).resolve().parents[2] / ".github" / "runbooks"
Content = dict[str, list[tuple[Any, ...]]]


@dataclass
class Place:
    """An application's data, its system, and how a page's commands are typed there."""

    root: Path
    inv: Path
    backup: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """What else ``system.yaml`` says."""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def store(self) -> Path:
        return self.root / "store"

    def describe(self) -> None:
        """Write what ``system.yaml`` says now."""
        told = {
            "version": 1,
            "name": "shop",
            "title": "A shop",
            "data_dir": {"default": str(self.data)},
            "audit_log": str(self.root / "audit.jsonl"),
            "keys": self.keys,
            "backup": self.backup,
            **self.more,
        }
        (self.root / "mine").mkdir(exist_ok=True)
        (self.root / "mine" / "system.yaml").write_text(yaml.safe_dump(told))

    def type(self, text: str, code: int = 0, **variables: object) -> str:
        """Type commands, with our variables for the page's; return what they say."""
        given = {"SYSTEM": "./mine", "DATA": self.data, "STORE": self.store, **variables}
        lines = "".join(f"{name}='{value}'\n" for name, value in given.items())
        lines += text.replace("./inv ", f"'{self.inv}' ")
        ended = subprocess.run(
            ["sh", "-eu"], input=lines, cwd=self.root, capture_output=True, text=True, check=False, timeout=120
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.stdout

    def list_sets(self, store: Path | None = None) -> list[str]:
        return sorted(path.stem for path in ((store or self.store) / "catalog").glob("*.json"))


def read_blocks(page: str, section: str, language: str = "sh") -> list[str]:
    """Return what a section of a page says to type."""
    parts = re.split(r"^## ", (PAGES / page).read_text(), flags=re.MULTILINE)
    (text,) = [part for part in parts if part.startswith(section)]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def make_place(root: Path, inv: Path, **backup: Any) -> Place:
    place = Place(root=root, inv=inv, backup={"store": {"kind": "folder", "path": str(root / "store")}, **backup})
    (place.data / "deep").mkdir(parents=True)
    for path, rows in (("users.db", 50), ("deep/core.db", 7)):
        with closing(sqlite3.connect(place.data / path)) as connection, connection:
            connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
            connection.execute("CREATE INDEX ix_users_name ON users (name)")
            connection.execute("CREATE TABLE notes (text TEXT)")
            connection.executemany("INSERT INTO users (name) VALUES (?)", [(f"user {n}",) for n in range(rows)])
    place.describe()
    return place


def read_all(folder: Path) -> dict[str, Content]:
    """Return every row of every database in a folder, ours left out, by its path there."""
    found = sorted(path.relative_to(folder) for path in folder.rglob("*.db"))
    return {str(path): read(folder / path) for path in found if ".strongroom" not in path.parts}


def read(path: Path) -> Content:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema ORDER BY name").fetchall()
        tables = [name for (name,) in names if not name.startswith("ix_")]
        rows = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for name in tables}
        return {**rows, "names": names}


def names_of(page: str) -> set[str]:
    """Return the variables that a page begins with."""
    (block,) = re.findall(r"```sh\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)[:1]
    return set(re.findall(r"^([A-Z]+)=", block, re.MULTILINE))
