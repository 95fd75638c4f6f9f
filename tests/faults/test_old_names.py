"""After publish every old name leads to the target of its tables; a legacy file in its place moves, and comes back."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.runs import undo
from tests.faults.application import open_application
from tests.faults.child import Driver
from tests.faults.scene import Scene, photograph, run, write_database, write_system

PLAN = """\
version: 1
sources:
  one: {path: one.db, alias_of: first}
  two: {path: deep/two.db, optional: true}
  gone: {path: gone.db, optional: true}
  cache: {path: cache.db, optional: true}
targets:
  first: {path: first.db}
  second: {path: sub/second.db}
copy:
  first: [one.kept, gone.kept]
  second: [one.other, two.more]
drop: [{table: cache.cached, reason: rebuilt}]
"""


@pytest.fixture(params=["delete", "wal", "wal open"])
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    source = tmp_path / "data"
    mode, _, is_open = request.param.partition(" ")
    write_database(source / "one.db", f"PRAGMA journal_mode = {mode}; CREATE TABLE kept (n); CREATE TABLE other (n);")
    write_database(source / "deep" / "two.db", f"PRAGMA journal_mode = {mode}; CREATE TABLE more (n);")
    write_database(source / "cache.db", "CREATE TABLE cached (n); INSERT INTO cached VALUES (1);")
    for file, tables in ((source / "one.db", ("kept", "other")), (source / "deep" / "two.db", ("more",))):
        statements = [f"INSERT INTO {table} VALUES ('{table}')" for table in tables]
        if is_open:  # rows that only the write-ahead log has
            with open_application(file, "PRAGMA wal_autocheckpoint = 0", *statements) as application:
                application.kill()
            file.with_name(f"{file.name}-shm").unlink()
            assert file.with_name(f"{file.name}-wal").stat().st_size
        else:
            write_database(file, ";".join(statements))
    return Scene(system=write_system(tmp_path / "system", PLAN), source=source, target=tmp_path / "new")


@pytest.fixture
def place(scene: Scene) -> Scene:
    """The same with its targets in the directory of the sources."""
    return replace(scene, target=scene.source)


def look(scene: Scene) -> dict[str, tuple[int, str]]:
    """Return what is there, without what merely reading a database may leave beside it."""
    empty = hashlib.sha256(b"").hexdigest()
    found = photograph(scene.source).items()
    return {name: seen for name, seen in found if not name.endswith("-shm") and seen[1] != empty}


def read(file: Path, table: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(f"SELECT n FROM {table}").fetchall()


def test_every_old_name_leads_to_its_rows_whether_its_file_was_there_or_not(scene: Scene) -> None:
    assert run(scene.argv()).code == 0
    assert read(scene.target / "one.db", "kept") == [("kept",)]
    assert read(scene.target / "deep" / "two.db", "more") == [("more",)]
    assert read(scene.target / "gone.db", "kept") == [("kept",)]
    assert (scene.target / "deep" / "two.db").readlink() == Path("../sub/second.db")
    assert not os.path.lexists(scene.target / "cache.db")  # nothing of it is in a target
    assert run(scene.argv("rollback")).code == 0
    assert not any(os.path.lexists(scene.target / name) for name in ("one.db", "deep/two.db", "gone.db", "first.db"))


def test_in_place_the_files_give_way_and_come_back_as_they_were(place: Scene) -> None:
    before = look(place)
    ended = run(place.argv())
    assert ended.code == 0, ended.err
    for name, table in (("one.db", "kept"), ("deep/two.db", "more"), ("gone.db", "kept")):
        assert (place.target / name).is_symlink()
        assert read(place.target / name, table) == [(table,)]
        assert not (place.target / f"{name}-wal").exists()
    folder = place.home / "runs" / place.runs()[0] / "legacy"
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*.db")} == {"one.db", "deep/two.db"}
    assert not any(file.stat().st_mode & stat.S_IWUSR for file in folder.rglob("*.db"))
    assert not (place.source / "cache.db").stat().st_mode & stat.S_IWUSR
    assert run(place.argv("verify")).code == 0
    again = run(place.argv())
    assert (again.code, "nothing to do" in again.out) == (0, True), again.err
    assert run(place.argv("rollback")).code == 0
    assert look(place) == before


def test_a_link_to_the_directory_is_the_directory(place: Scene) -> None:
    before = look(place)
    link = place.source.parent / "link"
    link.symlink_to(place.source)
    linked = replace(place, source=link)
    assert run(linked.argv()).code == 0
    assert read(place.target / "one.db", "kept") == [("kept",)]
    assert "nothing to do" in run(linked.argv()).out
    assert run(linked.argv("rollback")).code == 0
    assert look(place) == before


def test_a_legacy_file_on_another_file_system_does_not_move(place: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    stat_of = Path.stat

    def elsewhere(path: Path, **options: Any) -> os.stat_result:
        found = stat_of(path, **options)
        if path.name != "two.db":
            return found
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:10]))

    monkeypatch.setattr(Path, "stat", elsewhere)
    ended = run(place.argv())
    assert (ended.code, "two.db: lies on another file system" in ended.error) == (6, True), ended.err


def test_in_place_they_are_finalized_and_put_back_from_the_backup(place: Scene) -> None:
    copy = place.copy_to(place.source.parent / "copy").source  # whoever reads a database may fold its log in
    before = {file: read(copy / file, table) for file, table in (("one.db", "kept"), ("deep/two.db", "more"))}
    assert run(place.argv()).code == 0
    assert "is kept for 30 days" in run(place.argv("finalize")).error
    ended = run(place.argv("finalize", "--retention-days", "0"))
    assert ended.code == 0, ended.err
    folder = place.home / "runs" / place.runs()[0] / "legacy"
    assert not list(folder.rglob("*.db"))
    assert read(place.target / "one.db", "kept") == [("kept",)]  # the names lead where they led
    assert not (place.source / "cache.db").exists()
    assert run(place.argv("rollback")).code == 0
    assert {
        file: read(place.source / file, table) for file, table in (("one.db", "kept"), ("deep/two.db", "more"))
    } == before
    assert read(place.source / "cache.db", "cached") == [(1,)]
    assert not (place.source / "one.db").is_symlink()


def test_in_place_another_run_says_that_the_first_has_to_be_rolled_back(place: Scene) -> None:
    assert run(place.argv()).code == 0
    (place.system / "plan.yaml").write_text(PLAN.replace("rebuilt", "rebuilt on demand"))
    for flags in ((), ("--replace",)):
        ended = run(place.argv("run", *flags))
        assert (ended.code, "roll back first" in ended.err) == (6, True), ended.err
    assert read(place.target / "one.db", "kept") == [("kept",)]


def test_clean_keeps_a_run_in_which_legacy_files_lie(place: Scene) -> None:
    assert run(place.argv()).code == 0
    assert run(place.argv("clean", "--retention-days", "0")).code == 0
    assert run(place.argv("rollback")).code == 0
    assert read(place.source / "one.db", "kept") == [("kept",)]


def test_a_legacy_file_in_use_does_not_move(place: Scene) -> None:
    with open_application(place.source / "one.db", "SELECT 1 FROM kept"):
        before = look(place)
        ended = run(place.argv("run", "--allow-open-sources"))
        assert ended.code == 6
        assert "one.db: is held open by process" in ended.error
        assert look(place) == before


@pytest.mark.parametrize("what", ["file", "empty file", "directory", "link elsewhere", "link to nowhere"])
def test_what_stands_where_an_old_name_belongs_is_refused_and_stays(scene: Scene, what: str) -> None:
    name = scene.target / "gone.db"
    name.parent.mkdir()
    match what:
        case "file":
            write_database(name, "CREATE TABLE mine (n); INSERT INTO mine VALUES (1);")
        case "empty file":
            name.touch()
        case "directory":
            name.mkdir()
        case "link elsewhere":
            name.symlink_to(scene.source / "one.db")
        case "link to nowhere":
            name.symlink_to("nowhere.db")
    before = photograph(scene.target)
    for flags in ((), ("--replace",), ("--dry-run",)):
        ended = run(scene.argv("run", *flags))
        assert ended.code == 6
        assert "gone.db: is a" in ended.error
        assert "stands where an old name has to lead to first.db" in ended.error
    assert {path: seen for path, seen in photograph(scene.target).items() if path in before} == before


def test_a_link_to_the_target_may_be_there_already(scene: Scene) -> None:
    scene.target.mkdir()
    (scene.target / "gone.db").symlink_to("first.db")
    assert run(scene.argv()).code == 0
    assert run(scene.argv("rollback")).code == 0
    assert (scene.target / "gone.db").is_symlink()  # it was not ours


def test_a_legacy_file_that_is_a_link_stays_and_is_named(place: Scene) -> None:
    for suffix in ("", "-wal"):
        if (place.source / f"one.db{suffix}").exists():
            (place.source / f"one.db{suffix}").rename(place.source / f"real-one.data{suffix}")
    (place.source / "one.db").symlink_to("real-one.data")
    ended = run(place.argv())
    assert (ended.code, "one.db: is a link to real-one.data" in ended.error) == (6, True)


def test_rollback_does_not_write_over_a_file_that_took_an_old_names_place(place: Scene) -> None:
    assert run(place.argv()).code == 0
    (place.target / "one.db").unlink()
    write_database(place.target / "one.db", "CREATE TABLE mine (n); INSERT INTO mine VALUES (7);")
    for flags in ((), ("--discard-changes",)):
        ended = run(place.argv("rollback", *flags))
        assert (ended.code, "stands where the legacy file one.db comes back" in ended.error) == (6, True)
    assert read(place.target / "one.db", "mine") == [(7,)]
    (place.target / "one.db").rename(place.source.parent / "mine.db")
    assert run(place.argv("rollback")).code == 0
    assert read(place.source / "one.db", "kept") == [("kept",)]


@pytest.mark.sample(2)
def test_killed_at_any_step_in_place_the_same_command_goes_on_and_the_way_back_is_whole(
    place: Scene, driver: Driver, is_nightly: bool
) -> None:
    ended, trace = driver.trace(place.copy_to(place.source.parent / "model").argv())
    assert ended.code == 0, ended.err
    numbered = number_changes(trace)
    begun = trace.index("checkpoint publish")
    moments = [moment for moment in numbered[begun:] if is_nightly or "checkpoint" in moment]
    moments += [] if is_nightly else [moment for moment in numbered[begun:] if "change" in moment][::14]
    assert {"checkpoint": "publish.legacy.deep/two.db"} in moments
    before = look(place)
    for number, moment in enumerate(moments):
        ending = ("run", "rollback")[number % 2]
        for way in (ending,) if not is_nightly else ("run", "rollback"):
            copy = place.copy_to(place.source.parent / f"{number}-{way}")
            assert driver.run(copy.argv(), **moment).code < 0
            for name in ("one.db", "deep/two.db"):
                assert (copy.source / name).exists(), moment  # at every moment the name leads to a database
            check_ending(copy, way, before, moment)


def number_changes(trace: list[str]) -> list[dict[str, Any]]:
    """Turn a trace into moments at which a run may be killed."""
    moments: list[dict[str, Any]] = []
    changes = 0
    for line in trace:
        if line.startswith("checkpoint "):
            moments.append({"checkpoint": line.split()[1]})
        else:
            changes += 1
            moments.append({"change": changes})
    return moments


def check_ending(scene: Scene, way: str, before: dict[str, tuple[int, str]], moment: dict[str, Any]) -> None:
    finished = run(scene.argv(way))
    assert finished.code == 0, (moment, finished.err)
    if way == "run":
        assert read(scene.target / "one.db", "kept") == [("kept",)]
        assert run(scene.argv("verify")).code == 0, moment
        assert run(scene.argv("rollback")).code == 0, moment
    assert look(scene) == before, moment


def test_a_rollback_does_not_pretend_where_a_file_that_moved_is_lost(place: Scene) -> None:
    assert run(place.argv()).code == 0
    published, away = photograph(place.source), place.source.parent / "away"
    for kept in sorted(
        (place.home / "runs" / place.runs()[0] / "legacy").glob("one.db*")
    ):  # with its log, if it has one
        kept.rename(away)
        ended = run(place.argv("rollback"))
        assert (ended.code, f"{kept.name}: is not there" in ended.error) == (9, True), ended.err
        assert photograph(place.source) == published
        away.rename(kept)
    assert run(place.argv("rollback")).code == 0
    assert read(place.source / "one.db", "kept") == [("kept",)]


def test_a_rollback_says_so_where_a_legacy_file_did_not_come_back(
    place: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(place.argv()).code == 0
    monkeypatch.setattr(undo, "come_back", lambda *_: None)
    ended = run(place.argv("rollback"))
    assert (ended.code, "did not come back from" in ended.error) == (9, True), ended.err


def test_a_log_beside_an_old_name_is_not_played_into_the_file_that_comes_back(place: Scene) -> None:
    assert run(place.argv()).code == 0
    (place.source / "one.db-wal").write_bytes(b"of somebody else")
    ended = run(place.argv("rollback"))
    assert (ended.code, "one.db-wal: stands where" in ended.error) == (6, True), ended.err
    (place.source / "one.db-wal").unlink()
    assert run(place.argv("rollback")).code == 0


@pytest.mark.parametrize("is_inside", [True, False])
def test_a_folder_of_old_names_that_is_a_link_leads_right_or_is_refused(scene: Scene, is_inside: bool) -> None:
    scene.target.mkdir()
    real = (scene.target if is_inside else scene.target.parent) / "elsewhere" / "below"
    real.mkdir(parents=True)
    (scene.target / "deep").symlink_to(real)
    ended = run(scene.argv())
    if is_inside:
        assert ended.code == 0, ended.err
        assert read(scene.target / "deep" / "two.db", "more") == [("more",)]
    else:
        assert (ended.code, "deep: leads out of the target" in ended.error) == (6, True), ended.err
        assert list(real.iterdir()) == []


def test_what_an_application_wrote_between_a_kill_and_the_next_run_comes_back_with_its_file(
    place: Scene, driver: Driver
) -> None:
    """The log that got a second name before the kill is not the file's any more: it must not be played into it."""
    _, trace = driver.trace(place.copy_to(place.source.parent / "model").argv())
    (last,) = [at for at, line in enumerate(trace) if line.startswith("change os.rename") and "/one.db.part" in line]
    assert driver.run(place.argv(), **number_changes(trace)[last]).code < 0
    write_database(place.source / "one.db", "UPDATE kept SET n = 'late'; PRAGMA wal_checkpoint(TRUNCATE);")
    ended = run(place.argv())
    assert ended.code in (0, 3, 6), ended.err
    ended = run(place.argv("rollback", "--discard-changes"))
    assert ended.code == 0, ended.err
    assert read(place.source / "one.db", "kept") == [("late",)]


def test_a_recovery_does_not_put_another_file_in_the_place_of_one_that_moved(place: Scene, driver: Driver) -> None:
    assert driver.run(place.argv(), checkpoint="publish.legacy.one.db").code < 0
    kept = place.home / "runs" / place.runs()[0] / "legacy" / "one.db"
    before = kept.read_bytes()
    (place.source / "one.db").unlink()
    write_database(place.source / "one.db", "CREATE TABLE mine (n); INSERT INTO mine VALUES (7);")
    for task in ("run", "rollback"):
        ended = run(place.argv(task))
        assert (ended.code, "one.db: stands where" in ended.error) == (6, True), ended.err
        assert kept.read_bytes() == before
        assert read(place.source / "one.db", "mine") == [(7,)]
