"""The server of ``bench.postgres``: PostgreSQL of our own image with its defaults, reached by a socket, for one run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from strongroom.containers.images import build_images
from tests.bench.consolidate import Say
from tests.bench.measure import ROOT
from tests.servers import POSTGRES, TAG, Running, make_folder, running

DATABASE = "bench"
_SOCKETS = "/run/postgresql"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchServer:
    """A server that runs, with a database for all ways, one after another."""

    running: Running
    socket: Path
    password_file: Path
    password: str = field(repr=False)

    @property
    def dsn(self) -> str:
        """Return libpq's connection string; the password is in a file."""
        return make_conninfo(
            "", host=str(self.socket), port=5432, user="postgres", dbname=DATABASE, passfile=str(self.password_file)
        )

    @property
    def uri(self) -> str:
        """Return the same as an address."""
        more = f"host={self.socket}&port=5432&user=postgres&passfile={self.password_file}"
        return f"postgresql:///{DATABASE}?{more}"

    def read_cpu(self) -> float:
        """Return the CPU seconds of all processes of the server since it started."""
        told: Any = self.running.container.get_wrapped_container().stats(stream=False, one_shot=True)
        return float(told["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """Connect as the superuser; every statement stands alone."""
        return psycopg.connect(make_conninfo(self.dsn, dbname=database), autocommit=True)

    def do(self, *statements: str) -> None:
        """Run statements, one after another."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        with self.connect() as connection:
            return connection.execute(statement.encode()).fetchall()

    def clear(self, *kept: str) -> None:
        """Drop all schemas but those that are kept, and let the server come to rest."""
        every = self.read("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'")
        gone = [name for (name,) in every if name not in kept]
        self.do(*(f'DROP SCHEMA "{name}" CASCADE' for name in gone), "CHECKPOINT")


@contextmanager
def open_server(folder: Path, say: Say) -> Iterator[BenchServer]:
    """Run the server; its image is built where it is missing, its files go with it."""
    build_images(ROOT, ("postgres",), os.environ, tag=TAG, fresh=False, say=say)
    with tempfile.TemporaryDirectory(prefix="bench-") as short:  # the path of a socket is at most 107 bytes long
        socket = Path(short) / "socket"
        socket.mkdir()
        socket.chmod(0o777)  # the server's user is another one; the folder around it is ours alone
        tmpfs = tuple(place for place in POSTGRES.tmpfs if not place.startswith(_SOCKETS))
        server = replace(POSTGRES, tmpfs=tmpfs, volumes={str(socket): _SOCKETS})
        with running(server, make_folder(folder)) as one:
            password = one.password("postgres-password")
            file = folder / "passwords"
            file.touch(mode=0o600)
            file.write_text(f"*:*:*:*:{password}\n")
            found = BenchServer(running=one, socket=socket, password_file=file, password=password)
            with found.connect("postgres") as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())
            yield found
