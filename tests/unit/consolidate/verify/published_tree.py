"""A tree that is published by hand, step by step, so that each step can be done wrong. Imports nothing of ours."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

PLAN = """\
version: 1
sources:
  first: {path: first.db}
  second: {path: deep/second.db, optional: true}
  gone: {path: gone.db, optional: true}
targets:
  alpha: {path: alpha.db, aliases: [old_alpha.db, names/older.db]}
  beta: {path: in/beta.db}
copy: {alpha: [first.a, gone.c], beta: [second.b]}
"""
LINKS = {
    "old_alpha.db": "alpha.db",
    "names/older.db": "../alpha.db",
    "first.db": "alpha.db",
    "gone.db": "alpha.db",
    "deep/second.db": "../in/beta.db",
}
"""Aliases, and the sources' own names."""
SOURCES = ("first.db", "deep/second.db")
"""Those that are there."""
ROLLBACK, WRITE_AHEAD = b"\x01\x01", b"\x02\x02"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The directories of one run."""

    root: Path
    in_place: bool = False

    @property
    def plan(self) -> Path:
        return self.root / "plan.yaml"

    @property
    def target(self) -> Path:
        return self.root / "target"

    @property
    def source(self) -> Path:
        return self.target if self.in_place else self.root / "source"

    @property
    def run(self) -> Path:
        return self.target / ".strongroom" / "run"

    @property
    def stage(self) -> Path:
        return self.run / "stage"

    @property
    def previous(self) -> Path:
        return self.run / "previous"

    @property
    def legacy(self) -> Path:
        return self.run / "legacy"

    @property
    def places(self) -> dict[str, Path]:
        """Where to look, by name."""
        names = ("plan", "target", "source", "stage", "previous", "legacy")
        return {name: getattr(self, name) for name in names}


def build_tree(root: Path, plan: str = PLAN, *, in_place: bool = False) -> Tree:
    """Make the sources and the staged targets."""
    tree = Tree(root=root, in_place=in_place)
    for folder in (tree.target / "in", tree.source / "deep", tree.stage, tree.previous):
        folder.mkdir(parents=True, exist_ok=True)
    tree.plan.write_text(plan)
    write_database(tree.source / "first.db", "a", 0o640)
    write_database(tree.source / "deep" / "second.db", "b", 0o664)
    write_database(tree.stage / "alpha.db", "of alpha", 0o600, rows=400)
    write_database(tree.stage / "beta.db", "of beta", 0o600, rows=400)
    return tree


def write_database(file: Path, table: str, mode: int, rows: int = 1) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f'CREATE TABLE "{table}" (x)')
        connection.executemany(f'INSERT INTO "{table}" VALUES (?)', (("x" * 99,) for _ in range(rows)))
    file.chmod(mode)
    return file


def set_mode(file: Path, versions: bytes) -> None:
    """Say in the header whether it is in WAL mode."""
    with file.open("r+b") as stream:
        stream.seek(18)
        stream.write(versions)


def go_live(tree: Tree, *, mode: int = 0o640) -> None:
    """Do all that publishing must do, in the plainest way."""
    for name, path in (("alpha", "alpha.db"), ("beta", "in/beta.db")):
        live, kept = tree.target / path, tree.previous / path
        if live.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            wanted = live.stat().st_mode | 0o600
            keep(live, kept)
        else:
            wanted = mode
        live.parent.mkdir(exist_ok=True)
        (tree.stage / f"{name}.db").rename(live)
        live.chmod(wanted & 0o666)
    for file in SOURCES:
        legacy = tree.source / file
        if legacy.is_file() and not legacy.is_symlink():
            legacy.chmod(legacy.stat().st_mode & 0o555)
            if tree.in_place:
                give_way(tree, file)
    for alias, goal in LINKS.items():
        place = tree.target / alias
        place.parent.mkdir(exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(goal)


def give_way(tree: Tree, file: str) -> None:
    """Move a legacy file into the run, with its logs."""
    (tree.legacy / file).parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-journal"):
        if (tree.target / f"{file}{suffix}").exists():
            (tree.target / f"{file}{suffix}").rename(tree.legacy / f"{file}{suffix}")
    (tree.target / f"{file}-shm").unlink(missing_ok=True)


def keep(live: Path, kept: Path) -> None:
    """Move what is replaced, or copy it with its log where holding it would fold that in."""
    log = live.with_name(live.name + "-wal")
    header = live.read_bytes()[:20]
    if header[18:] != WRITE_AHEAD:
        live.rename(kept)
        return
    shutil.copy2(live, kept)
    if log.exists():
        shutil.copy2(log, kept.with_name(kept.name + "-wal"))
        log.unlink()
    live.unlink()
