"""Damage of any kind is found by verify, by drill, and before prune gives anything up; evidence stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from strongroom.backup.catalog import read_catalog
from strongroom.backup.copying import copy_sets
from strongroom.backup.documents import Action, Kind
from strongroom.backup.listing import list_sets, tell_state
from strongroom.backup.members.rehearsal import rehearse_local
from strongroom.backup.pruning import foresee_prune, prune_sets
from strongroom.backup.rehearsing import Drilled, rehearse_set
from strongroom.backup.rehearsing import Scene as Stage
from strongroom.backup.status import look_at
from strongroom.backup.stores.folder import FolderStore
from strongroom.backup.stores.opening import initialise, open_store
from strongroom.backup.verifying import Look, Verified, verify_sets
from strongroom.core.backup_entry import FolderStore as FolderEntry
from strongroom.core.backup_entry import Keep, Objectives
from strongroom.core.errors import DifferencesError, ExitCode, GuardError, UsageError
from tests.unit.backup.scene import Scene, flip, make_database, make_shop, run

LOCAL = dict.fromkeys((Kind.SQLITE, Kind.SQLCIPHER, Kind.FILE), rehearse_local)
FEW = Keep(last=1, hourly=0, daily=0, weekly=0, monthly=0, verified=2)


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    scene = make_shop(tmp_path, files=["state.json"])
    scene.init()
    return scene


def verify(shop: Scene, *, dry_run: bool = False) -> Verified:
    catalog = shop.catalog()
    look = Look(sets=catalog.sets, scratch=shop.root / "scratch", dry_run=dry_run)
    return verify_sets(shop.open(), catalog, look, shop.around)


def drill(shop: Scene, set_id: str | None) -> Drilled:
    chosen = shop.catalog().find(str(set_id))
    assert chosen is not None
    stage = Stage(scratch=shop.root / "scratch", rehearsals=LOCAL, checks=shop.site.entry.checks)
    return rehearse_set(shop.open(), chosen, stage, shop.around)


DAMAGE = {
    "a byte of a member": lambda folder: flip(folder / "data" / "core.db"),
    "a byte of the manifest": lambda folder: flip(folder / "manifest.json"),
    "a member gone": lambda folder: (folder / "data" / "state.json").unlink(),
    "the manifest gone": lambda folder: (folder / "manifest.json").unlink(),
    "all of it gone": shutil.rmtree,
    "a member cut short": lambda folder: (folder / "data" / "core.db").write_bytes(b"SQLite format 3\0"),
    "a member replaced by a good database": lambda folder: run(folder / "data" / "core.db", "DELETE FROM users"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_by_verify_and_by_drill_and_the_set_counts_no_more(shop: Scene, damage: str) -> None:
    sound, wrong = shop.create().set, shop.create().set
    DAMAGE[damage](shop.root / "store" / "sets" / str(wrong))
    assert drill(shop, wrong).exit is ExitCode.DIFFERENCES
    assert not (shop.root / "scratch").exists()
    verified = verify(shop)
    assert verified.exit is ExitCode.DIFFERENCES
    assert verified.sets[str(sound)] == ()
    assert verified.sets[str(wrong)]
    assert shop.catalog().latest() == shop.catalog().find(str(sound))
    assert [one.state for one in list_sets("shop", "", shop.catalog()).sets] == ["verified", "damaged"]


def test_a_verify_without_evidence_reads_as_much_and_writes_nothing(shop: Scene) -> None:
    wrong = shop.create().set
    flip(shop.root / "store" / "sets" / str(wrong) / "data" / "core.db")
    assert verify(shop, dry_run=True).exit is ExitCode.DIFFERENCES
    assert not (shop.root / "store" / "evidence").exists()


def test_damaged_documents_are_found(shop: Scene) -> None:
    shop.create()
    verify(shop)
    (evidence,) = (shop.root / "store" / "evidence").rglob("*.json")
    flip(evidence)
    found = verify(shop)
    assert found.exit is ExitCode.DIFFERENCES
    assert list(found.documents) == [str(evidence.relative_to(shop.root / "store"))]


def test_a_set_that_was_repaired_counts_again(shop: Scene) -> None:
    name = shop.create().set
    member = shop.root / "store" / "sets" / str(name) / "data" / "core.db"
    flip(member)
    verify(shop)
    assert tell_state(shop.catalog().sets[0]) == "damaged"
    flip(member)
    verify(shop)
    assert tell_state(shop.catalog().sets[0]) == "verified"


def test_a_drill_asks_the_checks_and_measures(shop: Scene) -> None:
    shop.entry["checks"] = [
        {"member": "core.db", "sql": "SELECT count(*) FROM users", "expect": 3},
        {"member": "core.db", "sql": "SELECT count(*) FROM users", "expect": 4},
        {"member": "core.db", "sql": "SELECT no such thing", "expect": 4},
        {"member": "gone.db", "sql": "SELECT 1", "expect": 1},
    ]
    drilled = drill(shop, shop.create().set)
    assert (drilled.exit, drilled.checks) == (ExitCode.DIFFERENCES, 3)
    assert [fact.partition(":")[0] for fact in drilled.facts] == ["core.db", "core.db", "gone.db"]
    assert set(drilled.seconds) == {"fetch", "restore_sqlite", "restore_file"}
    assert drilled.recovery_point_seconds > 0


def test_a_check_that_fails_is_told_and_says_nothing_of_the_set(shop: Scene) -> None:
    name = shop.create().set
    shop.entry["checks"] = [
        {"member": "core.db", "sql": "SELECT 1", "expect": 2},
        {"member": "x.db", "sql": "SELECT 1", "expect": 1},
    ]
    assert drill(shop, name).exit is ExitCode.DIFFERENCES
    (one,) = shop.catalog().sets
    assert (one.is_verified, one.last(Action.DRILL)) == (True, None)


def test_a_check_without_an_end_ends(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.backup.members.rehearsal._CHECK_SECONDS", 0.2)
    endless = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r"
    shop.entry["checks"] = [{"member": "core.db", "sql": endless, "expect": 1}]
    drilled = drill(shop, shop.create().set)
    assert [fact.rpartition("(")[2] for fact in drilled.facts] == ["takes longer than 0.2 s)"]


def test_what_a_drill_found_is_not_taken_back_by_reading(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    name = shop.create().set
    monkeypatch.setattr("strongroom.backup.members.rehearsal.schema_digest", lambda _: "another")
    assert drill(shop, name).exit is ExitCode.DIFFERENCES
    monkeypatch.undo()
    assert verify(shop).exit is ExitCode.DONE
    assert not shop.catalog().sets[0].is_verified
    assert drill(shop, name).exit is ExitCode.DONE
    assert shop.catalog().sets[0].is_verified


def test_a_drill_that_passed_is_kept_as_evidence(shop: Scene) -> None:
    assert drill(shop, shop.create().set).exit is ExitCode.DONE
    evidence = shop.catalog().sets[0].last(Action.DRILL)
    assert evidence is not None
    assert evidence.seconds["fetch"] >= 0


def test_status_is_stale_without_a_drill_and_fresh_after_it(shop: Scene) -> None:
    def look() -> ExitCode:
        return look_at("shop", "", shop.catalog(), Objectives(), shop.clock.at).exit

    assert look() is ExitCode.PENDING
    name = shop.create().set
    assert look() is ExitCode.PENDING
    drill(shop, name)
    assert look() is ExitCode.DONE
    shop.clock.at = shop.clock.at.replace(day=shop.clock.at.day + 2)
    assert look() is ExitCode.PENDING
    run(shop.data / "core.db", "DROP TABLE users")
    drill(shop, shop.create().set)
    assert look() is ExitCode.PENDING  # what shrank waits for a person


def test_prune_keeps_what_the_rules_keep_and_takes_evidence_along(shop: Scene) -> None:
    names = [shop.create().set for _ in range(4)]
    verify(shop)
    foreseen = foresee_prune(shop.open(), shop.catalog(), FEW, shop.around, accept=False)
    pruned = prune_sets(shop.open(), FEW, shop.around, shop.root / "scratch", accept=False)
    assert pruned.removed == foreseen.removed == tuple(names[:2])
    assert [one.id for one in shop.catalog().sets] == names[2:]
    assert sorted(path.name for path in (shop.root / "store" / "sets").iterdir()) == names[2:]
    assert (
        sorted(path.name for path in (shop.root / "store" / "evidence").iterdir() if any(path.iterdir())) == names[2:]
    )


def test_prune_refuses_after_a_partial_set_and_what_looks_wrong_until_it_is_accepted(shop: Scene) -> None:
    for _ in range(3):
        shop.create()
    make_database(shop.data / "bad.db", users=2000)
    flip(shop.data / "bad.db", 4099)
    shop.create()
    with pytest.raises(GuardError, match="is not whole"):
        prune_sets(shop.open(), FEW, shop.around, shop.root / "scratch", accept=True)
    (shop.data / "bad.db").unlink()
    run(shop.data / "core.db", "DELETE FROM users")
    shop.create()
    with pytest.raises(GuardError, match="looks wrong beside the one before"):
        prune_sets(shop.open(), FEW, shop.around, shop.root / "scratch", accept=False)
    assert len(shop.catalog().sets) == 5
    pruned = prune_sets(shop.open(), FEW, shop.around, shop.root / "scratch", accept=True)
    assert pruned.accepted == ("core.db: table users has 0 rows, 3 before",)
    assert prune_sets(shop.open(), FEW, shop.around, shop.root / "scratch", accept=False).removed == ()


def test_prune_reads_the_newest_once_more_and_gives_nothing_up_for_a_damaged_one(shop: Scene) -> None:
    names = [shop.create().set for _ in range(4)]
    flip(shop.root / "store" / "sets" / str(names[-1]) / "data" / "core.db")
    with pytest.raises(DifferencesError, match="nothing is pruned"):
        prune_sets(shop.open(), FEW, shop.around, shop.root / "scratch", accept=False)
    assert len(shop.catalog().sets) == 4
    pruned = prune_sets(shop.open(), FEW, shop.around, shop.root / "scratch", accept=False)
    assert pruned.removed == (names[0],)
    assert set(pruned.kept) == set(names[1:])


def test_a_copy_is_checked_on_both_sides(shop: Scene, tmp_path: Path) -> None:
    entry = FolderEntry(kind="folder", path=str(tmp_path / "second"))
    initialise(entry, shop.site, shop.around, None, dry_run=False)
    second = open_store(entry, shop.site, shop.around)
    assert isinstance(second, FolderStore)
    sound, wrong = shop.create().set, shop.create().set
    flip(shop.root / "store" / "sets" / str(wrong) / "data" / "core.db")

    def copy(*, dry_run: bool = False) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
        there = read_catalog(second.objects, second.about.id, "shop")
        copied = copy_sets(shop.open(), shop.catalog(), second, there, shop.around, dry_run=dry_run)
        return copied.copied, copied.there, list(copied.damaged)

    assert copy(dry_run=True) == ((sound, wrong), (), [])
    assert copy() == ((sound,), (), [wrong])
    assert copy() == ((), (sound,), [])
    (one,) = read_catalog(second.objects, second.about.id, "shop").sets
    assert one.entry.origin == shop.open().about.id
    look = Look(sets=[one], scratch=tmp_path / "scratch")
    assert verify_sets(second, read_catalog(second.objects, second.about.id, "shop"), look, shop.around).exit == 0
    with pytest.raises(UsageError, match="is the store itself"):
        copy_sets(shop.open(), shop.catalog(), shop.open(), shop.catalog(), shop.around, dry_run=False)
