"""The data and the ways of ``bench.backup``: ours as they are typed, and the same steps by hand in a shell."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from strongroom.backup.members.postgres import name_database
from strongroom.backup.members.scratch import open_scratch_postgres
from strongroom.backup.request import Surroundings
from strongroom.postgres.connection import open_postgres
from tests.engines import provide_engines

DATA_VERSION = 1
"""Of the data: another one is made anew."""
FILES = 4
SEED = 20261127
_ROW = 1_000
"""Bytes of a row, about; words of text, so that it compresses as text does."""
DSN, DATABASE = "STRONGROOM_BENCH_DSN", "bench"
_EVENTS = """
CREATE TABLE public.events AS SELECT i AS id, md5((i % 50)::text) AS kind,
    (SELECT string_agg(md5((i * 30 + j)::text), ' ') FROM generate_series(1, 28) j) AS body
FROM generate_series(1, {rows}) i;
ALTER TABLE public.events ADD PRIMARY KEY (id)
"""
_PASSWORD = "0f" * 32
_TABLES = "SELECT 'SELECT count(*) FROM \"' || name || '\";' FROM sqlite_master WHERE type = 'table'"


def make_data(folder: Path, scale: float) -> None:
    """Make four databases of a quarter of ``scale`` GB each."""
    chance = random.Random(SEED)
    words = [f"{chance.getrandbits(40):x}" for _ in range(5_000)]
    for number in range(FILES):
        with closing(sqlite3.connect(folder / f"part{number}.db")) as connection, connection:
            connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT, body TEXT)")
            rows = int(scale * 1e9 / FILES / _ROW)
            connection.executemany(
                "INSERT INTO events (kind, body) VALUES (?, ?)",
                ((words[row % 50], " ".join(chance.choices(words, k=_ROW // 11))) for row in range(rows)),
            )
            connection.execute("CREATE INDEX events_kind ON events (kind)")


def change_some(folder: Path) -> None:
    """Change one row in a hundred, side by side, as an application does that appends and corrects."""
    for path in sorted(folder.glob("*.db")):
        with closing(sqlite3.connect(path)) as connection, connection:
            (most,) = connection.execute("SELECT max(id) FROM events").fetchone()
            connection.execute("UPDATE events SET body = body || '.' WHERE id > ?", (most - most // 100,))


@contextmanager
def open_server(folder: Path, scale: float) -> Iterator[None]:
    """Run a PostgreSQL of this machine with a database of ``scale`` GB; children find it by a variable."""
    around = Surroundings(now=lambda: datetime.now(UTC), environment=dict(os.environ))
    folder.mkdir(mode=0o700)
    with open_scratch_postgres(folder, provide_engines(), around) as access:
        os.environ[DSN] = " ".join(f"{name}='{value}'" for name, value in access.parameters.items())
        try:
            with open_postgres(access) as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())
            with open_postgres(name_database(access, DATABASE)) as connection:
                connection.execute(_EVENTS.format(rows=int(scale * 1e9 / _ROW)).encode())
            yield
        finally:
            del os.environ[DSN]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A folder in which all ways of one repetition run."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    def spell(self, name: str) -> list[str]:
        """Return a way as it is started."""
        by_hand = self._by_hand()
        if name in by_hand:
            return ["/bin/bash", "-euo", "pipefail", "-c", by_hand[name]]
        verb, _, engine = name.partition("_")
        words = {"create": ["create"], "again": ["create"], "drill": ["drill"]}.get(verb) or [
            "restore", "--set", "latest", "--into", str(self.root / "out")
        ]  # fmt: skip
        return self._ours(engine, *words)

    def prepare(self, name: str) -> list[list[str]]:
        """Return what must be there before a way begins, and is on nobody's bill."""
        if name == "create_folder":
            return [self._ours("folder", "init")]
        if name in ("create_restic", "create_postgres"):
            return [self._ours(name.removeprefix("create_"), "init", "--without-escrow", "a benchmark")]
        return [["restic", *self._restic(name), "init"]] if name in ("hand_restic", "hand_postgres") else []

    def clear(self) -> None:
        """Take away what a way restored, so that the next finds an empty place."""
        shutil.rmtree(self.root / "out", ignore_errors=True)
        shutil.rmtree(self.root / "staged", ignore_errors=True)

    def _ours(self, engine: str, verb: str, *words: str) -> list[str]:
        system = str(self.root / f"system-{engine}")
        return [sys.executable, "-P", "-m", "strongroom", f"backup.{verb}", "--system", system, *words]

    def _restic(self, name: str) -> list[str]:
        return ["--repo", str(self.root / f"repository-{name}"), "--password-file", str(self.root / "password")]

    def _by_hand(self) -> dict[str, str]:
        root = self.root
        restic, of_server = (
            " ".join(("restic", "--quiet", "--no-cache", *self._restic(name)))
            for name in ("hand_restic", "hand_postgres")
        )
        take = (
            'mkdir -p {to}; for file in {data}/*.db; do copy={to}/$(basename "$file"); '
            'sqlite3 "$file" ".backup $copy"; sqlite3 "$copy" "PRAGMA quick_check" >/dev/null; sha256sum "$copy"; done'
        )
        look = (
            "for file in {at}/*.db; do sqlite3 \"$file\" 'PRAGMA integrity_check' >/dev/null; "
            'sqlite3 "$file" "$(sqlite3 "$file" "{tables}")" >/dev/null; done'
        )
        copy = f"mkdir -p {root}/out; cp {root}/copies/*.db {root}/out/; sha256sum {root}/out/*.db"
        bring = f"{restic} restore latest --target {root}/out; sha256sum {root}/out/*.db"
        seen = look.format(at=f"{root}/out", tables=_TABLES.replace('"', '\\"'))
        return {
            "hand_folder": take.format(to=f"{root}/copies", data=self.data),
            "hand_restic": f"{take.format(to=f'{root}/staged', data=self.data)}; cd {root}/staged; {restic} backup .",
            "hand_postgres": (
                f'mkdir {root}/staged; pg_dump --dbname "${DSN} dbname={DATABASE}" --format directory --jobs 2 '
                f"--compress 0 --file {root}/staged/dump; cd {root}/staged; {of_server} backup ."
            ),
            "hand_restore_folder": copy,
            "hand_restore_restic": bring,
            "hand_drill_folder": f"{copy}; {seen}",
            "hand_drill_restic": f"{bring}; {seen}",
        }


def write_ground(ground: Ground, original: Path) -> None:
    """Copy the data, and write the two systems and the password."""
    ground.root.mkdir(parents=True)
    shutil.copytree(original, ground.data)
    password = ground.root / "password"
    password.touch(mode=0o600)
    password.write_text(_PASSWORD)
    (ground.root / "nothing").mkdir()
    for engine, kind, more in (
        ("folder", "folder", ""),
        ("restic", "restic", ", password: backups"),
        ("postgres", "restic", ", password: backups"),
    ):
        is_server = engine == "postgres"
        data = ground.root / "nothing" if is_server else ground.data
        folder = ground.root / f"system-{engine}"
        folder.mkdir()
        (folder / "system.yaml").write_text(
            f"version: 1\nname: bench\ntitle: A benchmark\ndata_dir: {{default: {data}}}\n"
            f"postgres: {{variables: [{DSN}]}}\n"
            f"keys:\n  backups: {{provider: file, path: {password}, encoding: hex}}\n"
            f"backup:\n  store: {{kind: {kind}, path: {ground.root / f'store-{engine}'}{more}}}\n"
            + (f"  postgres: {{databases: [{DATABASE}]}}\n" if is_server else "")
        )
