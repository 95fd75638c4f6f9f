"""What a restore in place had put aside comes back, logs included; what was written since is not given up unasked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.backup.catalog import write_entry
from strongroom.backup.documents import FileRecord, Kind, ManifestDocument, MemberRecord
from strongroom.backup.entries import hash_text, make_entry
from strongroom.backup.fetching import read_manifest
from strongroom.backup.undoing import clear_expired
from strongroom.core.errors import (
    DifferencesError,
    GuardError,
    RollbackFailedError,
    RolledBackError,
    UsageError,
)
from strongroom.core.files import hash_file, locked
from strongroom.runs.documents import encode_document
from tests.unit.backup.live_data import (
    BACKED_UP,
    CORE,
    LIVE,
    MEMORY,
    NAMES,
    STATE,
    VAULT,
    companions,
    copy_live,
    leave_in_log,
    list_own,
    make_live,
    read_all,
    restore,
    take_back,
)
from tests.unit.backup.scene import Scene, flip, make_database, run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_live(tmp_path_factory.mktemp("live"))


@pytest.fixture
def shop(made: Scene, tmp_path: Path) -> Scene:
    return copy_live(made, tmp_path)


def test_everything_is_as_it_was_the_log_included(shop: Scene) -> None:
    before = (shop.data / f"{MEMORY}-wal").read_bytes()
    done = restore(shop)
    undone = take_back(shop)
    assert (undone.restore, undone.members, undone.lost, undone.kept) == (done.restore, tuple(sorted(NAMES)), (), None)
    assert (shop.data / f"{MEMORY}-wal").read_bytes() == before
    assert read_all(shop.data) == LIVE
    assert companions(shop.data) == ["memory.db-wal"]
    assert list_own(shop) == ["restore.json"]
    assert take_back(shop).restore is None
    assert take_back(shop, done.restore).files == ()
    restore(shop)
    assert read_all(shop.data) == BACKED_UP


def test_what_was_written_since_is_named_and_not_given_up_unasked(shop: Scene) -> None:
    restore(shop)
    run(shop.data / CORE, "INSERT INTO users (name) VALUES ('since')")
    leave_in_log(shop.data / MEMORY, "DELETE FROM users WHERE id = 1")
    (shop.data / STATE).write_text("{} ")
    lost = (
        f"{CORE}: table users has 4 rows, 3 were restored",
        f"{MEMORY}: table users has 39 rows, 40 were restored",
        f"{STATE} was written to",
    )
    assert take_back(shop, dry_run=True).lost == lost
    since = read_all(shop.data)
    with pytest.raises(GuardError) as caught:
        take_back(shop)
    assert all(one in caught.value.fact for one in lost)
    assert "--discard-changes" in caught.value.hint
    assert read_all(shop.data) == since
    undone = take_back(shop, discard_changes=True)
    assert undone.lost == lost
    assert read_all(shop.data) == LIVE
    assert undone.kept is not None
    assert Path(undone.kept, "data", f"{MEMORY}-wal").stat().st_size


def cut(shop: Scene, step: str, do: Callable[..., object] = restore, **wish: object) -> None:
    """Let a restore, or its undo, end at a step as a kill ends it."""

    def stop(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    shop.checkpoint = stop
    with pytest.raises(KeyboardInterrupt):
        do(shop, **wish)
    shop.checkpoint = lambda _: None


def test_what_an_application_made_in_a_gap_is_not_given_up_unasked(shop: Scene) -> None:
    cut(shop, f"restore.aside.{MEMORY}", members=(MEMORY,))
    assert not (shop.data / MEMORY).exists()
    make_database(shop.data / MEMORY, users=7)
    with pytest.raises(GuardError, match="table users has 7 rows"):
        take_back(shop)
    with pytest.raises(GuardError, match="table users has 7 rows"):
        restore(shop, members=(CORE,))
    assert restore(shop, members=(MEMORY,)).found == (MEMORY,)
    assert read_all(shop.data) == LIVE | {MEMORY: BACKED_UP[MEMORY]}
    (found,) = (shop.data / ".strongroom" / "restores").glob(f"*/found/{MEMORY}")
    run(found, "INSERT INTO users (name) VALUES ('it is a whole database')")


def test_a_file_that_was_not_there_is_gone_again_also_after_a_kill(shop: Scene) -> None:
    (shop.data / CORE).unlink()
    cut(shop, f"restore.live.{CORE}")
    assert restore(shop).finished
    take_back(shop)
    assert read_all(shop.data) == {name: rows for name, rows in LIVE.items() if name != CORE}


def test_a_file_that_was_deleted_and_is_back_is_not_taken_away_again_after_a_kill(shop: Scene) -> None:
    restore(shop)
    (shop.data / CORE).unlink()
    cut(shop, f"undo.live.{CORE}", take_back)
    take_back(shop)
    assert read_all(shop.data) == LIVE


def test_rows_written_between_a_kill_of_undo_and_the_next_are_not_given_up_unasked(shop: Scene) -> None:
    restore(shop)
    run(shop.data / MEMORY, "INSERT INTO users (name) VALUES ('discarded')")
    cut(shop, f"undo.live.{CORE}", take_back, discard_changes=True)
    assert take_back(shop, dry_run=True).lost == ()
    run(shop.data / MEMORY, "INSERT INTO users (name) VALUES ('since the kill')")
    with pytest.raises(GuardError, match="table users has 42 rows"):
        take_back(shop)
    take_back(shop, discard_changes=True)
    assert read_all(shop.data) == LIVE


def test_rows_since_a_kill_are_not_given_up_where_finishing_fails(shop: Scene) -> None:
    cut(shop, f"restore.live.{CORE}")
    run(shop.data / CORE, "INSERT INTO users (name) VALUES ('since')")
    shop.checkpoint = lambda step: flip(shop.data / VAULT) if step == f"restore.live.{STATE}" else None
    with pytest.raises(RollbackFailedError, match=f"{CORE}: was written to since"):
        restore(shop)
    shop.checkpoint = lambda _: None
    assert read_all(shop.data, without=VAULT)[CORE] == BACKED_UP[CORE] + 1
    assert take_back(shop, discard_changes=True).kept is not None
    assert read_all(shop.data) == LIVE


def test_a_file_that_has_two_names_for_a_moment_is_simply_left(shop: Scene) -> None:
    cut(shop, f"restore.aside.{CORE}", members=(CORE,))
    assert (shop.data / CORE).stat().st_nlink == 2
    assert take_back(shop).lost == ()
    assert (read_all(shop.data), list_own(shop)) == (LIVE, ["restore.json"])
    assert (shop.data / CORE).stat().st_nlink == 1


def test_a_dry_run_says_what_was_interrupted_and_leaves_it(shop: Scene) -> None:
    assert take_back(shop, dry_run=True).restore is None
    assert not (shop.data / ".strongroom").exists()
    cut(shop, f"restore.live.{CORE}")
    before = {path: path.stat() for path in shop.data.rglob("*")}
    restore(shop, dry_run=True)
    restore(shop, members=(CORE,), dry_run=True)
    assert [line.partition(": ")[2] for line in shop.said] == [
        "was interrupted, and would be finished",
        "was interrupted, and would be taken back first",
    ]
    undone = take_back(shop, dry_run=True)
    assert (undone.dry_run, len(undone.files)) == (True, len(NAMES))
    assert {path: path.stat().st_mtime_ns for path in before if path.is_file()} == {
        path: about.st_mtime_ns for path, about in before.items() if path.is_file()
    }


def test_a_change_that_leaves_the_number_of_rows_is_one(shop: Scene) -> None:
    restore(shop)
    run(shop.data / CORE, "UPDATE users SET name = 'since' WHERE id = 1")
    with pytest.raises(GuardError, match=rf"{CORE} was written to"):
        take_back(shop)


def test_that_a_database_was_merely_opened_is_no_change(shop: Scene) -> None:
    restore(shop)
    for name in (CORE, MEMORY):
        run(shop.data / name, "SELECT * FROM users")
    take_back(shop)
    assert read_all(shop.data) == LIVE


def test_restores_are_taken_back_in_their_order(shop: Scene) -> None:
    first = restore(shop, members=(CORE, STATE)).restore
    run(shop.data / CORE, "INSERT INTO users (name) VALUES ('between'), ('between')")
    second = restore(shop, members=(CORE,)).restore
    other = restore(shop, members=(VAULT,)).restore
    with pytest.raises(GuardError, match=f"covered by restore {second}"):
        take_back(shop, first)
    assert take_back(shop, second).files == (CORE,)
    assert read_all(shop.data) == LIVE | {CORE: 5, STATE: BACKED_UP[STATE], VAULT: BACKED_UP[VAULT]}
    assert take_back(shop, other).files == (VAULT,)
    assert take_back(shop, first, discard_changes=True).files == (CORE, STATE)
    assert read_all(shop.data) == LIVE
    with pytest.raises(UsageError, match="there is no restore 20200101_000000"):
        take_back(shop, "20200101_000000")


def test_a_file_that_was_deleted_since_is_nothing_to_lose(shop: Scene) -> None:
    restore(shop)
    (shop.data / CORE).unlink()
    take_back(shop)
    assert read_all(shop.data) == LIVE


@pytest.mark.parametrize("name", [CORE, f"{MEMORY}-wal"])
def test_without_what_was_put_aside_nothing_is_begun(shop: Scene, name: str) -> None:
    done = restore(shop)
    (Path(str(done.kept)) / name).unlink()
    with pytest.raises(RollbackFailedError, match="was put aside, and is not there"):
        take_back(shop)
    assert read_all(shop.data) == BACKED_UP


def test_what_was_put_aside_goes_after_seven_days_and_that_is_told(shop: Scene) -> None:
    first = restore(shop, members=(STATE,)).restore
    shop.clock.at += timedelta(days=6, hours=23)
    assert clear_expired(shop.data, shop.around) == ()
    shop.clock.at += timedelta(hours=2)
    with locked(shop.data / ".strongroom" / "lock"):
        assert clear_expired(shop.data, shop.around) == ()
    assert clear_expired(shop.data, shop.around) == (first,)
    assert shop.said == [f"restore {first}: ended more than seven days ago: what it had put aside is gone"]
    second = restore(shop, members=(STATE,)).restore
    shop.clock.at += timedelta(days=8)
    restore(shop, members=(CORE,))
    assert second in shop.said[-1]
    assert take_back(shop).files == (CORE,)
    assert take_back(shop).restore is None


def test_nothing_is_cleared_where_nothing_was_restored(shop: Scene) -> None:
    assert clear_expired(shop.data, shop.around) == ()
    assert not (shop.data / ".strongroom").exists()
    assert take_back(shop).restore is None


@dataclass
class Server:
    """Stands for a server: what is live in it is a text."""

    live: str = "before"
    kept: str | None = None
    did: list[str] = field(default_factory=list)
    fails: bool = False

    def build(self, member: MemberRecord, brought: Path, folder: Path) -> Server:
        assert folder.is_dir()
        self.did.append(member.name)
        self.brought = brought / member.files[0].path
        return self

    def prepare(self) -> None:
        self.prepared = self.brought.read_text()

    def put_live(self) -> None:
        if self.fails:
            raise DifferencesError("server", "is another one")
        self.kept, self.live = self.live, self.prepared

    def find_changes(self) -> tuple[str, ...]:
        return () if self.kept is None or self.live == self.prepared else ("server: 1 row",)

    def take_back(self) -> None:
        if self.kept is not None:
            self.live, self.kept = self.kept, None


def add_server(shop: Scene) -> None:
    """Add a member of a server to the set that is there."""
    store, (one,) = shop.open(), shop.catalog().sets
    content = store.root / "sets" / one.id
    (content / "redis").mkdir()
    (content / "redis" / "dump.rdb").write_text("in the set")
    file = FileRecord(path="redis/dump.rdb", sha256=hash_file(content / "redis" / "dump.rdb"), size=10)
    manifest: ManifestDocument = read_manifest(store, one)
    member = replace(manifest.members[0], name="redis", kind=Kind.REDIS, files=(file,), tables={})
    text = encode_document(replace(manifest, members=(*manifest.members, member)), store.about.id)
    (content / "manifest.json").write_text(text)
    manifest = replace(manifest, members=(*manifest.members, member))
    write_entry(store.objects, store.about.id, make_entry(manifest, hash_text(text.encode()), one.id, shop.catalog()))


def test_servers_are_put_live_and_taken_back_by_those_who_know_them(shop: Scene) -> None:
    add_server(shop)
    server = Server()
    assert restore(shop, build=server.build).members == (*NAMES, "redis")
    assert (server.live, server.kept) == ("in the set", "before")
    server.live = "since"
    with pytest.raises(GuardError, match="server: 1 row"):
        take_back(shop, build=server.build)
    take_back(shop, build=server.build, discard_changes=True)
    assert (server.live, read_all(shop.data)) == ("before", LIVE)


def test_a_server_that_fails_sends_the_files_back_too(shop: Scene) -> None:
    add_server(shop)
    server = Server(fails=True)
    with pytest.raises(RolledBackError, match="is another one"):
        restore(shop, build=server.build)
    assert (server.live, read_all(shop.data)) == ("before", LIVE)


def test_without_whoever_knows_them_servers_stay_as_they_are_and_that_is_told(shop: Scene) -> None:
    add_server(shop)
    assert restore(shop).members == NAMES
    assert "redis: is no file of the data directory, and stays as it is" in shop.said
    with pytest.raises(UsageError, match="is no file of the data directory"):
        restore(shop, members=("redis",))
    assert list_own(shop).count("restore.json") == 1


def test_a_tree_that_was_copied_takes_back_itself_only(shop: Scene, tmp_path: Path) -> None:
    restore(shop)
    copy = tmp_path / "copy"
    shutil.copytree(shop.data, copy)
    shop_of_copy = Scene(root=tmp_path / "elsewhere", clock=shop.clock, keys=shop.keys)
    (tmp_path / "elsewhere").mkdir()
    copy.rename(shop_of_copy.data)
    take_back(shop_of_copy)
    assert (read_all(shop_of_copy.data), read_all(shop.data)) == (LIVE, BACKED_UP)
