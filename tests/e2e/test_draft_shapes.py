"""A draft that is taken as guessed runs: tables that cannot be one stay apart, and no guess leaves a row waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.plan import read_plan
from strongroom.demo import build_legacy_tree
from tests.e2e.drafting import accept, draft, draft_and_run, make, read, run_proven

SYSTEMS = Path(__file__).resolve().parents[2] / "sql"


@pytest.mark.parametrize(("system", "seed"), [("zoe", 1), ("aragora", 7)])
def test_the_draft_of_a_whole_tree_runs_as_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], system: str, seed: int
) -> None:
    tree = build_legacy_tree(SYSTEMS / system, tmp_path / "legacy", rows=30, seed=seed)
    plan, drafted = draft(capsys, tmp_path)
    assert drafted["choices"]
    accept(plan)
    result = run_proven(capsys, tmp_path)
    kinds = {name: source.format for name, source in read_plan(SYSTEMS / system / "plan.yaml").sources.items()}
    rows = sum(count for name, count in tree.rows.items() if kinds[name.partition(".")[0]] == "sqlite")
    assert (result["rows_read"], result["quarantined"]) == (rows, 0)


@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        ("id INTEGER PRIMARY KEY, v", "code TEXT PRIMARY KEY, v", "it has no id, which that of a requires"),
        ("id INTEGER PRIMARY KEY, v", "id TEXT PRIMARY KEY, v", "some id of it is no number, and those of a are"),
        ("v, w TEXT NOT NULL", "v, x", "it has no w, which that of a requires"),
        ("v, w UNIQUE", "v, w", "rows of it have the same w, which that of a allows once"),
        ("v, w TEXT", "v, w INTEGER", "its w would be stored as another by that of a"),
        ("v, w INTEGER", "v, w TEXT", "its w would be stored as another by that of a"),
    ],
)
def test_tables_that_would_refuse_or_change_rows_of_each_other_stay_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], left: str, right: str, why: str
) -> None:
    make(tmp_path / "legacy" / "a.db", f"CREATE TABLE t ({left}); INSERT INTO t VALUES (1, 'a')")
    value = "8" if right.endswith("INTEGER") else "'8'"
    key = "'k'" if "TEXT PRIMARY" in right else "7"
    rows = f"({key}, {value})" if "PRIMARY" in right else f"({key}, {value}), (8, {value})"
    make(tmp_path / "legacy" / "b.db", f"CREATE TABLE t ({right}); INSERT INTO t VALUES {rows}")
    draft_and_run(capsys, tmp_path)
    assert f"# b has a table t of its own: {why}." in (tmp_path / "system" / "plan.yaml").read_text()
    assert read(tmp_path, "SELECT * FROM t") == [(1, "a")]
    typed = 8 if right.endswith("INTEGER") else "8"
    assert (read(tmp_path, "SELECT * FROM b_t") or [()])[0][1] == typed


@pytest.mark.parametrize("right", ["v, w TEXT", "v, w INTEGER DEFAULT 1", "v, w"])
def test_columns_of_other_types_are_one_where_no_value_would_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], right: str
) -> None:
    make(tmp_path / "legacy" / "a.db", "CREATE TABLE t (v, w TEXT); INSERT INTO t VALUES (1, 'a')")
    make(tmp_path / "legacy" / "b.db", f"CREATE TABLE t ({right}); INSERT INTO t VALUES (2, 'b'), (3, NULL)")
    draft_and_run(capsys, tmp_path)
    assert read(tmp_path, "SELECT * FROM t ORDER BY v") == [(1, "a"), (2, "b"), (3, None)]


PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT"
FRIENDS = "CREATE TABLE friends (id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES people (id));"


def test_what_refers_to_a_table_that_stays_apart_stays_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "legacy" / "a.db", f"{PEOPLE} UNIQUE);", FRIENDS, "INSERT INTO people VALUES (1, 'ann')")
    make(tmp_path / "legacy" / "b.db", f"{PEOPLE});", FRIENDS, "INSERT INTO people VALUES (1, 'bob'), (2, 'bob')")
    for name in "ab":
        make(tmp_path / "legacy" / f"{name}.db", f"INSERT INTO friends VALUES ({ord(name)}, 1)")
    draft_and_run(capsys, tmp_path)
    assert read(tmp_path, "SELECT name FROM friends f JOIN people p ON p.id = f.person_id") == [("ann",)]
    assert read(tmp_path, "SELECT name FROM b_friends f JOIN b_people p ON p.id = f.person_id") == [("bob",)]


def test_a_name_that_stands_under_two_ids_is_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = "CREATE TABLE users (id TEXT PRIMARY KEY, mail TEXT UNIQUE, n);"
    make(tmp_path / "legacy" / "a.db", schema, "INSERT INTO users VALUES ('a1', 'ann@x', 1), ('a2', NULL, 2)")
    make(tmp_path / "legacy" / "b.db", schema, "INSERT INTO users VALUES ('b1', 'ann@x', 3), ('b2', NULL, 4)")
    drafted, _ = draft_and_run(capsys, tmp_path)
    assert "1 of 1 values of mail hold different rows in a and b" in drafted["choices"][0]
    assert read(tmp_path, "SELECT count(*), count(DISTINCT mail) FROM users") == [(3, 1)]


@pytest.mark.parametrize(
    ("one", "two", "rule"),
    [
        ("'2025-01-01'", "'2025-01-02'", "newest"),
        ("'2025-01-01'", "NULL", "newest"),
        ("'2025-01-01'", "''", "newest"),
        ("'2025-01-01'", "'2025-01-01T00:00:00Z'", "prefer"),
        ("'2025-01-01'", "'some day'", "prefer"),
        ("'some day'", "'2025-01-01'", "prefer"),
        ("NULL", "NULL", "prefer"),
        ("CAST(x'c328' AS TEXT)", "'2025-01-01'", "prefer"),
    ],
)
def test_the_newest_is_not_guessed_where_it_would_leave_a_row_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], one: str, two: str, rule: str
) -> None:
    for name, instant in (("a", one), ("b", two)):
        make(tmp_path / "legacy" / f"{name}.db", "CREATE TABLE t (id TEXT PRIMARY KEY, v, updated_at TEXT)")
        make(tmp_path / "legacy" / f"{name}.db", f"INSERT INTO t VALUES ('k', '{name}', {instant})")
    _, result = draft_and_run(capsys, tmp_path)
    assert f"      rule: {rule}\n" in (tmp_path / "system" / "plan.yaml").read_text()
    assert result["tables"]["a.t"]["superseded"] + result["tables"]["b.t"]["superseded"] == 1
