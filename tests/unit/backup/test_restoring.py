"""A restore beside the live data is whole and compared, or it is not there; which set is meant is said."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.backup import extracting
from strongroom.backup.catalog import write_entry
from strongroom.backup.documents import Action, ManifestDocument, Missing
from strongroom.backup.entries import hash_text
from strongroom.backup.fetching import read_manifest
from strongroom.backup.restoring import Restored, Wish, choose_set, restore_into
from strongroom.core.errors import DifferencesError, GuardError, KeyMissingError, UsageError
from strongroom.core.secret import Secret
from strongroom.runs.documents import encode_document
from strongroom.sqlite.content import Stored
from strongroom.sqlite.transfer import copy_table
from tests.e2e.vault import KEYS, can_open, open_vault, write_vault
from tests.unit.backup.scene import Scene, flip, make_shop, run
from tests.unit.rotate.vaults import CONTENT, ROWS

MEMBERS = ("core.db", "agents/memory.db", "replays/one.json")


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    shop = make_shop(tmp_path, files=["replays/**"])
    shop.init()
    return shop


def restore(shop: Scene, into: Path, which: str = "latest", **wish: object) -> Restored:
    chosen = choose_set(shop.catalog(), which, shop.around)
    return restore_into(shop.open(), chosen, Wish(data_dir=shop.data, into=into, **wish), shop.around)  # type: ignore[arg-type]


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def count(path: Path, table: str = "users") -> int:
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_whole_set_lies_in_a_new_folder_as_it_lay_in_the_data_directory(shop: Scene, tmp_path: Path) -> None:
    (shop.data / "core.db").chmod(0o640)
    name = shop.create().set
    run(shop.data / "core.db", "DROP TABLE users")
    live = {path: path.read_bytes() for path in shop.data.rglob("*") if path.is_file()}
    into = tmp_path / "deep" / "restored"
    done = restore(shop, into)
    assert (done.set, done.members, done.files, done.rows) == (name, MEMBERS, 3, 43)
    assert list_files(into) == sorted(MEMBERS)
    assert (count(into / "core.db"), count(into / "agents" / "memory.db")) == (3, 40)
    assert stat.S_IMODE(into.stat().st_mode) == 0o700
    assert stat.S_IMODE((into / "core.db").stat().st_mode) == 0o640
    assert {path: path.read_bytes() for path in shop.data.rglob("*") if path.is_file()} == live
    assert list(into.parent.iterdir()) == [into]
    (one,) = shop.catalog().sets
    assert one.last(Action.RESTORE) is not None


def test_files_get_the_owner_that_they_had_where_we_are_root(
    shop: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.create()
    given = list[tuple[str, int, int]]()
    monkeypatch.setattr(os, "chown", lambda path, user, group: given.append((Path(path).name, user, group)))
    for user in (0, 1000):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        restore(shop, tmp_path / f"by {user}", members=("core.db",))
    about = (shop.data / "core.db").stat()
    assert given == [("core.db", about.st_uid, about.st_gid)]


def test_chosen_members_only_and_a_folder_that_is_empty(shop: Scene, tmp_path: Path) -> None:
    shop.create()
    into = tmp_path / "out"
    into.mkdir(mode=0o755)
    done = restore(shop, into, members=("replays/one.json", "core.db"))
    assert done.members == ("core.db", "replays/one.json")
    assert list_files(into) == ["core.db", "replays/one.json"]
    assert stat.S_IMODE(into.stat().st_mode) == 0o700
    with pytest.raises(UsageError, match=r"holds no nothing\.db"):
        restore(shop, tmp_path / "other", members=("nothing.db",))
    assert not (tmp_path / "other").exists()


def test_no_folder_that_holds_anything_or_lies_in_the_live_data_is_written_to(shop: Scene, tmp_path: Path) -> None:
    shop.create()
    into = tmp_path / "out"
    into.mkdir()
    (into / "mine.txt").touch()
    link = tmp_path / "link"
    link.symlink_to(shop.data)
    for place in (into, shop.data, shop.data / "restored", link / "restored"):
        with pytest.raises(GuardError):
            restore(shop, place)
    with pytest.raises(GuardError, match="is not empty"):
        restore(shop, shop.data / "core.db" / ".." / ".." / "store")
    assert list_files(into) == ["mine.txt"]
    with pytest.raises(UsageError, match="--into"):
        restore_into(shop.open(), shop.catalog().sets[0], Wish(data_dir=shop.data), shop.around)


def test_a_folder_that_holds_just_that_is_taken_for_done_and_another_one_is_not(shop: Scene, tmp_path: Path) -> None:
    shop.create()
    into = tmp_path / "out"
    assert restore(shop, into).files == restore(shop, into).files == 3
    flip(into / "core.db")
    with pytest.raises(GuardError, match="is not empty"):
        restore(shop, into)


def test_a_dry_run_writes_nothing(shop: Scene, tmp_path: Path) -> None:
    shop.create()
    done = restore(shop, tmp_path / "out", dry_run=True)
    assert (done.members, done.dry_run) == (MEMBERS, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "store"]


@pytest.mark.parametrize("file", ["data/core.db", "manifest.json"])
def test_what_is_damaged_is_not_restored_and_is_passed_over_next_time(shop: Scene, tmp_path: Path, file: str) -> None:
    first, second = shop.create().set, shop.create().set
    flip(tmp_path / "store" / "sets" / str(second) / file)
    with pytest.raises(DifferencesError):
        restore(shop, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    if file != "manifest.json":
        assert restore(shop, tmp_path / "out").set == first
        assert any("is passed over" in line and str(second) in line for line in shop.said)


def test_a_lost_row_a_lost_file_and_a_cut_one_are_told(shop: Scene, tmp_path: Path) -> None:
    name = str(shop.create().set)
    content = tmp_path / "store" / "sets" / name / "data"
    run(content / "core.db", "DELETE FROM users WHERE id = 2")
    with pytest.raises(DifferencesError, match=r"core\.db.*other content"):
        restore(shop, tmp_path / "out", name, members=("core.db",))
    os.truncate(content / "agents" / "memory.db", 4096)
    with pytest.raises(DifferencesError, match=r"agents/memory\.db.*has 4096 bytes"):
        restore(shop, tmp_path / "out", name, members=("agents/memory.db",))
    (content / "replays" / "one.json").unlink()
    with pytest.raises(DifferencesError, match="missing from its set"):
        restore(shop, tmp_path / "out", name, members=("replays/one.json",))
    assert not (tmp_path / "out").exists()


def test_a_set_can_be_restored_from_a_store_that_takes_no_note(shop: Scene, tmp_path: Path) -> None:
    shop.create()
    (tmp_path / "store" / "evidence").write_text("no folder")
    (chosen,) = shop.catalog().sets
    restore_into(shop.open(), chosen, Wish(data_dir=shop.data, into=tmp_path / "out"), shop.around)
    assert list_files(tmp_path / "out") == sorted(MEMBERS)
    assert any("does not take a note" in line for line in shop.said)


def test_which_set_is_meant(shop: Scene) -> None:
    first, second, third = (shop.create().set for _ in range(3))
    catalog = shop.catalog()
    assert choose_set(catalog, "latest", shop.around).id == third
    assert choose_set(catalog, str(first), shop.around).id == first
    moment = catalog.sets[1].entry.ended
    assert choose_set(catalog, moment.isoformat(), shop.around).id == second
    assert choose_set(catalog, moment.replace(tzinfo=None).isoformat(), shop.around).id == second
    assert choose_set(catalog, (moment - timedelta(seconds=1)).isoformat(), shop.around).id == first
    assert choose_set(catalog, "2026-03-02T01:00:00+05:00", shop.around).id == third
    assert shop.said == []
    for text, fact in (
        ("20200101_000000", "there is no set"),
        ("2020-01-01", "no set that is whole and sound by"),
        ("yesterday", "must be a set or an instant"),
    ):
        with pytest.raises(UsageError, match=fact):
            choose_set(catalog, text, shop.around)


def test_a_newer_set_that_does_not_count_is_passed_over_aloud_and_an_id_is_taken_at_its_word(shop: Scene) -> None:
    first, second = shop.create().set, shop.create().set
    store, entry = shop.open(), shop.catalog().sets[1].entry
    missing = (Missing(name="agents/memory.db", fact="gone", exit_code=5),)
    write_entry(store.objects, store.about.id, replace(entry, missing=missing))
    assert choose_set(shop.catalog(), "latest", shop.around).id == first
    assert shop.said == [f"set {second}: is passed over: it is without agents/memory.db"]
    assert choose_set(shop.catalog(), str(second), shop.around).id == second
    flip(store.root / "catalog" / f"{second}.json")
    assert choose_set(shop.catalog(), "latest", shop.around).id == first
    assert "cannot be read" in shop.said[-1]


def test_one_table_in_a_file_of_its_own(shop: Scene, tmp_path: Path) -> None:
    write_vault(shop.data / "many.db", CONTENT, None)
    shop.create()
    done = restore(shop, tmp_path / "out", table="many.db:people")
    assert (list_files(tmp_path / "out"), done.rows) == (["many.db"], ROWS - 1)
    with closing(sqlite3.connect(tmp_path / "out" / "many.db")) as connection:
        schema = connection.execute("SELECT type, name FROM sqlite_master ORDER BY 1, 2").fetchall()
        assert schema == [("index", "ix_people_name"), ("table", "people"), ("table", "sqlite_sequence")]
        assert connection.execute("SELECT * FROM sqlite_sequence").fetchall() == [("people", ROWS)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for table in ("bag", "tags", "notes_content"):
        restore(shop, tmp_path / table, table=f"many.db:{table}")
    with closing(sqlite3.connect(tmp_path / "bag" / "many.db")) as connection:
        rows = connection.execute("SELECT rowid, typeof(v), hex(v) FROM bag ORDER BY 1").fetchall()
    with closing(sqlite3.connect(shop.data / "many.db")) as connection:
        assert rows == connection.execute("SELECT rowid, typeof(v), hex(v) FROM bag ORDER BY 1").fetchall()
    assert restore(shop, tmp_path / "out", table="many.db:people").rows == ROWS - 1
    with pytest.raises(GuardError, match="is not empty"):
        restore(shop, tmp_path / "out", table="many.db:bag")


def test_a_table_that_is_not_there_is_no_empty_file(shop: Scene, tmp_path: Path) -> None:
    shop.create()
    for table, fact in (
        ("core.db:nothing", "holds no table nothing"),
        ("core.db", "must be MEMBER:TABLE"),
        ("replays/one.json:users", "is no database"),
        ("other.db:users", r"holds no other\.db"),
    ):
        with pytest.raises(UsageError, match=fact):
            restore(shop, tmp_path / "out", table=table)
    with pytest.raises(UsageError, match="one table"):
        restore(shop, tmp_path / "out", table="core.db:users", members=("core.db",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "store"]


def test_what_is_encrypted_comes_back_encrypted(shop: Scene, tmp_path: Path) -> None:
    shop.keys = {"vault": Secret(KEYS["vault"])}
    write_vault(shop.data / "vault.db", CONTENT, KEYS["vault"])
    shop.create()
    shop.keys = {}
    restore(shop, tmp_path / "whole", members=("vault.db",))
    with pytest.raises(KeyMissingError):
        restore(shop, tmp_path / "table", table="vault.db:people")
    shop.keys = {"vault": Secret(KEYS["vault"])}
    restore(shop, tmp_path / "table", table="vault.db:people")
    for folder in ("whole", "table"):
        file = tmp_path / folder / "vault.db"
        assert not can_open(file, None)
        with closing(open_vault(file, KEYS["vault"])) as connection:
            assert connection.execute("SELECT count(*) FROM people").fetchone() == (ROWS - 1,)


def forge(shop: Scene, manifest: ManifestDocument) -> None:
    """Put another manifest into the one set that is there, and let the catalog list that one."""
    store, (one,) = shop.open(), shop.catalog().sets
    text = encode_document(manifest, store.about.id)
    (store.root / "sets" / one.id / "manifest.json").write_text(text)
    write_entry(store.objects, store.about.id, replace(one.entry, manifest_sha256=hash_text(text.encode())))


@pytest.mark.parametrize("path", ["../evil.db", "/tmp/evil.db", "data/../../evil.db", "data//core.db", "."])
def test_no_manifest_leads_out_of_the_folder(shop: Scene, tmp_path: Path, path: str) -> None:
    shop.create()
    manifest = read_manifest(shop.open(), shop.catalog().sets[0])
    first, *rest = manifest.members
    forge(shop, replace(manifest, members=(replace(first, files=(replace(first.files[0], path=path),)), *rest)))
    with pytest.raises(DifferencesError, match="leads out of its set"):
        restore(shop, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_manifest_of_another_set_is_none_and_neither_is_one_that_was_put_there(shop: Scene, tmp_path: Path) -> None:
    shop.create()
    one = shop.catalog().sets[0]
    manifest = read_manifest(shop.open(), one)
    for other in (replace(manifest, set="20200101_000000"), replace(manifest, system="library")):
        forge(shop, other)
        with pytest.raises(DifferencesError, match="is that of set"):
            restore(shop, tmp_path / "out")
    forge(shop, manifest)
    content = shop.open().root / "sets" / one.id / "manifest.json"
    content.write_text(encode_document(replace(manifest, members=manifest.members[:1]), shop.open().about.id))
    with pytest.raises(DifferencesError, match="is not the one that the catalog lists"):
        restore(shop, tmp_path / "out")


def test_a_table_that_came_out_otherwise_is_told(shop: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_a_row(connection: sqlite3.Connection, table: Stored) -> None:
        copy_table(connection, table)
        connection.execute("UPDATE main.users SET name = 'other' WHERE id = 2")

    shop.create()
    monkeypatch.setattr(extracting, "copy_table", lose_a_row)
    with pytest.raises(DifferencesError, match="table users has 3 rows"):
        restore(shop, tmp_path / "out", table="core.db:users")
    assert not (tmp_path / "out").exists()


def test_what_differs_once_it_lies_in_its_place_does_not_stay_there(shop: Scene, tmp_path: Path) -> None:
    shop.create()
    shop.checkpoint = lambda step: flip(tmp_path / "out" / "core.db") if step == "into.published" else None
    with pytest.raises(DifferencesError, match=r"core\.db has other content"):
        restore(shop, tmp_path / "out")
    assert not (tmp_path / "out").exists()
