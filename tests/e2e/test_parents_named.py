"""``parent:``: the child's own file comes first, be it that the parent there is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_decisions import read
from tests.faults.scene import Scene, run, write_database, write_system

PLAN = """\
version: 1
sources: {a: {path: a.db}, b: {path: b.db}}
targets: {new: {path: new.db}}
tables:
  - into: new.p
    from: [a.p, b.p]
    identity: {column: id, strategy: renumber}
    on_conflict: {rule: keep_both}
    where: {sql: "name <> 'left out'", reason: for a test}
    references: [{column: new.c.p, parent: [a.p, b.p]ORPHANS}]
  - {into: new.c, from: [a.c, b.c], on_conflict: {rule: keep_both}}
"""
TABLES = "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXTWAY); CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER);"


def consolidate(tmp_path: Path, a: str, b: str, orphans: str) -> tuple[Scene, Any]:
    system = write_system(tmp_path / "s", PLAN.replace("ORPHANS", orphans))
    scene = Scene(system=system, source=tmp_path / "source", target=tmp_path / "target")
    for name, rows in (("a", a), ("b", b)):
        write_database(scene.source / f"{name}.db", TABLES.replace("WAY", "") + rows)
    ended = run(scene.argv("run", "--quarantine-budget", "9", "--json"))
    assert ended.code == 0, ended.err
    return scene, ended.json


LEFT_OUT = "INSERT INTO p VALUES (1, 'left out'), (2, 'of a'); INSERT INTO c VALUES (10, 1), (11, 2);"
STANDING = "INSERT INTO p VALUES (1, 'of b'), (2, 'of b too'); INSERT INTO c VALUES (20, 1);"


def test_a_child_whose_own_parent_is_left_out_is_nobody_elses(tmp_path: Path) -> None:
    scene, found = consolidate(tmp_path, LEFT_OUT, STANDING, "")
    query = "SELECT c.id, p.name FROM c LEFT JOIN p ON p.id = c.p ORDER BY 1"
    assert read(scene, query) == [(11, "of a"), (20, "of b")]
    assert found["quarantined"] == 1  # it would be adopted


def test_a_child_whose_own_parent_is_left_out_points_nowhere_where_the_plan_says_so(tmp_path: Path) -> None:
    scene, _ = consolidate(tmp_path, LEFT_OUT, STANDING, ", orphans: 'null'")
    query = "SELECT c.id, c.p, p.name FROM c LEFT JOIN p ON p.id = c.p ORDER BY 1"
    assert [(child, name) for child, _, name in read(scene, query)] == [(10, None), (11, "of a"), (20, "of b")]


@pytest.mark.parametrize("orphans", ["", ", orphans: 'null'"])
def test_a_child_whose_own_file_has_no_such_parent_finds_another_files(tmp_path: Path, orphans: str) -> None:
    a = "INSERT INTO p VALUES (2, 'of a'); INSERT INTO c VALUES (10, 1), (11, 2);"
    scene, _ = consolidate(tmp_path, a, STANDING, orphans)
    query = "SELECT c.id, p.name FROM c JOIN p ON p.id = c.p ORDER BY 1"
    assert read(scene, query) == [(10, "of b"), (11, "of a"), (20, "of b")]
