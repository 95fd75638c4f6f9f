"""One index at work: errors of every kind, what is done before, and the exit code that a Job acts on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import NoReturn

import pytest

from strongroom.core.errors import (
    ExitCode,
    GuardError,
    KeyMissingError,
    LockedError,
    NoSpaceError,
    UnreachableError,
    UsageError,
)
from strongroom.core.scrubbing import watch
from strongroom.core.secret import Secret
from strongroom.fleet import outcome
from strongroom.fleet.outcome import Run, choose_exit
from strongroom.fleet.results import Ended, Result
from strongroom.fleet.running import Request, Surroundings, run_share
from strongroom.fleet.shelves import FolderShelf
from strongroom.fleet.status import choose_task, look_at
from strongroom.fleet.tenants import Ground, Tenant
from tests.processes import time_limit

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECRET = "canary-of-the-fleet-4711"


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with time_limit(60):
        yield


def tenants(root: Path, *names: str) -> Iterator[Tenant]:
    for number, name in enumerate(names, start=1):
        yield Tenant(
            name=name, system="s", source=str(root / name), target=str(root / "new" / name), number=number, mark="m"
        )


def carry(tenant: Tenant) -> Ended:
    """End as the tenant's name says."""
    word = tenant.name.rpartition("-")[2]
    if word.isdecimal():
        return Ended(exit=int(word), verdict="PROVEN" if word == "0" else None, facts={"rows": 3}, error="as named")
    return {"locked": lock, "memory": eat, "bug": stumble, "die": die, "key": tell, "unproven": stay}[word](tenant)


def lock(tenant: Tenant) -> NoReturn:
    raise LockedError(tenant.name, "is held", "wait")


def eat(_: Tenant) -> NoReturn:
    raise MemoryError


def stumble(_: Tenant) -> NoReturn:
    raise KeyError(SECRET)


def die(_: Tenant) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def tell(tenant: Tenant) -> NoReturn:
    raise KeyMissingError(tenant.name, f"does not open with {SECRET}", f"not {SECRET}")


def stay(_: Tenant) -> Ended:
    return Ended(exit=0, verdict="INCOMPLETE")


class Scene:
    """An index that may run several times."""

    def __init__(self, root: Path) -> None:
        self.root, self.shelf, self.said = root, FolderShelf(root / "results"), list[tuple[str, str]]()

    def run(self, *names: str, index: int = 0, of: int = 1, jobs: int = 2, dry_run: bool = False) -> Run:
        request = Request(
            task="load",
            carry_out=carry,
            ground=Ground(root=self.root),
            place="list",
            index=index,
            of=of,
            jobs=jobs,
            dry_run=dry_run,
        )
        self.said.clear()
        around = Surroundings(now=lambda: NOW, say=lambda *words: self.said.append(words))
        return run_share(request, tenants(self.root, *names), self.shelf, around)

    def read(self) -> str:
        return "".join(path.read_text() for path in sorted((self.root / "results").glob("*.jsonl")))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_no_tenants_failure_is_anothers(scene: Scene) -> None:
    names = ["a-0", "b-locked", "c-memory", "d-bug", "e-die", "f-0", "g-6", "h-4", "i-unproven", "j-0"]
    run = scene.run(*names)
    assert (run.tenants, run.done, run.waiting, run.unproven) == (10, 3, 1, 1)
    assert run.failed == {"1": 3, "6": 1, "11": 1}
    assert run.exit is ExitCode.BUG
    said = {one.tenant: (one.exit, one.error) for one in run.undone}
    assert said["b-locked"] == (11, "b-locked: is held")
    assert said["c-memory"] == (1, "ran out of memory")
    assert said["e-die"] == (1, "its worker was killed (out of memory?)")
    assert said["i-unproven"] == (0, "")
    assert {name for name, _ in scene.said} == {"b-locked", "c-memory", "d-bug", "e-die", "g-6", "h-4"}
    trace = next(fact for name, fact in scene.said if name == "d-bug")
    assert trace.startswith("exit 1: KeyError")
    assert "in stumble" in trace


def test_a_rerun_takes_only_what_is_not_done(scene: Scene) -> None:
    scene.run("a-0", "b-6", "c-0", "d-4")
    lines = scene.read().count("\n")
    again = scene.run("a-0", "b-6", "c-0", "d-4", "e-0")
    assert (again.before, again.done, again.exit) == (2, 3, ExitCode.REFUSED)
    assert scene.read().count("\n") == lines + 3
    assert scene.run("a-0", "c-0", "e-0").seconds < 30
    assert len(list((scene.root / "results").glob("*.jsonl"))) == 2


