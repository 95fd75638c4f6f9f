"""The oracle itself can fail: on a small run made by hand it finds every planted fault, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.oracle import check, digest_tree

PLAN = """\
version: 1
sources:
  a: {path: a.db}
  b: {path: sub/b.db}
  gone: {path: gone.db, optional: true}
  people: {path: people.json, format: json, rows: {people: $.people}}
targets:
  t: {path: t.db, schema: t.sql}
copy:
  t: [a.log, a.typed, a.numbers, a.pairs]
tables:
  - into: t.things
    from: [a.things, {table: b.items, columns: {id: item_id}}]
    key: [id]
    on_conflict: {rule: newest, by: at}
  - into: t.events
    from: [a.events, b.events]
    on_conflict: {rule: keep_both}
  - into: t.users
    from: [a.users, b.users]
    key: [name]
    on_conflict: {rule: merge, order: [a, b]}
  - into: t.kept
    from: [a.kept]
    where: {sql: deleted = 0, reason: they are gone}
    defaults: {status: active}
    transform: {at: {epoch: auto, to: iso8601_utc}}
  - into: t.people
    from: [{table: people.people, columns: {name: key}}, people.document]
drop:
  - {table: a.cache, reason: rebuilt on demand}
"""
SCHEMA = """\
CREATE TABLE things (id TEXT PRIMARY KEY, size REAL, note TEXT, at TEXT, extra TEXT DEFAULT 'none');
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT);
CREATE TABLE users (name TEXT PRIMARY KEY, email TEXT, visits INTEGER);
CREATE TABLE kept (id INTEGER PRIMARY KEY, deleted INTEGER, at TEXT, status TEXT);
CREATE TABLE log (line TEXT, level TEXT);
CREATE TABLE typed (v);
CREATE TABLE numbers (n TEXT);
CREATE TABLE pairs (one TEXT, two TEXT, PRIMARY KEY (one, two)) WITHOUT ROWID;
CREATE TABLE people (name TEXT PRIMARY KEY, age INTEGER, tags TEXT, content TEXT);
CREATE TABLE versions (module TEXT PRIMARY KEY, version INTEGER, at TEXT DEFAULT CURRENT_TIMESTAMP);
INSERT INTO versions (module, version) VALUES ('core', 1);
"""
SOURCE_A = """\
CREATE TABLE things (id TEXT PRIMARY KEY, size REAL, note TEXT, at TEXT);
INSERT INTO things VALUES ('x', 1.5, 'old', '2024'), ('y', 2, 'same', '2024'), ('q', 1, 'one', '2024');
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT);
INSERT INTO events VALUES (1, 'a1'), (2, 'both');
CREATE TABLE users (name TEXT PRIMARY KEY, email TEXT, visits INTEGER);
INSERT INTO users VALUES ('ana', NULL, 1), ('bo', 'bo@a', 2);
CREATE TABLE kept (id INTEGER PRIMARY KEY, deleted INTEGER, at REAL);
INSERT INTO kept VALUES (1, 0, 1700000000.25), (2, 1, 1700000000), (3, 0, 'n/a');
CREATE TABLE log (line TEXT, level TEXT);
INSERT INTO log VALUES ('twice', 'x'), ('twice', 'x'), ('once', NULL), (CAST(x'FF00' AS TEXT), '');
CREATE TABLE typed (v);
INSERT INTO typed VALUES (1), (1.0), ('1'), (x'31'), (NULL), (''), (-0.0), (0.0);
CREATE TABLE numbers (n INTEGER);
INSERT INTO numbers VALUES (7), ('n/a');
CREATE TABLE pairs (one TEXT, two TEXT, PRIMARY KEY (one, two)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('b', '1'), ('a', '2');
CREATE TABLE cache (k, v);
INSERT INTO cache VALUES (1, 'one'), (1, 'one');
"""
SOURCE_B = """\
CREATE TABLE items (item_id TEXT PRIMARY KEY, size REAL, note TEXT, at TEXT);
INSERT INTO items VALUES ('x', 9.0, 'new', '2025'), ('y', 2, 'same', '2024'), ('z', 3, NULL, '2024'),
    ('q', 2, 'two', '2024');
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT);
INSERT INTO events VALUES (1, 'b1'), (2, 'both');
CREATE TABLE users (name TEXT PRIMARY KEY, email TEXT, visits INTEGER);
INSERT INTO users VALUES ('ana', 'ana@b', 5);
"""
PEOPLE = {"people": {"li": {"age": 40, "tags": ["a", {"c": 1, "b": True}]}, "mo": {"age": None}}}
TARGET = """\
INSERT INTO things VALUES ('y', 2, 'same', '2024', 'none'), ('x', 9.0, 'new', '2025', 'none'),
    ('z', 3, NULL, '2024', 'none');
