"""A PostgreSQL of its own, of our image: its power may be cut, and it knows how to set a database anew."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

from strongroom.containers.images import build_images
from tests.processes import wait_until
from tests.servers import POSTGRES, TAG, Running, make_folder, prepare

_DATABASE = "shop"
_SETTINGS = ("-c", "fsync=off", "-c", "wal_writer_delay=10s", "-c", "max_connections=50")
"""Disks are not what is cut off; what nobody waited for stays in memory for long, and is lost."""
_START_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class LoadServer:
    """A server that may be killed, and comes back at the same place."""

    running: Running

    @property
    def environment(self) -> dict[str, str]:
        """What a task must find set to reach it."""
        return {"SHOP_DSN": self._name(_DATABASE), "PGPASSWORD": self.running.password("postgres-password")}

    def _name(self, database: str) -> str:
        tls = f"sslmode=verify-full&sslrootcert={self.running.authority}"
        return f"postgresql://postgres@localhost:{self.running.port}/{database}?{tls}"

    def connect(self, database: str = _DATABASE) -> Connection[Any]:
        password = self.running.password("postgres-password")
        return psycopg.connect(self._name(database), password=password, autocommit=True)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql.encode()).fetchall()

    def do(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def keep(self, name: str) -> None:
        """Keep the database as it is, under a name."""
        self._copy(_DATABASE, name)

    def set_anew(self, name: str = "template1") -> None:
        """Let the database be what was kept under a name, or empty."""
        self._copy(name, _DATABASE)

    def _copy(self, name: str, into: str) -> None:
        with self.connect("postgres") as connection:
            asked = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(asked, (name,))
            connection.execute(f"DROP DATABASE IF EXISTS {into} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {into} TEMPLATE {name} STRATEGY file_copy".encode())

    def cut_power(self) -> None:
        """Kill it with all its processes."""
        self.running.container.get_wrapped_container().kill()

    def start(self) -> None:
        self.running.container.get_wrapped_container().start()
        wait_until(self._answers, _START_SECONDS)

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def open_server(repository: Path, scratch: Path, *settings: str) -> Iterator[LoadServer]:
    """Start it, with more settings as ``name=value``; at the end it is removed with its volume."""
    build_images(repository, (POSTGRES.name,), os.environ, tag=TAG, fresh=False, say=print)
    folder = make_folder(scratch)
    port = _find_port()
    more = [word for one in settings for word in ("-c", one)]
    container = prepare(POSTGRES, folder).with_command([*_SETTINGS, *more])
    container.ports = {f"{POSTGRES.port}/tcp": ("127.0.0.1", port)}  # the same one when it is started again
    container.waiting_for(HealthcheckWaitStrategy().with_startup_timeout(90))
    try:
        container.start()
        yield LoadServer(running=Running(container=container, folder=folder, port=port))
    finally:
        container.stop()


def _find_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
