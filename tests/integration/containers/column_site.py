"""A system with encrypted columns, in a database of its own and in a file, and what stands in them by the paper."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from strongroom.persistence.columns import Columns
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.faults.column_oracle import Key, Oracle, Stored, Value
from tests.integration.containers.load_site import Ended
from tests.integration.containers.schema_site import Site

NEW, OLD = secrets.token_bytes(32), secrets.token_bytes(32)
PASSPHRASE = "a passphrase of pgcrypto, 4711"
USERS: dict[str, Any] = {"postgres": "accounts", "table": "users", "primary_key": ["id"], "column": "api_key"}
FILE_USERS: dict[str, Any] = {"sqlite": "users.db", "table": "people", "primary_key": ["id"], "column": "secret"}


@dataclass(kw_only=True)
class ColumnSite:
    """A system, its keys, its database and its file."""

    site: Site
    root: Path
    keys: dict[str, Any] = field(default_factory=dict)
    oracle: Oracle = field(default_factory=lambda: Oracle({}))
    old: str = ""
    new: str = ""

    @property
    def file(self) -> Path:
        return self.root / "data" / "users.db"

    @property
    def library(self) -> Columns:
        return Columns.of_system(self.site.system)

    def register(self, *entries: Mapping[str, Any]) -> None:
        """Write ``system.yaml`` with these columns, under key ``encryption`` unless they say otherwise."""
        columns = [{"key": "encryption", **entry} for entry in entries]
        about = {"version": 1, "name": "shop", "title": "Shop", "audit_log": str(self.root / "audit.jsonl")}
        about |= {"postgres": {"variables": ["SHOP_DSN"]}, "data_dir": {"default": str(self.root / "data")}}
        plain = json.loads(json.dumps({**about, "keys": self.keys, "columns": columns}))  # each value written out
        (self.site.system / "system.yaml").write_text(yaml.safe_dump(plain))

    def run(self, task: str, *flags: str) -> Ended:
        self.site.capsys.readouterr()
        code = OpsProgram(every_task).main(["inv", task, "--system", str(self.site.system), *flags])
        said = self.site.capsys.readouterr()
        return Ended(code=code, out=said.out, error=said.err)

    def open_keys(self) -> None:
        """Learn the ids of the key's two versions."""
        (about,) = [one for one in self.run("keys.show", "--json").json["keys"] if one["key"] == "encryption"]
        listed = {one["state"]: one["id"] for one in about["versions"]}
        self.old, self.new = listed["previous"], listed["active"]
        self.oracle = Oracle({self.old: OLD, self.new: NEW})

    def make_users(self, rows: Iterable[tuple[int, Any]], *, kind: str = "text") -> None:
        """Make the table in PostgreSQL."""
        about = f"CREATE TABLE accounts.users (id bigint PRIMARY KEY, api_key {kind}, note text)"
        self.site.do("DROP SCHEMA IF EXISTS accounts CASCADE", "CREATE SCHEMA accounts", about)
        with self.site.connect() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO accounts.users (id, api_key) VALUES (%s, %s)", list(rows))

    def read_users(self) -> dict[int, Stored]:
        return dict(self.site.read("SELECT id, api_key FROM accounts.users"))  # type: ignore[arg-type]

    def open_users(self) -> dict[int, Value]:
        """Return what stands in the table, as the oracle opens it."""
        return {key: self.oracle.open(one, "users", "api_key", (key,)) for key, one in self.read_users().items()}

    def seal(self, value: Value, key: Key | int, name: str = "", *, as_bytes: bool = False) -> Stored:
        """Return a value of users.api_key under the old key, or another one."""
        key = key if isinstance(key, tuple) else (key,)
        return self.oracle.seal(value, name or self.old, "users", "api_key", key, as_bytes=as_bytes)

    def write_file(self, *statements: str | tuple[str, Iterable[Any]]) -> None:
        """Run statements on the file, each a script or one statement with its rows."""
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            for one in statements:
                if isinstance(one, str):
                    connection.executescript(one)
                else:
                    connection.execute("BEGIN")
                    connection.executemany(*one)
                    connection.execute("COMMIT")

    def read_file(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(query).fetchall()

    def read_uses(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / "audit.jsonl").read_text().splitlines()]


def open_column_site(site: Site, root: Path) -> ColumnSite:
    """Build a system whose key was changed by hand, with a passphrase of pgcrypto beside it."""
    texts = {"new": base64.b64encode(NEW), "old": base64.b64encode(OLD), "pgp": PASSPHRASE.encode()}
    (root / "keys").mkdir()
    (root / "data").mkdir()
    for name, text in texts.items():
        (root / "keys" / name).touch(mode=0o600)
        (root / "keys" / name).write_bytes(text)
    found = ColumnSite(site=site, root=root)
    for name, previous in (("encryption", ["old"]), ("old", []), ("stale", [])):
        path = {"encryption": "new", "stale": "old"}.get(name, name)
        earlier = [str(root / "keys" / one) for one in previous]
        entry = {"provider": "file", "path": str(root / "keys" / path), "encoding": "base64"}
        found.keys[name] = entry | ({"previous": earlier} if earlier else {})
    found.keys["pgp"] = {"provider": "file", "path": str(root / "keys" / "pgp"), "encoding": "passphrase"}
    found.register()
    found.open_keys()
    return found
