"""What a person reads of backups: whole sentences, no figure with a wrong plural, no line that ends in blanks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from strongroom import report
from strongroom.backup.copying import Copied
from strongroom.backup.creating import Created
from strongroom.backup.documents import Action, EvidenceDocument, FileRecord, Kind, MemberRecord, Missing, TableRecord
from strongroom.backup.listing import Listed, ListedSet, Shown
from strongroom.backup.pruning import Pruned
from strongroom.backup.rehearsing import Drilled
from strongroom.backup.restoring import Restored
from strongroom.backup.status import Age, Status
from strongroom.backup.stores.opening import Initialised
from strongroom.backup.undoing import Undone
from strongroom.backup.verifying import Verified

AT = datetime(2026, 3, 2, 2, 0, 7, tzinfo=UTC)
SET, OLD = "20260302_020000", "20260301_020000"
CREATED = Created(
    set=SET, store="/srv/copies", members=("core.db",), size=24_576, rows=1, seconds={"take": 0.1}
)  # fmt: skip
DRILLED = Drilled(
    set=SET,
    store="/srv/copies",
    members=("core.db", "vault.db"),
    facts=(),
    checks=1,
    rows=1234,
    size=5_000_000,
    seconds={"fetch": 1.0, "restore_sqlite": 0.5},
    recovery_point_seconds=1800.0,
    escrow=False,
)
VERIFIED = Verified(store="/srv/copies", sets={SET: ()}, documents={}, unlisted=(), part=None, size=24_576)
PRUNED = Pruned(store="/srv/copies", removed=(), kept={SET: ("verified", "last")}, accepted=(), size=0, dry_run=False)
COPIED = Copied(
    store="/srv/copies", second="/mnt/copies", copied=(OLD, SET), there=(), damaged={}, size=2_500_000, dry_run=False
)
RESTORED = Restored(
    set=SET, store="/srv/copies", place="/srv/back", members=("core.db",), files=1, size=1_000_000, rows=2,
    seconds={}, missing=(), dry_run=False,
)  # fmt: skip
Say = Callable[..., str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Show a result; return what a person reads, which has no line that ends in blanks."""

    def act(show: Callable[..., Any], result: Any, **options: bool) -> str:
        show(result, as_json=False, **options)
        said = capsys.readouterr().out
        assert [line for line in said.splitlines() if line != line.rstrip()] == []
        show(result, as_json=True, **options)
        json.loads(capsys.readouterr().out)
        return said

    return act


def test_a_store_that_was_made(say: Say) -> None:
    made = Initialised(system="shop", store="/srv/copies", engine="restic", id="1", escrow="/root/shop.age")
    assert say(report.show_initialised, made) == (
        "escrow password: /root/shop.age (keep it where the keys are not; backup.drill --escrow tries it)\n"
        "made a restic store for shop: /srv/copies\n"
    )
    bare = replace(made, escrow=None, without_escrow="a test", dry_run=True)
    assert say(report.show_initialised, bare) == (
        "no escrow password: a test\nwould make a restic store for shop: /srv/copies\n"
    )


def test_a_set_that_was_taken(say: Say) -> None:
    assert say(report.show_created_set, CREATED, color=False) == (
        f"VERIFIED set {SET}: 1 member, 1 row, 24.6 kB; /srv/copies\n"
    )
    partial = replace(
        CREATED,
        members=("core.db", "users.db"),
        missing=(Missing(name="bad.db", fact="is damaged", exit_code=6),),
        alarms=("core.db: table users has 1 rows, 9 before",),
        left_out=("a.db", "b.db"),
        unnamed=tuple(f"stray{number}" for number in range(7)),
        size=12_345_678,
        rows=12_345,
    )
    assert say(report.show_created_set, partial, color=False) == (
        "missing:\n"
        "  bad.db: is damaged\n"
        "looks wrong beside the set before (nothing is pruned until backup.prune --accept):\n"
        "  core.db: table users has 1 rows, 9 before\n"
        "left out, as system.yaml says: a.db, b.db\n"
        "not in the set: 7 files that nothing under files: in system.yaml names"
        " (stray0, stray1, stray2, stray3, stray4, …)\n"
        f"PARTIAL set {SET}: 2 members, 12 345 rows, 12.3 MB; /srv/copies\n"
    )


def test_a_set_that_would_be_taken(say: Say) -> None:
    foreseen = replace(CREATED, set=None, unnamed=("stray",), dry_run=True)
    assert say(report.show_created_set, foreseen, color=False) == (
        "not in the set: 1 file that nothing under files: in system.yaml names (stray)\n"
        "would take 1 member: core.db; nothing was written\n"
    )
    many = replace(foreseen, unnamed=(), members=tuple(f"{number}.db" for number in range(21)))
    assert say(report.show_created_set, many, color=False).endswith("18.db, 19.db, …; nothing was written\n")


