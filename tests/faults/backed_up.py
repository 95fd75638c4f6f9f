"""A small application that is backed up: its data, its store, and what must be true of them at every moment."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.child import Driver
from tests.faults.scene import Ended, read_content

PASSWORD = "0f" * 32
KEEP = "{last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, verified: 2}"


@dataclass(frozen=True, kw_only=True)
class Shop:
    root: Path
    engine: str = "folder"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def store(self) -> Path:
        return self.root / "store"

    def argv(self, task: str, *flags: str) -> list[str]:
        return ["inv", f"backup.{task}", "--system", str(self.root / "shop"), *flags]

    def copy_to(self, root: Path) -> Shop:
        """Set the stage anew, for one more kill: the same paths in another folder."""
        shutil.copytree(self.root, root)
        made = Shop(root=root, engine=self.engine)
        made.write_system()
        return made

    def write_system(self) -> None:
        (self.root / "shop").mkdir(exist_ok=True)
        password = self.root / "password"
        password.touch(mode=0o600)
        password.write_text(PASSWORD)
        opened_by = ", password: backups" if self.engine == "restic" else ""
        (self.root / "shop" / "system.yaml").write_text(
            f"version: 1\nname: shop\ntitle: A shop\ndata_dir: {{default: {self.data}}}\n"
            f"keys: {{backups: {{provider: file, path: {password}, encoding: hex}}}}\n"
            f"backup:\n  store: {{kind: {self.engine}, path: {self.store}{opened_by}}}\n"
            f"  second: {{kind: folder, path: {self.root / 'second'}}}\n"
            f"  files: ['replays/*']\n  keep: {KEEP}\n"
        )

    def read_data(self) -> dict[str, Any]:
        found: dict[str, Any] = {path.name: read_content(path) for path in sorted(self.data.rglob("*.db"))}
        return found | {path.name: path.read_bytes() for path in sorted((self.data / "replays").iterdir())}


def build_shop(root: Path, engine: str = "folder") -> Shop:
    shop = Shop(root=root, engine=engine)
    for name, rows in (("core.db", 5), ("agents/memory.db", 50)):
        path = shop.data / name
        path.parent.mkdir(parents=True)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
            connection.executemany("INSERT INTO users (name) VALUES (?)", [(f"user {one}",) for one in range(rows)])
    (shop.data / "replays").mkdir()
    (shop.data / "replays" / "one.json").write_text("{}")
    shop.write_system()
    return shop


def list_sets(shop: Shop, driver: Driver) -> list[dict[str, Any]]:
    ended = driver.run([*shop.argv("list"), "--json"])
    assert ended.code == 0, ended.err
    found: list[dict[str, Any]] = ended.json["sets"]
    return found


def check_sound(store: Path, name: str) -> None:
    """Compare a set with its own manifest, by code of our own."""
    folder = store / "sets" / name
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = json.loads((store / "catalog" / f"{name}.json").read_text())
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == entry["manifest_sha256"]
    listed = {file["path"]: file["sha256"] for member in manifest["members"] for file in member["files"]}
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert found == listed


def check_goes_on(shop: Shop, driver: Driver, argv: list[str], before: list[str]) -> Ended:
    """What was there counts still, the same command ends, and nothing of the killed one is left."""
    for name in before:
        check_sound(shop.store, name)
    again = driver.run(argv)
    assert again.code == 0, again.err
    after = list_sets(shop, driver)
    assert {one["state"] for one in after} == {"verified"}
    for one in after:
        check_sound(shop.store, one["set"])
    folders = {path.name for path in (shop.store / "sets").iterdir()}
    assert folders == {one["set"] for one in after}
    return again
