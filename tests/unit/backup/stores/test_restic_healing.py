"""A repository that was found damaged: the next ``backup.create`` builds nothing on what is damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from strongroom.backup.catalog import Catalog, read_catalog
from strongroom.backup.creating import create_set
from strongroom.backup.place import find_sources
from strongroom.backup.verifying import Look, Verified, verify_sets
from strongroom.core.errors import ExitCode
from tests.unit.backup.scene import Clock, Scene
from tests.unit.backup.stores.conftest import ABOUT, Made, open_at, surroundings
from tests.unit.backup.stores.test_restic_damage import DATA, flip, opens_with


def test_after_damage_was_found_the_next_set_is_whole_and_so_are_the_earlier_ones(made: Made, tmp_path: Path) -> None:
    scene, said = Scene(root=tmp_path, entry={}), list[tuple[str, str]]()
    scene.data.mkdir()
    with closing(sqlite3.connect(scene.data / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT hex(randomblob(20000)) AS cell")
        connection.commit()
    around = replace(surroundings(said), now=Clock())
    store = open_at(made.root, tmp_path / "stage", around=around)

    def create() -> str:
        with made.leased():
            return str(create_set(store, find_sources(scene.site), (), around).set)

    def verify() -> dict[str, bool]:
        catalog = catalog_of(made)
        verified = verify_sets(store, catalog, Look(sets=catalog.sets, scratch=tmp_path / "scratch", full=True), around)
        return {name: not facts for name, facts in verified.sets.items()}

    first = create()
    flip(DATA(made))
    second = create()
    assert verify() == {first: False, second: False}, "restic builds a set on what is damaged"
    said.clear()
    third = create()
    assert [fact.split(" ")[0] for _, fact in said] == ["made", "gave"]
    said.clear()
    assert verify() == {first: True, second: True, third: True}
    create()
    assert said == []


def test_a_part_that_is_sound_does_not_clear_a_set_and_a_damaged_key_is_told(made: Made, tmp_path: Path) -> None:
    scene = Scene(root=tmp_path, entry={})
    scene.data.mkdir()
    (scene.data / "shop.db").touch()
    clock = Clock()
    around = replace(surroundings([]), now=clock)
    store = open_at(made.root, tmp_path / "stage", around=around)
    with closing(sqlite3.connect(scene.data / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT hex(randomblob(20000)) AS cell")
        connection.commit()
    with made.leased():
        create_set(store, find_sources(scene.site), (), around)

    def verify(*, full: bool = False) -> Verified:
        catalog = catalog_of(made)
        look = Look(sets=catalog.sets, scratch=tmp_path / "scratch", full=full)
        return verify_sets(store, catalog, look, around)

    pack = DATA(made)
    flip(pack)
    assert verify(full=True).exit is ExitCode.DIFFERENCES
    ends = []
    for _ in range(7):
        clock.at += timedelta(days=1)
        ends.append(verify().exit)
        assert not catalog_of(made).sets[0].is_verified
    assert set(ends) == {ExitCode.DIFFERENCES}
    flip(pack)
    assert verify(full=True).exit is ExitCode.DONE
    assert catalog_of(made).sets[0].is_verified
    flip(next(path for path in made.find("keys") if not opens_with(made, path)))
    found = verify(full=True)
    assert (found.exit, [fact[:4] for fact in found.engine]) == (ExitCode.DIFFERENCES, ["key "])
    assert catalog_of(made).sets[0].is_verified, "every set comes out as it went in"


def catalog_of(made: Made) -> Catalog:
    return read_catalog(made.store.objects, ABOUT.id, ABOUT.system)
