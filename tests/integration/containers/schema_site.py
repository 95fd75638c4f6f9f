"""A system of its own on a database of its own: where the tests of schemas in PostgreSQL work."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.processes import wait_until
from tests.servers import Running

NUMBERS = count(1)
PASSWORD = "canary-5c1e"
ONE = "CREATE TABLE goods (id BIGINT PRIMARY KEY, name TEXT NOT NULL);\nCREATE INDEX by_name ON goods (name);\n"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A database of its own on the server, and a system of its own."""

    dsn: str
    password: str = field(repr=False)
    """The superuser's."""
    system: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, task: str, *flags: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = OpsProgram(every_task).main(["inv", f"postgres.{task}", "--system", str(self.system), *flags])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def connect(self, role: str = "postgres") -> Connection[Any]:
        password = self.password if role == "postgres" else PASSWORD
        return psycopg.connect(self.dsn, autocommit=True, user=role, password=password)

    @property
    def version(self) -> int:
        """The server's major one."""
        with self.connect() as connection:
            return connection.info.server_version // 10_000

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql.encode()).fetchall()

    def do(self, *statements: str, role: str = "postgres") -> None:
        """Run statements, one after another."""
        with self.connect(role) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def end_session(self, pid: int) -> None:
        """End somebody's session, and wait until it has ended."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s::int)", (pid,))
            there = "SELECT FROM pg_stat_activity WHERE pid = %s"
            wait_until(lambda: cursor.execute(there, (pid,)).rowcount == 0)

    def write(self, name: str, text: str) -> Path:
        path = self.system / "postgres" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def act_as(self, role: str) -> None:
        """Let tasks connect as another role, which has our password."""
        self.monkeypatch.setenv("PGPASSWORD", PASSWORD)
        self.monkeypatch.setenv("SHOP_DSN", self.dsn.replace("postgres@", f"{role}@"))

    def make_role(self, rights: str) -> str:
        """Make a role that may log in, and return its name."""
        role = f"role_{secrets.token_hex(4)}"
        self.do(f"CREATE ROLE {role} LOGIN {rights} PASSWORD '{PASSWORD}'")
        return role


def name_server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return a connection string without a database, and the superuser's password.

    The server is our image's, unless a variable names another one: so other versions are tested.
    """
    named = os.environ.get("STRONGROOM_TEST_POSTGRES")
    if named:
        return named, str(conninfo_to_dict(named).get("password", ""))
    postgres: Running = request.getfixturevalue("postgres")
    tls = f"sslmode=verify-full&sslrootcert={postgres.authority}"
    return f"postgresql://postgres@localhost:{postgres.port}?{tls}", postgres.password("postgres-password")


def open_site(
    server: tuple[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Site:
    """Make a database, and a system whose roles are its own."""
    name = f"site{next(NUMBERS)}"
    place, _, more = server[0].partition("?")
    monkeypatch.setenv("PGPASSWORD", server[1])
    with psycopg.connect(f"{place}/postgres?{more}", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(f"CREATE DATABASE {name}".encode())
    system = folder / "system"
    system.mkdir()
    (system / "system.yaml").write_text("version: 1\nname: shop\ntitle: Shop\npostgres: {variables: [SHOP_DSN]}\n")
    dsn = f"{place}/{name}?{more}"
    monkeypatch.setenv("SHOP_DSN", dsn)
    return Site(dsn=dsn, password=server[1], system=system, capsys=capsys, monkeypatch=monkeypatch)
