"""Sets in a restic repository: what goes in comes out, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import settings

from strongroom.core.errors import (
    ConfigurationError,
    DifferencesError,
    GuardError,
    KeyMissingError,
    NotInitialisedError,
    VersionError,
)
from tests.restic import run_restic
from tests.unit.backup.stores.conftest import (
    ESCROW,
    FILES,
    PASSWORD,
    Made,
    make_at,
    open_at,
    stage,
    surroundings,
)


def read_tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_set_comes_out_as_it_went_in(made: Made, tmp_path: Path) -> None:
    locator = made.keep("20261127_120000")
    made.store.fetch(locator, tmp_path / "out")
    assert read_tree(tmp_path / "out") == FILES
    assert made.store.read_file(locator, "data/shop.db") == FILES["data/shop.db"]
    assert not (tmp_path / "stage" / "set").exists()


def test_single_files_come_out_whatever_they_are_called(made: Made, tmp_path: Path) -> None:
    locator = made.keep("20261127_120000", FILES | {"data/a b/[1]*?$x\\yz.json": b"its neighbour"})
    odd = "data/a b/[1]*?$x\\y.json"
    made.store.fetch(locator, tmp_path / "out", [odd])
    assert read_tree(tmp_path / "out") == {odd: b"odd"}


def test_a_file_that_a_set_does_not_hold_is_missed(made: Made, tmp_path: Path) -> None:
    locator = made.keep("20261127_120000")
    with pytest.raises(DifferencesError, match=r"holds no data/other\.db"):
        made.store.fetch(locator, tmp_path / "out", ["manifest.json", "data/other.db"])
    with pytest.raises(DifferencesError, match="not found in snapshot"):
        made.store.read_file(locator, "data/other.db")
    with pytest.raises(DifferencesError, match="failed to find snapshot"):
        made.store.read_file("0" * 64, "manifest.json")


def test_what_is_kept_is_listed_for_this_system_alone(made: Made, tmp_path: Path) -> None:
    locators = [made.keep(f"20261127_12000{number}") for number in range(2)]
    (tmp_path / "other").mkdir()
    made.run("backup", "--host", "zoe", "--tag", "set=20261127_120000,system=zoe", tmp_path / "other")
    found = made.store.list_content()
    assert [(one.set, one.locator) for one in found] == [
        ("20261127_120000", locators[0]),
        ("20261127_120001", locators[1]),
    ]


def test_host_paths_and_tags_are_the_same_each_time(made: Made, tmp_path: Path) -> None:
    made.keep("20261127_120000")
    made.keep("20261127_120001")
    snapshots = json.loads(made.run("snapshots", "--json"))
    assert {(one["hostname"], tuple(one["paths"])) for one in snapshots} == {
        ("shop", (str(tmp_path / "stage" / "set"),))
    }
    assert [one["tags"] for one in snapshots] == [[f"set=20261127_12000{number}", "system=shop"] for number in range(2)]


def test_what_is_removed_is_gone_and_its_room_is_free(made: Made) -> None:
    first = made.keep("20261127_120000", FILES | {"data/big.db": os.urandom(300_000)})
    second = made.keep("20261127_120001")
    before = sum(path.stat().st_size for path in made.find("data"))
    with made.leased():
        made.store.remove([first, "0" * 64])
        made.store.sweep()
    assert [one.locator for one in made.store.list_content()] == [second]
    assert before - sum(path.stat().st_size for path in made.find("data")) > 300_000
    assert made.store.examine([second]) == ()


def test_a_stage_is_private_and_empty_at_the_same_place(made: Made) -> None:
    first = stage(made.store, "20261127_120000", FILES)
    second = made.store.stage("20261127_120001")
    assert (first, list(second.iterdir())) == (second, [])
    assert stat.S_IMODE(second.stat().st_mode) == 0o700


CHANGES = [
    ("printf more >> data/shop.db", r"keeps data/shop\.db otherwise"),
    ('exec_real "$@"; exit 3', "could not read"),
    ("rm data/shop.db", r"keeps data/shop\.db otherwise"),
    ("printf new > data/new.db", r"keeps data/new\.db otherwise"),
    ("ln -s shop.db data/link", "keeps data/link otherwise"),
]


@pytest.mark.parametrize(
    ("meanwhile", "says"), CHANGES[: None if settings.get_current_profile_name() == "nightly" else 2]
)
def test_what_is_not_kept_as_it_was_staged_is_not_kept(made: Made, tmp_path: Path, meanwhile: str, says: str) -> None:
    program = tmp_path / "bin" / "restic"
    program.parent.mkdir()
    real = shutil.which("restic")
    lines = ["#!/bin/sh", f'exec_real() {{ {real} "$@"; }}', f'case " $* " in *" backup "*) {meanwhile} ;; esac']
    program.write_text("\n".join([*lines, 'exec_real "$@"', ""]))
    program.chmod(0o755)
    around = surroundings(PATH=f"{program.parent}:{os.environ['PATH']}")
    store = open_at(made.root, tmp_path / "stage", around=around)
    with made.leased(), pytest.raises(DifferencesError, match=says):
        store.put("20261127_120000", stage(store, "20261127_120000", FILES))
    assert store.list_content() == ()


def test_a_repository_has_two_passwords_and_the_second_is_told_once(tmp_path: Path) -> None:
    stray = tmp_path / "store" / "restic" / "keys" / ("0" * 64)  # making it was cut short
    stray.parent.mkdir(parents=True)
    stray.touch()
    _, escrow = make_at(tmp_path / "store", tmp_path / "stage")
    assert [len(group) for group in escrow.split("-")] == [4] * 8
    listed = run_restic(tmp_path / "store" / "restic", escrow, "key", "list", "--json")
    assert [one["userName"] == "escrow" for one in json.loads(listed.stdout) if one["current"]] == [True]
    assert len(json.loads(listed.stdout)) == 2
    text = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert escrow.encode() not in text
    assert PASSWORD.encode() not in text


def test_a_second_password_that_nobody_saw_is_replaced(made: Made, tmp_path: Path) -> None:
    _, escrow = make_at(made.root, tmp_path / "stage")
    for password, code in ((PASSWORD, 0), (escrow, 0), (ESCROW, 12)):
        assert run_restic(made.repository, password, "cat", "config").returncode == code, password


def test_what_holds_sets_is_not_made_again(made: Made, tmp_path: Path) -> None:
    made.keep("20261127_120000")
    with pytest.raises(GuardError, match="holds something already"):
        make_at(made.root, tmp_path / "stage")


def test_a_wrong_password_and_a_missing_repository_are_told_apart(made: Made, tmp_path: Path) -> None:
    with pytest.raises(KeyMissingError, match="does not open with this password"):
        open_at(made.root, tmp_path / "stage", "another").list_content()
    with pytest.raises(NotInitialisedError, match="holds no repository"):
        open_at(tmp_path / "nothing", tmp_path / "stage").list_content()


@pytest.mark.parametrize(
    ("says", "error"),
    [("restic 0.16.4 compiled with go", VersionError), ("something else", VersionError), (None, ConfigurationError)],
)
def test_restic_must_be_there_and_be_known(tmp_path: Path, says: str | None, error: type[Exception]) -> None:
    program = tmp_path / "bin" / "restic"
    program.parent.mkdir()
    if says is not None:
        program.write_text(f"#!/bin/sh\necho {says}\n")
        program.chmod(0o755)
    around = surroundings(PATH=f"{program.parent}:/usr/bin-without-it")
    with pytest.raises(error, match="restic"):
        open_at(tmp_path, tmp_path / "stage", around=around)