def test_a_dry_run_writes_nothing(scene: Scene) -> None:
    run = scene.run("a-0", "b-0", dry_run=True)
    assert (run.pending, run.exit) == (2, ExitCode.DONE)
    assert not (scene.root / "results").exists()


def test_secrets_that_a_worker_knows_are_in_no_result(scene: Scene) -> None:
    watch(Secret(SECRET))
    scene.run("a-key", "b-bug")
    assert "does not open with •••" in scene.read()
    assert SECRET not in scene.read() + str(scene.said)


@pytest.mark.parametrize(("index", "of"), [(-1, 1), (1, 1), (3, 3), (0, 0), (0, -2)])
def test_an_index_that_is_none_is_refused(scene: Scene, index: int, of: int) -> None:
    with pytest.raises(UsageError):
        scene.run("a-0", index=index, of=of)
    assert not (scene.root / "results").exists()


def test_results_of_another_division_are_not_passed_over(scene: Scene) -> None:
    scene.run("a-0")
    with pytest.raises(GuardError, match="holds results of 1 indexes, and this is one of 2"):
        scene.run("a-0", of=2)


def test_an_index_that_runs_elsewhere_is_left_alone(scene: Scene) -> None:
    with scene.shelf.hold("load-00000-of-00001"), pytest.raises(LockedError):
        scene.run("a-0")


def test_where_results_cannot_be_kept_nothing_is_begun(scene: Scene) -> None:
    (scene.root / "results").write_text("a file", encoding="utf-8")
    with pytest.raises(UnreachableError):
        scene.run("a-0")


def test_a_disk_that_is_full_of_results_ends_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: object, result: Result) -> None:
        raise NoSpaceError(result.tenant, "the disk is full", "")

    monkeypatch.setattr("strongroom.fleet.shelves._GrowingFile.write", refuse)
    with pytest.raises(NoSpaceError):
        scene.run("a-0", "b-0", "c-0")
    assert list((scene.root / "results").glob("*.jsonl*")) == []


def test_a_status_counts_every_tenant_once(scene: Scene) -> None:
    names = ["a-0", "b-6", "c-4", "d-unproven", "e-1"]
    scene.run(*names)
    scene.run(*names)
    listed = [*names, "f-0", "g-0"]
    status = look_at(tenants(scene.root, *listed), "list", scene.shelf, "load", most=3)
    assert (status.tenants, status.done, status.waiting, status.unproven, status.not_begun) == (7, 1, 1, 1, 2)
    assert (status.failed, status.exit, len(status.undone)) == ({"1": 1, "6": 1}, ExitCode.PENDING, 3)
    done = look_at(tenants(scene.root, "a-0"), "list", scene.shelf, "load", most=3)
    assert (done.exit, done.strangers) == (ExitCode.DONE, 4)
    other = look_at(tenants(scene.root, "a-0"), "list", scene.shelf, "backup", most=3)
    assert (other.exit, other.not_begun) == (ExitCode.PENDING, 1)


def test_the_task_of_a_status_is_the_only_one_with_results(scene: Scene) -> None:
    with pytest.raises(UsageError, match="holds results of none"):
        choose_task(scene.shelf, None)
    scene.run("a-0")
    assert choose_task(scene.shelf, None) == "load"
    (scene.root / "results" / "backup-00000-of-00001.0001.jsonl").touch()
    with pytest.raises(UsageError, match="backup and load"):
        choose_task(scene.shelf, None)
    assert choose_task(scene.shelf, "verify") == "verify"


def test_every_code_has_its_place_in_the_choice() -> None:
    fails = {code for code in ExitCode if code.job == "fail"}
    assert set(outcome._GRAVEST) == fails
    assert choose_exit([]) is ExitCode.DONE


@pytest.mark.parametrize("codes", list(combinations([*map(int, ExitCode)][1:], 2)))
def test_a_retry_is_asked_for_exactly_where_it_may_mend_something(codes: tuple[int, int]) -> None:
    chosen = choose_exit(codes)
    assert chosen in codes
    assert (chosen.job == "retry") == any(ExitCode(code).job == "retry" for code in codes)


@pytest.mark.parametrize(
    ("codes", "chosen"),
    [([5, 6], 5), ([11, 5, 1], 1), ([143, 4], 143), ([3, 4], 3), ([4, 9, 3], 9), ([4], 4), ([7, 4], 7), ([77], 1)],
)
def test_the_choice_is_the_one_that_was_meant(codes: list[int], chosen: int) -> None:
    assert choose_exit(codes) == chosen
