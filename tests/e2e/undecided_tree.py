"""A tree with undecided rows of every sort, and what a person does with it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.faults.scene import Ended, Scene, run, write_database, write_system

PLAN = """\
version: 1
sources: {live: {path: live.db}, old: {path: old.db}, third: {path: third.db, optional: true}}
targets: {new: {path: new.db}}
tables:
  - {into: new.users, from: [live.users, old.users], key: [name], identity: {column: id, strategy: renumber},
     on_conflict: {rule: quarantine}, secret: [token]}
  - {into: new.notes, from: [live.notes, old.notes, third.notes], on_conflict: {rule: newest, by: at}}
  - {into: new.marks, from: [live.marks, old.marks], key: [name], identity: {column: id, strategy: renumber},
     on_conflict: {rule: quarantine}}
"""
TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, mail TEXT, token TEXT);
CREATE TABLE notes (id TEXT PRIMARY KEY, at TEXT, text TEXT, stars INTEGER);
CREATE TABLE marks (id INTEGER PRIMARY KEY, name TEXT UNIQUE, seen TEXT);
"""
TOKEN = "PAYLOAD-OF-A-TOKEN"
ROWS = {
    "live": f"INSERT INTO users VALUES (1, 'ann', 'ann@live', '{TOKEN}-1');"
    "INSERT INTO notes VALUES ('a', '2024-01-01', 'live a', 1), ('b', '2024-01-01', 'live b', 2),"
    " ('same', '2024-01-01', 'same', 2);"
    "INSERT INTO marks VALUES (1, 'm', '2024-05-01'), (2, 'n', NULL), (3, 'o', 'soon');",
    "old": f"INSERT INTO users VALUES (7, 'ann', 'ann@old', '{TOKEN}-2');"
    "INSERT INTO notes VALUES ('a', '2024-01-01', 'old a', 1), ('b', '2024-01-01', 'old b', 3),"
    " ('same', '2024-01-01', 'same', 2);"
    "INSERT INTO marks VALUES (1, 'm', '2024-06-01'), (2, 'n', '2024-01-01'), (3, 'o', '2024-01-01');",
    "third": "INSERT INTO notes VALUES ('a', '2024-01-01', 'third a', 1);",
}
GROUPS = 6
"""Undecided ones: users ann; notes a, b; marks m, n, o."""


def build(root: Path, *flags: str, sql: str = "") -> Scene:
    """Build the tree, with more ``sql`` in the old file, and run it: staged without flags, published with a budget."""
    scene = Scene(system=write_system(root / "s", PLAN), source=root / "source", target=root / "target")
    for name, rows in ROWS.items():
        tables = TABLES if name != "third" else TABLES.split(";")[1] + ";"
        write_database(scene.source / f"{name}.db", tables + rows + (sql if name == "old" else ""))
    ended = run(scene.argv("run", *flags))
    assert ended.code == (0 if flags else 4), ended.err
    return scene


def decide(scene: Scene, *flags: object) -> Ended:
    """Run the task."""
    return run(scene.argv("decide", *map(str, flags)))


def draft(scene: Scene, name: str = "draft.yaml") -> Path:
    """Write a draft beside the target."""
    file = scene.target.parent / name
    ended = decide(scene, "--draft", file)
    assert ended.code == 0, ended.err
    return file


def fill(file: Path, key: str, take: str) -> None:
    """Say after ``take:`` of the group with a key what is taken."""
    text = file.read_text()
    found = re.search(rf'  key: {{"\w+": "{re.escape(key)}"}}\n(?:  .*\n)*?  take:()', text)
    assert found is not None, text
    file.write_text(f"{text[: found.start(1)]} {take}{text[found.end(1) :]}")


def change(file: Path, sql: str) -> None:
    """Write to a database."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)


def read(scene: Scene, query: str) -> list[tuple[Any, ...]]:
    """Ask the live target."""
    with closing(sqlite3.connect(f"file:{scene.target / 'new.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
