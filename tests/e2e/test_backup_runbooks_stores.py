"""The same pages where the store is a repository of restic, and where servers lost what they held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
import yaml

from strongroom.backup.members.scratch import open_scratch_postgres
from strongroom.core.programs import run_server
from strongroom.postgres.connection import Access
from strongroom.redis.client import open_client
from tests.e2e.typed_pages import Place, make_place, names_of, read_all, read_blocks
from tests.engines import make_surroundings, provide_engines
from tests.processes import wait_until
from tests.quick_inv import open_inv
from tests.restic import lighten, provide_restic

PASSWORD = "5a" * 32


@pytest.fixture(scope="module")
def inv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with open_inv(tmp_path_factory.mktemp("clone") / "inv") as program:
        yield program


@pytest.fixture
def repository(tmp_path: Path, inv: Path) -> Place:
    """A place whose store is a repository; its passwords open at once."""
    provide_restic()
    place = make_place(tmp_path, inv, store={"kind": "restic", "path": str(tmp_path / "store"), "password": "backup"})
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    place.keys["backup"] = {"provider": "file", "path": str(password), "encoding": "hex"}
    place.describe()
    place.type("./inv backup.init --system mine --without-escrow 'a test'")
    lighten(place.store / "restic", PASSWORD)
    place.type("./inv backup.create --system mine")
    return place


def test_by_hand_a_repository_gives_it_back(repository: Place) -> None:
    before = read_all(repository.data)
    (name,) = repository.list_sets()
    for page, section in (("lost-file.md", "6."), ("lost-server.md", "5.")):
        _, text = read_blocks(page, section)
        beside = repository.root / page
        repository.type(text, PASSWORD=repository.root / "password", SET=name, BESIDE=beside, RESTORED=beside)
        (found,) = (repository.root / f"{page}-restic").rglob("data/users.db")
        assert read_all(found.parent) == before
        assert (found.parents[1] / "manifest.json").is_file()


def test_a_password_that_leaked_opens_nothing_that_is_kept(repository: Place) -> None:
    page = "leaked-password.md"
    root = repository.root
    assert names_of(page) == {"SYSTEM", "OLD", "RECIPIENT", "COPIES"}
    copies = root / "copies"
    copies.mkdir()
    identity = pyrage.x25519.Identity.generate()
    given = {"OLD": repository.store, "RECIPIENT": identity.to_public(), "COPIES": copies}
    before = read_all(repository.data)
    (text,) = read_blocks(page, "2.", "yaml")
    told = yaml.safe_load(text.replace("/etc/strongroom", str(root)).replace("/srv/backups", str(root)))
    new = Path(told["backup"]["second"]["path"])
    repository.keys.update(told["keys"])
    repository.backup["second"] = told["backup"]["second"]
    assert told["backup"]["store"].keys() == repository.backup["store"].keys()
    repository.describe()
    make, copy = read_blocks(page, "2.")
    repository.type(make, **given)
    lighten(new / "restic", (root / "backup-2").read_text().strip())
    assert len(list(copies.glob("*.age"))) == 2
    repository.type(copy, **given)
    assert repository.list_sets(new) == repository.list_sets()
    repository.backup |= {"store": told["backup"]["second"], "second": repository.backup["store"]}
    repository.describe()
    good, remove = read_blocks(page, "3.")
    said = repository.type(good, **given)
    assert said.count("PASSED") == 2
    assert f"2 sets of shop; {new}" in said
    del repository.backup["second"], repository.keys["backup"]
    repository.describe()
    repository.type(remove, **given)
    assert not repository.store.exists()
    restored = root / "again"
    repository.type(f"./inv backup.restore --system mine --into '{restored}'")
    assert read_all(restored) == before
    with pytest.raises(AssertionError):
        lighten(new / "restic", PASSWORD)


@dataclass(frozen=True, kw_only=True)
class Servers:
    """A PostgreSQL with a database named shop, and a Redis, each at a socket."""

    access: Access
    redis: Path

    @property
    def exports(self) -> str:
        return f"export SHOP_DSN='{self.dsn('shop')}' SHOP_REDIS='unix://{self.redis}'\n"

    def dsn(self, database: str) -> str:
        parts = self.access.parameters
        return f"postgresql:///{database}?host={parts['host']}&user={parts['user']}"

    def run(self, sql: str, database: str = "shop") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def ask(self, *words: str) -> Any:
        with open_client(self.redis, place="live") as client:
            return client.ask(*words)


def make_private(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    around = make_surroundings()
    folder = tmp_path_factory.mktemp("servers")
    socket = folder / "redis.sock"
    quick = ["--save", "", "--repl-diskless-sync-delay", "0"]
    words = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), *quick]
    major = provide_engines()
    with (
        open_scratch_postgres(make_private(folder / "postgres"), major, around) as access,
        run_server(words, environment=around.environment, log=folder / "log") as is_running,
    ):
        wait_until(lambda: socket.is_socket() or not is_running())
        yield Servers(access=access, redis=socket)


def test_what_servers_held_is_back(servers: Servers, tmp_path: Path, inv: Path) -> None:
    place = make_place(tmp_path, inv, postgres={"databases": ["shop"]}, redis={"variables": ["SHOP_REDIS"]})
    place.more["postgres"] = {"variables": ["SHOP_DSN"]}
    place.describe()
    servers.run("CREATE DATABASE shop", "postgres")
    servers.run("CREATE TABLE users AS SELECT generate_series(1, 50) AS id")
    servers.ask("SET", "session", "open")
    exports = servers.exports
    place.type(exports + "./inv backup.init --system mine\n./inv backup.create --system mine")
    (name,) = place.list_sets()

    servers.run("DELETE FROM users WHERE id > 20")
    servers.ask("FLUSHALL")
    beside, live = read_blocks("lost-file.md", "5.")
    place.type(exports + beside, SET=name, DATABASE="shop", NEW=servers.dsn("beside"))
    assert servers.run("SELECT count(*) FROM users", "beside") == [(50,)]
    assert servers.run("SELECT count(*) FROM users") == [(20,)]
    place.type(exports + live, SET=name, DATABASE="shop")
    assert servers.run("SELECT count(*) FROM users") == [(50,)]
    assert servers.ask("GET", "session") == b"open"
    place.type(exports + './inv backup.undo --system "$SYSTEM"')
    assert servers.run("SELECT count(*) FROM users") == [(20,)]
    assert servers.ask("GET", "session") is None

    servers.run("DROP DATABASE shop", "postgres")  # as a new server has none
    (again,) = [text for text in read_blocks("lost-server.md", "3.") if "$DATABASE" in text]
    place.type(exports + again, DATABASE="shop", NEW=servers.dsn("shop"))
    assert servers.run("SELECT count(*) FROM users") == [(50,)]
    assert servers.ask("GET", "session") == b"open"
