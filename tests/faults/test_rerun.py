"""Say the same command again: over unchanged sources and targets nothing is done, over others it is refused."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.scene import Scene, photograph, read_rows, run
from tests.faults.shop import build_shop, change_sources


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    scene = build_shop(tmp_path)
    ended = run(scene.argv())
    assert ended.code == 0, ended.err
    return scene


def test_a_rerun_over_unchanged_sources_and_targets_does_nothing_and_says_so(shop: Scene) -> None:
    before, runs = photograph(shop.target), shop.runs()
    for flags in ((), ("--replace",), ("--quarantine-budget", "5")):
        ended = run(shop.argv("run", *flags))
        assert ended.code == 0, ended.err
        assert "nothing to do" in ended.out
        assert photograph(shop.target) == before
        assert shop.runs() == runs
        assert len(list((shop.target / "backup").iterdir())) == 1


def test_a_rerun_that_does_nothing_still_answers_in_json(shop: Scene) -> None:
    answer = run(shop.argv("run", "--json")).json
    assert (answer["verdict"], answer["exit"], answer["nothing_done"]) == ("PROVEN", 0, True)
    assert answer["run"] == shop.runs()[0]


def test_a_rerun_over_touched_but_equal_sources_does_nothing(shop: Scene) -> None:
    for file in (shop.source / "first.db", shop.source / "notes.json"):
        copy = file.with_suffix(".copy")
        shutil.copyfile(file, copy)
        copy.replace(file)
    runs = shop.runs()
    assert "nothing to do" in run(shop.argv()).out
    assert shop.runs() == runs


def test_a_rerun_over_a_changed_source_is_refused_without_replace(shop: Scene) -> None:
    change_sources(shop)
    before, runs = photograph(shop.target), shop.runs()
    ended = run(shop.argv())
    assert ended.code == 6
    assert "alpha.db" in ended.error
    assert "--replace" in ended.err
    assert (photograph(shop.target), shop.runs()) == (before, runs)
    assert run(shop.argv("run", "--replace")).code == 0
    assert photograph(shop.target) != before


def test_a_rerun_over_a_changed_target_is_refused_without_replace(shop: Scene) -> None:
    with closing(sqlite3.connect(shop.target / "beta.db")) as connection, connection:
        connection.execute("DELETE FROM marks")
    before = photograph(shop.target)
    assert run(shop.argv()).code == 6
    assert photograph(shop.target) == before
    ended = run(shop.argv("run", "--replace"))
    assert (ended.code, "beta.db was written to" in ended.error) == (6, True)
    assert photograph(shop.target) == before
    ended = run(shop.argv("run", "--replace", "--discard-changes", "--json"))
    assert ended.code == 0, ended.err
    assert any("marks" in line for line in ended.json["discarded"])
    kept = shop.home / "runs" / shop.runs()[-1] / "previous" / "beta.db"
    assert read_rows(kept, "SELECT * FROM marks") == []  # a readable copy of what was there


def test_a_rerun_over_a_target_that_was_merely_opened_does_nothing(shop: Scene) -> None:
    with closing(sqlite3.connect(shop.target / "beta.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT count(*) FROM marks").fetchone()
    ended = run(shop.argv())
    assert (ended.code, "nothing to do" in ended.out) == (0, True), ended.err
    assert run(shop.argv("run", "--replace")).code == 0
    assert run(shop.argv("rollback")).code == 0


def test_a_rerun_over_a_missing_target_is_refused_or_done_but_never_called_nothing(shop: Scene) -> None:
    (shop.target / "beta.db").unlink()
    ended = run(shop.argv())
    assert "nothing to do" not in ended.out
    assert ended.code == 6
    assert run(shop.argv("run", "--replace")).code == 0
    assert (shop.target / "beta.db").exists()


def test_a_rerun_with_another_plan_is_refused_without_replace(shop: Scene) -> None:
    plan = shop.system / "plan.yaml"
    plan.write_text(plan.read_text().replace("rule: keep_both", "rule: keep_both, order: [second, first]"))
    assert run(shop.argv()).code == 6
    assert run(shop.argv("run", "--replace")).code == 0


def test_a_dry_run_writes_nothing_at_all(tmp_path: Path) -> None:
    scene = build_shop(tmp_path)
    before = photograph(tmp_path)
    ended = run(scene.argv("run", "--dry-run"))
    assert ended.code == 0, ended.err
    assert "would publish" in ended.out
    assert photograph(tmp_path) == before
    assert not scene.home.exists()


def test_looking_writes_nothing_at_all(shop: Scene) -> None:
    before = photograph(shop.home)
    for task in ("status", "verify", "explain", "quarantine"):
        assert run(shop.argv(task)).code == 0, task
    assert photograph(shop.home) == before
