"""A restore over the live files: all of them are the set's, or all are what they were; what was live is kept."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from strongroom.backup.documents import Action
from strongroom.core.errors import (
    DifferencesError,
    GuardError,
    LockedError,
    RollbackFailedError,
    RolledBackError,
    TargetBusyError,
    UnreachableError,
    UsageError,
)
from strongroom.core.files import locked
from strongroom.core.secret import Secret
from tests.e2e.vault import KEYS
from tests.processes import read_line
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
    list_own,
    make_live,
    read_all,
    restore,
    take_back,
)
from tests.unit.backup.scene import Scene, flip, run

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT 1 FROM users")
print("up", flush=True)
input()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_live(tmp_path_factory.mktemp("live"))


@pytest.fixture
def shop(made: Scene, tmp_path: Path) -> Scene:
    return copy_live(made, tmp_path)


@contextmanager
def hold(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process have a database open."""
    command = [sys.executable, "-c", HOLD, str(path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert read_line(child.stdout, 30) == "up"
        yield child
    finally:
        child.communicate(b"\n", timeout=30)


def at(step: str, do: Callable[[], object]) -> Callable[[str], None]:
    return lambda name: do() and None if name == step else None


def test_every_member_is_the_sets_and_what_the_set_lacks_stays(shop: Scene) -> None:
    done = restore(shop)
    assert read_all(shop.data) == BACKED_UP
    assert companions(shop.data) == []
    assert (done.members, done.rows, done.finished, done.found) == (NAMES, 45, False, ())
    assert done.kept is not None
    kept = sorted(path.relative_to(done.kept).as_posix() for path in Path(done.kept).rglob("*") if path.is_file())
    assert kept == sorted([*NAMES, f"{MEMORY}-wal"])
    assert [name for name in list_own(shop) if not name.startswith("old/")] == ["restore.json"]
    (one,) = shop.catalog().sets
    assert one.last(Action.RESTORE) is not None


def test_chosen_members_only(shop: Scene) -> None:
    restore(shop, members=(MEMORY,))
    assert read_all(shop.data) == LIVE | {MEMORY: BACKED_UP[MEMORY]}


def test_the_seeds_recipe_brings_the_bad_rows_back_and_ours_does_not(shop: Scene, tmp_path: Path) -> None:
    """Seed 001, "Restore from Backup": ``cp backup live``, and a log that is left plays the bad rows into it."""
    (one,) = shop.catalog().sets
    backup = tmp_path / "store" / "sets" / one.id / "data" / MEMORY
    live = shop.data / MEMORY
    run(live, "UPDATE users SET name = 'good'")
    shop.create()
    backup = tmp_path / "store" / "sets" / shop.catalog().sets[-1].id / "data" / MEMORY
    seed = tmp_path / "seed"
    seed.mkdir()
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(\"UPDATE users SET name = 'BAD'\");"
        "c.commit(); os._exit(0)"  # killed: the log stays
    )
    subprocess.run([sys.executable, "-c", code, str(live)], check=True, timeout=60)
    shutil.copytree(live.parent, seed / "agents")
    shutil.copy(backup, seed / MEMORY)  # the recipe
    assert count_bad(seed / MEMORY) == 41, "the loss: every row of the restored database is bad, and it says ok"
    restore(shop, members=(MEMORY,))
    assert count_bad(live) == 0


def count_bad(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM users WHERE name = 'BAD'").fetchone()[0])


def test_lost_files_come_back_with_their_folders_and_a_stray_log_does_not_stay(shop: Scene) -> None:
    log = (shop.data / f"{MEMORY}-wal").read_bytes()
    shutil.rmtree(shop.data / "agents")
    (shop.data / CORE).unlink()
    (shop.data / f"{CORE}-wal").write_bytes(log)
    done = restore(shop)
    assert read_all(shop.data) == BACKED_UP
    assert companions(shop.data) == []
    assert (shop.data / "agents").stat().st_mode == shop.data.stat().st_mode
    assert take_back(shop).restore == done.restore
    assert not (shop.data / "agents").exists()
    assert not (shop.data / CORE).exists()


def test_files_get_the_permissions_that_they_had(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop.data / CORE).chmod(0o640)
    shop.create()
    (shop.data / CORE).chmod(0o600)
    given = list[tuple[str, int, int]]()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, user, group: given.append((Path(path).name, user, group)))
    restore(shop, members=(CORE,))
    assert (shop.data / CORE).stat().st_mode & 0o777 == 0o640
    about = shop.data.stat()
    assert given == [(CORE, about.st_uid, about.st_gid)]


@pytest.mark.parametrize("name", [CORE, MEMORY])
def test_a_file_that_somebody_holds_is_not_replaced(shop: Scene, name: str) -> None:
    before = read_all(shop.data)
    with hold(shop.data / name) as child:
        for dry_run in (True, False):
            with pytest.raises(TargetBusyError, match=f"held open by process {child.pid}"):
                restore(shop, dry_run=dry_run)
    assert read_all(shop.data) == before
    assert list_own(shop) == []
    restore(shop)
    assert read_all(shop.data) == BACKED_UP


def test_a_database_that_was_deleted_under_its_application_is_held_by_its_log(shop: Scene) -> None:
    with hold(shop.data / MEMORY) as child:
        (shop.data / MEMORY).unlink()
        with pytest.raises(TargetBusyError, match=f"held open by process {child.pid}"):
            restore(shop)
    restore(shop)
    assert read_all(shop.data) == BACKED_UP


def test_whoever_opens_the_old_file_at_the_last_moment_has_it_back(shop: Scene) -> None:
    with ExitStack() as holding:
        folders = shop.data / ".strongroom" / "restores"
        shop.checkpoint = at(
            f"restore.live.{CORE}", lambda: [holding.enter_context(hold(old)) for old in folders.glob(f"*/old/{CORE}")]
        )
        with pytest.raises(RolledBackError, match="is held open by process"):
            restore(shop)
    assert read_all(shop.data) == LIVE


def test_only_one_works_on_a_data_directory(shop: Scene) -> None:
    restore(shop, members=(STATE,))
    with locked(shop.data / ".strongroom" / "lock"), pytest.raises(LockedError):
        restore(shop)


def test_a_damaged_backup_never_reaches_the_live_place(shop: Scene, tmp_path: Path) -> None:
    (one,) = shop.catalog().sets
    flip(tmp_path / "store" / "sets" / one.id / "data" / VAULT)
    with pytest.raises(DifferencesError, match=VAULT):
        restore(shop)
    assert read_all(shop.data) == LIVE
    assert list_own(shop) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_differs_once_it_is_live_sends_everything_back(shop: Scene, name: str) -> None:
    shop.checkpoint = at(f"restore.live.{STATE}", lambda: flip(shop.data / name, 100 if name != STATE else 0))
    with pytest.raises(RolledBackError, match="everything is as it was before"):
        restore(shop)
    assert read_all(shop.data) == LIVE
    shop.checkpoint = lambda _: None
    restore(shop)
    assert read_all(shop.data) == BACKED_UP


def test_what_cannot_be_swapped_sends_everything_back(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if target == shop.data / MEMORY and "new" in path.parts:
            raise OSError(28, "No space left on device")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(RolledBackError, match="the disk is full"):
        restore(shop)
    assert read_all(shop.data) == LIVE


def test_where_even_that_fails_the_runbook_is_named(shop: Scene) -> None:
    def lose() -> None:
        (aside,) = (shop.data / ".strongroom" / "restores").glob(f"*/old/{CORE}")
        aside.unlink()
        flip(shop.data / CORE)

    shop.checkpoint = at(f"restore.live.{STATE}", lose)
    with pytest.raises(RollbackFailedError, match="holds everything that was live") as caught:
        restore(shop)
    assert ".github/runbooks/lost-file.md" in caught.value.hint


def test_a_lost_lease_does_not_stop_the_swap_half_way(shop: Scene) -> None:
    def lose() -> None:
        raise LockedError("store", "another run holds the lease")

    shop.checkpoint = at("restore.brought", lose)
    with pytest.raises(LockedError):
        restore(shop)
    assert read_all(shop.data) == LIVE
    shop.checkpoint = lambda name: (
        lose() if name.startswith(("restore.aside", "restore.live", "restore.done")) else None
    )
    restore(shop)
    assert read_all(shop.data) == BACKED_UP


def test_links_folders_and_a_directory_that_is_not_there_are_refused(shop: Scene, tmp_path: Path) -> None:
    (shop.data / CORE).rename(tmp_path / "elsewhere.db")
    (shop.data / CORE).symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(GuardError, match="is a link"):
        restore(shop)
    (shop.data / CORE).unlink()
    (shop.data / CORE).mkdir()
    with pytest.raises(GuardError, match="is no file"):
        restore(shop)
    shutil.rmtree(shop.data)
    with pytest.raises(UnreachableError, match="no such directory"):
        restore(shop)


def test_a_dry_run_says_what_would_be_replaced(shop: Scene) -> None:
    done = restore(shop, dry_run=True)
    assert (done.members, done.dry_run, done.restore) == (NAMES, True, None)
    assert not (shop.data / ".strongroom").exists()


def test_a_table_or_a_folder_is_not_in_place(shop: Scene, tmp_path: Path) -> None:
    for wish in ({"table": f"{CORE}:users"}, {"into": tmp_path / "out"}):
        with pytest.raises(UsageError, match="--in-place"):
            restore(shop, **wish)


def test_a_file_under_an_older_version_of_its_key_is_told(shop: Scene) -> None:
    shop.keys = {"vault@1": Secret(KEYS["vault"])}
    shop.create()
    shop.keys = {"vault": Secret(KEYS["second"]), "vault@1": Secret(KEYS["vault"])}
    restore(shop, members=(VAULT, CORE))
    assert shop.said == [
        f"{VAULT}: is encrypted with vault@1, which is not the current version: sqlcipher.rekey changes that"
    ]
