"""A set is what was there at one instant of each member, is listed only once it was read back, or not at all."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.backup.documents import Kind
from strongroom.backup.fetching import read_manifest
from strongroom.core.errors import DamagedSourceError, ExitCode, GuardError, NotInitialisedError, UsageError
from tests.unit.backup.scene import flip, make_database, make_shop, run


def test_a_set_holds_what_was_there_log_included(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, files=["replays/**"])
    shop.init()
    with closing(sqlite3.connect(shop.data / "agents" / "memory.db")) as writer:
        writer.execute("INSERT INTO users (name) VALUES ('in the log only')")
        writer.commit()
        created = shop.create()
    assert (created.exit, created.members) == (ExitCode.DONE, ("core.db", "agents/memory.db", "replays/one.json"))
    (one,) = shop.catalog().sets
    assert one.is_verified
    members = {member.name: member for member in read_manifest(shop.open(), one).members}
    assert members["agents/memory.db"].tables["users"].rows == 41
    assert members["agents/memory.db"].kind is Kind.SQLITE
    copy = tmp_path / "store" / "sets" / one.id / "data" / "agents" / "memory.db"
    with closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as reader:
        assert reader.execute("SELECT count(*) FROM users").fetchone() == (41,)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "store").rglob("*")} == {0}


def test_every_row_before_the_start_is_in_and_none_after_the_end(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    path, stop, done = shop.data / "agents" / "memory.db", threading.Event(), list[int]()

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            while not stop.is_set():
                connection.execute("INSERT INTO users (name) VALUES (?)", ("x" * 200,))
                done.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            before = len(done)
            name = shop.create().set
            after = len(done)
            one = shop.catalog().find(str(name))
            assert one is not None
            rows = next(member for member in one.entry.members if member.name == "agents/memory.db").tables["users"]
            assert 40 + before <= rows <= 40 + after + 1
    finally:
        stop.set()
        writer.join(60)


def test_a_damaged_member_is_missing_and_the_others_are_published(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    make_database(shop.data / "bad.db", users=2_000)
    flip(shop.data / "bad.db", 4096 + 3)
    created = shop.create()
    assert created.exit is ExitCode.DECISION
    assert [one.name for one in created.missing] == ["bad.db"]
    (one,) = shop.catalog().sets
    assert not one.is_verified
    assert not (tmp_path / "store" / "sets" / one.id / "data" / "bad.db").exists()


def test_where_nothing_can_be_taken_nothing_is_published(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    for path in [*shop.data.rglob("*.db")]:
        path.unlink()
    with pytest.raises(GuardError, match="nothing to take"):
        shop.create()
    make_database(shop.data / "bad.db", users=2_000)
    flip(shop.data / "bad.db", 4096 + 3)
    with pytest.raises(DamagedSourceError, match=r"bad\.db"):
        shop.create()
    assert shop.catalog().sets == ()


def test_what_shrank_by_half_or_is_gone_is_said(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    assert shop.create().alarms == ()
    run(shop.data / "core.db", "DROP TABLE users")
    run(shop.data / "agents" / "memory.db", "DELETE FROM users WHERE id > 20")
    assert shop.create().alarms == (
        "core.db: table users is gone (3 rows before)",
        "agents/memory.db: table users has 20 rows, 40 before",
    )
    (shop.data / "core.db").unlink()
    assert shop.create().alarms[0].startswith("core.db is gone")


def test_a_store_is_made_once_named_and_never_guessed(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    with pytest.raises(NotInitialisedError):
        shop.create()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "letters.txt").touch()
    with pytest.raises(GuardError, match="is not empty"):
        shop.init()
    (tmp_path / "store" / "letters.txt").unlink()
    shop.init()
    with pytest.raises(GuardError, match="is a store already"):
        shop.init()
    shop.entry = {"store": {"kind": "folder", "path": str(shop.data / "backups")}}
    with pytest.raises(UsageError, match="lies in one tree with the data directory"):
        shop.init()


def test_a_store_of_another_system_is_refused(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    about = tmp_path / "store" / "store.json"
    other = make_shop(tmp_path / "other", store={"kind": "folder", "path": str(tmp_path / "store")})
    other.system = "library"
    with pytest.raises(GuardError, match="holds the backups of shop"):
        other.create()
    assert about.is_file()


def test_a_set_whose_entry_was_lost_or_damaged_is_listed_again(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    first, second = shop.create().set, shop.create().set
    entries = tmp_path / "store" / "catalog"
    (entries / f"{first}.json").unlink()
    flip(entries / f"{second}.json")
    assert [one.id for one in shop.catalog().sets] == []
    third = shop.create().set
    assert [one.id for one in shop.catalog().sets] == [first, second, third]
    assert shop.catalog().damaged == {}
    assert any("it is listed now" in said for said in shop.said)


def test_two_sets_of_one_second_have_two_names(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    moment = shop.clock.at
    names = []
    for _ in range(3):
        shop.clock.at = moment
        names.append(shop.create().set)
    assert len(set(names)) == 3


def test_an_unreadable_member_does_not_end_the_others(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, files=["replays/**"])
    shop.init()
    (shop.data / "secret.db").write_bytes(os.urandom(8192))
    created = shop.create()
    assert [(one.name, one.exit_code) for one in created.missing] == [("secret.db", ExitCode.KEY)]
    assert "none of the 0 keys" in created.missing[0].fact
