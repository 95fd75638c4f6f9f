"""The legacy tree is realistic and awkward, the same for the same seed, and knows no system."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.core.instants import read_instant
from strongroom.demo import LegacyTree, build_legacy_tree

REPOSITORY = Path(__file__).parents[3]
ROWS = 100

NOTES = """\
-- One store of a small shop.
CREATE TABLE notes (id TEXT PRIMARY KEY, owner TEXT, body_text TEXT NOT NULL, weight REAL, hits INTEGER,
    meta_json TEXT DEFAULT '{}', created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, note_id TEXT REFERENCES notes(id),
    description TEXT, happened_at REAL);
CREATE TABLE pairs (left_name TEXT NOT NULL, right_name TEXT NOT NULL,
    score REAL CHECK (score BETWEEN 0 AND 0.5),
    PRIMARY KEY (left_name, right_name), CHECK (left_name < right_name));
CREATE TABLE only_one (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT CHECK (state IN ('on', 'off')));
CREATE TABLE log (line_text TEXT, level TEXT);
CREATE TABLE "odd ""name"" here" ("select" TEXT PRIMARY KEY, "group by" INTEGER, doubled AS ("group by" * 2));
CREATE TABLE versions (module TEXT PRIMARY KEY, version INTEGER);
INSERT INTO versions VALUES ('notes', 3);
CREATE INDEX ix_notes_owner ON notes (owner);
"""
OTHER = """\
-- Another store: the same notes, and words for looking up.
CREATE TABLE notes (id TEXT PRIMARY KEY, owner TEXT, body_text TEXT NOT NULL, weight REAL, hits INTEGER,
    meta_json TEXT DEFAULT '{}', created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE words (word TEXT, language TEXT, rank INTEGER NOT NULL UNIQUE, PRIMARY KEY (word, language))
    WITHOUT ROWID;
"""
PLAN = """\
version: 1
sources:
  notes: {path: notes.db}
  other: {path: sub/other.db}
  nothing: {path: nothing.db}
  never: {path: never.db, optional: true}
  people: {path: people.json, format: json, rows: {people: $.all.people, tags: $.tags}}
targets:
  shop: {path: shop.db, schema: main.sql}
copy:
  shop: [notes.*]
tables:
  - into: shop.people
    from: [{table: people.people, columns: {full_name: key, since: joined}}]
    transform: {since: {epoch: auto, to: iso8601_utc}}
"""
MAIN = """\
-- What people become.
CREATE TABLE people (full_name TEXT PRIMARY KEY, email TEXT, since TEXT, picture BLOB, age INTEGER);
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "legacy").mkdir()
    for name, text in (
        ("plan.yaml", PLAN),
        ("main.sql", MAIN),
        ("legacy/notes.sql", NOTES),
        ("legacy/other.sql", OTHER),
        ("legacy/nothing.sql", "-- No table yet.\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tree(system: Path, tmp_path_factory: pytest.TempPathFactory) -> LegacyTree:
    return build_legacy_tree(system, tmp_path_factory.mktemp("tree"), rows=ROWS, seed=7)


def read(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        return connection.execute(sql).fetchall()


def test_every_source_is_built_where_the_plan_says(tree: LegacyTree) -> None:
    found = [file.relative_to(tree.directory).as_posix() for file in tree.files]
    assert found == ["notes.db", "sub/other.db", "nothing.db", "people.json"]
    assert (tree.directory / "nothing.db").read_bytes()[:15] == b"SQLite format 3"


def test_counts_are_those_of_the_files(tree: LegacyTree) -> None:
    for name, count in tree.rows.items():
        source, _, table = name.partition(".")
        file = {"notes": "notes.db", "other": "sub/other.db"}.get(source)
        if file:
            quoted = table.replace('"', '""')
            assert read(tree.directory / file, f'SELECT count(*) FROM "{quoted}"') == [(count,)], name
    assert tree.rows["people.document"] == 1
    assert tree.rows["people.people"] == 20


def test_constraints_cost_no_rows(system: Path, tmp_path: Path) -> None:
    plain = build_legacy_tree(system, tmp_path, rows=ROWS, seed=1, awkward=False)
    expected = dict.fromkeys(
        (
            "notes.notes",
            "notes.events",
            "notes.pairs",
            "notes.log",
            'notes.odd "name" here',
            "other.notes",
            "other.words",
        ),
        ROWS,
    )
    assert plain.rows == expected | {
        "notes.only_one": 1,
        "notes.versions": 1,
        "people.document": 1,
        "people.people": 20,
        "people.tags": 20,
    }
    assert plain.awkward == {}
    assert not list(tmp_path.rglob("*-wal"))
    assert read(tmp_path / "notes.db", "SELECT count(*) FROM pragma_foreign_key_check") == [(0,)]
    assert read(tmp_path / "notes.db", "SELECT * FROM versions") == [(b"notes", 3)]


def test_of_ten_rows_three_are_equal_three_differ_and_four_are_apart(system: Path, tmp_path: Path) -> None:
    build_legacy_tree(system, tmp_path, rows=ROWS, seed=1, awkward=False)
    mine, others = (
        {row[0]: row for row in read(tmp_path / file, "SELECT * FROM notes")} for file in ("notes.db", "sub/other.db")
    )
    shared = mine.keys() & others.keys()
    equal = {key for key in shared if mine[key] == others[key]}
    assert (len(mine), len(shared), len(equal)) == (ROWS, 60, 30)
    ties = {key for key in shared - equal if mine[key][-1] == others[key][-1]}
    assert len(ties) == 1


def test_instants_can_be_read_in_all_their_forms(system: Path, tmp_path: Path) -> None:
    build_legacy_tree(system, tmp_path, rows=ROWS, seed=1, awkward=False)
    texts = [row[0].decode() for row in read(tmp_path / "notes.db", "SELECT created_at FROM notes")]
    assert {"T" in text for text in texts} == {True, False}
    assert {text[-6:-2] for text in texts if "+" in text} == {"+00:", "+02:"}
    assert all(read_instant(text) is not None for text in texts)


def test_the_same_seed_gives_the_same_tree(system: Path, tree: LegacyTree, tmp_path: Path) -> None:
    again = build_legacy_tree(system, tmp_path / "again", rows=ROWS, seed=7)
    other = build_legacy_tree(system, tmp_path / "other", rows=ROWS, seed=8)
    assert (again.rows, again.awkward) == (tree.rows, tree.awkward)
    assert list(dump(again)) == list(dump(tree))
    assert list(dump(other)) != list(dump(tree))


def dump(tree: LegacyTree) -> Iterator[object]:
    for file in tree.files:
        if file.suffix == ".json":
            yield file.read_text(encoding="utf-8")
            continue
        for name, sql in read(file, "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            yield sql
            quoted = name.decode().replace('"', '""')
            yield read(file, f'SELECT * FROM "{quoted}"')


AWKWARD = (
    "invalid UTF-8",
    "NUL",
    "huge cell",
    "text in REAL",
    "infinity",
    "BLOB in REAL",
    "largest integer",
    "empty keys",
    "similar keys",
    "duplicates",
    "gaps",
    "operator",
    "orphans",
    "-wal",
)


@pytest.mark.parametrize("seed", [1, 7, 23])
def test_every_awkward_fact_is_planted_where_it_says(system: Path, tmp_path: Path, seed: int) -> None:
    tree = build_legacy_tree(system, tmp_path, rows=ROWS, seed=seed)
    assert not list(tmp_path.rglob("*-shm"))
    assert len(list(tmp_path.rglob("*-wal"))) == 1
    assert sorted(tree.awkward) == sorted(AWKWARD)
    assert {name for name in AWKWARD if name not in find_awkward(tree)} == set()


def find_awkward(tree: LegacyTree) -> set[str]:
    """Find the facts by looking at every cell, not where the words say."""
    found = set()
    for file in (tree.directory / "notes.db", tree.directory / "sub/other.db"):
        for name, columns in tables(file):
            rows = read(file, f"SELECT * FROM {name}")
            cells = [value for row in rows for value in row]
            types = {kind for column in columns for (kind,) in read(file, f"SELECT typeof({column}) FROM {name}")}
            found |= find_in_cells(cells)
            found |= {"BLOB in REAL"} if b"blob" in types else set()
            found |= {"duplicates"} if rows[:10] == rows[ROWS : ROWS + 10] else set()
            keys = [row[0] for row in rows]
            found |= {"empty keys"} if None in keys and b"" in keys else set()
            texts = {key for key in keys if isinstance(key, bytes)}
            similar = {key + b" " for key in texts} & texts and {key.upper() for key in texts} & texts
            found |= {"similar keys"} if similar else set()
        found |= find_in_schema(file)
    return found


def tables(file: Path) -> Iterator[tuple[str, list[str]]]:
    names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    for (name,) in read(file, names):
        quoted = '"' + name.decode().replace('"', '""') + '"'
        info = read(file, f"PRAGMA table_info({quoted})")
        yield quoted, ['"' + row[1].decode().replace('"', '""') + '"' for row in info]


def find_in_cells(cells: list[Any]) -> set[str]:
    texts = [value for value in cells if isinstance(value, bytes)]
    found = {"invalid UTF-8" for text in texts if text.decode("utf-8", "replace").encode() != text}
    found |= {"NUL" for text in texts if b"before\0after" in text}
    found |= {"huge cell" for text in texts if len(text) > 2_000_000}
    found |= {"text in REAL" for text in texts if text == b"n/a"}
    found |= {"infinity" for value in cells if value == float("inf")}
    return found | {"largest integer" for value in cells if value == 2**63 - 1}


def find_in_schema(file: Path) -> set[str]:
    kinds = {row[0] for row in read(file, "SELECT type FROM sqlite_master WHERE sql IS NOT NULL")}
    found = set()
    if {b"view", b"trigger", b"index"} <= kinds and read(file, "PRAGMA user_version") == [(7,)]:
        found.add("operator")
    if read(file, "SELECT 1 FROM pragma_foreign_key_check"):
        found.add("orphans")
    if b"sqlite_sequence" in {row[0] for row in read(file, "SELECT name FROM sqlite_master")}:
        sequence = read(file, "SELECT max(seq), (SELECT max(id) FROM events) FROM sqlite_sequence")[0]
        found |= {"gaps"} if sequence[0] > sequence[1] else set()
    journal = file.with_name(file.name + "-wal")
    return found | ({"-wal"} if journal.exists() and journal.stat().st_size else set())


def test_the_wal_alone_holds_rows_and_an_update(tree: LegacyTree, tmp_path: Path) -> None:
    journal = next(file for file in tree.directory.rglob("*-wal") if file.stat().st_size)
    file = journal.with_name(journal.name.removesuffix("-wal"))
    without = tmp_path / "without.db"
    without.write_bytes(file.read_bytes())
    counts = {
        name: (read(without, f"SELECT count(*) FROM {name}"), read(file, f"SELECT count(*) FROM {name}"))
        for name, _ in tables(file)
    }
    grown = [after[0][0] - before[0][0] for before, after in counts.values()]
    assert max(grown) == 50
    assert sum(grown) == 50
    changed = [
        name
        for name, _ in tables(file)
        if set(read(without, f"SELECT * FROM {name}")) - set(read(file, f"SELECT * FROM {name}"))
    ]
    assert len(changed) == 1


def test_documents_have_the_members_that_the_target_wants(tree: LegacyTree) -> None:
    document = json.loads((tree.directory / "people.json").read_text(encoding="utf-8"))
    people = document["all"]["people"]
    assert len(people) == 20
    for person in people.values():
        assert list(person) == ["email", "joined", "age"]
        assert isinstance(person["joined"], float | None)
    assert all(list(tag) == ["name", "value"] for tag in document["tags"])


def test_a_file_in_the_way_is_refused(system: Path, tree: LegacyTree) -> None:
    with pytest.raises(UsageError, match=r"notes\.db: is there already"):
        build_legacy_tree(system, tree.directory, rows=1, seed=1)


def test_a_missing_or_wrong_schema_is_named(system: Path, tmp_path: Path) -> None:
    for name in ("plan.yaml", "main.sql"):
        (tmp_path / name).write_text((system / name).read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"notes\.sql: there is no schema of the source notes"):
        build_legacy_tree(tmp_path, tmp_path / "out", rows=1, seed=1)
    (tmp_path / "legacy").mkdir()
    (tmp_path / "legacy" / "notes.sql").write_text("CREATE TABEL x (y);", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="syntax error"):
        build_legacy_tree(tmp_path, tmp_path / "out2", rows=1, seed=1)


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_small_trees_are_built_too(system: Path, tmp_path: Path, rows: int) -> None:
    tree = build_legacy_tree(system, tmp_path, rows=rows, seed=3)
    assert tree.rows["other.words"] >= rows


def test_every_system_of_the_repository_has_a_legacy_tree(tmp_path: Path) -> None:
    for file in REPOSITORY.glob("sql/*/plan.yaml"):
        if (file.parent / "legacy").is_dir():
            started = time.monotonic()
            tree = build_legacy_tree(file.parent, tmp_path / file.parent.name, rows=30, seed=1)
            assert time.monotonic() - started < 20
            assert tree.files
            assert all(count for count in tree.rows.values())
