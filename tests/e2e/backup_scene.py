"""A small application with every kind of member that is a file, its two stores, and what types backup.* there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyrage
import pytest
import yaml

from strongroom.tasks import _backup
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.e2e.vault import KEYS, write_vault
from tests.faults.scene import Ended
from tests.restic import lighten, make_light, provide_restic
from tests.turns import turn

ENGINES = ("folder", "restic")
MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
PASSWORD = "planted-password-of-the-store-4711"
ONE_SET = {"last": 1, "hourly": 0, "daily": 0, "weekly": 0, "monthly": 0, "verified": 1}
MEMBERS = ["app.db", "core.db", "vault.db", "state.json", "replays/one.json"]
PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO people (name) VALUES ('ann'), ('bob');"


class Clock:
    """Goes on by a second each time that it is read."""

    def __init__(self) -> None:
        self.at = MONDAY

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass(kw_only=True)
class Shop:
    """Data, stores, keys and ``system.yaml``, and the time."""

    root: Path
    engine: str
    keys: dict[str, Any] = field(default_factory=dict)
    """``keys:``, where it is other than at first."""
    backup: dict[str, Any] = field(default_factory=dict)
    """What else ``backup:`` says."""
    clock: Clock = field(default_factory=Clock)
    made: Any = None
    """What ``backup.init --json`` said."""
    escrow: str = ""
    """The second password of a repository."""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def second(self) -> Path:
        return self.root / "second"

    @property
    def audit(self) -> Path:
        return self.root / "audit.jsonl"

    def key_file(self, name: str) -> Path:
        return self.root / "keys" / name

    def write_key(self, name: str, text: str) -> Path:
        file = self.key_file(name)
        file.parent.mkdir(exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text)
        return file

    def describe(self, **backup: Any) -> None:
        """Write ``system.yaml``; what is named here stays."""
        self.backup |= backup
        packed = {"kind": "restic", "path": str(self.store), "password": "backup"}
        plain = {"kind": "folder", "path": str(self.store)}
        vault = {"provider": "file", "path": str(self.key_file("vault")), "encoding": "hex"}
        password = {"provider": "file", "path": str(self.key_file("backup")), "encoding": "passphrase"}
        told = {
            "version": 1,
            "name": "shop",
            "title": "A shop",
            "data_dir": {"default": str(self.data)},
            "audit_log": str(self.audit),
            "keys": {"vault": vault, "backup": password, **self.keys},
            "backup": {
                "store": packed if self.engine == "restic" else plain,
                "second": {"kind": "folder", "path": str(self.second)},
                "files": ["replays/*", "state.json"],
                **self.backup,
            },
        }
        (self.root / "shop").mkdir(exist_ok=True)
        (self.root / "shop" / "system.yaml").write_text(yaml.safe_dump(told))

    def change(self, edit: Callable[[dict[str, Any]], object]) -> None:
        """Let ``system.yaml`` say something else, until it is described anew."""
        file = self.root / "shop" / "system.yaml"
        told = yaml.safe_load(file.read_text())
        edit(told)
        file.write_text(yaml.safe_dump(told))

    def run(self, task: str, *words: str | Path, typed: str = "") -> Ended:
        """Run a command line in this process, at the time that the clock says; what it says holds no secret."""
        out, err = io.StringIO(), io.StringIO()
        argv = ["inv", task, "--system", str(self.root / "shop"), *map(str, words)]
        with (
            patch.object(_backup, "read_clock", self.clock),
            patch("strongroom.keys.provided.close_process", lambda: None),
            patch("sys.stdin", io.StringIO(typed)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = OpsProgram(every_task).main(argv)
        said = out.getvalue() + err.getvalue()
        assert not [one for one in (*KEYS.values(), PASSWORD, self.escrow or PASSWORD) if one in said]
        return Ended(code=code, out=out.getvalue(), err=err.getvalue())

    def must(self, task: str, *words: str | Path, typed: str = "") -> Ended:
        ended = self.run(task, *words, typed=typed)
        assert ended.code == 0, (task, ended.err)
        return ended

    def ask(self, task: str, *words: str | Path, code: int = 0, typed: str = "") -> Any:
        """Return what a command line says as JSON."""
        ended = self.run(task, *words, "--json", typed=typed)
        assert ended.code == code, (task, ended.err)
        return json.loads(ended.out.splitlines()[-1])

    def create(self) -> str:
        """Take a whole set, an hour after the one before; return its id."""
        self.clock.at += timedelta(hours=1)
        return str(self.ask("backup.create")["set"])

    def list_sets(self, store: Path | None = None) -> list[str]:
        return sorted(path.stem for path in ((store or self.store) / "catalog").glob("*.json"))

    def photograph(self) -> Mapping[str, tuple[Any, ...]]:
        """Return every file and folder that there is, and its content; the audit log aside, and who holds stores."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            if path != self.audit and "lease" not in path.parts:
                about = path.stat()
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                found[str(path.relative_to(self.root))] = (about.st_mode, about.st_mtime_ns, content)
        return found

    def copy_to(self, root: Path) -> Shop:
        """Return a copy of all this, in another folder."""
        shutil.copytree(self.root, root, symlinks=True, dirs_exist_ok=True)
        copy = Shop(root=root, engine=self.engine, keys=dict(self.keys), made=self.made, escrow=self.escrow)
        copy.clock.at = self.clock.at
        copy.describe(**self.backup)
        return copy


