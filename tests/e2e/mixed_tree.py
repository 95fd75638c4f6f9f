"""A directory of databases as nobody described it: under two keys, plain, under a lost key, cut off, and no database.

With the system that names the keys: one in a variable, the others in files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.vault import KEYS, OTHER, write_vault

CELL = "planted/xylophone-quagmire-jackdaw"
ID = 48_151_623_42
"""An id that stands nowhere by chance."""
PEOPLE = f"""
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, note TEXT);
INSERT INTO people VALUES (1, 'ann', '{CELL}'), (2, 'bob', NULL), ({ID}, 'cid', 'c');
CREATE TABLE bag (v);
INSERT INTO bag VALUES ('{CELL}'), ('{CELL}'), (x'00');
PRAGMA user_version = 7;
"""
CHANGED = f"{PEOPLE} UPDATE people SET note = 'other' WHERE id = 2;"
PLAIN = """
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, note TEXT);
INSERT INTO people VALUES (1, 'ann', 'another'), (2, 'bob', NULL);
CREATE TABLE tags (k TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO tags VALUES ('a'), ('b');
"""
LARGE = """
CREATE TABLE large (id INTEGER PRIMARY KEY, v TEXT);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO large SELECT i, printf('%040d', i) FROM n;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The directory, and the folder of the system that names its keys."""

    source: Path
    system: Path

    def read_uses(self) -> list[tuple[str, str]]:
        """Return the keys that were asked for, and what came of it."""
        file = self.system / "keys.jsonl"
        lines = file.read_text().splitlines() if file.is_file() else []
        return [(one["key"], one["outcome"]) for one in map(json.loads, lines)]

    def keep(self, *names: str) -> None:
        """Remove every file but these."""
        for file in self.source.rglob("*"):
            if file.is_file() and file.relative_to(self.source).as_posix() not in names:
                file.unlink()


def build_tree(root: Path, patch: pytest.MonkeyPatch) -> Tree:
    source = root / "source"
    write_vault(source / "one.db", f"PRAGMA journal_mode = WAL; {PEOPLE}", KEYS["first"])
    write_vault(source / "sub" / "two.db", CHANGED, KEYS["second"])
    write_vault(source / "plain.db", PLAIN, None)
    write_vault(source / "lost.db", PEOPLE, OTHER)
    write_vault(source / "cut.db", LARGE, KEYS["second"])
    content = (source / "cut.db").read_bytes()
    (source / "cut.db").write_bytes(content[: len(content) // 2 + 1000])
    (source / "noise.db").write_bytes(b"no database " * 500)
    (source / "empty.db").touch()
    (source / "doc.json").write_text("{}")
    write_vault(source / "named otherwise", LARGE, KEYS["vault"])
    (source / "picture.png").write_bytes(b"\x89PNG" + bytes(8188))
    return Tree(source=source, system=name_keys(root, patch))


def name_keys(root: Path, patch: pytest.MonkeyPatch) -> Path:
    system = root / "system"
    system.mkdir()
    for name in ("first", "vault"):
        (system / name).touch(mode=0o600)
        (system / name).write_text(f"{KEYS[name]}\n")
    patch.setenv("SECOND_KEY", KEYS["second"])
    lines = [
        "version: 1\nname: mixed\ntitle: mixed",
        f"audit_log: {system}/keys.jsonl\nkeys:",
        f"  first: {{provider: file, path: {system}/first, encoding: hex}}",
        "  second: {provider: environment, variable: SECOND_KEY, encoding: hex}",
        f"  vault: {{provider: file, path: {system}/vault, encoding: hex}}\n",
    ]
    (system / "system.yaml").write_text("\n".join(lines))
    return system
