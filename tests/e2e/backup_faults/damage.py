"""What can befall the files of a store: a byte flipped, half of it gone, all of it gone, another one in its place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.e2e.backup_faults.fault import EVERY, FETCHING, VERIFYING, Fault, befalling
from tests.e2e.backup_faults.shop import ENGINES, Shop, begin_store

Find = Callable[[Shop, int], Path]
"""Finds a file of the newest set (1), or the like of the one before (2)."""


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    put(path, bytes(content))


def flip_many(path: Path) -> None:
    """Flip a byte here and there: in each part of a pack, whatever their order."""
    content = bytearray(path.read_bytes())
    content[::50] = bytes(byte ^ 1 for byte in content[::50])
    put(path, bytes(content))


def cut(path: Path) -> None:
    content = path.read_bytes()
    put(path, content[: len(content) // 2])


def cut_short(path: Path) -> None:
    """Leave so little of a pack that no part of it is whole, whatever their order."""
    put(path, path.read_bytes()[:100])


def put(path: Path, content: bytes) -> None:
    """Write a file as rot does: its time stays."""
    about = path.stat()
    path.chmod(0o600)
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


Harm = Callable[[Path], None]
HARMS: Mapping[str, Harm] = {"a byte flipped": flip, "missing": Path.unlink, "cut to half": cut}
SWAPPED = "another in its place"


def find_entry(shop: Shop, back: int) -> Path:
    return shop.store / "catalog" / f"{shop.list_sets()[-back]}.json"


def find_evidence(shop: Shop, back: int) -> Path:
    return max((shop.store / "evidence" / shop.list_sets()[-back]).iterdir())


def find_about(shop: Shop, back: int) -> Path:
    return (shop if back == 1 else make_another(shop)).store / "store.json"


def in_set(name: str) -> Find:
    return lambda shop, back: shop.store / "sets" / shop.list_sets()[-back] / name


def find_index(shop: Shop, back: int) -> Path:
    return _list_made(shop, "index")[-back]


def find_snapshot(shop: Shop, back: int) -> Path:
    locator = json.loads(find_entry(shop, back).read_text())["locator"]
    return shop.repository / "snapshots" / str(locator)


def find_data(shop: Shop, back: int) -> Path:
    """Find the pack that holds what is new in a set: each set made two."""
    return max(_list_packs(shop, back), key=lambda path: path.stat().st_size)


def find_trees(shop: Shop, back: int) -> Path:
    """Find the pack that holds the folders of a set."""
    return min(_list_packs(shop, back), key=lambda path: path.stat().st_size)


def find_shared(shop: Shop, back: int) -> Path:
    """Find the pack that all sets need: one of their databases never changed."""
    return find_data(shop, len(shop.list_sets()) + 1 - back)


def only(name: str) -> Find:
    """Find what a repository has one of; the like of it is another repository's."""

    def find(shop: Shop, back: int) -> Path:
        path = (shop if back == 1 else make_another(shop)).repository / name
        return next(path.iterdir()) if path.is_dir() else path

    return find


def _list_packs(shop: Shop, back: int) -> list[Path]:
    made = _list_made(shop, "data")
    return made[-2 * back :][:2]


def _list_made(shop: Shop, kind: str) -> list[Path]:
    files = [path for path in (shop.repository / kind).rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: path.stat().st_mtime_ns)


def make_another(shop: Shop, system: str = "shop") -> Shop:
    """Make another store, of the same system or of another."""
    other = Shop(root=shop.spare / system, engine=shop.engine, system=system)
    if not other.root.exists():
        other.data.mkdir(parents=True)
        shutil.copy(shop.password, other.password)
        other.write_system()
        begin_store(other)
    return other


def tell_day(find: Find) -> Callable[[Shop], int]:
    """Return when restic reads a pack, a seventh of them each day: by the first byte of its name."""
    return lambda shop: int(find(shop, 1).name[:2], 16) % 7


def harmed(
    engine: str, what: str, find: Find, notice: frozenset[str], *, harms: Mapping[str, Harm] = HARMS, **more: Any
) -> Iterator[Fault]:
    """Yield a fault for each harm that a kind of file can come to."""
    plain = Fault(name="", engine=engine, befall=befalling(lambda _: None), notice=notice, **more)
    for name, harm in harms.items():
        do: Callable[[Shop], None] = lambda shop, harm=harm: harm(find(shop, 1))  # type: ignore[misc]  # noqa: E731
        yield replace(plain, name=f"{what}: {name}", befall=befalling(do))
    swap: Callable[[Shop], None] = lambda shop: put(find(shop, 1), find(shop, 2).read_bytes())  # noqa: E731
    yield replace(plain, name=f"{what}: {SWAPPED}", befall=befalling(swap))


READING = VERIFYING | FETCHING
LISTING = VERIFYING | {"status"}


def list_damage() -> Iterator[Fault]:
    """Yield what befalls the files of a store, one at a time."""
    yield from harmed("folder", "member", in_set("data/core.db"), READING | {"prune"})
    yield from harmed("folder", "manifest", in_set("manifest.json"), READING | {"prune", "show"})
    for engine in ENGINES:
        for fault in harmed(engine, "catalog entry", find_entry, LISTING, told=EVERY - LISTING):
            yield replace(fault, told=frozenset({"create", "prune"})) if fault.name.endswith("missing") else fault
        for fault in harmed(engine, "evidence", find_evidence, LISTING, told=frozenset({"list"})):
            gone = replace(fault, notice=frozenset({"status"}), told=frozenset())
            yield gone if fault.name.endswith("missing") else fault
        for fault in harmed(engine, "store.json", find_about, LISTING, told=frozenset({"create", "prune", "list"})):
            other = replace(fault, notice=LISTING | FETCHING | {"show"})
            yield other if fault.name.endswith(SWAPPED) else fault
    yield from list_repository_damage()


def list_repository_damage() -> Iterator[Fault]:
    packs = {"a byte flipped": flip, "missing": Path.unlink, "cut short": cut_short}
    trees = {"bytes flipped": flip_many, "missing": Path.unlink, "cut short": cut_short}
    for name, find in {"pack of the newest set": find_data, "pack of every set": find_shared}.items():
        yield from harmed("restic", name, find, READING, harms=packs, due=tell_day(find))
    showing = READING | {"prune", "show"}
    yield from harmed("restic", "pack of folders", find_trees, showing, harms=trees, due=tell_day(find_trees))
    yield from harmed(
        "restic", "index", find_index, VERIFYING | {"drill", "prune", "show"}, told=frozenset({"restore"})
    )
    yield from harmed("restic", "snapshot", find_snapshot, showing)
    way = "put it back from a copy of the store"
    for name in ("config", "keys"):
        act = put_back(f"restic/{name}")
        yield from harmed("restic", name, only(name), EVERY - {"list", "status"}, person=way, act=act)


def put_back(name: str) -> Callable[[Shop], None]:
    """Return what a person does who has a copy of a part of a store."""

    def act(shop: Shop) -> None:
        place, kept = shop.store / name, shop.origin / "store" / name
        if kept.is_dir():
            shutil.rmtree(place)
            shutil.copytree(kept, place)
        else:
            place.unlink(missing_ok=True)
            shutil.copy2(kept, place)

    return act
