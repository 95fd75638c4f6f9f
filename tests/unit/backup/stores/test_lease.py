"""One task at a time has a store; whoever died is not in the way; two clocks are never compared."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.backup.stores import lease as leases
from strongroom.backup.stores.holders import Holder, describe_this_process, is_proven_dead
from strongroom.backup.stores.lease import Lease, LeaseDocument, Pace, find_holder, held
from strongroom.backup.stores.objects import FolderObjects
from strongroom.core.errors import LockedError, UnreachableError
from strongroom.runs.documents import encode_document
from tests.processes import open_child, wait_until
from tests.unit.backup.stores.conftest import NOW

ELSEWHERE = Holder(host="other", process=7, boot="another", namespace="pid:[1]", started="9")
QUICK = Pace(beat_seconds=0.02, missed=5)
SELDOM = Pace(beat_seconds=1000.0, missed=3)
HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from strongroom.backup.stores.lease import held
from strongroom.backup.stores.objects import FolderObjects
with held(FolderObjects(Path(sys.argv[1])), datetime.now(UTC), task="backup.create"):
    print("held", flush=True)
    sys.stdin.read()
"""
CONTEND = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from strongroom.backup.stores.lease import held
from strongroom.backup.stores.objects import FolderObjects
from strongroom.core.errors import LockedError
root, had = Path(sys.argv[1]), 0
while had < 10:
    try:
        with held(FolderObjects(root), datetime.now(UTC), task="backup.create"):
            descriptor = os.open(root / "alone", os.O_CREAT | os.O_EXCL)
            os.close(descriptor)
            os.unlink(root / "alone")
            had += 1
    except LockedError:
        continue
