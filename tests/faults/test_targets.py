"""A target that is in the way, in use or half gone is left as it is, and said so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.application import open_application
from tests.faults.child import open_driver
from tests.faults.refusals import ROWS, refuse
from tests.faults.scene import (
    Scene,
    build_copying,
    photograph,
    read_content,
    read_rows,
    run,
    run_with,
    write_database,
)
from tests.processes import wait_until


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build_copying(tmp_path, ROWS)


@pytest.mark.parametrize("there", ["a database", "an empty file", "a folder", "a link that leads nowhere"])
def test_a_target_that_is_there_is_refused(scene: Scene, there: str) -> None:
    scene.target.mkdir()
    file = scene.target / "new.db"
    makers: dict[str, Callable[[], object]] = {
        "a database": lambda: write_database(file, "CREATE TABLE mine (x)"),
        "an empty file": file.touch,
        "a folder": file.mkdir,
        "a link that leads nowhere": lambda: file.symlink_to("nowhere.db"),
    }
    makers[there]()
    refuse(scene, 6, "new.db")
    assert run(scene.argv("run", "--dry-run")).code == 6


def test_a_target_that_is_a_link_is_refused_even_when_it_may_be_replaced(scene: Scene, tmp_path: Path) -> None:
    elsewhere = write_database(tmp_path / "elsewhere" / "real.db", "CREATE TABLE mine (x)")
    scene.target.mkdir()
    (scene.target / "new.db").symlink_to(elsewhere)
    before = photograph(elsewhere.parent)
    refuse(scene, 6, "new.db", flags=("--replace", "--discard-changes"))
    assert photograph(elsewhere.parent) == before


def test_a_target_folder_that_is_a_file_cannot_be_reached(scene: Scene) -> None:
    scene.target.write_text("not a folder")
    ended = run(scene.argv())
    assert (ended.code, "target" in ended.error) == (5, True)
    assert scene.target.read_text() == "not a folder"


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("moment", ["before", "publish"])
def test_a_target_that_another_process_holds_open_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, mode: str, moment: str
) -> None:
    file = write_database(
        scene.target / "new.db", f"PRAGMA journal_mode = {mode}; CREATE TABLE mine (x); INSERT INTO mine VALUES (1);"
    )
    with open_application(file.with_name("other.db")) as application:
        held = f"ATTACH '{file}' AS held"
        if moment == "before":
            application.execute(held)
            application.execute("SELECT * FROM held.mine")

        def reach(name: str) -> None:
            if name == moment:
                application.execute(held)
                application.execute("SELECT * FROM held.mine")

        ended = run_with(monkeypatch, reach, scene.argv("run", "--replace", "--discard-changes"))
        assert ended.code == 6, ended.err
        assert "new.db" in ended.error
        application.execute("INSERT INTO held.mine VALUES (2)")
    assert read_rows(file, "SELECT * FROM mine") == [(1,), (2,)]
    assert run(scene.argv("run", "--replace", "--discard-changes")).code == 0


def test_a_target_that_is_locked_out_of_sight_is_refused(scene: Scene) -> None:
    """Our own process is not looked for in /proc: only the lock can tell, as between Pods."""
    file = write_database(
        scene.target / "new.db", "PRAGMA journal_mode = WAL; CREATE TABLE mine (x); INSERT INTO mine VALUES (1);"
    )
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("SELECT * FROM mine").fetchall()
        ended = run(scene.argv("run", "--replace", "--discard-changes"))
        assert (ended.code, "new.db" in ended.error) == (6, True)
        connection.execute("INSERT INTO mine VALUES (2)")
    assert read_rows(file, "SELECT * FROM mine") == [(1,), (2,)]


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_stale_journal_beside_a_target_that_is_not_there_is_refused(scene: Scene, suffix: str) -> None:
    scene.target.mkdir()
    (scene.target / f"new.db{suffix}").write_bytes(b"stale" * 100)
    refuse(scene, 6, f"new.db{suffix}")


def test_a_write_ahead_log_that_a_crash_left_beside_a_target_is_refused_or_given_back_raw(scene: Scene) -> None:
    file = write_database(scene.target / "new.db", "CREATE TABLE mine (x)")
    with open_application(file, "PRAGMA journal_mode = WAL", "INSERT INTO mine VALUES (1)") as application:
        application.kill()
    for leftover in scene.target.glob("*-shm"):
        leftover.unlink()
    before = photograph(scene.target)
    ended = run(scene.argv("run", "--replace", "--discard-changes"))
    if ended.code == 0:
        assert photograph(scene.target).keys() == {"new.db", "old.db"}
        assert run(scene.argv("rollback")).code == 0
    else:
        assert (ended.code, "new.db" in ended.error) == (6, True)
    assert photograph(scene.target) == before


def test_a_half_written_target_is_rolled_back_by_its_journal_before_it_is_kept(scene: Scene) -> None:
    file = write_database(scene.target / "new.db", ROWS)
    whole = read_content(file)
    with open_application(file, "PRAGMA cache_size = 2", "BEGIN", "UPDATE t SET v = v || ' half'") as application:
        application.kill()
    assert photograph(scene.target).keys() == {"new.db", "new.db-journal"}
    assert run(scene.argv("run", "--replace", "--discard-changes")).code == 0
    assert run(scene.argv("rollback")).code == 0
    assert photograph(scene.target).keys() == {"new.db"}
    assert read_content(file) == whole


@pytest.mark.parametrize("content", [b"", b"no database at all, but somebody's all the same"])
def test_a_target_that_is_no_database_is_refused_or_given_back_raw(scene: Scene, content: bytes) -> None:
    scene.target.mkdir()
    (scene.target / "new.db").write_bytes(content)
    before = photograph(scene.target)
    ended = run(scene.argv("run", "--replace", "--discard-changes"))
    if ended.code == 0:
        assert run(scene.argv("rollback")).code == 0
    else:
        assert (ended.code, "new.db" in ended.error) == (6, True)
    assert photograph(scene.target) == before


def test_two_runs_at_once_are_refused(scene: Scene, tmp_path: Path) -> None:
    hold = tmp_path / "go"
    with open_driver(tmp_path) as driver:
        driver.start(scene.argv(), checkpoint="merge", hold=str(hold))
        wait_until(hold.with_suffix(".reached").exists)
        for task in ("run", "preview", "rollback"):
            ended = run(scene.argv(task))
            assert (ended.code, str(driver.pid) in ended.error) == (11, True)
        assert run(scene.argv("status")).code in (0, 7)
        hold.touch()
        ended = driver.finish()
    assert ended.code == 0, ended.err
    assert run(scene.argv("verify")).code == 0
