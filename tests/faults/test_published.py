"""Faults planted into publishing: none ends as PROVEN, each is said, no hook follows it, and the hint leads back."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.consolidate import publishing
from strongroom.runs.home import Home
from tests.faults.application import open_application
from tests.faults.child import Driver
from tests.faults.scene import Ended, Scene, find_leftovers, photograph, run, write_database, write_system
from tests.faults.shop import build_shop, place_logged, place_strangers

Publish = Callable[..., None]
Fault = Callable[[Publish], Publish]
NOW = ("--retention-days", "0")


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    """A shop whose hook after publish leaves a trace; strangers are where its targets will be."""
    scene = build_shop(tmp_path)
    place_strangers(scene)
    place_logged(scene)
    add_hook(scene)
    return scene


def add_hook(scene: Scene) -> None:
    system = scene.system / "system.yaml"
    system.write_text(system.read_text() + f"hooks: {{after_publish: [[/bin/mkdir, {trace_of(scene)}]]}}\n")


def trace_of(scene: Scene) -> Path:
    return scene.system / "the hook was here"


@contextmanager
def planted(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "publish", fault(publishing.publish))
        yield


def after(act: Callable[[Path, Path], object]) -> Fault:
    """Publish, then do something to the target directory, with the folder of what was replaced at hand."""

    def plant(publish: Publish) -> Publish:
        def faulty(place: Any, *rest: Any) -> None:
            publish(place, *rest)
            act(place.target, place.folder / "previous")

        return faulty

    return plant


def before(change: Callable[[list[Any], tuple[Any, ...]], tuple[list[Any], tuple[Any, ...]]]) -> Fault:
    """Publish something else than what is asked for."""

    def plant(publish: Publish) -> Publish:
        def faulty(place: Any, swaps: list[Any], legacy: tuple[Any, ...], *rest: Any) -> None:
            publish(place, *change(list(swaps), tuple(legacy)), *rest)

        return faulty

    return plant


def swap_files(target: Path, _: Path) -> None:
    (target / "alpha.db").rename(target / "aside")
    (target / "beta.db").rename(target / "alpha.db")
    (target / "aside").rename(target / "beta.db")


def cut(target: Path, _: Path) -> None:
    """Leave a part of a copy where the file itself should be."""
    shutil.copy2(target / "alpha.db", target / "part")
    os.truncate(target / "part", 8192)
    (target / "part").replace(target / "alpha.db")


def forget_previous(_: Path, previous: Path) -> None:
    (previous / "alpha.db").unlink()


ALIAS = "old_alpha.db: the link to alpha.db was not made"
WRITABLE = "first.db: the legacy file can still be written to"
SWAPPED = "alpha.db: is the database that was proven for beta.db"
FAULTS: dict[str, tuple[Fault, str]] = {
    "two names are swapped": (
        before(lambda swaps, rest: ([replace(swaps[0], live="beta.db"), replace(swaps[1], live="alpha.db")], rest)),
        SWAPPED,
    ),
    "two files are swapped": (after(swap_files), SWAPPED),
    "a link is not made": (
        before(lambda swaps, rest: ([replace(one, aliases=()) for one in swaps], rest)),
        ALIAS,
    ),
    "a link leads to another target": (
        before(
            lambda swaps, rest: (
                [replace(swaps[0], aliases=()), replace(swaps[1], aliases=swaps[0].aliases)],
                rest,
            )
        ),
        "old_alpha.db: leads to beta.db, and should lead to alpha.db",
    ),
    "a target is left out": (
        before(lambda swaps, rest: (swaps[:1], rest)),
        "beta.db: is still the file that was live before",
    ),
    "an old log is left": (
        after(lambda target, previous: shutil.copy2(previous / "beta.db-wal", target)),
        "beta.db-wal: lies beside it and is not of it: move it away before anything opens the database",
    ),
    "legacy files stay writable": (before(lambda swaps, _: (swaps, ())), WRITABLE),
    "one legacy file stays writable": (before(lambda swaps, legacy: (swaps, legacy[1:])), WRITABLE),
    "the old file is live again": (
        after(lambda target, previous: shutil.copy2(previous / "alpha.db", target / "alpha.db")),
        "alpha.db: is still the file that was live before",
    ),
    "a target is gone": (after(lambda target, _: (target / "alpha.db").unlink()), "alpha.db: is not there"),
    "everybody may read it": (
        after(lambda target, _: (target / "alpha.db").chmod(0o644)),
        "alpha.db: has permissions 0644, more than the 0640 that it should have",
    ),
    "a part is left beside it": (
        after(lambda target, _: (target / "alpha.db.part").touch()),
        "alpha.db.part: appeared beside the targets",
    ),
}
MOVED = {"an old log is left": "beta.db-wal"}
"""What the sentence says to move away first."""
LEFT = {"a part is left beside it": "alpha.db.part"}
"""What a rollback leaves: it knows nothing of it."""


def check_wrong(scene: Scene, ended: Ended, sentence: str) -> None:
    """Check that a run is said to be wrong by everything that speaks of it."""
    assert ended.code == 3, ended.err
    assert sentence in ended.error
    assert "is live, and what is live is not what was proven" in ended.error
    assert "PROVEN" not in ended.out
    assert not trace_of(scene).exists()
    folder = scene.home / "runs" / scene.runs()[-1]
    for name in ("report.json", "verdict.json"):
        document = json.loads((folder / name).read_text())
        assert (document["verdict"], document["exit"]) == ("DIFFERENT", 3)
        assert any(sentence in line for line in document["differences"])
    about = json.loads((folder / "run.json").read_text())
    assert (about["state"], about["error"]) == ("published", "DifferencesError")
    state = run(scene.argv("status", "--json"))
    assert state.code == 7
    said = state.json["runs"][-1]
    assert (said["state"], said["verdict"]) == ("published, and not what was proven", "DIFFERENT")
    assert "consolidate.rollback" in run(scene.argv("status")).out
    assert run(scene.argv("verify")).code != 0
    assert run(scene.argv("finalize", *NOW, "--accept-changes")).code != 0
    again = run(scene.argv())
    assert (again.code, sentence in again.error) == (3, True)
    assert not trace_of(scene).exists()


def follow_hint(ended: Ended) -> Ended:
    """Type what the hint says."""
    line = next(line for line in ended.err.splitlines() if line.startswith(" hint: "))
    command = line.removeprefix(" hint: ").partition(" puts back ")[0]
    return run(["inv", *shlex.split(command)])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_publishing_is_said_and_the_hint_leads_back(
    shop: Scene, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fault, sentence = FAULTS[name]
    was = photograph(shop.target), photograph(shop.source)
    with planted(monkeypatch, fault):
        ended = run(shop.argv("run", "--replace", "--discard-changes"))
    check_wrong(shop, ended, sentence)
    if name in MOVED:
        (shop.target / MOVED[name]).unlink()
    back = follow_hint(ended)
    assert back.code == 0, back.err
    now = photograph(shop.target), photograph(shop.source)
    now[0].pop(LEFT.get(name, ""), None)
    assert now == was
    assert run(shop.argv("status")).code == 0
    ended = run(shop.argv("run", "--replace", "--discard-changes", "--json"))
    assert (ended.code, ended.json["verdict"]) == (0, "PROVEN"), ended.err
    assert trace_of(shop).exists()


def test_a_part_of_a_target_is_moved_away_and_the_hint_leads_back(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    was = photograph(shop.target), photograph(shop.source)
    with planted(monkeypatch, after(cut)):
        ended = run(shop.argv("run", "--replace", "--discard-changes"))
    check_wrong(shop, ended, "alpha.db: is another file than the one that was proven")
    back = follow_hint(ended)
    assert (back.code, "move it away" in back.err) == (6, True)
    (shop.target / "alpha.db").unlink()
    assert follow_hint(ended).code == 0
    assert (photograph(shop.target), photograph(shop.source)) == was


def test_a_replaced_file_that_is_not_kept_is_said_and_no_rollback_pretends(
    shop: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (shop.target / "alpha.db").read_bytes()
    was = photograph(shop.target), photograph(shop.source)
    with planted(monkeypatch, after(forget_previous)):
        ended = run(shop.argv("run", "--replace", "--discard-changes"))
    check_wrong(shop, ended, "previous/alpha.db: is not there, and should be what alpha.db was before")
    assert "backup of your own" in ended.err
    live = photograph(shop.target), photograph(shop.source)
    back = run(shop.argv("rollback"))
    assert (back.code, "previous/alpha.db: is not there" in back.error) == (9, True)
    assert (photograph(shop.target), photograph(shop.source)) == live
    place = shop.home / "runs" / shop.runs()[-1] / "previous" / "alpha.db"
    place.write_bytes(kept)
    place.chmod(0o640)
    assert run(shop.argv("rollback")).code == 0
    assert (photograph(shop.target), photograph(shop.source)) == was


def test_a_run_that_no_document_calls_live_is_said(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Home, "set_current", lambda *_: None)
        ended = run(shop.argv("run", "--replace", "--discard-changes"))
    assert (ended.code, "current.json: does not say that run" in ended.error) == (3, True)
    was = photograph(shop.target)
    assert follow_hint(ended).code == 0
    assert photograph(shop.target) == was


def test_permissions_that_are_recorded_wrongly_are_said(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with planted(monkeypatch, before(lambda swaps, legacy: (swaps, (replace(legacy[0], mode=0o666), *legacy[1:])))):
        ended = run(shop.argv("run", "--replace", "--discard-changes"))
    check_wrong(shop, ended, "publish.json: first.db had other permissions")


def test_what_is_wrong_may_be_replaced_by_what_is_right(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with planted(monkeypatch, FAULTS["a link is not made"][0]):
        assert run(shop.argv("run", "--replace", "--discard-changes")).code == 3
    ended = run(shop.argv("run", "--replace", "--discard-changes", "--json"))
    assert (ended.code, ended.json["verdict"]) == (0, "PROVEN"), ended.err
    assert trace_of(shop).exists()
    assert run(shop.argv("verify")).code == 0
    state = run(shop.argv("status", "--json"))
    assert (state.code, [one["verdict"] for one in state.json["runs"]]) == (0, ["DIFFERENT", "PROVEN"])
    assert (shop.target / "old_alpha.db").readlink() == Path("alpha.db")


def test_finalize_removes_no_legacy_file_of_what_is_wrong(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with planted(monkeypatch, FAULTS["a link is not made"][0]):
        assert run(shop.argv("run", "--replace", "--discard-changes")).code == 3
    (shop.target / "old_alpha.db").symlink_to("alpha.db")
    was = photograph(shop.source)
    ended = run(shop.argv("finalize", *NOW, "--accept-changes"))
    assert (ended.code, ALIAS in ended.error) == (3, True)
    assert photograph(shop.source) == was


def interrupt(driver: Driver, scene: Scene, moment: str) -> Path:
    """Kill a run when its targets are live and nobody has looked yet; return its folder."""
    assert driver.run(scene.argv("run", "--replace", "--discard-changes"), checkpoint=moment).code == -9
    return scene.home / "runs" / scene.runs()[-1]


def read_verdict(folder: Path) -> str:
    return str(json.loads((folder / "report.json").read_text())["verdict"])


def test_a_run_that_was_killed_before_the_look_is_not_proven_until_it_is_looked_at(shop: Scene, driver: Driver) -> None:
    folder = interrupt(driver, shop, "publish.closed")
    assert read_verdict(folder) == "INCOMPLETE"
    assert run(shop.argv("status", "--json")).json["runs"][0]["verdict"] == "INCOMPLETE"
    assert run(shop.argv("verify")).code == 7
    ended = run(shop.argv("run", "--json"))
    assert (ended.code, ended.json["verdict"], ended.json["nothing_done"]) == (0, "PROVEN", True), ended.err
    assert read_verdict(folder) == "PROVEN"
    assert trace_of(shop).exists()
    assert run(shop.argv("verify")).code == 0
    assert find_leftovers(shop, there=("old_alpha.db",)) == []


def test_a_recovery_of_what_is_wrong_proves_nothing_until_it_is_right(shop: Scene, driver: Driver) -> None:
    folder = interrupt(driver, shop, "publish.closed")
    (shop.target / "old_alpha.db").unlink()
    for _ in range(2):
        ended = run(shop.argv())
        assert (ended.code, ALIAS in ended.error) == (3, True)
        assert read_verdict(folder) == "INCOMPLETE"
        assert not trace_of(shop).exists()
        assert run(shop.argv("status", "--json")).json["runs"][0]["state"] == "published, and not what was proven"
        assert run(shop.argv("verify")).code == 3
        assert run(shop.argv("finalize", *NOW)).code == 3
    (shop.target / "old_alpha.db").symlink_to("alpha.db")
    assert run(shop.argv()).code == 0
    assert read_verdict(folder) == "PROVEN"
    assert trace_of(shop).exists()


def test_a_recovery_of_what_is_wrong_is_rolled_back(shop: Scene, driver: Driver) -> None:
    was = photograph(shop.target), photograph(shop.source)
    interrupt(driver, shop, "publish.closed")
    (shop.target / "old_alpha.db").unlink()
    ended = run(shop.argv())
    assert ended.code == 3
    assert follow_hint(ended).code == 0
    assert (photograph(shop.target), photograph(shop.source)) == was


def test_a_recovery_does_not_take_what_an_application_wrote_for_proven(shop: Scene, driver: Driver) -> None:
    folder = interrupt(driver, shop, "publish.closed")
    with closing(sqlite3.connect(shop.target / "alpha.db")) as connection, connection:
        connection.execute("DELETE FROM users")
    ended = run(shop.argv())
    assert (ended.code, "alpha.db: does not hold what was proven" in ended.error) == (3, True)
    assert "--discard-changes" not in ended.err
    assert read_verdict(folder) == "INCOMPLETE"


def test_a_recovery_that_does_not_know_what_was_there_says_so(shop: Scene, driver: Driver) -> None:
    folder = interrupt(driver, shop, "publish.closed")
    (folder / "look.json").unlink()
    ended = run(shop.argv())
    assert (ended.code, "is not kept in the run" in ended.error) == (3, True)
    assert not trace_of(shop).exists()
    assert run(shop.argv("run", "--replace", "--discard-changes")).code == 0


IN_PLACE = """\
version: 1
sources: {house: {path: house.db, trust: 90}, auth: {path: auth.db}}
targets: {main: {path: house.db, aliases: [auth.db, old.db]}}
tables:
  - {into: main.t, from: [house.t, auth.t], on_conflict: {rule: prefer}}
