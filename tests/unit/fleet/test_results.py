"""Results: what a kill leaves is taken over, what is written is never changed, and of two who write one is told."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest

from strongroom.core.errors import GuardError, LockedError, NoSpaceError, StrongroomError, UnreachableError
from strongroom.fleet import shelves
from strongroom.fleet.results import (
    Attempt,
    Ended,
    Result,
    Shelf,
    decode_result,
    list_attempts,
    read_name,
    read_results,
)
from strongroom.fleet.shelves import BucketShelf, FolderShelf

FIRST = Attempt(task="backup-init", of=20, index=3, number=1)


def result(tenant: str = "a", *, code: int = 0, verdict: str | None = "PROVEN") -> Result:
    return Result(
        tenant=tenant,
        mark="m",
        exit=code,
        verdict=verdict,
        ended="2026-11-27T12:00:00Z",
        seconds=0.1,
        facts={"rows": 3},
        error="ü\n",
        hint="",
    )


class Bucket:
    """Objects in memory."""

    place = "s3://fleet/results"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def list(self, prefix: str) -> list[str]:
        return sorted(name for name in self.objects if name.startswith(prefix))

    def read(self, name: str) -> bytes | None:
        return self.objects.get(name)

    def create(self, name: str, content: bytes) -> bool:
        return self.objects.setdefault(name, content) is content


@pytest.fixture(params=["folder", "bucket"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    if request.param == "bucket":
        return BucketShelf(Bucket(), lambda _: nullcontext())
    return FolderShelf(tmp_path / "results")


def keep(shelf: Shelf, attempt: Attempt, *results: Result) -> None:
    with shelf.hold(attempt.share):
        growing = shelf.begin(attempt)
        for one in results:
            growing.write(one)
        growing.close()


@pytest.mark.parametrize(
    "attempt",
    [
        FIRST,
        Attempt(task="load", of=1, index=0, number=12345),
        Attempt(task="load", of=100_000, index=99_999, number=2),
    ],
)
def test_a_name_says_what_it_is_of(attempt: Attempt) -> None:
    assert read_name(attempt.name) == attempt
    assert read_name(f"{attempt.name}.part") is None
    assert read_name("notes.jsonl") is None


def test_attempts_count_in_their_order(shelf: Shelf) -> None:
    attempts = [Attempt(task="load", of=2, index=index, number=number) for index in (1, 0) for number in (10_000, 2, 1)]
    for attempt in attempts:
        keep(shelf, attempt, result())
    keep(shelf, FIRST, result())
    assert [one.number for one in list_attempts(shelf, "load", 1)] == [1, 2, 10_000]
    assert list_attempts(shelf, "load") == sorted(attempts, key=lambda one: (one.index, one.number))


def test_what_was_written_is_read(shelf: Shelf) -> None:
    keep(shelf, FIRST, result("a"), result("b", code=6, verdict=None))
    assert list(read_results(shelf, FIRST)) == [result("a"), result("b", code=6, verdict=None)]


def test_an_attempt_without_a_line_leaves_nothing(shelf: Shelf) -> None:
    keep(shelf, FIRST)
    assert list_attempts(shelf, FIRST.task) == []


@pytest.mark.parametrize(
    ("code", "verdict", "state"),
    [
        (0, "PROVEN", "done"),
        (0, "PROVEN_WITH_QUARANTINE", "done"),
        (0, None, "done"),
        (0, "UNVERIFIED", "unproven"),
        (0, "INCOMPLETE", "unproven"),
        (4, "PROVEN_WITH_QUARANTINE", "waiting"),
        (3, "DIFFERENT", "failed"),
        (1, None, "failed"),
        (143, None, "failed"),
    ],
)
def test_a_tenant_is_done_only_where_its_task_ended_with_0_and_nothing_is_left_to_prove(
    code: int, verdict: str | None, state: str
) -> None:
    assert result(code=code, verdict=verdict).state == state


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"{}", result().encode()[:-3], result().encode().replace(b'"exit":0', b'"exit":"0"'), b"\xff"],
)
def test_a_line_that_is_no_result_is_told_with_its_place(line: bytes) -> None:
    with pytest.raises(GuardError, match="file:3: is no result of ours"):
        decode_result(line, "file:3")


def test_results_that_somebody_changed_are_told(shelf: Shelf) -> None:
    keep(shelf, FIRST, result("a"))
    if isinstance(shelf, FolderShelf):
        (Path(shelf.place) / FIRST.name).write_text("{}\n", encoding="utf-8")
        with pytest.raises(GuardError, match=r"0001\.jsonl:1: is no result of ours"):
            list(read_results(shelf, FIRST))


@pytest.mark.parametrize("cut", [0, 1, 50])
def test_what_a_killed_process_left_is_taken_over_but_for_half_a_line(tmp_path: Path, cut: int) -> None:
    shelf = FolderShelf(tmp_path)
    part = tmp_path / f"{FIRST.name}.part"
    part.write_bytes(result("a").encode() + result("b").encode() + result("c").encode()[:cut])
    other = tmp_path / f"{Attempt(task=FIRST.task, of=20, index=4, number=1).name}.part"
    other.write_bytes(result("d").encode())
    with shelf.hold(FIRST.share):
        shelf.take_over(FIRST.share)
    assert [one.tenant for one in read_results(shelf, FIRST)] == ["a", "b"]
    assert not part.exists()
    assert other.exists()


def test_half_a_line_alone_is_nothing(tmp_path: Path) -> None:
    (tmp_path / f"{FIRST.name}.part").write_bytes(result().encode()[:20])
    FolderShelf(tmp_path).take_over(FIRST.share)
    assert list(tmp_path.iterdir()) == []


def test_results_are_their_owners_alone(tmp_path: Path) -> None:
    keep(FolderShelf(tmp_path / "results"), FIRST, result())
    assert stat.S_IMODE((tmp_path / "results").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "results" / FIRST.name).stat().st_mode) == 0o600


def test_an_index_is_held_by_one_process(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    with (
        shelf.hold(FIRST.share),
        pytest.raises(LockedError, match=rf"{FIRST.share}: another process is at work on it \(process {os.getpid()}\)"),
        FolderShelf(tmp_path).hold(FIRST.share),
    ):
        pass
    with shelf.hold(FIRST.share), shelf.hold("another"):
        pass


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnreachableError, match="file"), FolderShelf(tmp_path / "file" / "results").hold("x"):
        pass
    assert FolderShelf(tmp_path / "none").list("") == []


def test_a_full_disk_is_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = FolderShelf(tmp_path)
    growing = shelf.begin(FIRST)

    def fail(_descriptor: int, _content: object) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.write", fail)
    with pytest.raises(NoSpaceError):
        growing.write(result())


def test_an_object_that_another_process_created_is_told() -> None:
    bucket = Bucket()
    shelf = BucketShelf(bucket, lambda _: nullcontext())
    keep(shelf, FIRST, result("a"))
    with pytest.raises(LockedError, match="was written by another process"):
        keep(shelf, FIRST, result("b"))
    keep(shelf, FIRST, result("a"))  # our own, whose answer was lost on its way
    assert len(bucket.objects) == 1


def test_many_lines_become_several_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "_MOST_LINES", 3)
    shelf = BucketShelf(Bucket(), lambda _: nullcontext())
    keep(shelf, FIRST, *(result(str(number)) for number in range(7)))
    attempts = list_attempts(shelf, FIRST.task)
    assert [one.number for one in attempts] == [1, 2, 3]
    assert [one.tenant for each in attempts for one in read_results(shelf, each)] == [str(n) for n in range(7)]


def test_an_object_that_is_gone_is_said() -> None:
    with pytest.raises(StrongroomError, match="is not there any more"):
        list(BucketShelf(Bucket(), lambda _: nullcontext()).read("x"))


def test_an_end_says_nothing_that_it_was_not_given() -> None:
    assert (Ended(exit=0).verdict, Ended(exit=0).error) == (None, "")
