"""What ``bench.keys`` measures, each as a child process: our ways with their proofs, and the bare statements."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from strongroom import rotate
from strongroom.core.engines import Engine
from strongroom.core.secret import Secret
from strongroom.persistence.encrypted import open_sqlcipher
from strongroom.sqlite.keyring import hold_keys
from strongroom.sqlite.libraries import load_library

KEYS = {"old": "0f" * 32, "new": "a5" * 32}
"""Of databases that are made here and gone afterwards."""
OPENED = 300
GENERATOR = 1
"""Raised when the rows change: databases of another generator are left alone."""
TABLES = {
    "events": (3_000_000, "id INTEGER PRIMARY KEY, person INTEGER, kind TEXT, body TEXT, at REAL"),
    "documents": (100_000, "id INTEGER PRIMARY KEY, name TEXT, content BLOB"),
    "people": (200_000, "id INTEGER PRIMARY KEY, email TEXT, score REAL, note TEXT"),
}
"""Rows at scale 1, about 1 GB, and columns."""
ROWS = {
    "events": "i, i * 7919 % 200000, 'kind ' || i % 23, printf('%0160d', i * 2654435761), i / 7.0",
    "documents": "i, 'document ' || i, CAST(printf('%03000d', i * 2654435761) AS BLOB)",
    "people": "i, printf('%08x@example', i * 2654435761 % 4294967296), i / 3.0, printf('%080d', i)",
}
INDEXES = {"events": "person", "people": "email"}


def make_plain(file: Path, scale: float) -> None:
    """Write the plain database."""
    with closing(_connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        for table, (rows, columns) in TABLES.items():
            connection.execute(f"CREATE TABLE {table} ({columns})")
            numbers = f"VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {max(int(rows * scale), 1)}"
            connection.execute(f"WITH RECURSIVE n (i) AS ({numbers}) INSERT INTO {table} SELECT {ROWS[table]} FROM n")
        for table, column in INDEXES.items():
            connection.execute(f"CREATE INDEX ix_{table}_{column} ON {table} ({column})")


def export(file: Path) -> None:
    """Export a plain database beside itself, as SQLCipher's own paper says."""
    with closing(_connect(file)) as connection:
        connection.execute("ATTACH ? AS encrypted KEY ?", (str(file.with_name("encrypted.db")), _spell("old")))
        connection.execute("SELECT sqlcipher_export('encrypted')").fetchone()
        connection.execute("DETACH encrypted")


def rekey_bare(file: Path) -> None:
    """Rekey, and believe it."""
    with closing(_connect(file, "old")) as connection:
        connection.execute(f'PRAGMA rekey = "{_spell("new")}"').fetchone()


def encrypt(file: Path) -> None:
    """Encrypt as ``sqlcipher.encrypt`` does."""
    changed = rotate.encrypt(rotate.Request(database=file, key="old"), _surroundings())
    assert changed.tables == len(TABLES)


def rekey(file: Path) -> None:
    """Rekey as ``sqlcipher.rekey`` does."""
    rotate.rekey(rotate.Request(database=file, key="old", new_key="new"), _surroundings())


def open_often(file: Path) -> dict[str, float]:
    """Return the median milliseconds that opening takes, with a raw key and of a plain file."""
    plain = file.with_name("plain.db")
    make_plain(plain, 0.0001)
    with hold_keys({"old": Secret(KEYS["old"])}), open_sqlcipher(file, "old") as connection, connection:
        connection.execute("CREATE TABLE t (a)")

    def open_encrypted() -> None:
        with hold_keys({"old": Secret(KEYS["old"])}), open_sqlcipher(file, "old") as opened:
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def open_plain() -> None:
        with closing(_connect(plain)) as opened:
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()

    return {"encrypted": _time(open_encrypted), "plain": _time(open_plain)}


def _time(act: Callable[[], None]) -> float:
    taken = []
    for _ in range(OPENED):
        began = perf_counter()
        act()
        taken.append(perf_counter() - began)
    return 1000 * median(taken)


def _connect(file: Path, key: str | None = None) -> Any:
    connection = load_library(Engine.BUNDLED).connect(file, isolation_level=None)
    if key is not None:
        connection.set_key(_spell(key))
    return connection


def _spell(key: str) -> str:
    return f"x'{KEYS[key]}'"


def _surroundings() -> rotate.Surroundings:
    keys = {name: Secret(text) for name, text in KEYS.items()}
    return rotate.Surroundings(now=lambda: datetime.now(UTC), keys=keys)


WAYS: dict[str, Callable[[Path], object]] = {
    "bare_export": export,
    "encrypt": encrypt,
    "bare_rekey": rekey_bare,
    "rekey": rekey,
    "open": open_often,
}


def read_peak() -> float:
    """Return the largest resident set of this process, in MB: without that of whoever started it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


if __name__ == "__main__":
    said = WAYS[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"said": said, "peak_mb": read_peak()}))
