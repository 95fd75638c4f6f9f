"""What PLAN.md says of order, parts of documents and types, seen from outside."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.refusals import check_refused, refuse
from tests.faults.scene import Scene, run, write_database, write_system

ORDER = """\
version: 1
sources: {zebra: {path: z.db}, ant: {path: a.db}}
targets: {new: {path: new.db}}
tables:
  - into: new.t
    from: [FROM]
    on_conflict: {rule: prefer}
"""
PEOPLE = {"people": {"ann": {"age": 30}, "bob": {"age": 31}}, "since": 2025, "extra": {"deep": {"list": [1]}}}
DOCUMENT = """\
version: 1
sources: {doc: {path: doc.json, format: json, rows: ROWS}}
targets: {new: {path: new.db}}
copy: {new: [PLACED]}
"""


def set_up(folder: Path, plan: str) -> Scene:
    scene = Scene(system=write_system(folder / "s", plan), source=folder / "source", target=folder / "target")
    scene.source.mkdir()
    return scene


@pytest.mark.parametrize("first", ["zebra", "ant"])
def test_of_equally_trusted_inputs_the_first_in_from_comes_first(tmp_path: Path, first: str) -> None:
    second = "ant" if first == "zebra" else "zebra"
    scene = set_up(tmp_path, ORDER.replace("FROM", f"{first}.t, {second}.t"))
    for name in ("zebra", "ant"):
        sql = f"CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, '{name}')"
        write_database(scene.source / f"{name[0]}.db", sql)
    assert run(scene.argv()).code == 0
    with closing(sqlite3.connect(scene.target / "new.db")) as connection:
        assert connection.execute("SELECT v FROM t").fetchall() == [(first,)]


@pytest.mark.parametrize(
    ("rows", "placed", "part"),
    [
        ("{people: $.people}", "doc.people", "doc.json: $.since"),
        ("{people: $.people, extra: $.extra}", "doc.people, doc.extra", "doc.json: $.since"),
        ("{people: $.people}", "doc.document, doc.people", None),
        ("{people: $.people}", "doc.document", None),
    ],
)
def test_every_part_of_a_document_needs_a_place(tmp_path: Path, rows: str, placed: str, part: str | None) -> None:
    scene = set_up(tmp_path, DOCUMENT.replace("ROWS", rows).replace("PLACED", placed))
    (scene.source / "doc.json").write_text(json.dumps(PEOPLE))
    if part is None:
        assert run(scene.argv()).code == 0
    else:
        refuse(scene, 2, part)


CONVERTED = """\
version: 1
sources: {old: {path: old.db}}
targets: {new: {path: new.db, schema: new.sql}}
copy: {new: [old.t]}
"""


@pytest.mark.parametrize(
    ("mine", "theirs", "value", "is_changed"),
    [
        ("TEXT", "INTEGER", "'07'", True),
        ("TEXT", "INTEGER", "'seven'", False),
        ("TEXT", "REAL", "' 1.5e3'", True),
        ("INTEGER", "TEXT", "7", True),
        ("INTEGER", "REAL", "7", True),
        ("REAL", "INTEGER", "7.0", True),
        ("REAL", "INTEGER", "7.5", False),
        ("BLOB", "TEXT", "x'37'", False),
        ("", "NUMERIC", "'7'", True),
        ("NUMERIC", "BLOB", "7", False),
    ],
)
def test_check_finds_the_values_that_a_columns_type_would_change(
    tmp_path: Path, mine: str, theirs: str, value: str, is_changed: bool
) -> None:
    scene = set_up(tmp_path, CONVERTED)
    (scene.system / "new.sql").write_text(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {theirs});")
    write_database(scene.source / "old.db", f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {mine})")
    write_database(scene.source / "old.db", f"INSERT INTO t VALUES (1, {value})")
    words = ["inv", "consolidate.check", "--system", str(scene.system), "--source", str(scene.source)]
    if is_changed:
        check_refused(scene, lambda: run(words), 2, "new.t", "1 value of old.t.v")
    else:
        ended = run(words)
        assert ended.code == 0, ended.error
