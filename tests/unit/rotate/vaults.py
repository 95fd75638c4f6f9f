"""Databases to change, keys to change them with, and what they hold, read by the libraries themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom.core.secret import Secret
from strongroom.rotate import Request, Surroundings
from tests.e2e.vault import KEYS, open_vault, write_vault

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
ROWS = 400
CONTENT = f"""
PRAGMA user_version = 7;
PRAGMA application_id = 4242;
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, face BLOB, height REAL);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
INSERT INTO people SELECT i, 'person ' || i, zeroblob(i), i / 3.0 FROM n;
DELETE FROM people WHERE id = {ROWS};
CREATE INDEX ix_people_name ON people (name);
CREATE TABLE bag (v);
INSERT INTO bag (rowid, v) VALUES (5, 1), (70, 1.0), (-3, '1'), (71, x'31'), (72, -0.0), (73, NULL);
CREATE TABLE tags (k TEXT, n INTEGER, PRIMARY KEY (k, n)) WITHOUT ROWID;
INSERT INTO tags VALUES ('b', 2), ('a', 1);
CREATE VIRTUAL TABLE notes USING fts5 (body);
INSERT INTO notes (rowid, body) VALUES (3, 'some words');
CREATE VIEW tall AS SELECT name FROM people WHERE height > 100;
CREATE TRIGGER forget AFTER DELETE ON people BEGIN DELETE FROM tags WHERE k = old.name; END;
ANALYZE;
"""
QUERIES = (
    "SELECT id, name, hex(face), height FROM people ORDER BY id",
    "SELECT rowid, typeof(v), hex(v) FROM bag ORDER BY rowid",
    "SELECT k, n FROM tags",
    "SELECT rowid, body FROM notes WHERE notes MATCH 'words'",
    "SELECT type, name, sql FROM sqlite_master WHERE name <> 'sqlite_stat4' ORDER BY 1, 2",
    "SELECT name, seq FROM sqlite_sequence",
    "SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY 1, 2",
    "PRAGMA user_version",
    "PRAGMA application_id",
    "PRAGMA journal_mode",
    "PRAGMA integrity_check",
    "PRAGMA foreign_key_check",
)


def make(file: Path, key: str | None = None, *, wal: bool = False, more: str = "") -> Path:
    """Write a database under the key of this name, or a plain one."""
    mode = "PRAGMA journal_mode = WAL;" if wal else ""
    return write_vault(file, mode + CONTENT + more, None if key is None else KEYS[key])


def read(file: Path, key: str | None) -> list[Any]:
    """Return all that a database holds, to whoever has this key."""
    with closing(open_vault(file, None if key is None else KEYS[key])) as connection:
        return [connection.execute(query).fetchall() for query in QUERIES]


def around(checkpoint: Callable[[str], None] = lambda _: None, **keys: str) -> Surroundings:
    held = {name: Secret(text) for name, text in (KEYS | keys).items()}
    return Surroundings(now=lambda: NOW, keys=held, checkpoint=checkpoint)


def ask(database: Path, key: str = "vault", **options: Any) -> Request:
    return Request(database=database, key=key, **options)


def companions(database: Path) -> list[str]:
    return [suffix for suffix in ("-wal", "-shm", "-journal") if database.with_name(database.name + suffix).exists()]