"""


@pytest.fixture(params=["DELETE", "WAL"])
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    """A target in the place of a source, beside one that keeps its name; two old names, of which one is a file."""
    data = tmp_path / "data"
    for name, rows in (("house", "('a', 1)"), ("auth", "('b', 2)")):
        sql = f"PRAGMA journal_mode = {request.param}; CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES {rows};"
        write_database(data / f"{name}.db", sql).chmod(0o640)
    scene = Scene(system=write_system(tmp_path / "house", IN_PLACE), source=data, target=data)
    add_hook(scene)
    return scene


def test_a_target_in_place_of_a_source_is_no_false_alarm(house: Scene) -> None:
    was = photograph(house.target)
    ended = run(house.argv("run", "--json"))
    assert (ended.code, ended.json["verdict"]) == (0, "PROVEN"), ended.err
    assert trace_of(house).exists()
    assert run(house.argv("rollback")).code == 0
    now = photograph(house.target)
    assert {name: now[name] for name in was} == was


def test_a_fault_in_place_of_a_source_is_said_and_taken_back(house: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    was = photograph(house.target)
    with planted(monkeypatch, before(lambda swaps, _: (swaps, ()))):
        ended = run(house.argv())
    check_wrong(house, ended, "auth.db: is a file, and should be a link to house.db")
    assert run(house.argv("run", "--replace", "--discard-changes")).code == 6
    assert follow_hint(ended).code == 0
    now = photograph(house.target)
    assert {name: now[name] for name in was} == was
    assert run(house.argv()).code == 0


def moved(previous: Path) -> Path:
    """Return where the legacy file is that gave way to a link."""
    return previous.with_name("legacy") / "auth.db"


def put_back(target: Path, previous: Path) -> None:
    (target / "auth.db").unlink()
    moved(previous).rename(target / "auth.db")


def lead_elsewhere(target: Path, previous: Path) -> None:
    (target / "auth.db").unlink()
    (target / "auth.db").symlink_to(moved(previous))


def replace_moved(_: Path, previous: Path) -> None:
    write_database(previous.with_name("another.db"), "CREATE TABLE other (n);").chmod(0o440)
    previous.with_name("another.db").replace(moved(previous))


IN_PLACE_FAULTS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "it can be written to": (
        lambda _, previous: moved(previous).chmod(0o640),
        "legacy/auth.db: the legacy file can still be written to",
    ),
    "it stays where its link belongs": (put_back, "auth.db: is a file, and should be a link to house.db"),
    "its link leads to it": (lead_elsewhere, "auth.db: leads to "),
    "its link is not made": (
        lambda target, _: (target / "auth.db").unlink(),
        "auth.db: the link to house.db was not made",
    ),
    "a log is left beside its link": (
        lambda target, _: (target / "auth.db-wal").write_bytes(b"frames"),
        "auth.db-wal: is left beside the link to house.db",
    ),
}


@pytest.mark.parametrize("name", IN_PLACE_FAULTS)
def test_a_fault_in_what_gives_way_is_said_and_the_hint_leads_back(
    house: Scene, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    act, sentence = IN_PLACE_FAULTS[name]
    was = photograph(house.target)
    with planted(monkeypatch, after(act)):
        ended = run(house.argv())
    assert (ended.code, sentence in ended.error) == (3, True), ended.err
    assert not trace_of(house).exists()
    (house.target / "auth.db-wal").unlink(missing_ok=True)
    back = follow_hint(ended)
    assert back.code == 0, back.err
    now = photograph(house.target)
    assert {path: now[path] for path in was} == was
    assert run(house.argv()).code == 0


LATE_FAULTS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    **IN_PLACE_FAULTS,
    "it is lost": (lambda _, previous: moved(previous).unlink(), "legacy/auth.db: is not there"),
    "it is another file": (replace_moved, "legacy/auth.db: is not the file that gave way to a link"),
    "it is without its log": (
        lambda _, previous: moved(previous).with_name("auth.db-wal").unlink(),
        "legacy/auth.db-wal: is not there",
    ),
}


@pytest.mark.parametrize("name", LATE_FAULTS)
def test_a_recovery_looks_at_what_gave_way(house: Scene, driver: Driver, name: str) -> None:
    act, sentence = LATE_FAULTS[name]
    statements = ("PRAGMA journal_mode = WAL", "INSERT INTO t VALUES ('c', 3)")
    with open_application(house.source / "auth.db", *statements) as one:
        one.kill()
    assert driver.run(house.argv(), checkpoint="publish.closed").code == -9
    folder = house.home / "runs" / house.runs()[-1]
    act(house.target, folder / "previous")
    for _ in range(2):
        ended = run(house.argv())
        assert (ended.code, sentence in ended.error) == (3, True), ended.err
        assert read_verdict(folder) == "INCOMPLETE"
        assert not trace_of(house).exists()
        assert run(house.argv("finalize", *NOW)).code == 3
