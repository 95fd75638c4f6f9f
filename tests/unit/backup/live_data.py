"""A data directory with a log that holds rows, a set of it, and what is there afterwards, in words."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from strongroom.backup.in_place import restore_in_place
from strongroom.backup.restores import BuildSwap, no_servers
from strongroom.backup.restoring import Restored, Wish, choose_set
from strongroom.backup.undoing import Undone, undo
from strongroom.core.secret import Secret
from tests.e2e.vault import KEYS, open_vault, write_vault
from tests.unit.backup.scene import Clock, Scene, make_shop, run

CORE, MEMORY, VAULT, STATE = "core.db", "agents/memory.db", "vault.db", "state.json"
NAMES = (CORE, VAULT, MEMORY, STATE)
VAULT_SQL = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users (name) VALUES ('a'), ('b');"
BACKED_UP = {CORE: 3, MEMORY: 40, VAULT: 2, STATE: "{}", "untouched.txt": "mine"}
"""Rows of users, or the text, when the set was taken."""
LIVE = {CORE: 4, MEMORY: 41, VAULT: 1, STATE: '{"later": 1}', "untouched.txt": "mine"}
"""The same afterwards; a row of the second is in its log only."""


def make_live(root: Path) -> Scene:
    """Make a data directory, take a set of it, and let it go on: each member is another one now."""
    shop = make_shop(root, files=["state.json"])
    shop.keys = {"vault": Secret(KEYS["vault"])}
    shutil.rmtree(shop.data / "replays")
    (shop.data / "untouched.txt").write_text("mine")
    write_vault(shop.data / VAULT, VAULT_SQL, KEYS["vault"])
    shop.init()
    shop.create()
    change_all(shop)
    assert read_all(shop.data) == LIVE
    return shop


def copy_live(made: Scene, root: Path) -> Scene:
    """Return the same at another place; making it anew takes longer."""
    shutil.copytree(made.root, root, dirs_exist_ok=True)
    return Scene(root=root, entry=made.entry, keys=made.keys, clock=Clock(made.clock.at))


def change_all(shop: Scene) -> None:
    run(shop.data / CORE, "INSERT INTO users (name) VALUES ('later')")
    leave_in_log(shop.data / MEMORY, "INSERT INTO users (name) VALUES ('later')")
    with closing(open_vault(shop.data / VAULT, KEYS["vault"])) as connection:
        connection.execute("DELETE FROM users WHERE name = 'b'")
        connection.commit()
    (shop.data / STATE).write_text('{"later": 1}')


def leave_in_log(path: Path, sql: str) -> None:
    """Write to a database as an application does that is killed then: what it wrote is in the log only."""
    kept = path.with_name("kept")
    kept.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()
        for suffix in ("", "-wal"):
            shutil.copy2(path.with_name(path.name + suffix), kept / f"x{suffix}")
    for suffix in ("", "-wal"):
        (kept / f"x{suffix}").replace(path.with_name(path.name + suffix))
    kept.rmdir()
    assert path.with_name(f"{path.name}-wal").stat().st_size


def restore(shop: Scene, which: str = "latest", build: BuildSwap = no_servers, **wish: Any) -> Restored:
    chosen = choose_set(shop.catalog(), which, shop.around)
    return restore_in_place(shop.open(), chosen, Wish(data_dir=shop.data, **wish), shop.around, build)


def take_back(shop: Scene, restored: str | None = None, **options: Any) -> Undone:
    return undo(shop.data, restored, shop.around, **options)


def read_all(data: Path, without: str = ".strongroom") -> dict[str, Any]:
    """Return what every file of a data directory holds, as an application reads it, in a copy of the directory."""
    copy = data.with_name("read")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns(".strongroom", without))
    found = {path.relative_to(copy).as_posix(): path for path in copy.rglob("*") if path.is_file()}
    said = {name: _read(path) for name, path in sorted(found.items()) if not name.endswith(("-wal", "-shm"))}
    shutil.rmtree(copy)
    return said


def _read(path: Path) -> Any:
    if path.suffix != ".db":
        return path.read_text()
    with closing(open_vault(path, KEYS["vault"] if path.name == VAULT else None)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT count(*) FROM users").fetchone()[0]


def list_own(shop: Scene) -> list[str]:
    """Return what our own folder keeps of restores, ids left out."""
    root = shop.data / ".strongroom" / "restores"
    return sorted("/".join(path.relative_to(root).parts[1:]) for path in root.rglob("*") if path.is_file())


def companions(data: Path) -> list[str]:
    return sorted(path.name for path in data.rglob("*.db-*") if ".strongroom" not in path.parts)
