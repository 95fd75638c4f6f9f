"""What can befall a run of backups besides damaged files: keys, clocks, disks, sources, other runs, other stores."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlcipher3 import dbapi2 as sqlcipher

from strongroom.backup.stores.holders import Holder
from strongroom.backup.stores.lease import held
from strongroom.backup.stores.objects import FolderObjects
from tests.e2e.backup_faults.damage import make_another, put_back
from tests.e2e.backup_faults.fault import EVERY, FETCHING, VERIFYING, Befall, Fault, befalling
from tests.e2e.backup_faults.shop import ENGINES, Shop
from tests.faults.mounted import SECONDS, fill, mount, remount

KEYLESS = frozenset({"list", "status"})
CHANGING = VERIFYING | {"create", "drill", "prune"}
CREATING = frozenset({"create"})


def _with_password(text: str | None) -> Befall:
    @contextmanager
    def befall(shop: Shop) -> Iterator[None]:
        kept = shop.password.read_text()
        shop.password.unlink() if text is None else shop.password.write_text(text)
        yield
        shop.password.touch(mode=0o600)
        shop.password.write_text(kept)

    return befall


def _with_clock(change: timedelta) -> Befall:
    @contextmanager
    def befall(shop: Shop) -> Iterator[None]:
        shop.clock.at += change
        yield
        shop.clock.at -= change

    return befall


@contextmanager
def _another_run(shop: Shop) -> Iterator[None]:
    """Let a process that is alive hold the store."""
    process = subprocess.Popen(["sleep", "600"])
    try:
        with held(FolderObjects(shop.store), shop.clock(), task="backup.create", here=_describe(process.pid)):
            yield
    finally:
        process.kill()
        process.wait(SECONDS)


def _describe(pid: int) -> Holder:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return Holder(
        host="here",
        process=pid,
        boot=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        namespace=str(Path("/proc/self/ns/pid").readlink()),
        started=fields[19],
    )


def _lose_member(shop: Shop) -> None:
    (shop.data / "core.db").unlink()


def _lose_member_and_go_on(shop: Shop) -> None:
    _lose_member(shop)
    shop.must("create")


def _at_step(step: str, do: Callable[[Shop], None]) -> Befall:
    """Return a fault that comes in the middle of a run, once."""

    @contextmanager
    def befall(shop: Shop) -> Iterator[None]:
        todo = [do]

        def reach(name: str) -> None:
            if name == step and todo:
                todo.pop()(shop)

        shop.checkpoint = reach
        kept = (shop.data / "core.db").read_bytes()
        yield
        shop.checkpoint = lambda _: None
        (shop.data / "core.db").write_bytes(kept)

    return befall


def _partial(shop: Shop) -> None:
    """Take a set that lacks a member."""
    with _at_step("create.staged", _lose_member)(shop):
        assert shop.run("create").code == 4


def _cut_in_stage(shop: Shop) -> None:
    (staged,) = [path for path in shop.root.rglob("core.db") if _is_staged(path)]
    os.truncate(staged, staged.stat().st_size // 2)


def _is_staged(path: Path) -> bool:
    return any(part.endswith(".part") or part == "stage" for part in path.parts)


@contextmanager
def _damaged_database(shop: Shop) -> Iterator[None]:
    path = shop.data / "core.db"
    kept = path.read_bytes()
    path.write_bytes(kept[:4096] + bytes(4096) + kept[8192:])
    yield
    path.write_bytes(kept)


@contextmanager
def _unknown_key(shop: Shop) -> Iterator[None]:
    path = shop.data / "secret.db"
    with closing(sqlcipher.connect(str(path))) as connection:
        connection.execute("PRAGMA key = \"x'" + "5a" * 32 + "'\"")
        connection.execute("CREATE TABLE secrets (id INTEGER PRIMARY KEY)")
        connection.commit()
    yield
    path.unlink()


@contextmanager
def _on_a_disk(folder: Path) -> Iterator[None]:
    """Let a folder be a small file system of its own for a while."""
    aside = folder.with_name(f"{folder.name}.aside")
    folder.mkdir(exist_ok=True)
    folder.rename(aside)
    mount(folder, "size=16m")
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    try:
        yield
    finally:
        remount(folder, "rw")
        shutil.rmtree(aside)
        shutil.copytree(folder, aside)
        subprocess.run(["umount", str(folder)], check=True, timeout=SECONDS)
        folder.rmdir()
        aside.rename(folder)


def _full(find: Callable[[Shop], Path]) -> Befall:
    @contextmanager
    def befall(shop: Shop) -> Iterator[None]:
        with _on_a_disk(find(shop)):
            fillers = []
            while True:  # the last pages are given out when the file system has counted anew
                fillers.append(fill(find(shop)).rename(find(shop) / f"filler {len(fillers)}"))
                if not fillers[-1].stat().st_size:
                    break
            yield
            for filler in fillers:
                filler.unlink()

    return befall


def _read_only(find: Callable[[Shop], Path]) -> Befall:
    @contextmanager
    def befall(shop: Shop) -> Iterator[None]:
        with _on_a_disk(find(shop)):
            remount(find(shop), "ro")
            yield

    return befall


def _older(shop: Shop) -> None:
    file = shop.store / "store.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 0}))


def _name_other_store(shop: Shop) -> None:
    """Let ``system.yaml`` name the store of another system."""
    other = make_another(shop, "bakery").store
    more = "" if shop.engine == "folder" else ", password: backup"
    shop.write_system(f"{{kind: {shop.engine}, path: {other}{more}}}")


def _away(make: Callable[[Path], object]) -> Befall:
    @contextmanager
    def befall(shop: Shop) -> Iterator[None]:
        aside = shop.root / "store.aside"
        shop.store.rename(aside)
        make(shop.store)
        yield
        if shop.store.exists():
            shop.store.rmdir()  # nothing was written there
        aside.rename(shop.store)

    return befall


def _begin_anew(shop: Shop) -> None:
    shutil.rmtree(shop.store)
    shutil.copytree(make_another(shop).store, shop.store)


def _lose_catalog(shop: Shop) -> None:
    shutil.rmtree(shop.store / "catalog")


def list_events() -> Iterator[Fault]:
    """Yield what befalls a store in a folder, and a repository."""
    for engine in ENGINES:
        yield Fault(name="nothing", engine=engine, befall=befalling(lambda _: None))
        yield from _list_sources(engine)
        yield from _list_runs(engine)
        yield from _list_places(engine)
        yield from _list_disks(engine)
    keyed = Fault(name="", engine="restic", befall=befalling(lambda _: None), notice=EVERY - KEYLESS, meanwhile=True)
    way = "bring the password"
    yield replace(keyed, name="another password", befall=_with_password("another"), person=way)
    yield replace(keyed, name="no password", befall=_with_password(None), person=way)


def _list_sources(engine: str) -> Iterator[Fault]:
    plain = Fault(
        name="", engine=engine, befall=befalling(lambda _: None), tasks=CREATING, notice=CREATING, meanwhile=True
    )
    yield replace(
        plain,
        name="a database is gone",
        befall=befalling(_lose_member),
        notice=frozenset(),
        told=CREATING,
        meanwhile=False,
    )
    yield Fault(
        name="a database is gone since the newest set",
        engine=engine,
        befall=befalling(_lose_member_and_go_on),
        notice=frozenset({"prune", "status"}),
        told=FETCHING | {"list", "show", "create"},
    )
    yield replace(plain, name="a database goes while a set is taken", befall=_at_step("create.staged", _lose_member))
    yield replace(plain, name="a member is cut short while it is copied", befall=_at_step("take.copied", _cut_in_stage))
    yield replace(plain, name="a member is cut short in the stage", befall=_at_step("create.taken", _cut_in_stage))
    yield replace(plain, name="a database is damaged", befall=_damaged_database)
    yield replace(plain, name="a database of an unknown key", befall=_unknown_key)
    yield Fault(
        name="the newest set lacks a member",
        engine=engine,
        befall=befalling(_partial),
        notice=frozenset({"prune", "status"}),
        told=FETCHING | {"list", "show"},
    )


def _list_runs(engine: str) -> Iterator[Fault]:
    day = timedelta(days=1)
    plain = Fault(name="", engine=engine, befall=_with_clock(day), meanwhile=True)
    yield replace(plain, name="the clock is a day ahead")
    yield replace(plain, name="the clock is a day behind", befall=_with_clock(-day))
    yield replace(plain, name="another run holds the store", befall=_another_run, notice=CHANGING)


def _list_places(engine: str) -> Iterator[Fault]:
    plain = Fault(name="", engine=engine, befall=befalling(_older), notice=EVERY)
    yield replace(
        plain, name="a store of an older bundle", person="use the bundle that made it", act=put_back("store.json")
    )
    yield replace(
        plain,
        name="the store of another system",
        befall=befalling(_name_other_store),
        person="correct store: in system.yaml",
        act=Shop.write_system,
    )
    yield replace(
        plain, name="an empty folder in the store's place", befall=_away(Path.mkdir), meanwhile=True, person="mount it"
    )
    yield replace(
        plain, name="no folder in the store's place", befall=_away(lambda _: None), meanwhile=True, person="mount it"
    )
    notice = frozenset({"drill", "restore", "show", "status"})
    yield replace(plain, name="a store without sets", befall=befalling(_begin_anew), notice=notice)
    yield replace(
        plain,
        name="every catalog entry is gone",
        befall=befalling(_lose_catalog),
        notice=notice | VERIFYING,
        told=frozenset({"create", "prune"}),
    )


def _list_disks(engine: str) -> Iterator[Fault]:
    plain = Fault(name="", engine=engine, befall=_full(lambda shop: shop.store), meanwhile=True, is_mounted=True)
    needing = CHANGING if engine == "restic" else CHANGING - {"prune"}  # which makes room there
    yield replace(plain, name="no space in the store", notice=needing, person="make room")
    if engine == "restic":
        full = _full(lambda shop: shop.stage)
        yield replace(
            plain, name="no space in the stage", befall=full, notice=frozenset({"create", "drill"}), person="make room"
        )
    read_only = _read_only(lambda shop: shop.store)
    way = "mount it for writing"
    yield replace(plain, name="a store that is read-only", befall=read_only, notice=CHANGING, person=way)
    yield replace(plain, name="data that is read-only", befall=_read_only(lambda shop: shop.data))
