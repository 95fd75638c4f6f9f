"""No set is taken of a data directory that a restore in place, or a run, is changing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.backup.creating import create_set
from strongroom.backup.in_place import restore_in_place
from strongroom.backup.place import find_sources
from strongroom.backup.restoring import Wish
from strongroom.backup.settled import watch
from strongroom.core.errors import SourceChangedError, StaleError
from tests.unit.backup.scene import Scene, make_shop, run


class Killed(BaseException):
    pass


def restore(shop: Scene, until: str = "") -> None:
    def stop(step: str) -> None:
        if step == until:
            raise Killed

    around = replace(shop.around, checkpoint=stop)
    chosen = shop.catalog().sets[0]
    restore_in_place(shop.open(), chosen, Wish(data_dir=shop.data), around)


def test_a_restore_that_stands_between_two_states_is_not_backed_up(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    shop.create()
    run(shop.data / "core.db", "DELETE FROM users")
    watch(shop.data)()
    with pytest.raises(Killed):
        restore(shop, until="restore.live.core.db")
    with pytest.raises(StaleError, match="is being put live"):
        watch(shop.data)
    restore(shop)
    watch(shop.data)()


def test_what_goes_live_while_a_set_is_taken_ends_it(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    shop.create()
    recheck = watch(shop.data)
    restore(shop)
    with pytest.raises(SourceChangedError, match="went live while the set was taken"):
        create_set(shop.open(), find_sources(shop.site), (), shop.around, recheck)
    assert len(shop.catalog().sets) == 1
