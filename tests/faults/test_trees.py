"""A tree acts on itself only: copied, moved or mounted elsewhere, and what it removes it proves first."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.tasks import consolidate
from tests.faults.application import open_application
from tests.faults.child import Driver
from tests.faults.refusals import write
from tests.faults.scene import (
    Scene,
    build_copying,
    photograph,
    read_bytes_kept,
    read_rows,
    run,
    run_with,
)
from tests.faults.shop import build_shop, change_sources
from tests.faults.trees import KINDS, Tree, act_in
from tests.processes import wait_until

NOW = ("--retention-days", "0")
TIE = """
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
"""


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    scene = build_shop(tmp_path / "first")
    ended = run(scene.argv("run"))
    assert ended.code == 0, ended.err
    return scene


@pytest.fixture
def undecided(tmp_path: Path) -> Scene:
    """A published run of which one row waits for a person."""
    scene = build_copying(
        tmp_path / "first",
        "CREATE TABLE t (id INTEGER, v TEXT); INSERT INTO t VALUES (1, 'one'), (2, 'one'), (3, 'two')",
        schema="-- One.\nCREATE TABLE t (id INTEGER, v TEXT UNIQUE);\n",
    )
    ended = run(scene.argv("run", "--quarantine-budget", "1", "--json"))
    assert (ended.code, ended.json["quarantined"]) == (0, 1), ended.err
    return scene


def damage_backup(scene: Scene) -> None:
    for file in (scene.target / "backup").rglob("*.db"):
        file.chmod(0o600)
        file.write_bytes(b"garbage")


@pytest.mark.parametrize("kind", KINDS)
def test_finalize_removes_the_files_of_the_tree_that_was_typed(shop: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        ended = run(tree.scene.argv("finalize", *NOW))
        assert ended.code == 0, ended.err
        assert read_bytes_kept(tree.scene.source) == {}
        assert run(tree.scene.argv("verify")).code == 0

    act_in(kind, shop, act)


@pytest.mark.parametrize("kind", KINDS)
def test_verify_and_finalize_read_the_backup_of_their_own_tree(shop: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        damage_backup(tree.scene)
        before = read_bytes_kept(tree.scene.source)
        ended = run(tree.scene.argv("verify"))
        assert (ended.code, "bytes changed" in ended.out) == (3, True), ended.out
        ended = run(tree.scene.argv("finalize", *NOW))
        assert (ended.code, "is not what was backed up" in ended.error) == (6, True)
        assert read_bytes_kept(tree.scene.source) == before

    act_in(kind, shop, act)


@pytest.mark.parametrize("kind", KINDS)
def test_rollback_changes_permissions_in_its_own_tree_only(shop: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        files = [tree.scene.source / "first.db", tree.scene.source / "notes.json"]
        ended = run(["inv", "consolidate.rollback", "--target", str(tree.scene.target)])
        assert ended.code == 0, ended.err
        assert "stay read-only (say --source DIRECTORY): first.db" in ended.out
        assert [stat.S_IMODE(file.stat().st_mode) & 0o222 for file in files] == [0, 0]

    act_in(kind, shop, act)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollback_with_its_source_makes_the_files_of_that_tree_writable_again(shop: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        ended = run(tree.scene.argv("rollback"))
        assert (ended.code, "read-only" in ended.out) == (0, False), ended.err
        files = [tree.scene.source / "first.db", tree.scene.source / "deep" / "second.db"]
        assert all(stat.S_IMODE(file.stat().st_mode) & 0o200 for file in files)

    act_in(kind, shop, act)


@pytest.mark.parametrize("kind", KINDS)
def test_a_comment_in_the_plan_changes_nothing_for_a_run_that_has_its_plan_with_it(shop: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        plan = tree.scene.system / "plan.yaml"
        plan.write_text("# A comment.\n" + plan.read_text())
        assert run(tree.scene.argv("verify")).code == 0
        shutil.rmtree(tree.scene.system)
        for task in ("verify", "explain", "quarantine", "status"):
            ended = run(tree.scene.argv(task))
            assert ended.code == 0, (task, ended.err)
        assert run(tree.scene.argv("rollback")).code == 0

    act_in(kind, shop, act)


@pytest.mark.parametrize("kind", KINDS)
def test_finalize_keeps_the_sources_when_a_target_was_truncated(shop: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        before = read_bytes_kept(tree.scene.source)
        os.truncate(tree.scene.target / "alpha.db", 0)
        for flags in (NOW, (*NOW, "--accept-changes")):
            ended = run(tree.scene.argv("finalize", *flags))
            assert (ended.code, "error: targets" in ended.error) == (3, True), ended.err
        assert read_bytes_kept(tree.scene.source) == before

    act_in(kind, shop, act)


@pytest.mark.parametrize("kind", KINDS)
def test_finalize_asks_about_what_the_application_wrote_since(shop: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        write(tree.scene.target / "alpha.db", "DELETE FROM orders WHERE id = 1")
        before = read_bytes_kept(tree.scene.source)
        ended = run(tree.scene.argv("finalize", *NOW))
        assert (ended.code, "alpha.db was written to since publish" in ended.error) == (6, True)
        assert "--accept-changes" in ended.err
        assert read_bytes_kept(tree.scene.source) == before
        assert run(tree.scene.argv("finalize", *NOW, "--accept-changes")).code == 0
        assert read_bytes_kept(tree.scene.source) == {}

    act_in(kind, shop, act)


@pytest.mark.parametrize("kind", KINDS)
def test_finalize_keeps_the_sources_while_rows_wait(undecided: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        before = read_bytes_kept(tree.scene.source)
        ended = run(tree.scene.argv("finalize", *NOW))
        assert (ended.code, "1 rows still wait" in ended.error) == (4, True)
        assert read_bytes_kept(tree.scene.source) == before
        ended = run(tree.scene.argv("finalize", *NOW, "--keep-undecided", "--json"))
        assert (ended.code, ended.json["undecided"]) == (0, 1)
        (kept,) = (tree.scene.target / "backup").rglob("quarantine/*.db")
        shutil.rmtree(tree.scene.home)
        waiting = read_rows(kept, "SELECT c1 FROM \"old.t\" WHERE _disposition = 'quarantined'")
        assert waiting == [(("text", b"one"),)]

    act_in(kind, undecided, act)


@pytest.mark.parametrize("kind", KINDS)
def test_rollback_after_finalize_puts_the_legacy_files_back(tmp_path: Path, kind: str) -> None:
    scene = build_shop(tmp_path / "first")
    (scene.source / "first.db").chmod(0o640)
    contents = {path.name: read_content_of(path) for path in legacy_files(scene)}
    assert run(scene.argv("run")).code == 0

    def act(tree: Tree) -> None:
        assert run(tree.scene.argv("finalize", *NOW)).code == 0
        ended = run(["inv", "consolidate.rollback", "--target", str(tree.scene.target)])
        assert (ended.code, "backup" in ended.error, "--source" in ended.err) == (6, True, True)
        assert run(tree.scene.argv("verify")).code == 0
        ended = run(tree.scene.argv("rollback"))
        assert ended.code == 0, ended.err
        assert "put back from the backup: " in ended.out
        assert {path.name: read_content_of(path) for path in legacy_files(tree.scene)} == contents
        assert stat.S_IMODE((tree.scene.source / "first.db").stat().st_mode) == 0o640
        assert run(tree.scene.argv("run")).code == 0

    act_in(kind, scene, act)


def test_rollback_after_finalize_refuses_when_the_backup_is_damaged(shop: Scene) -> None:
    assert run(shop.argv("finalize", *NOW)).code == 0
    damage_backup(shop)
    before = photograph(shop.target)
    ended = run(shop.argv("rollback"))
    assert (ended.code, "is not what was backed up" in ended.error) == (6, True)
    assert photograph(shop.target) == before


def test_rollback_after_finalize_puts_nothing_back_when_it_is_refused(shop: Scene) -> None:
    assert run(shop.argv("finalize", *NOW)).code == 0
    write(shop.target / "alpha.db", "DELETE FROM orders")
    ended = run(shop.argv("rollback"))
    assert (ended.code, "--discard-changes" in ended.err) == (6, True)
    assert read_bytes_kept(shop.source) == {}
    assert run(shop.argv("rollback", "--discard-changes")).code == 0
    assert len(read_bytes_kept(shop.source)) == 3


def legacy_files(scene: Scene) -> Iterator[Path]:
    return (scene.source / name for name in ("first.db", "deep/second.db", "notes.json"))


def read_content_of(path: Path) -> object:
    if path.suffix == ".json":
        return path.read_bytes()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("kind", KINDS)
def test_a_dry_finalize_writes_nothing_at_all(shop: Scene, kind: str) -> None:
    def act(tree: Tree) -> None:
        (tree.scene.home / "lock").unlink()
        root = tree.scene.source.parent
        before = {path: path.lstat().st_mtime_ns for path in root.rglob("*") if not path.name.endswith("-shm")}
        ended = run(tree.scene.argv("finalize", *NOW, "--dry-run"))
        assert (ended.code, "would remove 3 sources" in ended.out) == (0, True), ended.err
        after = {path: path.lstat().st_mtime_ns for path in root.rglob("*") if not path.name.endswith("-shm")}
        assert after == before

    act_in(kind, shop, act)


def test_finalize_needs_the_directory_of_the_sources(shop: Scene, tmp_path: Path) -> None:
    argv = ["inv", "consolidate.finalize", "--target", str(shop.target), *NOW]
    ended = run(argv)
    assert (ended.code, "needs --source" in ended.error) == (2, True)
    (tmp_path / "empty").mkdir()
    ended = run([*argv, "--source", str(tmp_path / "empty")])
    assert (ended.code, "none of the legacy files" in ended.error) == (5, True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hours", [-1, 24 * 365])
def test_a_clock_that_jumps_does_not_decide_what_is_rolled_back(
    shop: Scene, driver: Driver, kind: str, hours: int
) -> None:
    change_sources(shop)
    killed = driver.run(shop.argv("run", "--replace"), checkpoint="verify", hours=hours)
    assert killed.code == -9
    known = json.loads((shop.home / "current.json").read_text())
    assert (len(known["runs"]), known["run"]) == (2, known["runs"][0])

    def act(tree: Tree) -> None:
        before = photograph(tree.scene.target)
        ended = run(tree.scene.argv("rollback"))
        assert (ended.code, f"cleared run {known['runs'][1]}" in ended.out) == (0, True), ended.err
        assert photograph(tree.scene.target) == before
        assert run(tree.scene.argv("verify")).code == 0

    act_in(kind, shop, act)


def test_runs_of_one_second_stay_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    monkeypatch.setattr(consolidate, "read_clock", lambda: moment)
    scene = build_shop(tmp_path / "first")
    for number in range(12):
        write(scene.source / "first.db", f"INSERT INTO users VALUES ('user {number}', NULL, NULL, NULL)")
        assert run(scene.argv("run", "--replace")).code == 0
        (scene.source / "first.db").chmod(0o644)
    states = run(["inv", "consolidate.status", "--target", str(scene.target), "--json"]).json["runs"]
    assert [state["run"] for state in states] == ["20261025_013000", *(f"20261025_013000_{n}" for n in range(2, 13))]
    assert [state["is_current"] for state in states] == [False] * 11 + [True]
    for left in range(11, 0, -1):
        assert run(scene.argv("rollback")).code == 0
        found = read_rows(scene.target / "alpha.db", "SELECT count(*) FROM users WHERE name LIKE 'user %'")
        assert found == [(left,)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", ["snapshot", "verify", "publish.intent"])
def test_after_a_kill_status_is_pending(tmp_path: Path, driver: Driver, kind: str, moment: str) -> None:
    scene = build_shop(tmp_path / "first")
    assert driver.run(scene.argv("run"), checkpoint=moment).code == -9

    def act(tree: Tree) -> None:
        ended = run(tree.scene.argv("status"))
        assert (ended.code, "run the same command again" in ended.out) == (7, True), ended.out
        assert run(tree.scene.argv("run")).code == 0
        assert run(tree.scene.argv("status")).code == 0

    act_in(kind, scene, act)


def test_a_run_that_is_going_on_is_pending_and_not_interrupted(tmp_path: Path, driver: Driver) -> None:
    scene = build_shop(tmp_path / "first")
    hold = tmp_path / "go on"
    driver.start(scene.argv("run"), checkpoint="verify", hold=str(hold))
    wait_until(hold.with_suffix(".reached").exists, 20)
    ended = run(scene.argv("status", "--json"))
    assert (ended.code, [state["state"] for state in ended.json["runs"]]) == (7, ["running"])
    hold.touch()
    assert driver.finish().code == 0
    assert run(scene.argv("status")).code == 0


@pytest.mark.parametrize("end", ["failed", "killed", "given up"])
def test_no_export_outlives_a_run_that_did_not_publish(tmp_path: Path, driver: Driver, end: str) -> None:
    scene = build_shop(tmp_path / "first")
    if end == "failed":
        plan = scene.system / "plan.yaml"
        plan.write_text(plan.read_text() + "checks:\n  - {sql: select nothing from nowhere, expect: 1}\n")
        assert run(scene.argv("run", "--export-json")).code == 2
    elif end == "killed":
        assert driver.run(scene.argv("run", "--export-json"), checkpoint="verify").code == -9
        assert list(scene.home.rglob("*.jsonl"))
        assert run(scene.argv("rollback")).code == 0
    else:
        plan = scene.system / "plan.yaml"
        plan.write_text(plan.read_text() + "checks:\n  - {sql: select 1, expect: 2}\n")
        assert run(scene.argv("run", "--export-json")).code == 3
        assert list(scene.home.rglob("*.jsonl"))
        plan.write_text(plan.read_text().replace("expect: 2", "expect: 1"))
        assert run(scene.argv("run")).code == 0
    assert list(scene.target.rglob("*.jsonl")) == []
    assert run(scene.argv("status")).code == 0


def test_no_document_holds_a_path_by_which_anything_is_opened(shop: Scene) -> None:
    for_people = ("source", "plan", "original")
    for file in [*shop.target.rglob("*.json")]:
        content = json.loads(file.read_text())
        assert not list(find_paths(content, str(shop.target.parent), for_people)), file


def find_paths(content: object, root: str, allowed: tuple[str, ...], key: str = "") -> Iterator[str]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield from find_paths(value, root, allowed, name)
    elif isinstance(content, list):
        for value in content:
            yield from find_paths(value, root, allowed, key)
    elif isinstance(content, str) and key not in allowed and (root in content or content.startswith("/")):
        yield f"{key}: {content}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_command_again_with_the_target_inside_the_source(tmp_path: Path, kind: str) -> None:
    scene = build_shop(tmp_path / "first")
    scene = replace(scene, target=scene.source / "consolidated")
    assert run(scene.argv("run")).code == 0

    def act(tree: Tree) -> None:
        ended = run(tree.scene.argv("run"))
        assert (ended.code, "nothing to do" in ended.out) == (0, True), ended.err
        assert run(tree.scene.argv("rollback")).code == 0
        assert run(tree.scene.argv("run")).code == 0

    act_in(kind, scene, act)


@pytest.fixture
def linked(tmp_path: Path) -> Scene:
    """A source that is a link to a database in a folder beside it, whose last row is only in its log."""
    scene = build_copying(tmp_path / "first", TIE)
    real = scene.source / "real" / "old-1.db"
    real.parent.mkdir()
    (scene.source / "old.db").rename(real)
    (scene.source / "old.db").symlink_to("real/old-1.db")
    with open_application(real, "PRAGMA journal_mode = WAL", "INSERT INTO t VALUES (3, 'three')") as application:
        application.kill()
    return scene


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_of_a_linked_source_lies_beside_what_the_link_leads_to(linked: Scene, kind: str) -> None:
    ended = run(linked.argv("run"))
    assert ended.code == 0, ended.err
    assert read_rows(linked.target / "new.db", "SELECT count(*) FROM t") == [(3,)]

    def act(tree: Tree) -> None:
        real = tree.scene.source / "real" / "old-1.db"
        real.chmod(0o644)
        with open_application(real, "INSERT INTO t VALUES (4, 'four')") as application:
            application.kill()
        ended = run(tree.scene.argv("run"))
        assert (ended.code, "nothing to do" in ended.out) == (6, False)
        ended = run(tree.scene.argv("finalize", *NOW))
        assert (ended.code, "was written to" in ended.error) == (6, True)
        assert run(tree.scene.argv("run", "--replace")).code == 0
        assert read_rows(tree.scene.target / "new.db", "SELECT count(*) FROM t") == [(4,)]
        assert run(tree.scene.argv("finalize", *NOW)).code == 0
        assert not real.exists()
        assert not (tree.scene.source / "old.db").is_symlink()

    act_in(kind, linked, act)


def test_finalize_follows_no_link_out_of_the_source(linked: Scene, tmp_path: Path) -> None:
    shutil.move(linked.source / "real", tmp_path / "outside")
    (linked.source / "old.db").unlink()
    (linked.source / "old.db").symlink_to(tmp_path / "outside" / "old-1.db")
    assert run(linked.argv("run")).code == 0
    assert stat.S_IMODE((tmp_path / "outside" / "old-1.db").stat().st_mode) & 0o200
    ended = run(linked.argv("finalize", *NOW))
    assert (ended.code, "leads to" in ended.error) == (6, True)
    assert (linked.source / "old.db").is_symlink()


@pytest.mark.parametrize("kind", KINDS)
def test_size_and_time_put_back_hide_no_other_content(tmp_path: Path, kind: str) -> None:
    scene = build_copying(tmp_path / "first", TIE)
    assert run(scene.argv("run")).code == 0

    def act(tree: Tree) -> None:
        source = tree.scene.source / "old.db"
        change_unseen(source)
        ended = run(tree.scene.argv("run"))
        assert (ended.code, "nothing to do" in ended.out) == (6, False)
        ended = run(tree.scene.argv("finalize", *NOW))
        assert (ended.code, "was written to" in ended.error) == (6, True)
        assert source.is_file()

    act_in(kind, scene, act)


def change_unseen(source: Path) -> None:
    before, mode = source.stat(), source.stat().st_mode
    content = source.read_bytes()
    source.chmod(0o644)
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("UPDATE t SET v = 'ONE' WHERE id = 1")
    assert source.read_bytes() != content
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    source.chmod(mode)
    after = source.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


def test_content_that_changes_unseen_during_the_run_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = build_copying(tmp_path / "first", TIE)

    def change(name: str) -> None:
        if name == "verify":
            change_unseen(scene.source / "old.db")

    ended = run_with(monkeypatch, change, scene.argv("run"))
    assert (ended.code, "changed since its snapshot" in ended.error) == (6, True)
    assert not (scene.target / "new.db").exists()


def test_clean_keeps_what_an_undecided_row_needs(undecided: Scene) -> None:
    for number in range(3):
        (undecided.source / "old.db").chmod(0o644)
        write(undecided.source / "old.db", f"INSERT INTO t VALUES (10, 'more {number}')")
        assert run(undecided.argv("run", "--replace", "--quarantine-budget", "1")).code == 0
    ended = run(["inv", "consolidate.clean", "--target", str(undecided.target), *NOW, "--json"])
    assert ended.code == 0, ended.err
    assert ended.json["removed"] == []
    reasons = [kept["reason"] for kept in ended.json["kept"]]
    assert reasons == [
        "1 rows of it wait for a person",
        "1 rows of it wait for a person",
        "rollback makes it live again",
        "it is live",
    ]
    assert run(undecided.argv("quarantine")).code == 0


def test_clean_removes_what_nothing_needs_and_says_why_the_rest_stays(shop: Scene) -> None:
    argv = ["inv", "consolidate.clean", "--target", str(shop.target)]
    for _ in range(3):
        change_sources(shop)
        assert run(shop.argv("run", "--replace")).code == 0
    before = photograph(shop.target), shop.runs()
    assert len(shop.runs()) == 4
    ended = run([*argv, "--json"])
    assert (ended.code, ended.json["removed"]) == (0, [])
    assert [kept["reason"] for kept in ended.json["kept"]][:2] == ["it is kept for 30 days"] * 2
    ended = run([*argv, *NOW, "--dry-run"])
    assert (ended.code, "would remove 2 runs" in ended.out) == (0, True)
    assert (photograph(shop.target), shop.runs()) == before
    states = run(shop.argv("status", "--json")).json["runs"]
    ended = run([*argv, *NOW, "--json"])
    assert [run["run"] for run in ended.json["removed"]] == [state["run"] for state in states[:2]]
    assert sum(run["size"] for run in ended.json["removed"]) == sum(state["size"] for state in states[:2])
    assert shop.runs() == [state["run"] for state in states[2:]]
    assert sorted(path.name for path in (shop.target / "backup").iterdir()) == shop.runs()
    assert run(shop.argv("verify")).code == 0
    assert run(shop.argv("rollback")).code == 0
    assert run(shop.argv("verify")).code == 0


def test_clean_never_removes_the_backup_of_files_that_are_gone(shop: Scene) -> None:
    assert run(shop.argv("finalize", *NOW)).code == 0
    ended = run(["inv", "consolidate.clean", "--target", str(shop.target), *NOW, "--json"])
    assert (ended.code, ended.json["removed"]) == (0, [])


def test_clean_waits_for_what_was_interrupted(tmp_path: Path, driver: Driver) -> None:
    scene = build_shop(tmp_path / "first")
    assert driver.run(scene.argv("run"), checkpoint="verify").code == -9
    ended = run(["inv", "consolidate.clean", "--target", str(scene.target), *NOW])
    assert (ended.code, "was interrupted" in ended.error) == (6, True)