INSERT INTO events VALUES (1, 'a1'), (2, 'both'), (3, 'b1');
INSERT INTO users VALUES ('ana', 'ana@b', 1), ('bo', 'bo@a', 2);
INSERT INTO kept VALUES (1, 0, '2023-11-14T22:13:20.250Z', 'active'), (3, 0, 'n/a', 'active');
INSERT INTO log VALUES ('twice', 'x'), ('twice', 'x'), ('once', NULL), (CAST(x'FF00' AS TEXT), '');
INSERT INTO typed VALUES (1), (1.0), ('1'), (x'31'), (NULL), (''), (-0.0), (0.0);
INSERT INTO numbers VALUES (7), ('n/a');
INSERT INTO pairs VALUES ('b', '1'), ('a', '2');
INSERT INTO people VALUES ('li', 40, '["a",{"b":true,"c":1}]', NULL), ('mo', NULL, NULL, NULL);
"""
ARCHIVE = """\
CREATE TABLE "a.cache" (k, v);
INSERT INTO "a.cache" VALUES (1, 'one'), (1, 'one');
"""
KEPT = "CREATE TABLE {} (_rowid INTEGER PRIMARY KEY, _disposition, _reason, _rule, _target_rowid INTEGER, {});"
LEDGER = {
    "a.things": (
        "things",
        ["id", "size", "note", "at"],
        (
            "(1, 'superseded', 'r', 'newest', 2, 'x', 1.5, 'old', '2024'), "
            "(3, 'quarantined', 'tie', 'newest', NULL, 'q', 1.0, 'one', '2024')"
        ),
    ),
    "b.items": (
        "things",
        ["item_id", "size", "note", "at"],
        (
            "(2, 'merged_identical', 'r', 'newest', 1, 'y', 2.0, 'same', '2024'), "
            "(4, 'quarantined', 'tie', 'newest', NULL, 'q', 2.0, 'two', '2024')"
        ),
    ),
    "a.events": ("events", ["id", "what"], ""),
    "b.events": (
        "events",
        ["id", "what"],
        ("(1, 'inserted', 'taken', 'identity', 3, 1, 'b1'), (2, 'merged_identical', 'r', 'keep_both', 2, 2, 'both')"),
    ),
    "a.users": ("users", ["name", "email", "visits"], "(1, 'inserted', 'r', 'merge', 1, 'ana', NULL, 1)"),
    "b.users": (
        "users",
        ["name", "email", "visits"],
        "(1, 'merged_changed', 'r', 'merge', 1, 'ana', 'ana@b', 5)",
    ),
    "a.kept": ("kept", ["id", "deleted", "at"], "(2, 'filtered', 'r', 'where', NULL, 2, 1, 1700000000.0)"),
    "a.log": ("log", ["line", "level"], ""),
    "a.typed": ("typed", ["v"], ""),
    "a.numbers": ("numbers", ["n"], ""),
    "a.pairs": ("pairs", ["one", "two"], ""),
    "people.people": ("people", ["key", "age", "tags"], ""),
    "people.document": (
        "people",
        ["name", "content"],
        "(1, 'quarantined', 'r', 'r', NULL, 'people.json', {document})",
    ),
}
FIGURES = {
    # read, inserted, identical, changed, superseded, quarantined, filtered, rewritten
    "a.things": (3, 1, 0, 0, 1, 1, 0, 0),
    "b.items": (4, 2, 1, 0, 0, 1, 0, 0),
    "a.events": (2, 2, 0, 0, 0, 0, 0, 0),
    "b.events": (2, 1, 1, 0, 0, 0, 0, 1),
    "a.users": (2, 2, 0, 0, 0, 0, 0, 0),
    "b.users": (1, 0, 0, 1, 0, 0, 0, 0),
    "a.kept": (3, 2, 0, 0, 0, 0, 1, 0),
    "a.log": (4, 4, 0, 0, 0, 0, 0, 0),
    "a.typed": (8, 8, 0, 0, 0, 0, 0, 0),
    "a.numbers": (2, 2, 0, 0, 0, 0, 0, 0),
    "a.pairs": (2, 2, 0, 0, 0, 0, 0, 0),
    "people.people": (2, 2, 0, 0, 0, 0, 0, 0),
    "people.document": (1, 0, 0, 0, 0, 1, 0, 0),
    "a.cache": (2, 0, 0, 0, 0, 0, 2, 0),
}
NAMES = (
    "read",
    "inserted",
    "merged_identical",
    "merged_changed",
    "superseded",
    "quarantined",
    "filtered",
    "rewritten",
)
ROWS = {
    "things": 3,
    "events": 3,
    "users": 2,
    "kept": 2,
    "log": 4,
    "typed": 8,
    "numbers": 2,
    "pairs": 2,
    "people": 2,
    "versions": 1,
}


@dataclass(kw_only=True)
class World:
    """A finished run on disk, good in every way, for one fault to be planted into."""

    directory: Path
    run: dict[str, Any]
    before: Mapping[str, str]

    @property
    def files(self) -> dict[str, Path]:
        folder = self.directory / "target" / ".strongroom" / "runs" / "1"
        return {
            "a": self.directory / "source" / "a.db",
            "b": self.directory / "source" / "sub" / "b.db",
            "t": self.directory / "target" / "t.db",
            "ledger": folder / "ledger" / "t.db",
            "archive": folder / "archive.db",
        }

    def change(self, file: str, sql: str) -> None:
        execute(self.files[file], sql)

    def judge(self, *, digests: bool = False) -> list[str]:
        return check(
            self.directory / "source",
            self.directory / "target",
            self.run,
            self.directory / "plan.yaml",
            self.before if digests else None,
        )


def execute(file: Path, sql: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(sql)


def ledger_sql(document: str) -> str:
    lines = [
        (
            "CREATE TABLE inputs (id INTEGER PRIMARY KEY, into_table TEXT, source TEXT, source_table TEXT, "
            "kept_table TEXT, columns TEXT, rowid_offset INTEGER);"
        )
    ]
    for name, (table, columns, rows) in LEDGER.items():
        source, _, source_table = name.partition(".")
        listed = json.dumps(columns)
        lines.append(
            "INSERT INTO inputs (into_table, source, source_table, kept_table, columns) "
            f"VALUES ('t.{table}', '{source}', '{source_table}', '{name}', '{listed}');"
        )
        lines.append(KEPT.format(f'"{name}"', ", ".join(f"c{number}" for number in range(len(columns)))))
        if rows:
            lines.append(f'INSERT INTO "{name}" VALUES {rows.replace("{document}", document)};')
    return "\n".join(lines)


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    (tmp_path / "t.sql").write_text(SCHEMA, encoding="utf-8")
    run = {
        "run": "1",
        "published": ["t.db"],
        "rows_read": sum(row[0] for row in FIGURES.values()),
        "quarantined": 3,
        "unexplained": 0,
        "tables": {
            name: {
                "into": f"t.{LEDGER[name][0]}" if name in LEDGER else None,
                "unexplained": 0,
                **dict(zip(NAMES, figures, strict=True)),
            }
            for name, figures in FIGURES.items()
        },
        "targets": {f"t.{name}": {"rows": rows} for name, rows in ROWS.items()},
    }
    world = World(directory=tmp_path, run=run, before={})
    world.change("a", SOURCE_A)
    world.change("b", SOURCE_B)
    document = json.dumps(PEOPLE, indent=1)
    (tmp_path / "source" / "people.json").write_text(document, encoding="utf-8")
    world.change("t", SCHEMA + TARGET)
    world.change("ledger", ledger_sql(f"'{document}'"))
    world.change("archive", ARCHIVE)
    world.before = digest_tree(tmp_path / "source")
    return world


def test_a_good_run_has_no_problem(world: World) -> None:
    assert world.judge(digests=True) == []


LOST = "is neither in"
INVENTED = "is no row of any source"
OTHER = "the ledger keeps other values"

FAULTS = {
    "a dropped row": ("t", "DELETE FROM things WHERE id = 'z'", LOST),
    "a changed value": ("t", "UPDATE things SET size = 9.5 WHERE id = 'x'", LOST),
    "one ulp": ("t", "UPDATE things SET size = 9.000000000000002 WHERE id = 'x'", LOST),
    "case": ("t", "UPDATE things SET note = 'NEW' WHERE id = 'x'", LOST),
    "a trailing space": ("t", "UPDATE things SET note = 'new ' WHERE id = 'x'", LOST),
    "swapped cells": ("t", "UPDATE things SET note = at, at = note WHERE id = 'x'", LOST),
    "NULL for ''": ("t", "UPDATE typed SET v = NULL WHERE v = ''", LOST),
    "1 for 1.0": ("t", "UPDATE typed SET v = 1 WHERE typeof(v) = 'real' AND v = 1", LOST),
    "1 for '1'": ("t", "UPDATE typed SET v = 1 WHERE typeof(v) = 'text' AND v = '1'", LOST),
    "1.0 for 1": ("t", "UPDATE typed SET v = 1.0 WHERE typeof(v) = 'integer'", LOST),
    "TEXT for BLOB": ("t", "UPDATE typed SET v = '1' WHERE typeof(v) = 'blob'", LOST),
    "0.0 for -0.0": ("t", "UPDATE typed SET v = 0.0 WHERE rowid = 7", LOST),
    "other bytes in bad UTF-8": ("t", "UPDATE log SET line = CAST(x'FE00' AS TEXT) WHERE level = ''", LOST),
    "a cut NUL": ("t", "UPDATE log SET line = CAST(x'FF' AS TEXT) WHERE level = ''", LOST),
    "a duplicate lost": ("t", "DELETE FROM log WHERE rowid = 1", LOST),
    "a duplicate too many": ("t", "INSERT INTO log VALUES ('twice', 'x')", INVENTED),
    "an invented row": ("t", "INSERT INTO things VALUES ('new', 1, 'x', 'y', 'none')", INVENTED),
    "an invented row in a table of the schema": (
        "t",
        "INSERT INTO versions VALUES ('more', 1, '')",
        INVENTED,
    ),
    "a row under another key": ("t", "UPDATE pairs SET two = '3' WHERE one = 'a'", LOST),
    "a converted value changed": ("t", "UPDATE numbers SET n = '07' WHERE n = '7'", LOST),
    "a value made up in an open column": (
        "t",
        "UPDATE things SET extra = 'some' WHERE id = 'z'",
        "no source row gives extra its value",
    ),
    "a wrong id": ("t", "UPDATE events SET id = 9 WHERE id = 2", LOST),
    "a merged value of no source": (
        "t",
        "UPDATE users SET visits = 6 WHERE name = 'ana'",
        "no source row gives visits its value",
    ),
    "an instant moved": ("t", "UPDATE kept SET at = '2023-11-14T22:13:20.251Z' WHERE id = 1", LOST),
    "an instant not written out": ("t", "UPDATE kept SET at = '1700000000.25' WHERE id = 1", LOST),
    "a nested JSON value changed": (
        "t",
        'UPDATE people SET tags = \'["a",{"b":1,"c":1}]\' WHERE name = \'li\'',
        LOST,
    ),
    "a plan's default not set": (
        "t",
        "UPDATE kept SET status = NULL WHERE id = 1",
        "no source row gives status its value",
    ),
    "a superseded row missing in the ledger": ("ledger", 'DELETE FROM "a.things" WHERE _rowid = 1', LOST),
    "a quarantined row missing in the ledger": ("ledger", 'DELETE FROM "b.items" WHERE _rowid = 4', LOST),
    "a loser's value changed": ("ledger", 'UPDATE "a.things" SET c1 = 1.25 WHERE _rowid = 1', OTHER),
    "a loser's value under another type": ("ledger", 'UPDATE "a.things" SET c1 = 1 WHERE _rowid = 3', OTHER),
    "a merged value gone": ("ledger", 'UPDATE "b.users" SET c2 = NULL', OTHER),
    "a ledger row that never was": (
        "ledger",
        "INSERT INTO \"a.things\" VALUES (99, 'superseded', '', '', 2, 'w', 1.0, '', '')",
        "never was",
    ),
    "an unknown disposition": (
        "ledger",
        "UPDATE \"a.things\" SET _disposition = 'lost' WHERE _rowid = 1",
        "unknown disposition",
    ),
    "an identical row that is not": (
        "ledger",
        'UPDATE "b.items" SET _target_rowid = 2 WHERE _rowid = 2',
        "differs from row 2 of t.things in id, size, note, at",
    ),
    "a row that stands for two": ("ledger", 'UPDATE "b.events" SET _target_rowid = 1 WHERE _rowid = 1', LOST),
    "a rewritten row that points nowhere": (
        "ledger",
        'UPDATE "b.events" SET _target_rowid = 77 WHERE _rowid = 1',
        "its row in t.events is not there",
    ),
    "an identical row without its row": (
        "ledger",
        'UPDATE "b.events" SET _target_rowid = NULL WHERE _rowid = 2',
        "its row in t.events is not there",
    ),
    "a filtered row that should be there": (
        "ledger",
        'UPDATE "a.kept" SET _rowid = 1, c0 = 1, c1 = 0, c2 = 1700000000.25',
        "are filtered, or should be",
    ),
    "a ledger without a column": (
        "ledger",
        "UPDATE inputs SET columns = '[\"id\"]' WHERE kept_table = 'a.things'",
        "the ledger keeps the columns",
    ),
    "a table not in the ledger": (
        "ledger",
        "DELETE FROM inputs WHERE kept_table = 'a.things'",
        "the ledger lists this table 0 times",
    ),
    "a dropped row not in the archive": (
        "archive",
        'DELETE FROM "a.cache" WHERE rowid = 1',
        "the archive does not hold",
    ),
    "a dropped table not in the archive": ("archive", 'DROP TABLE "a.cache"', "the archive lacks"),
    "a table that the result passes over": (
        "a",
        "CREATE TABLE more (x); INSERT INTO more VALUES (1)",
        "the result does not speak of this table",
    ),
    "a source row that came later": ("a", "INSERT INTO log VALUES ('late', NULL)", LOST),
    "a column without a place": ("a", "ALTER TABLE log ADD COLUMN more", "column more has no place"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(world: World, fault: str) -> None:
    file, sql, expected = FAULTS[fault]
    world.change(file, sql)
    assert any(expected in problem for problem in world.judge()), world.judge()


FIGURE_FAULTS = {
    "a sum": (["rows_read"], "rows_read is 0"),
    "the quarantine": (["quarantined"], "quarantined is 0"),
    "rows read": (["tables", "a.log", "read"], "a.log: read is 0, and should be 4"),
    "rows inserted": (["tables", "b.items", "inserted"], "b.items: inserted is 0, and should be 2"),
    "identical rows": (["tables", "b.items", "merged_identical"], "merged_identical is 0, and should be 1"),
    "superseded rows": (["tables", "a.things", "superseded"], "superseded is 0, and should be 1"),
    "filtered rows": (["tables", "a.kept", "filtered"], "filtered is 0, and should be 1"),
    "rewritten rows": (["tables", "b.events", "rewritten"], "rewritten is 0, and should be 1"),
    "rows of a target": (["targets", "t.log", "rows"], "t.log: 4 rows are counted as 0"),
    "dropped rows": (["tables", "a.cache", "filtered"], "2 dropped rows are counted as"),
}


@pytest.mark.parametrize("fault", FIGURE_FAULTS)
def test_a_wrong_figure_is_found(world: World, fault: str) -> None:
    keys, expected = FIGURE_FAULTS[fault]
    place: Any = world.run
    for key in keys[:-1]:
        place = place[key]
    assert place[keys[-1]] != 0
    place[keys[-1]] = 0
    assert any(expected in problem for problem in world.judge())


def test_an_unexplained_row_is_never_right(world: World) -> None:
    world.run["unexplained"] = world.run["tables"]["a.log"]["unexplained"] = 1
    assert any("unexplained is 1, and should be 0" in problem for problem in world.judge())


def test_rows_of_the_wal_alone_are_looked_for(world: World) -> None:
    connection = sqlite3.connect(world.files["a"], isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("INSERT INTO log VALUES ('in the -wal only', NULL)")
    try:
        problems = world.judge()
    finally:
        connection.close()
    assert any("in the -wal only" in problem for problem in problems)


def test_a_file_that_the_plan_does_not_name_is_found(world: World) -> None:
    (world.directory / "source" / "stray.db").touch()
    assert world.judge() == ["stray.db: the plan does not name this file"]


def test_a_missing_target_or_ledger_is_found(world: World) -> None:
    world.files["ledger"].unlink()
    assert any("there is no file" in problem for problem in world.judge())
    world.files["t"].unlink()
    assert any("there is no file" in problem for problem in world.judge())


def test_a_staged_target_is_judged_where_it_is_staged(world: World) -> None:
    stage = world.files["ledger"].parents[1] / "stage"
    stage.mkdir()
    world.files["t"].rename(stage / "t.db")
    world.run["published"] = []
    assert world.judge() == []


@pytest.mark.parametrize("fault", ["byte", "gone", "new", "journal"])
def test_a_touched_source_is_found_by_its_digest(world: World, fault: str) -> None:
    file = world.files["b"]
    if fault == "byte":
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif fault == "gone":
        file.unlink()
    else:
        file.with_name("b.db-wal" if fault == "journal" else "c.db").write_bytes(b"x")
    problems = (
        world.judge(digests=True)
        if fault != "gone"
        else [f"{name}: is gone" for name in world.before.keys() - digest_tree(world.directory / "source").keys()]
    )
    assert any(problem.startswith("sub/") for problem in problems)


def test_empty_journals_and_shared_memory_do_not_count(world: World) -> None:
    for name in ("b.db-wal", "b.db-shm"):
        world.files["b"].with_name(name).touch()
    assert digest_tree(world.directory / "source") == world.before


def test_many_problems_are_counted_not_listed(world: World) -> None:
    world.change("a", MANY)
    problems = world.judge()
    assert len(problems) < 40
    assert any("30 more" in problem for problem in problems)


MANY = """\
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
INSERT INTO log SELECT 'row ' || i, NULL FROM n;
"""
