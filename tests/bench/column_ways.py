"""What ``bench.columns`` works on: a server and a file with the same rows, two versions of a key, writers."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.core.errors import StrongroomError
from tests.bench.consolidate import Say
from tests.bench.measure import child_environment, measure_child
from tests.bench.postgres_server import BenchServer, open_server

KEYS = ("BENCH_KEY_ONE", "BENCH_KEY_TWO")
BATCH = 500
WRITERS = 2
_SERVER = ("psql", "postgres", "postgres_writers")


@dataclass(kw_only=True)
class Ground:
    """Where the ways work."""

    root: Path
    server: BenchServer
    rows: int
    active: int = field(default=0)
    """Which of the keys is the active one."""
    _under: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    """Under which of them the values are, on the server and in the file: each way is to find all of them due."""

    @property
    def system(self) -> Path:
        """The system's folder."""
        return self.root / "system"

    def describe(self) -> None:
        """Say to the system which version is the active one."""
        key = {"provider": "environment", "variable": KEYS[self.active], "encoding": "base64"}
        column = {"table": "users", "primary_key": ["id"], "column": "secret", "key": "encryption"}
        said = {
            "version": 1,
            "name": "bench",
            "title": "Bench",
            "data_dir": {"default": str(self.root)},
            "audit_log": str(self.root / "audit.jsonl"),
            "keys": {"encryption": {**key, "previous": [KEYS[1 - self.active]]}},
            "columns": [{"postgres": "accounts", **column}, {"sqlite": "users.db", **column, "table": "people"}],
        }
        (self.system / "system.yaml").write_text(json.dumps(said))

    def prepare(self, name: str) -> list[str]:
        """Get ready for a way, and return its words."""
        if name in _SERVER:
            self.server.do("VACUUM (ANALYZE) accounts.users", "CHECKPOINT")
        if name == "psql":
            return ["psql", self.server.dsn, "--no-psqlrc", "--quiet", "--file", str(self.root / "floor.sql")]
        if name == "sqlite3":
            return [sys.executable, "-P", "-m", "tests.bench.column_ways", str(self.root / "users.db")]
        place = name in _SERVER
        self.active = self._under[place] = 1 - self._under[place]
        self.describe()
        return self.spell("rotate", "users.secret" if name in _SERVER else "people.secret")

    def spell(self, verb: str, column: str) -> list[str]:
        """Return the words of one of our tasks."""
        words = [sys.executable, "-P", "-m", "strongroom", f"columns.{verb}", "--system", str(self.system)]
        return [*words, "--column", column]

    @contextmanager
    def writing(self) -> Iterator[dict[str, float]]:
        """Let writers write meanwhile; how many writes a second they did is in the result afterwards."""
        told: dict[str, float] = {}
        words = [sys.executable, "-P", "-m", "tests.bench.column_writer", self.server.dsn, str(self.system)]
        with ExitStack() as stack:
            children = [
                stack.enter_context(
                    subprocess.Popen(
                        [*words, str(self.rows), str(place)],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=child_environment(),
                    )
                )
                for place in range(WRITERS)
            ]  # fmt: skip
            for child in children:
                assert child.stdout is not None
                if child.stdout.readline() != "ready\n":
                    raise StrongroomError("a writer", "did not begin")
            yield told
            said = [child.communicate()[0] for child in children]
        told["writes_s"] = sum(json.loads(one)["writes_s"] for one in said)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


@contextmanager
def open_ground(root: Path, rows: int, say: Say) -> Iterator[Ground]:
    """Make the tables, in a server of our image and in a file, and encrypt them."""
    (root / "system").mkdir(parents=True)
    for name in KEYS:
        os.environ[name] = base64.b64encode(secrets.token_bytes(32)).decode()
    folder = root / "server"
    folder.mkdir()
    with open_server(folder, say) as server:
        os.environ["DATABASE_URL"] = server.dsn
        ground = Ground(root=root, server=server, rows=rows)
        ground.describe()
        value = "repeat(md5(n::text), 32)"
        server.do(
            "CREATE SCHEMA accounts",
            "CREATE TABLE accounts.users (id bigint PRIMARY KEY, name text, secret text)",
            f"INSERT INTO accounts.users SELECT n, 'n' || n, {value} FROM generate_series(1, {rows}) n",
        )
        with closing(sqlite3.connect(root / "users.db")) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, secret TEXT)")
            connection.executemany(
                "INSERT INTO people VALUES (?, ?, ?)", ((n, f"n{n}", f"{n:032x}" * 32) for n in range(1, rows + 1))
            )
            connection.commit()
        for column in ("users.secret", "people.secret"):
            measure_child(ground.spell("encrypt", column), root / "logs")
        (root / "floor.sql").write_text(_write_floor(rows))
        yield ground


def _write_floor(rows: int) -> str:
    """Return a script that writes every value anew, in its length, so many rows in a transaction."""
    parts = [
        "UPDATE accounts.users SET secret = reverse(reverse(secret)) || '' "
        f"WHERE id BETWEEN {first} AND {first + BATCH - 1};"
        for first in range(1, rows + 1, BATCH)
    ]
    return "\n".join(["\\set ON_ERROR_STOP on", *parts, ""])


def update_file(file: str) -> None:
    """Write every row of the file again, so many in a transaction."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        (last,) = connection.execute("SELECT max(id) FROM people").fetchone()
        for first in range(1, last + 1, BATCH):
            found = connection.execute(
                "SELECT secret, id FROM people WHERE id BETWEEN ? AND ?", (first, first + BATCH - 1)
            ).fetchall()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("UPDATE people SET secret = ? WHERE id = ?", found)
            connection.execute("COMMIT")


if __name__ == "__main__":
    update_file(sys.argv[1])
