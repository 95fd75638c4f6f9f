"""A repository that is damaged: who notices, what still comes out, and that the next set is whole."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from strongroom.core.errors import DifferencesError
from tests.unit.backup.stores.conftest import FILES, Made
from tests.unit.backup.stores.test_restic import read_tree

SET, NEXT = "20261127_120000", "20261127_130000"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[: len(content) // 2])


def is_whole(made: Made, locator: str, into: Path) -> bool:
    shutil.rmtree(into, ignore_errors=True)
    try:
        made.store.fetch(locator, into)
    except DifferencesError:
        return False
    return read_tree(into) == FILES


DATA, TREES = (lambda made: made.find("data")[0]), (lambda made: made.find("data")[-1])
INDEX, SNAPSHOT = (lambda made: made.find("index")[0]), (lambda made: made.find("snapshots")[0])


CASES = {
    "pack flipped": (DATA, flip, "pack [0-9a-f]{64} is damaged"),
    "trees missing": (TREES, Path.unlink, "does not exist"),
    "index flipped": (INDEX, flip, "error loading index"),
    "pack missing": (DATA, Path.unlink, "pack [0-9a-f]{64}: does not exist"),
    "pack cut": (DATA, cut, "pack [0-9a-f]{64}"),
    "trees flipped": (TREES, flip, "ciphertext verification failed"),
    "index missing": (INDEX, Path.unlink, "not found in repository"),
}
BY_DAY = dict(list(CASES.items())[: None if settings.get_current_profile_name() == "nightly" else 4])


@pytest.mark.parametrize(("what", "harm", "found"), BY_DAY.values(), ids=BY_DAY)
def test_damage_is_found_and_the_next_set_is_whole_and_heals_what_holds_the_same(
    made: Made, tmp_path: Path, what: Callable[[Made], Path], harm: Callable[[Path], None], found: str
) -> None:
    locator = made.keep(SET)
    harm(what(made))
    assert any(re.search(found, line) for line in made.store.examine([locator]))
    assert not is_whole(made, locator, tmp_path / "out")
    with made.leased():
        assert made.store.mend()
    following = made.keep(NEXT)
    if what is TREES:  # names and times of the first set are in no other
        with made.leased():
            made.store.remove([locator])
            made.store.sweep()
    else:
        assert is_whole(made, locator, tmp_path / "out")
    assert made.store.examine([locator, following]) == ()
    assert is_whole(made, following, tmp_path / "out")


def test_restic_check_alone_does_not_see_a_flipped_byte(made: Made) -> None:
    made.keep(SET)
    flip(DATA(made))
    made.run("check")


@pytest.mark.parametrize("harm", [flip, Path.unlink])
def test_a_damaged_index_does_not_stop_the_next_set(made: Made, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    made.keep(SET)
    harm(INDEX(made))
    assert is_whole(made, made.keep(NEXT), tmp_path / "out")
    assert [fact for _, fact in made.said] == (
        ["its index is damaged: it is made anew from the packs"] if harm is flip else []
    )


@pytest.mark.parametrize("harm", [flip, Path.unlink])
def test_a_damaged_index_does_not_stop_a_restore(made: Made, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    locator = made.keep(SET)
    harm(INDEX(made))
    with pytest.raises(DifferencesError):
        made.store.read_file(locator, "manifest.json")
    assert made.store.restoring().read_file(locator, "manifest.json") == FILES["manifest.json"]
    assert is_whole(made, locator, tmp_path / "out")
    assert [fact for _, fact in made.said] == ["its index is damaged: it is made anew from the packs"]


@pytest.mark.parametrize("harm", [flip, Path.unlink])
def test_a_snapshot_that_is_damaged_or_gone_is_one_set_less_and_can_be_removed(
    made: Made, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    locator = made.keep(SET)
    harm(SNAPSHOT(made))
    with pytest.raises(DifferencesError):
        made.store.read_file(locator, "manifest.json")
    following = made.keep(NEXT)
    assert [one.locator for one in made.store.list_content()] == [following]
    assert bool(made.store.examine([locator])) == (harm is flip)
    with made.leased():
        made.store.remove([locator])
        made.store.sweep()
    assert made.store.examine([following]) == ()
    assert is_whole(made, following, tmp_path / "out")


def test_one_damaged_key_keeps_nobody_out_who_has_another(made: Made, tmp_path: Path) -> None:
    locator = made.keep(SET)
    escrow = next(path for path in made.find("keys") if not opens_with(made, path))
    flip(escrow)
    assert is_whole(made, locator, tmp_path / "out")
    assert made.store.examine([locator]) == (f"key {escrow.name} is damaged: its password opens nothing any more",)
    assert is_whole(made, made.keep(NEXT), tmp_path / "out")


def opens_with(made: Made, key: Path) -> bool:
    """Tell whether a key is that of the working password."""
    listed = json.loads(made.run("key", "list", "--json"))
    return next(bool(one["current"]) for one in listed if one["id"] == key.name)


def test_nothing_is_swept_while_data_is_missing(made: Made) -> None:
    made.keep(SET)
    DATA(made).unlink()
    kept = sorted(path.name for path in made.find("data"))
    with made.leased(), pytest.raises(DifferencesError, match="missing in repo"):
        made.store.sweep()
    assert sorted(path.name for path in made.find("data")) == kept


def test_a_part_of_the_data_is_read_when_asked_and_all_parts_read_all(made: Made) -> None:
    locator = made.keep(SET)
    flip(DATA(made))
    found = [bool(made.store.examine([locator], (part, 3))) for part in (1, 2, 3)]
    assert found.count(True) == 1