def test_the_sets_and_how_they_grow(say: Say) -> None:
    first = ListedSet(
        set=OLD, began=AT, state="verified", members=4, rows=1000, size=2_000_000, seconds=2.0, verified=AT, drilled=AT
    )
    second = replace(first, set=SET, size=3_000_000, seconds=1.0, rows=1500, verified=None, drilled=None)
    listed = Listed(
        system="shop", store="/srv/copies", sets=(first, second, replace(second, state="partial")), damaged={}
    )
    said = say(report.show_sets, listed, color=False)
    assert [line.split() for line in said.splitlines()] == [
        ["set", "state", "members", "rows", "MB", "trend", "seconds", "trend", "read", "drilled"],
        f"{OLD} verified 4 1 000 2.0 · 2.0 · 2026-03-02 02:00 2026-03-02 02:00".split(),
        f"{SET} verified 4 1 500 3.0 +50 % 1.0 -50 % · ·".split(),
        f"{SET} partial 4 1 500 3.0 = 1.0 = · ·".split(),
        ["3", "sets", "of", "shop;", "/srv/copies"],
    ]
    assert len({len(line) for line in said.splitlines()[:-1]}) == 1
    one = replace(listed, sets=(first,), damaged={"catalog/x.json": "is cut short"})
    assert say(report.show_sets, one, color=False).splitlines()[2:] == [
        "cannot be read:",
        "  catalog/x.json: is cut short",
        "1 set of shop; /srv/copies",
    ]
    assert say(report.show_sets, replace(listed, sets=()), color=False) == "0 sets of shop; /srv/copies\n"


def test_what_a_set_holds(say: Say) -> None:
    member = MemberRecord(
        name="vault.db",
        kind=Kind.SQLCIPHER,
        files=(FileRecord(path="data/vault.db", sha256="0" * 64, size=20_480),),
        tables={"people": TableRecord(rows=2)},
        key="vault@1",
        began=AT,
        ended=AT,
    )
    evidence = (
        EvidenceDocument(set=SET, action=Action.VERIFY, at=AT, is_sound=True, members=("vault.db",)),
        EvidenceDocument(
            set=SET, action=Action.DRILL, at=AT, is_sound=False, members=("vault.db",), facts=("a", "b")
        ),
    )  # fmt: skip
    shown = Shown(
        system="shop", store="/srv/copies", set=SET, began=AT, ended=AT, state="damaged", locator="1",
        members=(member,), missing=(), alarms=(), evidence=evidence,
    )  # fmt: skip
    assert say(report.show_set, shown, color=False) == (
        "member         kind  tables  rows    MB      key\n"
        "vault.db  sqlcipher       1     2  0.02  vault@1\n"
        "looked at:\n"
        "  2026-03-02 02:00:07 UTC verify: sound\n"
        "  2026-03-02 02:00:07 UTC drill: a; b\n"
        f"set {SET} (damaged): taken from 2026-03-02 02:00:07 to 2026-03-02 02:00:07 UTC; /srv/copies\n"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "SOUND 1 of 1 set, 24.6 kB; /srv/copies\n"),
        ({"sets": {}, "size": 0}, "EMPTY there is no set to read, 0.0 kB; /srv/copies\n"),
        (
            {"part": (5, 7)},
            (
                "read part 5 of 7 of the repository: each day of the week another one (--full: all)\n"
                "SOUND 1 of 1 set, 24.6 kB; /srv/copies\n"
            ),
        ),
        (
            {"sets": {OLD: ("core.db: is not there",), SET: ()}, "unlisted": ("20260303_020000",)},
            (
                f"damaged:\n  set {OLD}: core.db: is not there\n"
                "in the store, not in the catalog (the next backup.create lists them):\n  20260303_020000\n"
                "DAMAGED 1 of 2 sets, 24.6 kB; /srv/copies\n"
            ),
        ),
        (
            {"sets": {}, "documents": {"catalog/x.json": "is cut short"}},
            "cannot be read:\n  catalog/x.json: is cut short\nDAMAGED 0 of 0 sets, 24.6 kB; /srv/copies\n",
        ),
    ],
)
def test_what_reading_showed(say: Say, changes: dict[str, Any], said: str) -> None:
    assert say(report.show_verified, replace(VERIFIED, **changes), color=False) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, f"PASSED set {SET}: 2 members, 1 234 rows, 1 check asked; restored in 1.5 s, 30 min old\n"),
        (
            {"checks": 0, "recovery_point_seconds": 26.25 * 3600, "facts": ("core.db: table users is gone",)},
            (
                "other than it was backed up:\n  core.db: table users is gone\n"
                f"FAILED set {SET}: 2 members, 1 234 rows, 0 checks asked; restored in 1.5 s, 26.2 h old\n"
            ),
        ),
        (
            {"escrow": True, "unopened": ("vault.db",), "recovery_point_seconds": 10.5 * 24 * 3600},
            (
                "compared byte by byte, and not opened, as no key is asked for: vault.db\n"
                f"PASSED set {SET}, with the escrow password: 2 members, 1 234 rows, 1 check asked;"
                " restored in 1.5 s, 10.5 days old\n"
            ),
        ),
    ],
)
def test_what_a_drill_showed(say: Say, changes: dict[str, Any], said: str) -> None:
    assert say(report.show_drilled, replace(DRILLED, **changes), color=False) == said


