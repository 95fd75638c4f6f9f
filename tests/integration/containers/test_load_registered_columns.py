"""Encrypted columns through a load: in PostgreSQL every value opens, or nothing of it is loaded."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from strongroom.persistence.columns import Columns
from tests.integration.containers.load_site import Ended
from tests.integration.containers.schema_site import Site

PLAN = """\
version: 1
sources: {old: {path: old.db}, other: {path: other.db}}
targets: {accounts: {path: accounts.db%s}}
copy: {accounts: [other.*]}
tables:
  - into: accounts.%s
    from: [old.users]
"""
UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
USERS: dict[int, str | None] = {1: "one", 2: "", 3: None, 4: "long " * 5_000, 5: "ü ☂ \U0001f512\n'\""}
TOKENS: dict[tuple[str, str], bytes] = {(UUID, "phone"): b"\0\xff", (UUID, "laptop"): b""}
OF_USERS = {"sqlite": "old.db", "table": "users", "primary_key": ["id"], "column": "api_key", "key": "encryption"}
OF_TOKENS = {"sqlite": "other.db", "table": "tokens", "primary_key": ["user_id", "device"], "column": "token"}


class Shop:
    """Two files with encrypted columns, and where they go."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.source, self.target = site, folder / "source", folder / "target"
        self.source.mkdir()
        site.monkeypatch.setenv("STRONGROOM_JOBS", "1")
        site.monkeypatch.setenv("COLUMN_KEY", "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2)
        self.register()
        self.plan()

    def register(self, *more: dict[str, Any]) -> None:
        about: dict[str, Any] = {"version": 1, "name": "shop", "title": "Shop", "postgres": {"variables": ["SHOP_DSN"]}}
        about["audit_log"] = str(self.source.parent / "keys.jsonl")
        about["keys"] = {"encryption": {"provider": "environment", "variable": "COLUMN_KEY", "encoding": "hex"}}
        about["columns"] = [OF_USERS, {**OF_TOKENS, "key": "encryption"}, *more]
        (self.site.system / "system.yaml").write_text(yaml.safe_dump(about))

    def plan(self, types: str = "", into: str = "users") -> None:
        said = f", types: {{{types}}}" if types else ""
        (self.site.system / "plan.yaml").write_text(PLAN % (said, into))

    @property
    def columns(self) -> Columns:
        return Columns.of_system(self.site.system)

    def fill(self, *, user: str = UUID) -> None:
        with closing(sqlite3.connect(self.source / "old.db")) as connection, connection:
            connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, api_key TEXT)")
            for key, value in USERS.items():
                stored = self.columns.encrypt("users", "api_key", key, value)
                connection.execute("INSERT INTO users VALUES (?, ?)", (key, stored))
        with closing(sqlite3.connect(self.source / "other.db")) as connection, connection:
            connection.execute(
                "CREATE TABLE tokens (user_id TEXT NOT NULL, device TEXT NOT NULL, token BLOB, "
                "PRIMARY KEY (user_id, device))"
            )
            for (_, device), token in TOKENS.items():
                stored = self.columns.encrypt("tokens", "token", (user, device), token, as_bytes=True)
                connection.execute("INSERT INTO tokens VALUES (?, ?, ?)", (user, device, stored))

    def load(self, *flags: str) -> Ended:
        places = ["--target", str(self.target), "--from", "legacy", "--source", str(self.source)]
        code, out, error = self.site.run("load", *places, *flags)
        return Ended(code=code, out=out, error=error)

    def open_users(self, table: str = "users") -> dict[int, Any]:
        rows = self.site.read(f"SELECT id, api_key FROM accounts_staged.{table}")
        return {key: self.columns.decrypt(table, "api_key", key, stored) for key, stored in rows}


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> Shop:
    return Shop(site, tmp_path)


@pytest.mark.parametrize("types", ["tokens.user_id: uuid", "tokens.user_id: text, users.id: integer"])
def test_every_value_opens_in_the_server_as_it_did_in_its_file(shop: Shop, types: str) -> None:
    shop.fill()
    shop.plan(types)
    ended = shop.load()
    assert ended.code == 0, ended.error + ended.out
    assert shop.open_users() == USERS
    rows = shop.site.read("SELECT user_id, device, token FROM accounts_staged.tokens")
    opened = {(str(user), device): shop.columns.decrypt("tokens", "token", (user, device), stored)
              for user, device, stored in rows}  # fmt: skip
    assert opened == TOKENS


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ("users.id: text", "its primary key id becomes text, and some rows are others then"),
        ("users.id: numeric", "its primary key id becomes numeric, to which no value is bound"),
        ("users.api_key: varchar(400)", "it becomes varchar(400), which holds no ciphertext"),
        ("users.api_key: bytea", "it becomes bytea, and holds values of the other kind"),
    ],
)
def test_a_type_by_which_they_would_not_open_is_refused(shop: Shop, types: str, expected: str) -> None:
    shop.fill()
    shop.plan(types)
    told = ("accounts.users.api_key: is an encrypted column: ", expected)
    shop.load().refuse(2, *told)
    for flags in ([], ["--dry-run"]):
        code, out, error = shop.site.run("load", "--target", str(shop.target), *flags)
        Ended(code=code, out=out, error=error).refuse(2, *told)
    assert shop.site.read("SELECT 1 FROM pg_namespace WHERE nspname = 'accounts'") == []


def test_a_uuid_in_capitals_becomes_another_and_is_refused(shop: Shop) -> None:
    shop.fill(user=UUID.upper())
    shop.plan("tokens.user_id: uuid")
    shop.load().refuse(2, "accounts.tokens.token: is an encrypted column: its primary key user_id becomes uuid")


def test_a_new_name_is_refused_unless_it_is_registered_with_the_old_one(shop: Shop) -> None:
    shop.fill()
    shop.plan(into="people")
    shop.load().refuse(2, "it becomes people.api_key, where no value of it opens")
    there = {"postgres": "accounts", "table": "people", "primary_key": ["id"], "column": "api_key"}
    shop.register({**there, "key": "encryption", "was": ["users.api_key"]})
    ended = shop.load()
    assert ended.code == 0, ended.error + ended.out
    assert shop.open_users("people") == USERS
