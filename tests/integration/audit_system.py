"""A small system in which every kind of table meets every rule, consolidated up to the staged state."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from strongroom.consolidate.request import Request, Surroundings
from strongroom.consolidate.run import run
from strongroom.core.progress import Silent
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.sqlite.snapshot import Snapshot

OVER_BUDGET = 4
BIG = 300_000

SCHEMA = """\
-- House: every kind of table.
CREATE TABLE cells (id INTEGER PRIMARY KEY, t TEXT, i INTEGER, n NUMERIC, r REAL, b BLOB, x);
CREATE TABLE people (
    email TEXT PRIMARY KEY, name TEXT COLLATE NOCASE, score REAL NOT NULL DEFAULT 0, handle TEXT, updated_at TEXT
);
CREATE INDEX ix_people_name ON people (name);
CREATE UNIQUE INDEX uq_people_handle ON people (handle);
CREATE INDEX ix_people_score ON people (score) WHERE score > 10;
CREATE TABLE settings (name TEXT PRIMARY KEY, value);
CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT, payload BLOB);
CREATE TABLE visits (place TEXT, day INTEGER, count INTEGER, last TEXT, remark, seen, PRIMARY KEY (place, day));
CREATE TABLE events (kind TEXT, at TEXT, value);
CREATE TABLE limits (k TEXT PRIMARY KEY, v, w) WITHOUT ROWID;
CREATE TABLE tags (tag TEXT, item INTEGER, weight REAL, PRIMARY KEY (tag, item)) WITHOUT ROWID;
CREATE TABLE accounts (id INTEGER PRIMARY KEY, login TEXT, mail TEXT);
CREATE TABLE orders (number TEXT PRIMARY KEY, amount NUMERIC CHECK (amount >= 0), state TEXT DEFAULT 'new');
CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT, deleted INTEGER, sent_at);
CREATE TABLE strictly (k TEXT PRIMARY KEY, v ANY) STRICT;
CREATE TABLE shapes (a INTEGER, twice INTEGER GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE kinds (kind TEXT PRIMARY KEY, label TEXT);
CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE members (team INTEGER REFERENCES teams (id), person TEXT, info TEXT);
CREATE TABLE personas (name PRIMARY KEY, age, traits);
CREATE TABLE unfed (a TEXT);
CREATE VIRTUAL TABLE search USING fts5(body);
CREATE VIEW high_scores AS SELECT email FROM people WHERE score > 10;
CREATE TRIGGER orders_changed AFTER UPDATE OF state ON orders BEGIN
    INSERT INTO events VALUES ('order', datetime('now'), new.number);
END;
INSERT INTO kinds VALUES ('a', 'first'), ('b', 'second');
PRAGMA user_version = 7;
PRAGMA application_id = 77;
"""

PLAN = """\
version: 1
defaults: {unmapped_column: carry}
sources:
  alpha: {path: alpha.db, trust: 90}
  beta: {path: beta.db}
  gamma: {path: gamma.db}
  people_json: {path: people.json, format: json, rows: {personas: $.personas}}
targets:
  house: {path: house.db, schema: house.sql}
copy:
  house: [alpha.cells, alpha.strictly, alpha.shapes, alpha.search, alpha.kinds,
          people_json.personas, alpha.members, beta.members, alpha.events, beta.events, alpha.tags, beta.tags,
          alpha.orders, beta.orders]
tables:
  - into: house.people
    from: [alpha.people, beta.people, gamma.people]
    on_conflict: {rule: newest, by: updated_at}
  - into: house.settings
    from: [alpha.settings, beta.settings]
    on_conflict: {rule: prefer, order: [beta, alpha]}
  - into: house.notes
    from: [alpha.notes, beta.notes]
    key: [id]
    on_conflict: {rule: keep_both}
  - into: house.visits
    from: [alpha.visits, beta.visits, gamma.visits]
    on_conflict: {rule: merge, columns: {count: {rule: max}, last: {rule: newest, by: last}}}
    transform: {seen: {epoch: s, to: iso8601_utc}}
  - into: house.limits
    from: [alpha.limits, beta.limits]
    on_conflict: {rule: merge}
  - into: house.accounts
    from: [alpha.accounts, beta.accounts]
    key: [login]
    identity: {column: id, strategy: renumber}
    on_conflict: {rule: prefer}
  - into: house.teams
    from: [alpha.teams, beta.teams]
    key: [name]
    identity: {column: id, strategy: renumber}
    on_conflict: {rule: prefer}
    references: [{column: house.members.info, json: $.team}]
  - into: house.messages
    from: [alpha.messages]
    where: {sql: "deleted = 0", reason: deleted rows stay behind}
    transform: {sent_at: {epoch: s, to: iso8601_utc}}
drop:
  - {table: gamma.old, reason: "a cache"}
"""

SYSTEM = "version: 1\nname: audit\ntitle: Audit\n"

ALPHA = f"""\
INSERT INTO cells (id, t, i, n, r, b, x) VALUES (1, 'Mixed Case', 42, 1.5, 0.1, x'00ff10', 1),
(2, 'mixed case ', -1, 7, -2.5, x'', 1.0),
    (3, '', 9223372036854775807, 9007199254740993, 9e999, NULL, '1'), (4, NULL, 0, 'text', 0.0, 'text', x'31'),
    (5, '1', -9223372036854775808, 0.1, NULL, x'61', -0.0), (6, '1.0', NULL, NULL, 1, 0.0, ''),
    (7, 'a' || char(0) || 'b', 3, 3, 3, 3, 0.1), (8, CAST(x'61ff62' AS TEXT), 5, 5, 5, 5, NULL),
    (9, 'caf' || char(233), 6, 6, 6, zeroblob({BIG}), 'caf' || char(233)),
    (10, '2024-01-01T10:00:00', 7, 7, 7, randomblob(0), '{{"a": 1}}'),
    (11, 'line' || char(13, 10) || 'end', 8, 8, 8, 'A', 9223372036854775807);
INSERT INTO cells (id, t, "an ""odd"" one") VALUES (12, 'carried', 'kept');
INSERT INTO strictly VALUES ('a', 1), ('b', '1'), ('c', 1.0), ('d', x'31');
INSERT INTO shapes (a) VALUES (1), (2), (3);
INSERT INTO search VALUES ('the quick fox'), ('a lazy dog');
INSERT INTO kinds VALUES ('b', 'second'), ('c', 'third');
INSERT INTO events VALUES ('click', 'mon', 1), ('click', 'mon', 1), ('click', 'mon', 1), ('key', 'tue', '1'),
    ('Key', 'tue', NULL);
INSERT INTO tags VALUES ('red', 1, 0.5), ('red', 2, 1.5), ('blue', 1, 2.5), ('green', 9, 9.5);
INSERT INTO orders VALUES ('o1', 10, 'paid'), ('o2', 20, 'new'), ('o3', 30, 'new');
INSERT INTO people VALUES ('ann@x', 'Ann', 1.5, 'ann', '2024-01-01'), ('bob@x', 'Bob', 11, 'bob', '2024-01-01'),
    ('cid@x', 'Cid', 12.5, 'cid', '2024-03-01'), ('eve@x', 'Eve', 5, 'eve', '2024-05-01'),
    ('zoe@x', 'Zoe', 1, 'zoe', '2024-06-01T12:00:00+02:00');
INSERT INTO settings VALUES ('theme', 'dark'), ('size', 1), ('same', 'x'), ('only', NULL);
INSERT INTO notes VALUES (1, 'same', x'01'), (2, 'alpha two', x'02'), (3, 'alpha three', NULL), (40, 'gone', NULL);
DELETE FROM notes WHERE id = 40;
INSERT INTO visits VALUES ('oslo', 1, 3, '2024-01-01', NULL, 1700000000), ('rome', 2, 9, '2024-05-01', 'a', NULL),
    ('bern', 3, 1, '2024-01-01', 'same', 1), ('wien', 4, 1, NULL, NULL, 1700000001);
INSERT INTO limits VALUES ('a', NULL, 1), ('b', 5, 6), ('c', 7, 8);
INSERT INTO accounts VALUES (1, 'ann', 'a@x'), (2, 'bob', 'b@x'), (7, 'zed', 'z@x'), (9, NULL, 'n@x');
INSERT INTO teams VALUES (1, 'red'), (2, 'blue');
INSERT INTO members VALUES (1, 'ann', '{{"team": 1}}'), (2, 'bob', NULL), (77, 'nobody', NULL);
INSERT INTO messages VALUES (1, 'hello', 0, 1700000000), (2, 'gone', 1, 1700000000), (3, 'bye', 0, 'never');
"""
BETA = """\
INSERT INTO teams VALUES (1, 'blue'), (2, 'green');
INSERT INTO members VALUES (1, 'cid', '{"team": 1, "n": 1}'), (2, 'dan', NULL), (3, 'eve', NULL), (NULL, 'fay', 'none');
INSERT INTO events VALUES ('click', 'mon', 1), ('key', 'tue', 1), ('move', 'wed', 1.0);
INSERT INTO tags VALUES ('red', 1, 0.25), ('red', 2, 1.5), ('pink', 4, 4.5);
INSERT INTO orders VALUES ('o1', 11, 'paid'), ('o2', 20, 'new'), ('o4', 40, 'new');
INSERT INTO people VALUES ('ann@x', 'ANN', 2.5, 'ann2', '2024-06-01'), ('bob@x', 'Bob', 11, 'bob', '2024-01-01'),
    ('dora@x', 'Dora', 3, 'dora', '2024-02-01'), ('zoe@x', 'Zoey', 2, 'zoey', '2024-06-01T11:30:00Z');
INSERT INTO settings VALUES ('theme', 'light'), ('size', 1.0), ('same', 'x'), ('beta', '1');
INSERT INTO notes VALUES (1, 'same', x'01'), (2, 'beta two', x'02'), (3, 'beta three', x'33'), (5, 'beta five', NULL);
INSERT INTO visits VALUES ('oslo', 1, 5, '2024-02-01', 'b', 1700000009), ('rome', 2, 5, '2024-02-01', 'b', NULL),
    ('bern', 3, 1, '2024-01-01', 'same', 1), ('lima', 5, 5, NULL, x'00', NULL);
INSERT INTO limits VALUES ('a', 2, 3), ('b', 5, 6), ('d', 1.0, '1');
INSERT INTO accounts VALUES (1, 'cid', 'c@x'), (2, 'ann', 'other@x'), (5, 'dan', 'd@x'), (7, 'zed', 'z@x'),
    (4, NULL, 'n@x');
"""
GAMMA = """\
INSERT INTO old VALUES (1, 'one'), (1, 'one'), (2, NULL);
INSERT INTO people VALUES ('bob@x', 'Bobby', 11, 'bobby', '2024-01-01'), ('eve@x', 'Eva', 5, 'eva', '2024-04-01'),
    ('ann@x', 'Ann', 1.5, 'ann', '2024-01-01');
INSERT INTO visits VALUES ('oslo', 1, 4, '2024-01-15', 'c', NULL);
"""
DOCUMENT = """\
{"personas": [{"name": "ann", "age": 30, "traits": ["calm"]}, {"name": "bob", "age": 31.5},
{"name": "cid", "age": true}]}
"""
TABLES_OF = {
    "alpha": ("cells", "strictly", "shapes", "search", "kinds", "events", "tags", "orders", "people", "settings",
              "notes", "visits", "limits", "accounts", "messages", "teams", "members"),
    "beta": ("events", "tags", "orders", "people", "settings", "notes", "visits", "limits", "accounts", "teams",
             "members"),
    "gamma": ("people", "visits"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What a run left in its stage."""

    folder: RunFolder
    source: Path
    snapshots: dict[str, Snapshot]


def write_sources(directory: Path) -> None:
    """Write the three legacy files, each with the tables that it brings."""
    directory.mkdir()
    declared = sqlite3.connect(":memory:")
    declared.executescript(SCHEMA)
    tables = dict(declared.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    declared.close()
    for source, inserts in (("alpha", ALPHA), ("beta", BETA), ("gamma", GAMMA)):
        connection = sqlite3.connect(directory / f"{source}.db")
        for table in TABLES_OF[source]:
            connection.execute(tables[table])
        if source == "gamma":
            connection.execute("CREATE TABLE old (n INTEGER, v TEXT)")
        if source == "alpha":
            connection.execute('ALTER TABLE cells ADD COLUMN "an ""odd"" one" TEXT')
        connection.executescript(inserts)
        connection.close()
    (directory / "people.json").write_text(DOCUMENT, encoding="utf-8")


def stage_system(root: Path) -> Staged:
    """Consolidate the system; its quarantine keeps it in the stage."""
    system = root / "system"
    system.mkdir()
    for name, text in (("plan.yaml", PLAN), ("house.sql", SCHEMA), ("system.yaml", SYSTEM)):
        (system / name).write_text(text, encoding="utf-8")
    write_sources(root / "legacy")
    request = Request(
        system=system, plan=system / "plan.yaml", source=root / "legacy", target=root / "live", backup=False
    )
    outcome = run(request, Surroundings(now=lambda: datetime(2026, 11, 21, tzinfo=UTC), progress=Silent()))
    assert outcome.exit == OVER_BUDGET, outcome
    folder = Home(target=request.target).open_run(outcome.run)
    snapshots = folder.read_snapshots()
    assert snapshots is not None
    return Staged(folder=folder, source=request.source, snapshots=snapshots)