"""


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    (tmp_path / "store").mkdir()
    return FolderObjects(tmp_path / "store")


@contextmanager
def holding(objects: FolderObjects, here: Holder | None = None, pace: Pace = SELDOM) -> Iterator[Lease]:
    with held(objects, NOW, task="backup.create", here=here, pace=pace) as lease:
        yield lease


def leave(objects: FolderObjects, holder: Holder, **changes: object) -> None:
    """Leave the lease of a task that never comes back."""
    document = LeaseDocument(token="t", task="backup.prune", holder=holder, since=NOW, limit_seconds=0.2)
    objects.write("lease/00000004.json", encode_document(replace(document, **changes), "lease").encode())


def test_a_lease_is_held_by_one_and_given_back(objects: FolderObjects) -> None:
    with holding(objects):
        process = f"process {describe_this_process().process}"
        says = rf"backup\.create \({process} on .*, since 2026-11-27 12:00:00 UTC"
        with pytest.raises(LockedError, match=says), holding(objects):
            pass
        assert find_holder(objects) is not None
    assert find_holder(objects) is None
    for _ in range(3):
        with holding(objects) as again:
            again.require()
    assert objects.list("lease/") == ["lease/00000003.json", "lease/00000004.json"]


def test_of_many_threads_one_has_it_at_a_time(objects: FolderObjects) -> None:
    inside, most, had = [0], [0], [0]
    start = threading.Barrier(6)

    def contend() -> None:
        start.wait(60)
        for _ in range(12):
            try:
                with holding(objects):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    had[0] += 1
                    time.sleep(0.001)
                    inside[0] -= 1
            except LockedError:
                continue

    threads = [threading.Thread(target=contend) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert had[0] > 0
    assert most[0] == 1


def test_of_several_processes_one_has_it_at_a_time(objects: FolderObjects) -> None:
    words = [sys.executable, "-c", CONTEND, str(objects.root)]
    running = [subprocess.Popen(words) for _ in range(3)]
    assert [one.wait(timeout=60) for one in running] == [0, 0, 0]


def test_a_task_that_was_killed_here_is_not_waited_for(objects: FolderObjects) -> None:
    with open_child([sys.executable, "-c", HOLD, str(objects.root)]) as child:
        assert child.read_line() == "held"
        with pytest.raises(LockedError, match=f"process {child.pid} "), holding(objects):
            pass
        child._process.kill()
        wait_until(lambda: is_proven_dead(_read(objects).holder, describe_this_process()) is True)  # a zombie as yet
        began = time.monotonic()
        with holding(objects) as lease:
            lease.require()
        assert time.monotonic() - began < 1


def _read(objects: FolderObjects) -> LeaseDocument:
    found = leases._find_last(objects)
    assert found is not None
    assert found.document is not None
    return found.document


@pytest.mark.parametrize(
    ("changes", "is_dead"),
    [
        ({}, False),
        ({"started": "1"}, True),
        ({"process": 2**22 + 1}, True),
        ({"boot": "of another start"}, None),
        ({"namespace": "pid:[of another container]"}, None),
        ({"boot": None}, None),
        ({"namespace": None}, None),
    ],
)
def test_a_process_is_proven_dead_only_where_its_number_means_the_same(
    changes: dict[str, object], is_dead: bool | None
) -> None:
    here = describe_this_process()
    assert is_proven_dead(replace(here, **changes), here) is is_dead  # type: ignore[arg-type]


def test_a_task_of_another_machine_is_taken_over_when_nothing_was_heard_of_it(objects: FolderObjects) -> None:
    leave(objects, ELSEWHERE)
    began = time.monotonic()
    with holding(objects) as lease:
        lease.require()
    assert 0.2 <= time.monotonic() - began < 2
    assert objects.list("lease/")[-1] == "lease/00000005.json"


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_clocks_that_differ_mean_nothing(objects: FolderObjects, days: int) -> None:
    leave(objects, ELSEWHERE, since=NOW + timedelta(days=days), limit_seconds=0.05)
    with holding(objects):
        pass
    then = NOW + timedelta(days=days)
    with holding(objects, ELSEWHERE, QUICK), pytest.raises(LockedError), held(objects, then, task="t", pace=QUICK):
        pass


def test_a_task_of_another_machine_that_is_heard_of_keeps_it(objects: FolderObjects) -> None:
    with holding(objects, ELSEWHERE, Pace(beat_seconds=0.05, missed=20)) as lease:
        for _ in range(3):
            with pytest.raises(LockedError, match="process 7 on other"), holding(objects):
                pass
        lease.require()


def test_a_task_that_was_away_for_too_long_has_lost_it_and_disturbs_nobody(objects: FolderObjects) -> None:
    away = Pace(beat_seconds=0.05, missed=1)
    with holding(objects, ELSEWHERE, SELDOM) as lost:
        lost._document = replace(lost._document, limit_seconds=0.05)
        lost._write(lost._document)
        with holding(objects, replace(ELSEWHERE, host="third"), away) as lease:
            with pytest.raises(LockedError, match=r"process 7 on third.* took it over"):
                lost.require()
            lost.give_back()
            lost._write(replace(lost._document, beat=1))  # it had looked before it was stopped
            lease.require()
            with pytest.raises(LockedError):
                lost.require()
        assert _read(objects).is_released


def test_a_lease_that_cannot_be_read_counts_as_that_of_another_machine(objects: FolderObjects) -> None:
    objects.write("lease/00000003.json", b"no document")
    assert find_holder(objects) == ("a task that cannot be read", False)
    waited = list[float]()
    document = LeaseDocument(token="t", task="t", holder=describe_this_process(), since=NOW, limit_seconds=60)
    assert leases._take(objects, document, waited.append) == 4
    assert sum(waited) == pytest.approx(60)


def test_nobody_is_waited_for_longer_than_ten_minutes(objects: FolderObjects) -> None:
    leave(objects, ELSEWHERE, limit_seconds=1e9)
    waited = list[float]()
    document = LeaseDocument(token="t", task="t", holder=describe_this_process(), since=NOW, limit_seconds=60)
    leases._take(objects, document, waited.append)
    assert sum(waited) == pytest.approx(600)


def test_a_store_that_is_away_for_a_while_costs_no_lease(
    objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, asked = threading.Event(), list[str]()
    write = FolderObjects.write

    def away(self: FolderObjects, name: str, content: bytes) -> None:
        asked.append(name)
        if failing.is_set():
            raise UnreachableError(self.place, "is away")
        write(self, name, content)

    monkeypatch.setattr(FolderObjects, "write", away)
    with holding(objects, pace=Pace(beat_seconds=0.01, missed=3)) as lease:
        failing.set()
        wait_until(lambda: len(asked) > 5)
        failing.clear()
        lease.require()
        before = _read(objects).beat
        wait_until(lambda: _read(objects).beat > before)
        failing.set()  # and so it cannot be given back
    assert not _read(objects).is_released


def test_two_who_saw_the_same_task_die_do_not_both_follow_it(objects: FolderObjects) -> None:
    leave(objects, ELSEWHERE, limit_seconds=0.1)
    results = list[str]()
    start = threading.Barrier(4)

    def follow(number: int) -> None:
        start.wait(60)
        try:
            with holding(objects, replace(ELSEWHERE, host=f"host {number}")):
                results.append("held")
                time.sleep(0.5)
        except LockedError:
            results.append("locked")

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == ["held", "locked", "locked", "locked"]


def test_an_answer_that_was_lost_does_not_lose_the_lease(
    objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = FolderObjects.create
    monkeypatch.setattr(FolderObjects, "create", lambda *words: create(*words) and False)
    with holding(objects) as lease:
        lease.require()
