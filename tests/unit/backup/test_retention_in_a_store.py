"""Pruning as it happens: sets of two systems in folders, whatever their history; and the guard before it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random, SystemRandom

import pytest

from strongroom.backup.catalog import BackupSet, write_entry, write_evidence
from strongroom.backup.documents import MANIFEST_FILE, ManifestDocument
from strongroom.backup.pruning import prune_sets
from strongroom.backup.stores.folder import FolderStore
from strongroom.core.backup_entry import Keep
from strongroom.core.errors import GuardError
from strongroom.runs.documents import encode_document
from tests.unit.backup.histories import draw_history, make_set
from tests.unit.backup.retention_oracle import counts, list_reasons
from tests.unit.backup.scene import Scene, make_shop, run

ONE = Keep(last=1, hourly=0, daily=0, weekly=0, monthly=0, yearly=0, days=0, verified=1)


@pytest.fixture
def histories(is_nightly: bool) -> Sequence[Random]:
    first, count = (SystemRandom().randrange(2**40), 200) if is_nightly else (7, 8)
    return [Random(first + number) for number in range(count)]


def keep_set(store: FolderStore, one: BackupSet) -> BackupSet:
    """Put a set without members into a store, with its evidence; its entry says what it was to say."""
    entry = one.entry
    manifest = ManifestDocument(
        set=entry.set, system=entry.system, tool=entry.tool, began=entry.began, ended=entry.ended, members=()
    )
    text = encode_document(manifest, store.about.id)
    folder = store.root / "sets" / entry.locator
    folder.mkdir(parents=True)
    (folder / MANIFEST_FILE).write_text(text)
    kept = replace(one, entry=replace(entry, manifest_sha256=hashlib.sha256(text.encode()).hexdigest()))
    write_entry(store.objects, store.about.id, kept.entry)
    for piece in one.evidence:
        write_evidence(store.objects, store.about.id, piece)
    return kept


def test_a_prune_leaves_what_the_rules_say_and_nothing_of_the_rest(histories: Sequence[Random], tmp_path: Path) -> None:
    for number, random in enumerate(histories):
        scene = Scene(root=tmp_path / str(number))
        scene.data.mkdir(parents=True)
        store = scene.init()
        sets, keep, now = draw_history(random)
        sets = [one for one in sets if one.entry.began < now]
        sets.append(make_set(now, "newest"))  # what is not whole there is refused: another test's
        for one in sets:
            keep_set(store, one)
        stranger = keep_set(store, make_set(now, "stranger", system="other", is_whole=False))
        scene.clock.at = now
        then = now + timedelta(seconds=1)  # the scene's clock goes on as it is read
        expected = {one.id for one in sets if list_reasons(one, sets, keep, then)}
        verified = {one.id for one in sets if counts(one)}
        pruned = prune_sets(store, keep, scene.around, scene.root / "scratch", accept=False)
        left = {one.id for one in scene.catalog().sets}
        assert left == expected == set(pruned.kept), f"{keep}, {now}"
        assert len(left & verified) >= min(keep.verified, len(verified))
        assert {path.name for path in (store.root / "sets").iterdir()} == {*left, stranger.id}
        assert {path.parent.name for path in (store.root / "evidence").glob("*/*")} <= left
        assert (store.root / "catalog" / f"{stranger.id}.json").is_file()


def test_an_empty_store_has_nothing_to_prune(tmp_path: Path) -> None:
    scene = Scene(root=tmp_path)
    scene.data.mkdir()
    assert prune_sets(scene.init(), ONE, scene.around, scene.root / "scratch", accept=False).removed == ()


def test_a_table_that_is_gone_is_told_each_night_until_somebody_accepts_it(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    good = shop.create().set
    run(shop.data / "core.db", "DROP TABLE users")
    for _ in range(3):
        assert shop.create().alarms == ("core.db: table users is gone (3 rows before)",)
        with pytest.raises(GuardError, match="table users is gone"):
            prune_sets(shop.open(), ONE, shop.around, shop.root / "scratch", accept=False)
        assert shop.catalog().find(str(good)) is not None
    assert good in prune_sets(shop.open(), ONE, shop.around, shop.root / "scratch", accept=True).removed
    assert shop.create().alarms == ()


def test_what_came_back_is_told_no_more(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.init()
    shop.create()
    run(shop.data / "core.db", "ALTER TABLE users RENAME TO away")
    assert len(shop.create().alarms) == 1
    run(shop.data / "core.db", "ALTER TABLE away RENAME TO users")
    newest = shop.create()
    assert newest.alarms == ()
    assert newest.set in prune_sets(shop.open(), ONE, shop.around, shop.root / "scratch", accept=False).kept
