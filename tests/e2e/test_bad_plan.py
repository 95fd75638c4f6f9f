"""A wrong plan or command line is refused with its place; nothing is published."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.refusals import ROWS, check_refused, refuse, write
from tests.faults.scene import (
    Ended,
    Scene,
    build_copying,
    run,
    write_database,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build_copying(tmp_path, ROWS)


PLAN = """\
version: 1
sources:
  old: {path: old.db}
targets:
  new: {path: new.db}
tables:
  - into: new.t
    from: [old.t]
    key: [id]
"""


@pytest.mark.parametrize(
    ("line", "instead", "at", "words"),
    [
        ("    key: [id]", "    keys: [id]", 9, ["keys"]),
        ("version: 1", "version: 1\ncolour: red", 2, ["colour"]),
        ("  old: {path: old.db}", "  old: {path: old.db, pth: x}", 3, ["pth"]),
        ("    key: [id]", "    key: [id]\n    key: [v]", 10, ["key", "duplicate"]),
        ("  old: {path: old.db}", "  old: {path: old.db}\n  old: {path: older.db}", 4, ["old", "duplicate"]),
        ("    key: [id]", "    key: &a [id, *a]", 9, ["anchors"]),
        ("    key: [id]", "    key: [nope]", 7, ["nope"]),
        ("    key: [id]", "    on_conflict: {rule: newest, by: nope}", 7, ["nope"]),
        ("    key: [id]", "    on_conflict: {rule: merge, columns: {nope: {rule: max}}}", 7, ["nope"]),
        ("    key: [id]", "    defaults: {nope: 1}", 7, ["nope"]),
        ("    key: [id]", "    transform: {nope: trim}", 7, ["nope"]),
        ("    from: [old.t]", "    from: [{table: old.t, columns: {v: nope}}]", 7, ["nope"]),
        ("    from: [old.t]", "    from: [{table: old.t, columns: {nope: v}}]", 7, ["nope"]),
        ("    key: [id]", "    key: id", 9, ["key", "list"]),
        ("version: 1", "version: one", 1, ["version"]),
        ("  old: {path: old.db}", "  old: {path: old.db, trust: high}", 3, ["trust"]),
        ("  old: {path: old.db}", "  old: {path: old.db, optional: perhaps}", 3, ["optional"]),
        ("  old: {path: old.db}", "  old: 3", 3, ["old"]),
        ("    key: [id]", "    on_conflict: {rule: best}", 9, ["best", "newest"]),
        ("    from: [old.t]", "    from: [older.t]", 7, ["older"]),
        ("    from: [old.t]", "    from: [old.t", 9, []),
        ("    key: [id]", "\tkey: [id]", 9, ["tab"]),
    ],
)
def test_a_plan_that_is_wrong_is_refused_with_file_and_line(
    scene: Scene, line: str, instead: str, at: int, words: list[str]
) -> None:
    plan = scene.system / "plan.yaml"
    assert line in PLAN
    plan.write_text(PLAN.replace(line, instead))
    ended = refuse(scene, 2, *words)
    assert f"{plan}:{at}" in ended.error


def test_the_plan_that_the_wrong_ones_differ_from_is_right(scene: Scene) -> None:
    (scene.system / "plan.yaml").write_text(PLAN)
    assert run(scene.argv()).code == 0


def test_a_file_that_the_plan_does_not_name_is_refused(scene: Scene) -> None:
    write_database(scene.source / "deep" / "other.bin", "CREATE TABLE x (y)")
    refuse(scene, 2, "other.bin")


def test_a_table_that_the_plan_does_not_name_is_refused(scene: Scene) -> None:
    (scene.system / "plan.yaml").write_text(PLAN)
    write(scene.source / "old.db", 'CREATE TABLE "left over" (x)')
    refuse(scene, 2, "old.db", "left over")


def test_a_column_that_the_target_lacks_is_refused_unless_carried(tmp_path: Path) -> None:
    scene = build_copying(
        tmp_path,
        ROWS + "ALTER TABLE t ADD COLUMN extra REAL;",
        copy="old.t",
        schema="CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);",
    )
    refuse(scene, 2, "plan.yaml:4", "extra")
    plan = scene.system / "plan.yaml"
    plan.write_text("defaults: {unmapped_column: carry}\n" + plan.read_text())
    assert run(scene.argv()).code == 0


def test_a_schema_file_that_is_wrong_is_refused(tmp_path: Path) -> None:
    scene = build_copying(tmp_path, ROWS, schema="CREATE TABLE t (id INTEGER PRIMARY KEY,, v TEXT);")
    refuse(scene, 2, "new.sql")


def test_a_source_directory_that_is_missing_cannot_be_reached(scene: Scene) -> None:
    shutil.rmtree(scene.source)
    refuse(scene, 5, str(scene.source))


def test_a_source_file_that_is_missing_cannot_be_reached(scene: Scene) -> None:
    (scene.source / "old.db").unlink()
    refuse(scene, 5, "old.db")


@pytest.mark.parametrize("flag", ["--source", "--target"])
def test_a_missing_flag_is_wrong_usage(scene: Scene, flag: str) -> None:
    argv = scene.argv()
    place = argv.index(flag)
    check_refused(scene, lambda: run(argv[:place] + argv[place + 2 :]), 2, flag)


def test_the_exit_code_and_the_line_reach_the_shell(scene: Scene) -> None:
    """The same through a process of its own, as ./inv starts it."""

    def act(*flags: str) -> Ended:
        command = [sys.executable, "-P", "-m", "strongroom", *scene.argv("run", *flags)[1:]]
        ended = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")}
    check_refused(scene, lambda: act("--sauce", "x"), 2, "--sauce")
    (scene.source / "old.db").rename(scene.source / "older.db")
    check_refused(scene, act, 5, "old.db")
    (scene.source / "older.db").rename(scene.source / "old.db")
    ended = act("--json")
    assert (ended.code, ended.json["verdict"]) == (0, "PROVEN")
    check_refused(scene, lambda: act("--plan", str(scene.system / "plan.yml")), 2, "plan.yml")


def test_an_unknown_flag_or_system_is_wrong_usage(scene: Scene) -> None:
    refuse(scene, 2, "--sauce", flags=("--sauce", "x"))
    refuse(scene, 2, "nowhere", flags=("--system", "nowhere"))
    refuse(scene, 2, "--quarantine-budget", flags=("--quarantine-budget", "many"))
