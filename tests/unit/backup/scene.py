"""A small application's data, its site and its store in a folder, with a clock that tests set."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strongroom.backup.catalog import Catalog, read_catalog
from strongroom.backup.creating import Created, create_set
from strongroom.backup.place import Site, find_sources
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.folder import FolderStore
from strongroom.backup.stores.opening import initialise, open_store
from strongroom.core.backup_entry import BackupEntry
from strongroom.core.secret import Secret

BEGAN = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


class Clock:
    """Goes on by a second each time that it is read."""

    def __init__(self, at: datetime = BEGAN) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass
class Scene:
    root: Path
    system: str = "shop"
    entry: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    keys: Mapping[str, Secret] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    checkpoint: Callable[[str], None] = lambda _: None

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def site(self) -> Site:
        store = {"kind": "folder", "path": str(self.root / "store")}
        return Site(
            system=self.system,
            entry=BackupEntry.model_validate({"store": store, **self.entry}),
            data_dir=self.data,
        )

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            now=self.clock,
            keys=self.keys,
            environment=self.environment,
            say=lambda subject, fact: self.said.append(f"{subject}: {fact}"),
            checkpoint=self.checkpoint,
        )

    def init(self) -> FolderStore:
        initialise(self.site.entry.store, self.site, self.around, None, dry_run=False)
        return self.open()

    def open(self) -> FolderStore:
        store = open_store(self.site.entry.store, self.site, self.around)
        assert isinstance(store, FolderStore)
        return store

    def create(self) -> Created:
        self.clock.at += timedelta(minutes=1)
        return create_set(self.open(), find_sources(self.site), (), self.around)

    def catalog(self) -> Catalog:
        store = self.open()
        return read_catalog(store.objects, store.about.id, self.system)


def make_shop(root: Path, **entry: Any) -> Scene:
    """Make an application with two databases, one in WAL mode and held open by nobody, and a few files."""
    scene = Scene(root=root, entry=entry)
    scene.data.mkdir(parents=True)
    make_database(scene.data / "core.db", users=3)
    make_database(scene.data / "agents" / "memory.db", users=40, wal=True)
    (scene.data / "replays").mkdir()
    (scene.data / "replays" / "one.json").write_text('{"moves": []}')
    (scene.data / "state.json").write_text("{}")
    return scene


def make_database(path: Path, *, users: int, wal: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        if wal:
            connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("CREATE TABLE empty (x)")
        connection.executemany("INSERT INTO users (name) VALUES (?)", [(f"user {number}",) for number in range(users)])


def run(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def flip(path: Path, place: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
