"""The text file for Prometheus: what it tells, and that it never forgets what it knew."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from strongroom.backup import metrics
from strongroom.backup.catalog import BackupSet, Catalog
from strongroom.backup.documents import Action, EvidenceDocument, Kind, Summary
from strongroom.backup.metrics import MEANINGS, PREFIX, MetricFacts, write_metrics
from strongroom.core.backup_entry import Objectives
from strongroom.core.errors import ConfigurationError, LockedError, NoSpaceError, UnreachableError
from tests.processes import time_limit
from tests.unit.backup.histories import NOW, make_set

Told = dict[tuple[str, ...], float]


def look(action: Action, at: datetime, **changes: object) -> EvidenceDocument:
    told = {"set": "one", "action": action, "at": at, "is_sound": True, "members": ("users.db",)}
    return EvidenceDocument(**{**told, **changes})  # type: ignore[arg-type]


def make_sets() -> tuple[BackupSet, ...]:
    """An old set that was drilled, one that was verified, one that was found damaged, and a partial one, the newest."""
    drill = look(Action.DRILL, NOW - timedelta(days=5), seconds={"fetch": 4.0}, recovery_point_seconds=9.0)
    took = {"fetch": 5.0, "compare": 1.5}
    escrow = look(Action.ESCROW, NOW - timedelta(days=4), seconds=took, recovery_point_seconds=60.0)
    failed = look(Action.DRILL, NOW - timedelta(days=1), is_sound=False, members=("core.db",), seconds={"fetch": 99.0})
    members = (
        Summary(name="users.db", kind=Kind.SQLITE, size=8192, tables={"users": 3, "notes": 4}),
        Summary(name='odd "name"\\.db', kind=Kind.SQLITE, size=1, tables={}),
    )
    return (
        make_set(NOW - timedelta(days=6), evidence=[drill, escrow]),
        make_set(NOW - timedelta(days=3), evidence=[look(Action.VERIFY, NOW - timedelta(days=2))]),
        make_set(NOW - timedelta(days=2), evidence=[failed], alarms=("core.db is gone",)),
        make_set(
            NOW - timedelta(hours=1), is_whole=False, members=members, seconds={"take": 2.5}, alarms=("one", "two")
        ),
    )


def make_facts(**changes: object) -> MetricFacts:
    told = {
        "system": "shop",
        "task": "create",
        "exit_code": 0,
        "at": NOW,
        "objectives": Objectives(),
        "catalog": Catalog(sets=make_sets(), damaged={"catalog/x.json": "is cut short"}),
    }
    return MetricFacts(**{**told, **changes})  # type: ignore[arg-type]


def read(path: Path) -> Told:
    """Return each sample by its name and the labels that it has besides the system."""
    samples = [one for family in text_string_to_metric_families(path.read_text()) for one in family.samples]
    assert {one.labels["system"] for one in samples} == {"shop"}
    assert all(one.name.startswith(PREFIX) for one in samples)
    told = {
        (one.name.removeprefix(PREFIX), *(text for name, text in sorted(one.labels.items()) if name != "system")): one
        for one in samples
    }
    assert len(told) == len(samples)
    return {key: one.value for key, one in told.items()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.prom"


def test_what_is_known_is_told(file: Path) -> None:
    write_metrics(file, make_facts(exit_code=4))
    assert read(file) == {
        ("last_run_timestamp_seconds", "create"): NOW.timestamp(),
        ("last_exit_code", "create"): 4,
        ("last_success_timestamp_seconds",): (NOW - timedelta(days=2)).timestamp(),
        ("last_verified_timestamp_seconds",): (NOW - timedelta(days=3)).timestamp(),
        ("last_check_timestamp_seconds",): (NOW - timedelta(days=2)).timestamp(),
        ("last_drill_timestamp_seconds",): (NOW - timedelta(days=4)).timestamp(),
        ("last_escrow_timestamp_seconds",): (NOW - timedelta(days=4)).timestamp(),
        ("recovery_time_seconds",): 6.5,
        ("recovery_point_seconds",): 60,
        ("objective_seconds", "backup"): 26 * 3600,
        ("objective_seconds", "drill"): 8 * 86400,
        ("objective_seconds", "escrow"): 100 * 86400,
        ("sets", "verified"): 2,
        ("sets", "damaged"): 1,
        ("sets", "partial"): 1,
        ("damaged_documents",): 1,
        ("waiting_alarms",): 2,
        ("size_bytes", "users.db"): 8192,
        ("size_bytes", 'odd "name"\\.db'): 1,
        ("rows", "users.db"): 7,
        ("rows", 'odd "name"\\.db'): 0,
        ("missing_members",): 1,
        ("duration_seconds", "take"): 2.5,
    }
    assert {key[0] for key in read(file)} == MEANINGS.keys()


def test_each_metric_has_its_type_and_its_meaning(file: Path) -> None:
    write_metrics(file, make_facts())
    lines = file.read_text().splitlines()
    for name, meaning in MEANINGS.items():
        assert f"# HELP {PREFIX}{name} {meaning}" in lines
        assert f"# TYPE {PREFIX}{name} gauge" in lines


def test_an_empty_store_tells_of_no_success(file: Path) -> None:
    write_metrics(file, make_facts(catalog=Catalog()))
    told = read(file)
    never = ("success", "verified", "check", "drill", "escrow")
    assert {told[f"last_{name}_timestamp_seconds",] for name in never} == {0}
    assert not {"recovery_time_seconds", "size_bytes"} & {key[0] for key in told}


def test_alarms_that_were_accepted_wait_no_more(file: Path) -> None:
    alarmed = make_set(NOW, alarms=("core.db is gone", "users.db has 0 rows"))
    write_metrics(file, make_facts(catalog=Catalog(sets=(alarmed,))))
    assert read(file)["waiting_alarms",] == 2
    word = look(Action.VERIFY, NOW, accepted=True, members=())
    accepted = make_set(NOW, alarms=alarmed.entry.alarms, evidence=[word])
    write_metrics(file, make_facts(catalog=Catalog(sets=(accepted,))))
    assert read(file)["waiting_alarms",] == 0
    assert read(file)["last_check_timestamp_seconds",] == 0


def test_a_run_that_failed_moves_its_own_exit_code_and_nothing_else(file: Path) -> None:
    write_metrics(file, make_facts())
    before = read(file)
    write_metrics(file, make_facts(exit_code=3, at=NOW + timedelta(hours=2)))
    after = read(file)
    assert {key for key in after if after[key] != before[key]} == {
        ("last_exit_code", "create"),
        ("last_run_timestamp_seconds", "create"),
    }


@pytest.mark.parametrize("code", [5, 11, 12])
def test_where_the_store_cannot_be_read_the_file_tells_what_it_told(file: Path, code: int) -> None:
    write_metrics(file, make_facts())
    before = read(file)
    later = NOW + timedelta(days=1)
    stricter = Objectives(backup_hours=1)
    write_metrics(file, make_facts(catalog=None, exit_code=code, at=later, objectives=stricter))
    run = {("last_exit_code", "create"): code, ("last_run_timestamp_seconds", "create"): later.timestamp()}
    assert read(file) == before | run | {("objective_seconds", "backup"): 3600}


def test_what_is_gone_from_the_store_is_gone_from_the_file(file: Path) -> None:
    write_metrics(file, make_facts())
    write_metrics(file, make_facts(catalog=Catalog(sets=make_sets()[:1])))
    assert {key[1] for key in read(file) if key[0] == "rows"} == {"users.db"}


def test_each_task_keeps_its_own_exit_code(file: Path) -> None:
    write_metrics(file, make_facts(task="drill", exit_code=3))
    write_metrics(file, make_facts(task="create"))
    told = read(file)
    assert (told["last_exit_code", "drill"], told["last_exit_code", "create"]) == (3, 0)


def test_everybody_may_read_it_and_nothing_is_left_beside_it(file: Path) -> None:
    before = os.umask(0o077)
    try:
        write_metrics(file, make_facts())
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_who_reads_meanwhile_reads_the_old_one_or_the_new_one(file: Path) -> None:
    write_metrics(file, make_facts())
    before = file.read_text()
    with file.open() as reader:
        write_metrics(file, make_facts(exit_code=5))
        assert reader.read() == before
    assert file.read_text() != before


def test_a_disk_that_is_full_leaves_the_old_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_metrics(file, make_facts())
    before = file.read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(NoSpaceError, match="the disk is full"):
        write_metrics(file, make_facts(exit_code=5))
    assert file.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(UnreachableError, match="no such file or directory"):
        write_metrics(file.parent / "absent" / file.name, make_facts())


@pytest.mark.parametrize(
    ("content", "whose"),
    [
        ("node_cpu 1\n", "something else"),
        ("words of\nanother kind {\n", "something else"),
        ('strongroom_backup_rows{member="a",system="other"} 4\n', "other"),
    ],
)
def test_the_file_of_another_is_left_alone(file: Path, content: str, whose: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=f"tells of {whose}"):
        write_metrics(file, make_facts())
    assert file.read_text() == content


def test_of_runs_that_end_together_none_is_forgotten(file: Path) -> None:
    tasks = ("create", "verify", "drill", "prune")

    def write_many(task: str) -> None:
        for number in range(20):
            write_metrics(file, make_facts(task=task, exit_code=number))

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(write_many, tasks)) == [None] * 4
    told = read(file)
    assert [told["last_exit_code", task] for task in tasks] == [19] * 4


def test_a_lock_that_is_never_given_up_is_not_waited_for_for_ever(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_LOCK_SECONDS", 0.05)
    with metrics._turn(file.parent), time_limit(5), pytest.raises(LockedError, match="another process holds its lock"):
        write_metrics(file, make_facts())


def test_the_newest_drill_is_the_one_that_is_told(file: Path) -> None:
    drills = [look(Action.DRILL, NOW - timedelta(days=days), seconds={"fetch": days}) for days in (2.0, 9.0)]
    sets = (make_set(NOW - timedelta(days=days), evidence=[one]) for days, one in zip((30, 20), drills, strict=True))
    write_metrics(file, make_facts(catalog=Catalog(sets=tuple(sets))))
    assert read(file)["recovery_time_seconds",] == 2
