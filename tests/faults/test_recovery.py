"""What somebody else does between a kill and the next command, and what the next command does about it."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.application import open_application
from tests.faults.child import Driver
from tests.faults.scene import Scene, find_leftovers, photograph, read_rows, read_targets, run, write_database
from tests.faults.shop import build_shop, place_strangers

OLD_BETA = "CREATE TABLE kept (x); INSERT INTO kept VALUES (1);"


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    scene = build_shop(tmp_path)
    place_strangers(scene)
    write_database(scene.target / "beta.db", OLD_BETA)
    return scene


def kill_at(driver: Driver, scene: Scene, checkpoint: str) -> None:
    ended = driver.run(scene.argv("run", "--replace", "--discard-changes"), checkpoint=checkpoint)
    assert ended.code == -signal.SIGKILL, ended.err


@pytest.mark.parametrize("task", ["run", "rollback"])
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_recovery_does_not_swap_a_file_under_an_application_that_was_started_again(
    driver: Driver, shop: Scene, task: str, mode: str
) -> None:
    kill_at(driver, shop, "publish.alpha.db")
    flags = ["--replace", "--discard-changes"] if task == "run" else []
    with open_application(shop.target / "beta.db", f"PRAGMA journal_mode = {mode}") as application:
        application.execute("INSERT INTO kept VALUES ('while open')")
        ended = run(shop.argv(task, *flags))
        assert ended.code == 6, ended.err
        assert "beta.db" in ended.error
        application.execute("INSERT INTO kept VALUES ('and later')")
    assert read_rows(shop.target / "beta.db", "SELECT * FROM kept")[1:] == [
        (("text", b"while open"),),
        (("text", b"and later"),),
    ]


def test_recovery_keeps_what_an_application_wrote_after_the_kill_for_the_rollback(driver: Driver, shop: Scene) -> None:
    kill_at(driver, shop, "publish.alpha.db")
    with closing(sqlite3.connect(shop.target / "beta.db")) as connection, connection:
        connection.execute("INSERT INTO kept VALUES ('after the kill')")
    assert run(shop.argv("run", "--replace", "--discard-changes")).code == 0
    assert "kept" not in str(read_targets(shop)["beta.db"]["schema"])
    assert run(shop.argv("rollback")).code == 0
    assert len(read_rows(shop.target / "beta.db", "SELECT * FROM kept")) == 2


def test_recovery_does_not_lose_a_write_ahead_log_that_came_after_the_kill(driver: Driver, shop: Scene) -> None:
    kill_at(driver, shop, "publish.alpha.db")
    with open_application(shop.target / "beta.db", "PRAGMA journal_mode = WAL") as application:
        application.execute("INSERT INTO kept VALUES ('only in the log')")
        application.kill()
    ended = run(shop.argv("run", "--replace", "--discard-changes"))
    if ended.code == 0:
        assert run(shop.argv("rollback")).code == 0
    else:
        assert ended.code == 6, ended.err
    assert len(read_rows(shop.target / "beta.db", "SELECT * FROM kept")) == 2


@pytest.mark.parametrize("checkpoint", ["publish.intent", "publish.alpha.db", "publish.beta.db", "publish.closed"])
def test_looking_at_an_open_journal_says_so_and_leaves_it(driver: Driver, shop: Scene, checkpoint: str) -> None:
    kill_at(driver, shop, checkpoint)
    before = photograph(shop.target), photograph(shop.home)
    ended = run(shop.argv("status"))
    assert ended.code == 7, ended.out
    assert run(shop.argv("run", "--replace", "--discard-changes", "--dry-run")).code == 0
    assert run(shop.argv("rollback", "--dry-run")).code == 0
    assert (photograph(shop.target), photograph(shop.home)) == before


@pytest.mark.parametrize("checkpoint", ["snapshot", "merge", "verify"])
def test_a_preview_that_is_killed_leaves_no_copies_behind_after_the_next_run(
    driver: Driver, shop: Scene, checkpoint: str
) -> None:
    ended = driver.run(shop.argv("preview"), checkpoint=checkpoint)
    assert ended.code == -signal.SIGKILL
    assert run(shop.argv("run", "--replace", "--discard-changes")).code == 0
    assert find_leftovers(shop) == []


def test_a_kill_before_anything_is_live_leaves_the_sources_unlocked_and_writable(driver: Driver, shop: Scene) -> None:
    before = photograph(shop.source)
    for checkpoint in ("snapshot", "merge", "verify", "publish"):
        kill_at(driver, shop, checkpoint)
        assert photograph(shop.source) == before
    with closing(sqlite3.connect(shop.source / "first.db", timeout=0)) as connection, connection:
        connection.execute("INSERT INTO cache VALUES ('c', 2)")