def execute(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)


def build_shop(root: Path, engine: str) -> Shop:
    """Build the application; its store is made, and holds nothing."""
    shop = Shop(root=root, engine=engine)
    write_vault(shop.data / "core.db", PEOPLE, None)
    write_vault(shop.data / "vault.db", PEOPLE, KEYS["vault"])
    _write_with_log(shop.data / "app.db", root / "written")
    (shop.data / "replays").mkdir()
    (shop.data / "replays" / "one.json").write_text('{"moves": []}')
    (shop.data / "state.json").write_text("{}")
    (shop.data / "stray.txt").write_text("nobody names it")
    shop.write_key("vault", KEYS["vault"])
    shop.write_key("backup", PASSWORD)
    shop.describe()
    if engine == "folder":
        shop.made = shop.ask("backup.init")
        return shop
    provide_restic()
    make_light(shop.store / "restic", PASSWORD)  # backup.init goes on with what was begun
    identity = pyrage.x25519.Identity.generate()
    words: list[str | Path] = ["--escrow", str(identity.to_public()), "--output", root]
    shop.made = shop.ask("backup.init", *words)
    shop.escrow = pyrage.decrypt(Path(shop.made["escrow"]).read_bytes(), [identity]).decode()
    lighten(shop.store / "restic", PASSWORD, shop.escrow)
    return shop


def provide_templates(factory: pytest.TempPathFactory) -> Mapping[str, Shop]:
    """Return by engine an application whose store holds nothing, to be copied; built once for all who test at once."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return {engine: _provide_template(shared / f"backups-in-{engine}", engine) for engine in ENGINES}


def _provide_template(root: Path, engine: str) -> Shop:
    about = root.with_suffix(".json")
    with turn(root.name):
        if not about.exists():
            shop = build_shop(root, engine)
            about.write_text(json.dumps({"made": shop.made, "escrow": shop.escrow}))
    return Shop(root=root, engine=engine, **json.loads(about.read_text()))


def _write_with_log(file: Path, aside: Path) -> None:
    """Write a database whose newest rows stand in its WAL alone, as an application leaves it that was killed."""
    aside.mkdir()
    with closing(sqlite3.connect(aside / file.name)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.executescript(PEOPLE)
        connection.execute("PRAGMA wal_checkpoint(truncate)")
        with connection:
            connection.execute("INSERT INTO people (name) VALUES ('cid')")
        for path in aside.iterdir():
            if not path.name.endswith("-shm"):
                shutil.copy(path, file.parent)
    shutil.rmtree(aside)
