"""Databases of servers go live with the files of a set, in one restore in place, and come back with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from strongroom.backup.catalog import Catalog, read_catalog
from strongroom.backup.creating import create_set
from strongroom.backup.documents import Kind, MemberRecord
from strongroom.backup.in_place import restore_in_place
from strongroom.backup.members.server_swaps import DatabaseSwap, RedisSwap
from strongroom.backup.place import find_sources
from strongroom.backup.restores import Swap
from strongroom.backup.restoring import Restored, Wish
from strongroom.backup.undoing import Undone, undo
from strongroom.core.errors import GuardError, RolledBackError
from strongroom.postgres.connection import open_postgres
from tests.unit.backup.members.conftest import Cache, Shop
from tests.unit.backup.scene import Scene, make_shop, run


class Killed(BaseException):
    pass


class Everything:
    """Files, a database and a Redis of one application, and sets of all three."""

    def __init__(self, files: Scene, shop: Shop, cache: Cache) -> None:
        self.files, self.shop, self.cache = files, shop, cache
        self.around = replace(shop.around, now=files.clock)

    def create(self) -> None:
        create_set(
            self.files.open(), find_sources(self.files.site), (self.shop.source(), self.cache.source()), self.around
        )

    def damage(self) -> None:
        run(self.files.data / "core.db", "DROP TABLE users")
        self.shop.run("TRUNCATE public.users")
        with self.cache.open() as client:
            client.ask("FLUSHALL")

    def look(self) -> tuple[int, int]:
        """Return the rows and keys of the servers."""
        ((rows,),) = self.shop.run("SELECT count(*) FROM public.users")
        with self.cache.open() as client:
            client.ask("SELECT", 0)
            keys = client.ask("DBSIZE")
        assert isinstance(rows, int)
        assert isinstance(keys, int)
        return rows, keys

    def build(self, member: MemberRecord, brought: Path, folder: Path) -> Swap:
        if member.kind is Kind.REDIS:
            return RedisSwap(
                member=member, brought=brought, folder=folder, address=self.cache.address, around=self.around
            )
        return DatabaseSwap(
            member=member,
            brought=brought,
            folder=folder,
            access=self.shop.access,
            environment=self.around.environment,
        )

    def catalog(self) -> Catalog:
        store = self.files.open()
        return read_catalog(store.objects, store.about.id, "shop")

    def restore(self, until: str = "") -> Restored:
        def stop(step: str) -> None:
            if step == until:
                raise Killed

        chosen = self.catalog().sets[0]
        around = replace(self.around, checkpoint=stop)
        return restore_in_place(self.files.open(), chosen, Wish(data_dir=self.files.data), around, self.build)

    def undo(self, *, discard_changes: bool = False) -> Undone:
        return undo(self.files.data, None, self.around, partial(self.build), discard_changes=discard_changes)


@pytest.fixture
def everything(tmp_path: Path, shop: Shop, cache: Cache) -> Iterator[Everything]:
    files = make_shop(tmp_path / "files")
    files.init()
    made = Everything(files, shop, cache)
    made.create()
    yield made
    with open_postgres(shop.access) as connection:
        names = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{shop.name}_%",))
        for (name,) in names.fetchall():
            connection.execute(f'DROP DATABASE "{name}"'.encode())


def test_all_of_a_set_goes_live_and_is_taken_back(everything: Everything) -> None:
    before = everything.look()
    everything.damage()
    assert everything.look() == (0, 0)
    restored = everything.restore()
    assert set(restored.members) == {"core.db", "agents/memory.db", f"postgres/{everything.shop.name}", "redis"}
    assert everything.look() == before
    undone = everything.undo()
    assert undone.lost == ()
    assert everything.look() == (0, 0)
    assert everything.undo().restore is None
    everything.restore()
    assert everything.look() == before


STEPS = (
    "restore.brought",
    "restore.prepared",
    "restore.intended",
    "restore.live.core.db",
    "restore.live.postgres",
    "restore.live.redis",
    "restore.compared",
)


@pytest.mark.sample(3)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_same_restore_ends_it_or_undo_does(everything: Everything, step: str) -> None:
    before = everything.look()
    everything.damage()
    with pytest.raises(Killed):
        everything.restore(until=step.replace("postgres", f"postgres/{everything.shop.name}"))
    if step == STEPS[0]:
        everything.undo()
        assert everything.look() == (0, 0)
    everything.restore()
    assert everything.look() == before
    everything.undo()
    assert everything.look() == (0, 0)


def test_what_was_written_since_is_named_and_not_lost_unasked(everything: Everything) -> None:
    everything.damage()
    everything.restore()
    everything.shop.run("DELETE FROM public.users WHERE id > 100")
    with everything.cache.open() as client:
        client.ask("SET", "since", "1")
    with pytest.raises(GuardError, match=r"public\.users.*redis: db0"):
        everything.undo()
    undone = everything.undo(discard_changes=True)
    assert {fact.partition(":")[0] for fact in undone.lost} == {f"postgres/{everything.shop.name}", "redis"}
    assert everything.look() == (0, 0)


def test_who_is_connected_stops_a_restore_and_everything_is_as_it_was(everything: Everything) -> None:
    everything.damage()
    with open_postgres(everything.shop.inside), pytest.raises(RolledBackError, match="other connections"):
        everything.restore()
    assert everything.look() == (0, 0)
    assert not list(everything.files.data.glob("*.db-journal"))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        run(everything.files.data / "core.db", "SELECT * FROM users")


def test_a_database_that_is_gone_comes_back_and_undo_takes_it_away_again(everything: Everything) -> None:
    before = everything.look()
    everything.damage()
    with open_postgres(everything.shop.access) as connection:
        connection.execute(f'DROP DATABASE "{everything.shop.name}"'.encode())
    everything.restore()
    assert everything.look() == before
    everything.undo()
    with open_postgres(everything.shop.access) as connection:
        asked = connection.execute("SELECT count(*) FROM pg_database WHERE datname = %s", (everything.shop.name,))
        assert asked.fetchone() == (0,)
    everything.restore()
    assert everything.look() == before


def test_a_restore_that_fails_before_it_swaps_leaves_no_database_behind(
    everything: Everything, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(swap: RedisSwap) -> None:
        raise GuardError("redis", "is not to be had")

    monkeypatch.setattr(RedisSwap, "prepare", refuse)
    everything.damage()
    with pytest.raises(GuardError, match="is not to be had"):
        everything.restore()
    with open_postgres(everything.shop.access) as connection:
        asked = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{everything.shop.name}_%",)
        )
        assert asked.fetchall() == []
    assert everything.look() == (0, 0)
