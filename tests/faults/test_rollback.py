"""The way back: what was live before is live again, and what was written since is not lost unasked."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.application import open_application
from tests.faults.scene import Scene, photograph, read_rows, run, write_database
from tests.faults.shop import build_shop, change_sources, place_strangers


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    return build_shop(tmp_path)


def publish(scene: Scene, *flags: str) -> None:
    ended = run(scene.argv("run", *flags))
    assert ended.code == 0, ended.err


def write(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def test_rollback_gives_back_files_permissions_and_links(shop: Scene) -> None:
    place_strangers(shop)
    (shop.source / "first.db").chmod(0o664)
    before = photograph(shop.target), photograph(shop.source)
    publish(shop, "--replace", "--discard-changes")
    assert photograph(shop.target) != before[0]
    ended = run(shop.argv("rollback"))
    assert ended.code == 0, ended.err
    assert (photograph(shop.target), photograph(shop.source)) == before


def test_publish_makes_sources_read_only_and_rollback_writable_again(shop: Scene) -> None:
    files = [shop.source / "first.db", shop.source / "deep" / "second.db", shop.source / "notes.json"]
    modes = [stat.S_IMODE(file.stat().st_mode) for file in files]
    publish(shop)
    assert all(stat.S_IMODE(file.stat().st_mode) & 0o222 == 0 for file in files)
    assert run(shop.argv("rollback")).code == 0
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == modes


def test_rollback_twice_has_nothing_to_do_the_second_time(shop: Scene) -> None:
    publish(shop)
    assert run(shop.argv("rollback")).code == 0
    after = photograph(shop.target)
    ended = run(shop.argv("rollback"))
    assert ended.code == 0
    assert "nothing to roll back" in ended.out
    assert photograph(shop.target) == after == {}


def test_two_runs_are_rolled_back_one_at_a_time(shop: Scene) -> None:
    publish(shop)
    first = photograph(shop.target)
    change_sources(shop)
    publish(shop, "--replace", "--discard-changes")
    assert photograph(shop.target) != first
    assert run(shop.argv("rollback")).code == 0
    assert photograph(shop.target) == first
    assert run(shop.argv("verify")).code == 0
    assert run(shop.argv("rollback")).code == 0
    assert photograph(shop.target) == {}


def test_after_a_rollback_the_same_run_publishes_again(shop: Scene) -> None:
    publish(shop)
    published = read_rows(shop.target / "alpha.db", "SELECT * FROM orders ORDER BY id")
    assert run(shop.argv("rollback")).code == 0
    publish(shop)
    assert read_rows(shop.target / "alpha.db", "SELECT * FROM orders ORDER BY id") == published


def test_rollback_refuses_to_lose_what_was_written_since(shop: Scene) -> None:
    publish(shop)
    write(shop.target / "alpha.db", "INSERT INTO users VALUES ('new', NULL, NULL, NULL)")
    before = photograph(shop.target)
    ended = run(shop.argv("rollback"))
    assert ended.code == 6
    assert "alpha.db" in ended.error
    assert "--discard-changes" in ended.err
    assert photograph(shop.target) == before
    ended = run(shop.argv("rollback", "--discard-changes"))
    assert ended.code == 0, ended.err
    assert photograph(shop.target) == {}


def test_rollback_refuses_to_lose_rows_that_are_only_in_a_write_ahead_log(shop: Scene) -> None:
    publish(shop)
    with open_application(shop.target / "beta.db", "PRAGMA journal_mode = WAL") as application:
        application.execute("INSERT INTO marks VALUES ('late', 1)")
        application.kill()
    before = photograph(shop.target)
    assert before["beta.db-wal"]
    ended = run(shop.argv("rollback"))
    assert ended.code == 6
    assert "beta.db" in ended.error
    assert photograph(shop.target) == before
    assert run(shop.argv("rollback", "--discard-changes")).code == 0
    assert photograph(shop.target) == {}


@pytest.mark.parametrize("flags", [(), ("--discard-changes",)])
def test_rollback_refuses_while_a_target_is_held_open(shop: Scene, flags: tuple[str, ...]) -> None:
    publish(shop)
    before = photograph(shop.target)
    with open_application(shop.target / "alpha.db", "SELECT * FROM users"):
        ended = run(shop.argv("rollback", *flags))
        assert ended.code == 6
        assert "alpha.db" in ended.error
        assert photograph(shop.target) == before
    assert run(shop.argv("rollback")).code == 0


def test_a_dry_rollback_says_what_would_be_lost_and_changes_nothing(shop: Scene) -> None:
    publish(shop)
    write(shop.target / "alpha.db", "DELETE FROM users")
    before = photograph(shop.target.parent)
    ended = run(shop.argv("rollback", "--dry-run"))
    assert ended.code == 0, ended.err
    assert "alpha.db" in ended.out
    assert photograph(shop.target.parent) == before


def test_rollback_of_a_target_that_was_written_ahead_gives_back_its_very_bytes(shop: Scene) -> None:
    write_database(
        shop.target / "alpha.db", "PRAGMA journal_mode = WAL; CREATE TABLE before (x); INSERT INTO before VALUES (1);"
    )
    before = photograph(shop.target)
    publish(shop, "--replace", "--discard-changes")
    assert run(shop.argv("rollback")).code == 0
    assert photograph(shop.target) == before


def test_rollback_of_a_moved_target_acts_on_the_moved_one(shop: Scene, tmp_path: Path) -> None:
    place_strangers(shop)
    before = photograph(shop.target)
    publish(shop, "--replace", "--discard-changes")
    moved = replace(shop, target=tmp_path / "moved")
    shop.target.rename(moved.target)
    shop.target.mkdir()
    (shop.target / "alpha.db").write_bytes(b"of somebody else")
    ended = run(moved.argv("rollback"))
    assert (shop.target / "alpha.db").read_bytes() == b"of somebody else"
    assert ended.code == 0, ended.err
    assert photograph(moved.target) == before


def test_rollback_where_nothing_ever_ran_is_unreachable(shop: Scene) -> None:
    shop.target.mkdir()
    assert run(shop.argv("rollback")).code == 5
    assert list(shop.target.iterdir()) == []


def test_rollback_works_after_a_backup_was_not_wanted(shop: Scene) -> None:
    publish(shop, "--no-backup")
    assert not (shop.target / "backup").exists()
    assert run(shop.argv("rollback")).code == 0
    assert photograph(shop.target) == {}


def test_a_log_that_a_reader_left_beside_a_legacy_file_is_writable_again_too(shop: Scene) -> None:
    legacy = shop.source / "first.db"
    write(legacy, "PRAGMA journal_mode = WAL")
    publish(shop)
    with closing(sqlite3.connect(f"file:{legacy}?mode=ro", uri=True)) as reader:
        reader.execute("SELECT count(*) FROM users").fetchone()
    log = legacy.with_name("first.db-wal")
    assert not log.stat().st_mode & 0o222
    assert run([*shop.argv("rollback")]).code == 0
    assert log.stat().st_mode & 0o200
