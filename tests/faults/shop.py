"""A shop: three sources into two targets, with every kind of row that a run must remember when it is killed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.faults.application import open_application
from tests.faults.scene import Scene, write_database, write_system

PLAN = """\
version: 1
defaults: {unmapped_column: carry}
sources:
  first: {path: first.db, trust: 90, alias_of: alpha}
  second: {path: deep/second.db, alias_of: beta}
  notes: {path: notes.json, format: json, rows: {notes: "$.notes"}}
targets:
  alpha: {path: alpha.db, schema: sqlite/alpha.sql, aliases: [old_alpha.db]}
  beta: {path: beta.db}
copy:
  alpha: [notes.notes]
  beta: [second.events, first.marks]
tables:
  - into: alpha.users
    from: [first.users, second.users]
    on_conflict: {rule: merge, order: [first, second]}
  - into: alpha.orders
    from: [first.orders, second.orders]
    on_conflict: {rule: keep_both}
  - into: alpha.documents
    from: [notes.document]
drop:
  - {table: first.cache, reason: rebuilt on demand}
"""
ALPHA = """\
-- What the shop keeps.
CREATE TABLE users (name TEXT PRIMARY KEY, email TEXT, seen REAL);
CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT, total REAL, body TEXT);
CREATE INDEX ix_orders_user ON orders (user);
CREATE TABLE notes (key TEXT PRIMARY KEY, text TEXT);
CREATE TABLE documents (name TEXT, content TEXT);
"""
TABLES = """\
CREATE TABLE users (name TEXT PRIMARY KEY, email TEXT, seen REAL, extra BLOB);
CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT, total REAL, body TEXT);
CREATE TABLE events (at TEXT, what BLOB);
CREATE INDEX ix_events_at ON events (at);
CREATE TRIGGER no_future BEFORE INSERT ON events WHEN new.at > '9' BEGIN SELECT RAISE(ABORT, 'no'); END;
"""


def build_shop(root: Path, *, orders: int = 5) -> Scene:
    """Build the shop; its size grows with ``orders``, about 2 KB each over both sources."""
    system = write_system(root / "shop", PLAN, {"alpha": ALPHA})
    source = root / "source"
    write_database(
        source / "first.db",
        TABLES.split("CREATE TABLE events", maxsplit=1)[0]
        + """
        CREATE TABLE cache (k, v); INSERT INTO cache VALUES ('a', 1), ('b', x'00');
        CREATE TABLE marks (user TEXT, mark); INSERT INTO marks VALUES ('ann', 1), ('ann', 1), ('bob', 1.0);
        INSERT INTO users VALUES ('ann', 'a@x', 1.5, x'01'), ('bob', NULL, NULL, NULL), ('', '', 0, NULL);
    """,
    )
    write_database(
        source / "deep" / "second.db",
        TABLES
        + """
        INSERT INTO users VALUES ('bob', 'b@x', 2, NULL), ('ann', 'a@x', 1.5, x'01'), ('eve', 'e@x', NULL, x'');
    """,
    )
    for number, name in enumerate(("first.db", "deep/second.db")):
        _fill(source / name, number, orders)
    (source / "notes.json").write_text(json.dumps({"notes": {"n1": {"text": "one"}, "n2": {"text": None}}}))
    return Scene(system=system, source=source, target=root / "target")


def _fill(file: Path, number: int, orders: int) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            ((at, f"user {at % 7}", at * 0.1 + number * (at % 2), f"{at} " * 200) for at in range(1, orders + 1)),
        )
        if number:
            connection.executemany(
                "INSERT INTO events VALUES (?, ?)",
                ((f"2026-01-{at % 28 + 1:02}", bytes([at % 256]) * 100) for at in range(orders)),
            )


def change_sources(scene: Scene) -> None:
    """Let the application go on after a first consolidation."""
    for file in (scene.source / "first.db", scene.source / "deep" / "second.db"):
        file.chmod(0o644)
    with closing(sqlite3.connect(scene.source / "first.db")) as connection, connection:
        connection.execute("INSERT INTO orders (user, total) VALUES ('late', 9.75)")


def place_logged(scene: Scene) -> None:
    """Put a database where a target will be, as a crash left it: its last row is only in its write-ahead log."""
    file = write_database(scene.target / "beta.db", "CREATE TABLE before (x); INSERT INTO before VALUES ('older');")
    with open_application(file, "PRAGMA journal_mode = WAL", "INSERT INTO before VALUES ('newer')") as application:
        application.kill()
    file.with_name("beta.db-shm").unlink()


def place_strangers(scene: Scene) -> None:
    """Put something of another's making where a target will be."""
    write_database(scene.target / "alpha.db", "CREATE TABLE before (x); INSERT INTO before VALUES ('older'), (-0.0);")
    (scene.target / "alpha.db").chmod(0o640)
