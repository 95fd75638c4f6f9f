"""What is taken of a data directory: every database, the files that are named, and nothing without a word."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.backup.documents import Kind
from strongroom.backup.place import find_sources
from strongroom.core.errors import ConfigurationError, UnreachableError
from tests.unit.backup.scene import make_database, make_shop


def test_every_database_is_taken_and_the_files_that_are_named(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, files=["replays/**"])
    (shop.data / "no-suffix").write_bytes((shop.data / "core.db").read_bytes())
    (shop.data / "core.db-wal").touch()
    (shop.data / "core.db-journal").touch()
    (shop.data / ".strongroom" / "runs").mkdir(parents=True)
    make_database(shop.data / ".strongroom" / "runs" / "old.db", users=1)
    found = find_sources(shop.site)
    assert [(one.name, one.kind) for one in found.sources] == [
        ("core.db", Kind.SQLITE),
        ("no-suffix", Kind.SQLITE),
        ("agents/memory.db", Kind.SQLITE),
        ("replays/one.json", Kind.FILE),
    ]
    assert found.unnamed == ("state.json",)


def test_what_is_left_out_is_said_and_what_names_nothing_is_refused(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, leave_out=[{"path": "agents/*", "reason": "rebuilt on demand"}])
    found = find_sources(shop.site)
    assert found.left_out == ("agents/memory.db",)
    assert [one.name for one in found.sources] == ["core.db"]
    shop.entry = {"leave_out": [{"path": "cache.db", "reason": "misspelt"}]}
    with pytest.raises(ConfigurationError, match=r"names cache\.db, and there is no such file"):
        find_sources(shop.site)
    shop.entry = {"files": ["stats.json"]}
    with pytest.raises(ConfigurationError, match=r"names stats\.json"):
        find_sources(shop.site)


def test_a_database_of_the_application_outside_the_directory_is_missing_not_skipped(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    make_database(tmp_path / "elsewhere.db", users=1)
    site = replace(shop.site, named=(("CORE", shop.data / "core.db"), ("SIDE", tmp_path / "elsewhere.db")))
    (missing,) = find_sources(site).missing
    assert missing.name == "SIDE"
    assert "outside the data directory" in missing.fact


@pytest.mark.skipif(os.geteuid() == 0 and not hasattr(os, "seteuid"), reason="cannot become another user")
def test_a_folder_that_cannot_be_read_ends_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    shop = make_shop(tmp_path / "x")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    (shop.data / "agents").chmod(0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(UnreachableError, match="agents"):
            find_sources(shop.site)
    finally:
        os.seteuid(0)


def test_what_a_disk_keeps_in_its_root_for_repairs_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop(tmp_path)
    closed = shop.data / "lost+found"
    closed.mkdir()
    make_database(closed / "inode-12.db", users=1)
    is_taken = lambda: "lost+found/inode-12.db" in [one.name for one in find_sources(shop.site).sources]  # noqa: E731
    monkeypatch.setattr(os, "access", lambda path, _: path != closed)
    assert is_taken()  # not the root of a disk: a folder as any other
    monkeypatch.setattr(os.path, "ismount", lambda path: path == shop.data)
    assert not is_taken()
    monkeypatch.undo()
    monkeypatch.setattr(os.path, "ismount", lambda path: path == shop.data)
    assert is_taken()  # what we may read is not left out


def test_a_data_directory_that_is_not_mounted_is_no_empty_set(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    with pytest.raises(UnreachableError, match="is no directory"):
        find_sources(replace(shop.site, data_dir=tmp_path / "gone"))


def test_a_link_that_leads_elsewhere_is_missing_and_one_that_stays_is_not_taken_twice(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    make_database(tmp_path / "disk" / "big.db", users=1)
    (shop.data / "big.db").symlink_to(tmp_path / "disk" / "big.db")
    (shop.data / "more").symlink_to(tmp_path / "disk")
    (shop.data / "old.db").symlink_to("core.db")
    (shop.data / "gone.db").symlink_to("nowhere.db")
    found = find_sources(shop.site)
    assert sorted(one.name for one in found.missing) == ["big.db", "more"]
    assert "is a link to" in found.missing[0].fact
    assert [one.name for one in found.sources] == ["core.db", "agents/memory.db"]
    shop.entry = {"leave_out": [{"path": name, "reason": "elsewhere"} for name in ("big.db", "more")]}
    assert find_sources(shop.site).missing == ()


def test_a_name_that_no_manifest_can_hold_is_missing_and_the_others_are_taken(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    odd = os.fsencode(shop.data) + b"/bad\xff"
    for end in (b".db", b".txt"):
        with open(odd + end, "wb"):  # noqa: PTH123  a name in bytes
            pass
    found = find_sources(shop.site)
    assert [(one.name, "is not UTF-8" in one.fact) for one in found.missing] == [("bad\\xff.db", True)]
    assert "bad\\xff.txt" in found.unnamed
    shop.init()
    assert shop.create().exit == 4


def test_a_name_is_met_as_it_stands_and_a_database_too(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, files=["r[1].json", "core.db"])
    (shop.data / "r[1].json").write_text("{}")
    assert [one.name for one in find_sources(shop.site).sources] == ["core.db", "agents/memory.db", "r[1].json"]
    shop.entry = {"files": ["r[2].json"]}
    with pytest.raises(ConfigurationError, match="names r"):
        find_sources(shop.site)
