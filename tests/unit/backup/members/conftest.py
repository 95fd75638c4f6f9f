"""Servers that play the live ones: PostgreSQL and Redis by sockets, each with what an application would have made."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from strongroom.backup.documents import MemberRecord
from strongroom.backup.members.postgres import PostgresSource, name_database
from strongroom.backup.members.redis import RedisSource
from strongroom.backup.members.scratch import open_scratch_postgres
from strongroom.backup.request import Surroundings
from strongroom.core.programs import run_server
from strongroom.core.secret import Secret
from strongroom.postgres.connection import Access, open_postgres
from strongroom.redis.address import Address
from strongroom.redis.client import Client, open_client
from tests.engines import make_surroundings, provide_engines
from tests.processes import wait_until

SHOP = """
CREATE SCHEMA "Odd Schema";
CREATE TABLE public.users (id bigserial PRIMARY KEY, name text UNIQUE, above bigint REFERENCES public.users (id));
CREATE TABLE public.parts (id int, t text) PARTITION BY RANGE (id);
CREATE TABLE public.parts_low PARTITION OF public.parts FOR VALUES FROM (0) TO (50);
CREATE TABLE "Odd Schema"."T ""x" (t text, b bytea, f float8, at timestamptz, span interval, j jsonb, n numeric);
CREATE TABLE public.empty ();
CREATE VIEW public.names AS SELECT name FROM public.users;
CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) FROM public.users;
CREATE SEQUENCE public.lonely;
CREATE FUNCTION public.one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
-- a remark
RETURN 1; END $$;
GRANT SELECT ON public.users TO shop_reader;
INSERT INTO public.users (name) SELECT 'user ' || i FROM generate_series(1, 200) i;
INSERT INTO public.parts SELECT i % 50, 'part' FROM generate_series(1, 120) i;
INSERT INTO "Odd Schema"."T ""x" VALUES
    ('a', '\\x00ff', 0.1, '2026-03-29 01:30:00.000001+00', '1 mon -1 day', '{"b": 1}', 1.10),
    (NULL, NULL, 'NaN', 'infinity', NULL, NULL, NULL), ('', '', '-0', NULL, '0', '1', 0);
SELECT lo_from_bytea(0, '\\xdeadbeef');
"""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """An application's database, and a place for sets of it."""

    name: str
    access: Access
    folder: Path
    around: Surroundings

    @property
    def inside(self) -> Access:
        return name_database(self.access, self.name)

    def run(self, sql: str, database: str | None = None) -> list[tuple[object, ...]]:
        with open_postgres(name_database(self.access, database or self.name)) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def source(self, **changes: object) -> PostgresSource:
        source = PostgresSource(database=self.name, access=self.access, environment=self.around.environment)
        return replace(source, **changes)  # type: ignore[arg-type]

    def take(self, name: str = "set") -> tuple[MemberRecord, Path]:
        folder = make_folder(self.folder / name)
        return self.source().take(folder, self.around), folder


def make_folder(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(scope="session")
def around() -> Surroundings:
    return make_surroundings()


@pytest.fixture(scope="session")
def major() -> int:
    return provide_engines()


@pytest.fixture(scope="session")
def postgres(major: int, around: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    with open_scratch_postgres(tmp_path_factory.mktemp("live"), major, around) as access:
        with open_postgres(access) as connection:
            connection.execute("CREATE ROLE shop_owner LOGIN")
            connection.execute("CREATE ROLE shop_reader")
            connection.execute("GRANT shop_reader TO shop_owner")
        yield access


@pytest.fixture
def shop(postgres: Access, around: Surroundings, tmp_path: Path) -> Shop:
    shop = Shop(name=f"shop {next(_numbers)}", access=postgres, folder=tmp_path, around=around)
    with open_postgres(postgres) as connection:
        for statement in (
            "CREATE DATABASE {} OWNER shop_owner TEMPLATE template0 ENCODING 'UTF8'",
            "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
            "ALTER DATABASE {} SET work_mem = '5MB'",
            "COMMENT ON DATABASE {} IS 'of a shop'",
            "ALTER ROLE shop_owner IN DATABASE {} SET statement_timeout = '77s'",
        ):
            connection.execute(statement.format(f'"{shop.name}"').encode())
    shop.run(SHOP)
    return shop


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """An application's Redis, and a place for sets of it."""

    address: Address
    folder: Path
    around: Surroundings

    def open(self) -> AbstractContextManager[Client]:
        socket = self.address.socket
        assert socket is not None
        return open_client(socket, place="live", password=self.address.password)

    def fill(self) -> None:
        with self.open() as client:
            client.ask_all([("SET", f"key {number}", f"value {number}") for number in range(200)])
            client.ask("HSET", "hash", *(word for number in range(300) for word in (f"field {number}", number)))
            client.ask("SADD", "set", *range(1000))
            client.ask("XADD", "stream", "1-1", "field", "value")
            client.ask("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
            client.ask("SELECT", 7)
            client.ask("SET", b"\x00\xff\r\n", b"\x00\r\n", "EX", 5000)

    def source(self) -> RedisSource:
        return RedisSource(address=self.address, environment=self.around.environment)

    def take(self, name: str = "set") -> tuple[MemberRecord, Path]:
        folder = make_folder(self.folder / name)
        return self.source().take(folder, self.around), folder


@pytest.fixture(scope="session")
def redis_server(
    major: int, around: Surroundings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Secret]]:
    folder, password = tmp_path_factory.mktemp("redis"), "canary: pass word"
    configuration, socket = folder / "redis.conf", folder / "redis.sock"
    configuration.write_text(
        f'port 0\nunixsocket {socket}\ndir {folder}\nsave ""\nrepl-diskless-sync-delay 0\nrequirepass "{password}"\n'
        "user keeper on >canary-keeper ~* resetchannels -@all +ping +hello +auth +sync +psync +replconf\n"
    )
    words: list[str | Path] = ["redis-server", configuration]
    with run_server(words, environment=around.environment, log=folder / "log") as is_running:
        wait_until(lambda: socket.is_socket() or not is_running())
        assert is_running(), (folder / "log").read_text()
        yield socket, Secret(password)


@pytest.fixture
def cache(redis_server: tuple[Path, Secret], around: Surroundings, tmp_path: Path) -> Cache:
    address = Address(socket=redis_server[0], password=redis_server[1], origin="SHOP_REDIS")
    cache = Cache(address=address, folder=tmp_path, around=around)
    with cache.open() as client:
        client.ask("FLUSHALL")
        client.ask("FUNCTION", "FLUSH")
    cache.fill()
    return cache
