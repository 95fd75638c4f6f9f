"""Documents of a store that are lost, damaged or another's: what they said is found out anew, or they are told of."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from strongroom.backup.restoring import choose_set
from strongroom.backup.verifying import Look, verify_sets
from strongroom.core.errors import DifferencesError, ExitCode, GuardError, NotInitialisedError, VersionError
from tests.unit.backup.scene import Scene, make_shop


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    scene = make_shop(tmp_path)
    scene.init()
    return scene


def verify(shop: Scene) -> ExitCode:
    catalog = shop.catalog()
    look = Look(sets=catalog.sets, scratch=shop.root / "scratch")
    return verify_sets(shop.open(), catalog, look, shop.around).exit


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("{")], ids=["gone", "damaged"])
def test_a_store_that_cannot_say_what_it_is_is_known_by_its_sets(shop: Scene, harm: object) -> None:
    about, file = shop.open().about, shop.root / "store" / "store.json"
    first = shop.create().set
    harm(file)  # type: ignore[operator]
    assert (shop.open().about.id, shop.open().about.engine) == (about.id, "folder")
    assert list(shop.catalog().damaged) == ["store.json"]
    assert verify(shop) is ExitCode.DIFFERENCES
    second = shop.create().set
    assert any("store.json: is" in said and "made anew" in said for said in shop.said)
    assert [one.id for one in shop.catalog().sets] == [first, second]
    assert json.loads(file.read_text())["id"] == about.id
    assert verify(shop) is ExitCode.DONE


def test_a_store_without_sets_or_with_those_of_two_stores_is_not_guessed_at(shop: Scene, tmp_path: Path) -> None:
    other = make_shop(tmp_path / "other")
    other.init()
    file = shop.root / "store" / "store.json"
    content = file.read_text()
    file.unlink()
    with pytest.raises(NotInitialisedError):
        shop.open()
    file.write_text("{")
    with pytest.raises(GuardError, match="is not JSON"):
        shop.open()
    file.write_text(content)
    shop.create()
    shop.clock.at = other.clock.at
    stray = other.root / "store" / "catalog" / f"{other.create().set}.json"
    shutil.copy(stray, shop.root / "store" / "catalog" / "20200101_000000.json")
    file.unlink()
    with pytest.raises(NotInitialisedError):
        shop.open()


def test_a_store_of_another_bundle_is_not_made_anew(shop: Scene) -> None:
    shop.create()
    file = shop.root / "store" / "store.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 0}))
    with pytest.raises(VersionError, match="reads version 1 only") as raised:
        shop.open()
    assert raised.value.hint == "use the bundle that made the store; this one needs another"


def test_an_entry_in_the_place_of_another_is_told_of_and_written_anew(shop: Scene) -> None:
    first, second = (str(shop.create().set) for _ in range(2))
    catalog = shop.root / "store" / "catalog"
    shutil.copy(catalog / f"{first}.json", catalog / f"{second}.json")
    assert [one.id for one in shop.catalog().sets] == [first]
    assert shop.catalog().damaged == {f"catalog/{second}.json": f"is that of set {first}"}
    third = shop.create().set
    assert [one.id for one in shop.catalog().sets] == [first, second, third]


def test_evidence_in_the_place_of_another_says_nothing_of_either(shop: Scene) -> None:
    first, second = (str(shop.create().set) for _ in range(2))
    verify(shop)
    evidence = shop.root / "store" / "evidence"
    (of_first,), (of_second,) = ((evidence / name).iterdir() for name in (first, second))
    shutil.copy(of_first, of_second)
    assert [len(one.evidence) for one in shop.catalog().sets] == [1, 0]
    assert list(shop.catalog().damaged.values()) == [f"is that of set {first}"]


def test_a_set_that_the_catalog_lacks_is_pending_until_the_next_create(shop: Scene) -> None:
    name = shop.create().set
    (shop.root / "store" / "catalog" / f"{name}.json").unlink()
    assert verify(shop) is ExitCode.PENDING
    shop.create()
    assert verify(shop) is ExitCode.DONE


def test_a_file_that_was_cut_short_after_it_was_looked_over_ends_create(shop: Scene) -> None:
    def cut(step: str) -> None:
        if step == "create.taken":
            (staged,) = (shop.root / "store" / "sets").glob("*.part/data/core.db")
            os.truncate(staged, 4096)

    shop.checkpoint = cut
    with pytest.raises(DifferencesError, match="has 4096 bytes now"):
        shop.create()
    assert shop.catalog().sets == ()


def test_a_set_that_looks_wrong_is_told_of_when_it_is_chosen(shop: Scene) -> None:
    shop.create()
    (shop.data / "core.db").unlink()
    name = str(shop.create().set)
    for text in ("latest", name):
        shop.said.clear()
        assert choose_set(shop.catalog(), text, shop.around).id == name
        assert any("looks wrong beside the set before it: core.db is gone" in said for said in shop.said)
