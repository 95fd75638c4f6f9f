"""Redis is taken whole, counted where it was loaded, rehearsed, and put back key by key, with a way back."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.backup.documents import MemberRecord, TableRecord
from strongroom.backup.members import redis_restoring
from strongroom.backup.members.redis import FILE, RedisSource
from strongroom.backup.members.redis_rehearsing import rehearse_redis
from strongroom.backup.members.redis_restoring import KEPT, restore_redis, undo_redis
from strongroom.core.backup_entry import BackupCheck
from strongroom.core.errors import (
    DifferencesError,
    GuardError,
    KeyMissingError,
    TargetBusyError,
    UnreachableError,
    VersionError,
)
from strongroom.core.files import hash_file
from strongroom.core.secret import Secret
from strongroom.redis.client import Client
from tests.processes import find_children, wait_until
from tests.unit.backup.members.conftest import Cache, make_folder


def rehearse(cache: Cache, member: MemberRecord, folder: Path, *checks: BackupCheck) -> list[str]:
    scratch = cache.folder / "scratch"
    scratch.mkdir(mode=0o700, exist_ok=True)
    facts = rehearse_redis(member, folder, scratch, checks, cache.around)
    assert list(scratch.iterdir()) == []
    return [fact.removeprefix("redis: ") for fact in facts]


def check(command: str, expect: int | str | None) -> BackupCheck:
    return BackupCheck(member="redis", sql=command, expect=expect)


def test_a_member_says_what_each_database_held(cache: Cache) -> None:
    member, folder = cache.take()
    rows = {name: table.rows for name, table in member.tables.items()}
    assert rows == {"db0": 203, "db7": 1, "all keys": 0, "functions": 0}
    (file,) = member.files
    assert (file.path, file.sha256) == ("redis/dump.rdb", hash_file(folder / FILE))
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.rglob("*")] == ["redis", "dump.rdb"]
    assert member.versions["server"] == member.versions["scratch"]


def test_keys_whose_time_is_over_are_still_counted_when_it_is_rehearsed(cache: Cache) -> None:
    """A server that owned them would drop them while it loads: a sound backup would seem to have lost keys."""
    with cache.open() as client:
        client.ask("SET", "soon", "1", "PX", 700)
    member, folder = cache.take()
    assert member.tables["db0"].rows == 204
    time.sleep(0.8)
    with cache.open() as client:
        assert client.ask("GET", "soon") is None
    assert rehearse(cache, member, folder) == []


def test_the_live_server_is_asked_for_nothing_that_one_who_copies_may_not(cache: Cache) -> None:
    address = replace(cache.address, user="keeper", password=Secret("canary-keeper"))
    folder = make_folder(cache.folder / "set")
    member = RedisSource(address=address, environment=cache.around.environment).take(folder, cache.around)
    assert member.tables["db0"].rows == 203


@pytest.mark.parametrize("user", [None, "keeper", "nobody"])
def test_a_wrong_password_leaves_nothing(cache: Cache, user: str | None) -> None:
    address = replace(cache.address, user=user, password=Secret("canary-wrong"))
    folder = make_folder(cache.folder / "set")
    with pytest.raises(KeyMissingError) as caught:
        RedisSource(address=address, environment=cache.around.environment).take(folder, cache.around)
    assert caught.value.exit_code == 12
    assert "canary" not in f"{caught.value} {caught.value.hint}"
    assert not (folder / FILE).exists()


def test_a_user_who_may_not_copy_is_told_so(cache: Cache) -> None:
    with cache.open() as client:
        client.ask("ACL", "SETUSER", "reader", "on", ">canary-reader", "~*", "+@read", "+ping")
    address = replace(cache.address, user="reader", password=Secret("canary-reader"))
    with pytest.raises(GuardError, match="may not copy"):
        RedisSource(address=address, environment=cache.around.environment).take(
            make_folder(cache.folder / "set"), cache.around
        )


def test_a_server_that_is_not_there_is_unreachable(cache: Cache, tmp_path: Path) -> None:
    source = RedisSource(
        address=replace(cache.address, socket=tmp_path / "none"), environment=cache.around.environment
    )  # fmt: skip
    with pytest.raises(UnreachableError):
        source.take(make_folder(cache.folder / "set"), cache.around)


def test_checks_are_commands(cache: Cache) -> None:
    member, folder = cache.take()
    facts = rehearse(
        cache, member, folder, check("GET 'key 1'", "value 1"), check("DBSIZE", 203), check("GET nothing", None),
        check("GET 'key 1'", "canary"), check("NOTHING", 1), check("SET a b", "OK"), check("GET 'key", 1),
    )  # fmt: skip
    assert facts == [
        "check \"GET 'key 1'\" is not answered as it should be",
        "check 'NOTHING' cannot be asked",
        "check 'SET a b' cannot be asked",
        'check "GET \'key" cannot be asked',
    ]


@pytest.mark.parametrize(
    ("command", "fact"),
    [
        (("DEL", "key 7"), "db0 has 202 keys, and had 203"),
        (("SET", "key 7", "value 8"), "all keys has other content than it had"),
        (("HSET", "hash", "field 7", "8"), "all keys has other content than it had"),
        (("RENAME", "key 7", "key 7 "), "all keys has other content than it had"),
        (("PERSIST", b"\x00\xff\r\n"), "all keys has other content than it had"),
        (("MOVE", "key 7", "8"), "db8 was not there (1 keys)"),
        (("FUNCTION", "DELETE", "lib"), "functions is gone"),
    ],
)
def test_each_difference_is_named(cache: Cache, command: tuple[str | bytes, ...], fact: str) -> None:
    before, _ = cache.take("before")
    with cache.open() as client:
        client.ask("SELECT", 7 if command[0] == "PERSIST" else 0)
        client.ask(*command)
    _, folder = cache.take("after")
    assert any(fact in line for line in rehearse(cache, before, folder))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-300])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def replace_header(file: Path) -> None:
    file.write_bytes(b"REDIS0999" + file.read_bytes()[9:])


@pytest.mark.parametrize("harm", [cut, flip])
def test_a_damaged_file_is_found_and_reaches_no_server(cache: Cache, harm: Callable[[Path], None]) -> None:
    member, folder = cache.take()
    harm(folder / FILE)
    assert rehearse(cache, member, folder) == ["is damaged: redis-check-rdb refuses it"]
    with pytest.raises(DifferencesError):
        restore_redis(member, folder, cache.address, make_folder(cache.folder / "run"), cache.around)
    assert list((cache.folder / "run").iterdir()) == []


def test_a_file_of_a_newer_server_is_refused_with_what_to_use(cache: Cache) -> None:
    member, folder = cache.take()
    replace_header(folder / FILE)
    with pytest.raises(VersionError) as caught:
        rehearse(cache, member, folder)
    assert caught.value.exit_code == 13
    assert "strongroom/drill" in caught.value.hint


def read_all(cache: Cache) -> dict[str, TableRecord]:
    member, _ = cache.take(f"look {time.monotonic_ns()}")
    return dict(member.tables)


def spoil(cache: Cache) -> None:
    with cache.open() as client:
        client.ask_all([("DEL", f"key {number}") for number in range(50)])
        client.ask("SET", "key 60", "spoilt")
        client.ask("DEL", "hash")
        client.ask("LPUSH", "hash", "another type")
        client.ask("SET", "new", "1")
        client.ask("SELECT", 9)
        client.ask("SET", "new", "1", "EX", 9000)
        client.ask("FUNCTION", "FLUSH")


def test_what_was_spoilt_comes_back_and_goes_back_again(cache: Cache) -> None:
    member, folder = cache.take()
    with cache.open() as client:
        client.ask("SELECT", 7)
        ends = client.ask("PEXPIRETIME", b"\x00\xff\r\n")
    spoil(cache)
    spoilt = read_all(cache)
    run = make_folder(cache.folder / "run")
    restored = restore_redis(member, folder, cache.address, run, cache.around)
    assert restored.keys == 204
    assert [path.name for path in run.iterdir()] == [KEPT]
    assert read_all(cache) == member.tables
    with cache.open() as client:
        client.ask("SELECT", 7)
        assert client.ask("PEXPIRETIME", b"\x00\xff\r\n") == ends
    undo_redis(cache.address, run, cache.around)
    assert read_all(cache) == spoilt


def test_a_backup_that_is_other_than_its_manifest_reaches_no_server(cache: Cache) -> None:
    member, folder = cache.take()
    spoil(cache)
    spoilt = read_all(cache)
    wrong = replace(member, tables={**member.tables, "db0": TableRecord(rows=204)})
    with pytest.raises(DifferencesError, match="db0 has 203 keys, and had 204"):
        restore_redis(wrong, folder, cache.address, make_folder(cache.folder / "run"), cache.around)
    assert read_all(cache) == spoilt


def test_nobody_is_cut_off_unasked(cache: Cache) -> None:
    member, folder = cache.take()
    spoil(cache)
    spoilt = read_all(cache)
    run = make_folder(cache.folder / "run")
    with cache.open() as other:
        other.ask("PING")
        with pytest.raises(TargetBusyError, match="1 other connections are open"):
            restore_redis(member, folder, cache.address, run, cache.around)
        assert read_all(cache) == spoilt
        restore_redis(member, folder, cache.address, run, cache.around, disconnect=True)
        with pytest.raises(UnreachableError):
            other.ask("PING")
    assert read_all(cache) == member.tables


def test_somebody_who_writes_meanwhile_is_noticed(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    member, folder = cache.take()
    spoil(cache)

    def write(step: str) -> None:
        if step == "redis.put":
            with cache.open() as client:
                client.ask("SET", "key 3", "meanwhile")

    around = replace(cache.around, checkpoint=write)
    with pytest.raises(DifferencesError, match="db0 has other content"):
        restore_redis(member, folder, cache.address, make_folder(cache.folder / "run"), around)


@pytest.mark.parametrize("step", ["redis.kept", "redis.copied", "redis.put"])
def test_a_killed_restore_is_done_again_and_what_was_before_is_still_there(cache: Cache, step: str) -> None:
    member, folder = cache.take()
    spoil(cache)
    spoilt = read_all(cache)
    run = make_folder(cache.folder / "run")
    script = (
        "import os, pickle, signal, sys\n"
        "from dataclasses import replace\n"
        "from strongroom.backup.members.redis_restoring import restore_redis\n"
        "from strongroom.core.secret import Secret\n"
        "from tests.engines import make_surroundings\n"
        "member, folder, address, run, step, word = pickle.load(sys.stdin.buffer)\n"
        "def die(reached):\n    reached == step and os.kill(os.getpid(), signal.SIGKILL)\n"
        "address = replace(address, password=Secret(word))\n"
        "restore_redis(member, folder, address, run, make_surroundings(checkpoint=die))\n"
    )
    password = cache.address.password
    assert password is not None
    given = (member, folder, replace(cache.address, password=None), run, step, password.reveal())
    child = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(given), check=False, timeout=60)
    assert child.returncode == -signal.SIGKILL
    with cache.open() as client:
        wait_until(lambda: client.ask_text("CLIENT", "LIST", "TYPE", "normal").count("id=") == 1)
    restore_redis(member, folder, cache.address, run, cache.around)
    assert read_all(cache) == member.tables
    undo_redis(cache.address, run, cache.around)
    assert read_all(cache) == spoilt


def test_a_server_older_than_the_scratch_one_gets_nothing(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    member, folder = cache.take()
    told = iter(["7.0.1", "8.0.2"])
    monkeypatch.setattr(Client, "read_info", lambda *_: {"redis_version": next(told)})
    monkeypatch.setattr(redis_restoring, "read_content", lambda _: member.tables)
    with pytest.raises(VersionError, match=r"is version 7\.0\.1"):
        restore_redis(member, folder, cache.address, make_folder(cache.folder / "run"), cache.around)


def test_no_engine_is_left_behind(cache: Cache) -> None:
    before = find_children(os.getpid())
    cache.take()
    assert find_children(os.getpid()) == before
