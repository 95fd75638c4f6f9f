"""A small system with groups that no rule decides and a person did, staged: one group is left undecided.

What must be there is written by hand from the paper, beside what a run made.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from strongroom.consolidate.request import Request, Surroundings
from strongroom.consolidate.run import run
from strongroom.core.progress import Silent
from strongroom.runs.home import Home
from tests.e2e.decided import Take, hash_source_row
from tests.integration.audit_system import OVER_BUDGET, Staged

SCHEMA = """\
-- House: every kind of table that can have an undecided group.
CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, text TEXT, stars);
CREATE TABLE lines (id INTEGER PRIMARY KEY, note INTEGER REFERENCES notes (id), words TEXT);
CREATE TABLE limits (k TEXT PRIMARY KEY, v, w) WITHOUT ROWID;
CREATE TABLE cards (id INTEGER PRIMARY KEY, text TEXT);
CREATE TABLE loose (k TEXT, v, w);
CREATE TABLE rowids (rowid TEXT, _rowid_ TEXT, oid TEXT);
CREATE VIRTUAL TABLE search USING fts5(body);
CREATE INDEX ix_notes_text ON notes (text);
PRAGMA user_version = 7;
"""
PLAN = """\
version: 1
sources: {live: {path: live.db}, old: {path: old.db}, third: {path: third.db}}
targets: {house: {path: house.db, schema: house.sql}}
copy: {house: [live.rowids, live.search]}
tables:
  - into: house.notes
    from: [live.notes, old.notes, third.notes]
    key: [name]
    identity: {column: id, strategy: renumber}
  - {into: house.lines, from: [live.lines, old.lines, third.lines], on_conflict: {rule: keep_both}}
  - {into: house.limits, from: [live.limits, old.limits]}
  - {into: house.cards, from: [live.cards, old.cards], key: [id], identity: {column: id, strategy: renumber}}
  - {into: house.loose, from: [live.loose, old.loose], key: [k]}
drop: [{table: old.cache, reason: a cache}]
"""
ROWS = {
    "live": """\
INSERT INTO notes VALUES (1, 'a', 'live a', 1), (2, 'b', 'live b', 2), (3, 'c', 'live c', 3), (4, 'd', 'live d', 4),
    (5, 'e', 'same', 5), (6, 'q', 'live q', -0.0);
INSERT INTO lines VALUES (1, 1, 'of live a'), (2, 2, 'of live b'), (3, 3, 'of live c'), (4, 4, 'of live d');
INSERT INTO limits VALUES ('x', 1, 1), ('y', 1, 1), ('z', 1, 1);
INSERT INTO cards VALUES (1, 'one'), (2, 'two'), (3, 'three');
INSERT INTO loose VALUES ('p', 1, NULL), ('r', 1, NULL);
INSERT INTO rowids VALUES ('1', '2', '3'), ('1', '2', '3');
INSERT INTO search VALUES ('the quick fox'), ('a lazy dog');
""",
    "old": """\
INSERT INTO notes VALUES (1, 'c', 'old c', 1.0), (2, 'a', 'old a', 1.0), (3, 'b', 'live b', 2.0),
    (4, 'd', 'old d', 4), (5, 'e', 'same', 5), (8, 'z', 'only old', NULL);
INSERT INTO lines VALUES (1, 1, 'of old c'), (2, 2, 'of old a'), (3, 3, 'of old b'), (4, 4, 'of old d');
INSERT INTO limits VALUES ('x', 1.0, 2), ('y', 5, 2), ('z', 1, 1);
INSERT INTO cards VALUES (1, 'uno'), (2, 'due'), (3, 'three');
INSERT INTO loose VALUES ('p', 2, x'00ff'), ('s', 1, NULL);
""",
    "third": """\
INSERT INTO notes VALUES (1, 'a', 'live a', 1), (2, 'c', 'third c', x'00ff'), (9, 'c', 'old c', 1.0);
INSERT INTO lines VALUES (1, 1, 'of third a'), (2, 2, 'of third c'), (9, 9, 'of third c again');
""",
}
TABLES_OF = {
    "live": ("notes", "lines", "limits", "cards", "loose", "rowids", "search"),
    "old": ("notes", "lines", "limits", "cards", "loose"),
    "third": ("notes", "lines"),
}
Group = tuple[str, Sequence[tuple[str, int]]]
GROUPS: Mapping[str, Group] = {
    "a": ("house.notes", [("live.notes", 1), ("old.notes", 2)]),
    "b": ("house.notes", [("live.notes", 2), ("old.notes", 3)]),
    "c": ("house.notes", [("live.notes", 3), ("old.notes", 1), ("third.notes", 2), ("third.notes", 9)]),
    "d": ("house.notes", [("live.notes", 4), ("old.notes", 4)]),
    "x": ("house.limits", [("live.limits", 1), ("old.limits", 1)]),
    "y": ("house.limits", [("live.limits", 2), ("old.limits", 2)]),
    "1": ("house.cards", [("live.cards", 1), ("old.cards", 1)]),
    "2": ("house.cards", [("live.cards", 2), ("old.cards", 2)]),
    "p": ("house.loose", [("live.loose", 1), ("old.loose", 1)]),
}
TAKEN: Mapping[str, Take] = {
    "a": 2, "b": {"stars": 2}, "c": "all", "x": 2, "y": {"W": 2}, "1": "all", "2": 2, "p": {"v": 2, "w": 2},
}  # fmt: skip
"""``d`` stays undecided."""


def stage_decided(root: Path, taken: Mapping[str, Take]) -> Staged:
    """Consolidate the system with decisions; the quarantine keeps it in the stage."""
    system = root / "system"
    system.mkdir(parents=True)
    (system / "plan.yaml").write_text(PLAN)
    (system / "house.sql").write_text(SCHEMA)
    (system / "system.yaml").write_text("version: 1\nname: decided\ntitle: Decided\n")
    source = root / "legacy"
    _write_sources(source)
    decisions = write_choices(root / "decisions.yaml", source, taken) if taken else None
    request = Request(
        system=system,
        plan=system / "plan.yaml",
        source=source,
        target=root / "live",
        backup=False,
        decisions=decisions,
    )
    outcome = run(request, Surroundings(now=lambda: datetime(2026, 11, 26, tzinfo=UTC), progress=Silent()))
    assert outcome.exit == OVER_BUDGET, outcome
    folder = Home(target=request.target).open_run(outcome.run)
    snapshots = folder.read_snapshots()
    assert snapshots is not None
    return Staged(folder=folder, source=source, snapshots=snapshots)


def _write_sources(source: Path) -> None:
    source.mkdir()
    with closing(sqlite3.connect(":memory:")) as declared:
        declared.executescript(SCHEMA)
        tables = dict(declared.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    for name, rows in ROWS.items():
        with closing(sqlite3.connect(source / f"{name}.db")) as connection:
            for table in TABLES_OF[name]:
                connection.execute(tables[table])
            connection.executescript(rows + ("CREATE TABLE cache (a);" if name == "old" else ""))


def write_choices(file: Path, source: Path, taken: Mapping[str, Take]) -> Path:
    """Write what was taken of some groups."""
    decisions = [
        {
            "table": GROUPS[name][0],
            "key": {"key": name},
            "rows": [
                {"source": into, "sha256": hash_source_row(source / f"{into.partition('.')[0]}.db", into, row)}
                for into, row in GROUPS[name][1]
            ],
            "take": take,
            "at": "2026-11-26T12:00:00Z",
        }
        for name, take in taken.items()
    ]
    file.write_text(json.dumps({"version": 1, "by": "ops", "why": "asked them", "decisions": decisions}))
    return file
