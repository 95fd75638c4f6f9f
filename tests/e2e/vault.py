"""A system with two encrypted sources and a plain one, the values planted in them, and where they are looked for.

Reads and writes with the libraries themselves; shares no code with what it watches.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from strongroom.core.secret import Secret
from strongroom.tasks import consolidate, decide, inventory
from strongroom.tasks import sqlcipher as sqlcipher_tasks
from tests.faults.scene import Scene, write_system

KEYS = {
    "first": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "second": "11aa22bb33cc44dd55ee66ff778899001122aabbccddeeff0123456789abcdef",
    "vault": "5ca1ab1e0ddba115deadbeefcafef00d5ca1ab1e0ddba115deadbeefcafef00d",
}
OTHER = "ab" * 32
PLACES = ("kept", "blob", "superseded", "merged", "quarantined", "filtered", "dropped", "plain", "text", "document")


def planted(place: str) -> str:
    """Return a value that stands nowhere by chance."""
    return f"planted/{place}/{place[::-1]}/xylophone-quagmire-{len(place)}-jackdaw"


PLANTED = {place: planted(place) for place in PLACES}

SHARED = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, note TEXT, face BLOB);
CREATE TABLE posts (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER REFERENCES users (id), body TEXT);
CREATE TABLE profiles (email TEXT PRIMARY KEY, city TEXT, seen TEXT);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE INDEX ix_posts_body ON posts (body);
"""
OWN = """
CREATE TABLE logs (id INTEGER PRIMARY KEY, level TEXT, line TEXT);
CREATE INDEX ix_logs_line ON logs (line);
CREATE VIRTUAL TABLE notes USING fts5 (body);
CREATE TABLE tags (k TEXT, n INTEGER, PRIMARY KEY (k, n)) WITHOUT ROWID;
CREATE TABLE bag (v, w INTEGER GENERATED ALWAYS AS (length(v)) STORED);
"""
"""What the plain source has."""
SCHEMA = f"""{SHARED}{OWN}
CREATE TABLE document (name TEXT, content TEXT);
CREATE TABLE people (name TEXT, note TEXT);
PRAGMA user_version = 12;
"""
PLAN = """\
version: 1
defaults: {quarantine_budget: 9}
sources:
  one: {path: one.db, trust: 90, key: first}
  two: {path: sub/two.db, trust: 60, key: second}
  open: {path: open.db}
  doc: {path: doc.json, format: json, rows: {people: $.people}}
targets:
  main: {path: main.db, schema: sqlite/main.sql, encrypt: vault}
copy:
  main: [open.notes, open.tags, open.bag, doc.document, doc.people]
tables:
  - into: main.users
    from: [one.users, two.users]
    key: [name]
    identity: {column: id, strategy: renumber}
    on_conflict: {rule: prefer}
    references: [main.posts.user_id]
  - into: main.posts
    from: [one.posts, two.posts]
    key: [id]
    on_conflict: {rule: keep_both}
  - into: main.profiles
    from: [one.profiles, two.profiles, open.profiles]
    on_conflict: {rule: merge, columns: {city: {rule: first_non_null}, seen: {rule: max}}}
  - {into: main.settings, from: [one.settings, two.settings]}
  - into: main.logs
    from: [open.logs]
    where: {sql: "level <> 'debug'", reason: noise}
drop:
  - {table: one.cache, reason: rebuilt}
"""
ONE = f"""
PRAGMA journal_mode = WAL;
{SHARED}
INSERT INTO users VALUES (1, 'ann', '{PLANTED["kept"]}', CAST('{PLANTED["blob"]}' AS BLOB)), (2, 'bob', 'b', NULL);
INSERT INTO posts VALUES (1, 1, 'hello'), (2, 2, 'there');
INSERT INTO profiles VALUES ('ann@x', NULL, '2024-01-01'), ('bob@x', 'Rome', '2024-01-02');
INSERT INTO settings VALUES ('theme', 'dark'), ('size', '9');
CREATE TABLE cache (k TEXT, v TEXT);
INSERT INTO cache VALUES ('k', '{PLANTED["dropped"]}');
"""
TWO = f"""
{SHARED}
INSERT INTO users VALUES (1, 'cid', 'c', x'00ff'), (2, 'ann', '{PLANTED["superseded"]}', NULL);
INSERT INTO posts VALUES (1, 2, 'from ann'), (2, 1, 'from cid');
INSERT INTO profiles VALUES ('ann@x', '{PLANTED["merged"]}', '2024-03-01'), ('bob@x', 'Rome', '2024-01-02');
INSERT INTO settings VALUES ('theme', '{PLANTED["quarantined"]}'), ('size', '9');
"""
OPEN = f"""
{OWN}
INSERT INTO logs VALUES (1, 'debug', '{PLANTED["filtered"]}'), (7, 'info', '{PLANTED["plain"]}');
CREATE TABLE profiles (email TEXT PRIMARY KEY, city TEXT, seen TEXT);
INSERT INTO profiles VALUES ('ann@x', 'Oslo', NULL), ('dan@x', 'Bern', '2023-01-01');
INSERT INTO notes (rowid, body) VALUES (3, '{PLANTED["text"]}'), (9, 'other words');
INSERT INTO tags VALUES ('a', 1), ('b', 2);
INSERT INTO bag (rowid, v) VALUES (5, 'five'), (50, CAST('fifty' AS BLOB)), (500, 5.5);
"""
DOC = f'{{"people": [{{"name": "eve", "note": "{PLANTED["document"]}"}}]}}'

EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "SELECT id, name, note, face FROM users ORDER BY id": [
        (1, "ann", PLANTED["kept"], PLANTED["blob"].encode()),
        (2, "bob", "b", None),
        (3, "cid", "c", b"\x00\xff"),
    ],
    "SELECT id, user_id, body FROM posts ORDER BY id": [
        (1, 1, "hello"),
        (2, 2, "there"),
        (3, 1, "from ann"),
        (4, 3, "from cid"),
    ],
    "SELECT email, city, seen FROM profiles ORDER BY email": [
        ("ann@x", PLANTED["merged"], "2024-03-01"),
        ("bob@x", "Rome", "2024-01-02"),
        ("dan@x", "Bern", "2023-01-01"),
    ],
    "SELECT name, value FROM settings": [("size", "9"), ("theme", "dark")],
    "SELECT id, level, line FROM logs": [(7, "info", PLANTED["plain"])],
    "SELECT rowid, body FROM notes WHERE notes MATCH 'quagmire'": [(3, PLANTED["text"])],
    "SELECT k, n FROM tags": [("a", 1), ("b", 2)],
    "SELECT rowid, v, w FROM bag": [(5, "five", 4), (50, b"fifty", 5), (500, 5.5, 3)],
    "SELECT name, note FROM people": [("eve", PLANTED["document"])],
    "SELECT content FROM document": [(DOC,)],
    "PRAGMA user_version": [(12,)],
    "PRAGMA integrity_check": [("ok",)],
}
"""What stands in the target: worked out by hand."""


def write_vault(file: Path, sql: str, key: str | None) -> Path:
    """Write a database under a key, or a plain one; it is closed as an application leaves it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(open_vault(file, key)) as connection:
        connection.executescript(sql)
    return file


def open_vault(file: Path, key: str | None, words: str = "") -> Any:
    """Open a file as an application does that has this key, a passphrase, or none."""
    if key is None and not words:
        return sqlite3.connect(file)
    connection = sqlcipher.connect(str(file))
    connection.execute("PRAGMA cipher_log_level = NONE")
    connection.execute(f"PRAGMA key = '{words}'" if words else f"PRAGMA key = \"x'{key}'\"")
    return connection


def read_vault(file: Path, key: str | None, query: str) -> list[tuple[Any, ...]]:
    with closing(open_vault(file, key)) as connection:
        return [tuple(row) for row in connection.execute(query)]


def can_open(file: Path, key: str | None) -> bool:
    """Tell whether a key, or none, opens a file."""
    try:
        read_vault(file, key, "SELECT count(*) FROM sqlite_master")
    except (sqlite3.DatabaseError, sqlcipher.DatabaseError):
        return False
    return True


def build_vault(root: Path, *, plan: str = PLAN, keys: Mapping[str, str | None] = KEYS) -> Scene:
    """Build the system; ``keys`` are those under which the sources lie, ``open.db`` is plain."""
    system = write_system(root / "vault", plan, {"main": SCHEMA})
    source = root / "source"
    write_vault(source / "one.db", ONE, keys.get("first"))
    write_vault(source / "sub" / "two.db", TWO, keys.get("second"))
    write_vault(source / "open.db", OPEN, None)
    (source / "doc.json").write_text(DOC)
    return Scene(system=system, source=source, target=root / "target")


def undress(plan: str) -> str:
    """Return a plan without its keys."""
    for name in KEYS:
        plan = plan.replace(f", key: {name}", "").replace(f", encrypt: {name}", "")
    return plan


def give_keys(patch: pytest.MonkeyPatch, keys: Mapping[str, str] = KEYS) -> None:
    """Let every command of this process have these keys."""
    for module in (consolidate, decide, inventory, sqlcipher_tasks):
        patch.setattr(module, "find_keys", lambda *_, **__: {name: Secret(text) for name, text in keys.items()})


def use_temporary(patch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Let this process, and those that it starts, keep temporary files in a folder of the test."""
    folder.mkdir(exist_ok=True)
    patch.setenv("TMPDIR", str(folder))
    patch.setattr(tempfile, "tempdir", None)
    return folder


def find_planted(*folders: Path, values: Iterable[str] = tuple(PLANTED.values())) -> list[str]:
    """Return which files hold a value in plain: as its bytes, or in hex, or in a file's name."""
    needles = [
        form
        for value in values
        for form in (value.encode(), value.encode().hex().encode(), value.encode().hex().upper().encode())
    ]
    return sorted(
        {f"{name}: {form[:40]!r}" for name, content in _read_all(folders) for form in needles if form in content}
    )


def _read_all(folders: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes() + os.fsencode(path.name)


@contextmanager
def seen_at_every_checkpoint(*folders: Path) -> Iterator[tuple[Any, dict[str, list[str]]]]:
    """Give a checkpoint that looks for planted values, and what it found, by checkpoint."""
    seen: dict[str, list[str]] = {}

    def look(name: str) -> None:
        seen[name] = find_planted(*folders)

    yield look, seen