def test_what_was_pruned(say: Say) -> None:
    assert say(report.show_pruned, PRUNED) == (
        f"kept:\n  {SET} (verified, last)\nremoved 0 sets (0.0 kB), 1 stays; /srv/copies\n"
    )
    gone = replace(PRUNED, removed=(OLD,), size=1_500_000, kept={}, accepted=("core.db: table users is gone",))
    assert say(report.show_pruned, gone) == (
        f"accepted:\n  core.db: table users is gone\nremoved:\n  {OLD}\nremoved 1 set (1.5 MB), 0 stay; /srv/copies\n"
    )
    assert say(report.show_pruned, replace(gone, accepted=(), dry_run=True)) == (
        f"would remove:\n  {OLD}\nwould remove 1 set (1.5 MB), 0 stay; /srv/copies\n"
    )


def test_what_was_copied(say: Say) -> None:
    assert say(report.show_copied, COPIED) == "copied 2 sets (2.5 MB), 0 were there already; /mnt/copies\n"
    one = replace(COPIED, copied=(SET,), there=(OLD,), damaged={"20260228_020000": "is cut short"}, dry_run=True)
    assert say(report.show_copied, one) == (
        "damaged, and not copied:\n  set 20260228_020000: is cut short\n"
        "would copy 1 set (2.5 MB), 1 was there already; /mnt/copies\n"
    )


def test_what_was_restored_and_taken_back(say: Say) -> None:
    assert say(report.show_restored, RESTORED) == f"restored set {SET}: 1 member, 2 rows, 1.0 MB; /srv/back\n"
    live = replace(RESTORED, restore="7", missing=("bad.db",), members=("core.db", "users.db"))
    assert say(report.show_restored, live) == (
        "the set is without:\n  bad.db\n"
        "taken back by: ./inv backup.undo --restore 7 (for seven days)\n"
        f"restored set {SET}: 2 members, 2 rows, 1.0 MB; /srv/back\n"
    )
    assert say(report.show_undone, Undone(restore=None)) == "nothing to do: no restore in place is kept\n"
    undone = Undone(restore="7", set=SET, members=("core.db",), lost=("users has 9 rows",), kept="/srv/kept")
    assert say(report.show_undone, undone) == (
        "given up:\n  users has 9 rows\nwhat was given up is kept for seven days: /srv/kept\n"
        f"took back restore 7 of set {SET}: core.db\n"
    )


def test_how_old_the_newest_of_each_is(say: Say) -> None:
    ages = (
        Age(name="backup", set=SET, at=AT, hours=0.42, objective_hours=26.0),
        Age(name="drill", set=OLD, at=AT, hours=202.0, objective_hours=192.0),
        Age(name="escrow", set=None, at=None, hours=None, objective_hours=2400.0, is_required=False),
    )
    status = Status(
        system="shop", store="/srv/copies", ages=ages, sets=3, verified=2, waiting=("bad.db is missing: is damaged",)
    )
    assert say(report.show_backup_status, status, color=False) == (
        "newest             age   at most              set                      is\n"
        f"backup          25 min      26 h  {SET}                   fresh\n"
        f"drill         8.4 days    8 days  {OLD}                 too old\n"
        "escrow drill         ·  100 days                ·  not there (a reminder)\n"
        "waits for a person:\n"
        "  bad.db is missing: is damaged\n"
        "STALE shop: 2 of 3 sets count; /srv/copies\n"
    )
    fresh = replace(status, ages=ages[:1], waiting=(), sets=1, verified=1)
    assert say(report.show_backup_status, fresh, color=False).splitlines()[-1] == (
        "FRESH shop: 1 of 1 set counts; /srv/copies"
    )
