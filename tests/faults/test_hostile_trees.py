"""What a hostile tester did to trees: links that lead out of them, lost parts, files of others in a file's place."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.runs.home import Home
from tests.faults.child import Driver
from tests.faults.refusals import write
from tests.faults.scene import Scene, build_copying, photograph, read_bytes_kept, read_rows, run
from tests.faults.shop import build_shop, change_sources
from tests.faults.trees import copy_tree

NOW = ("--retention-days", "0")
ROWS = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'one');"


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    return build_shop(tmp_path / "first")


def publish(scene: Scene, *flags: str) -> None:
    ended = run(scene.argv("run", *flags))
    assert ended.code == 0, ended.err


def refuse(scene: Scene, argv: list[str], code: int, *words: str) -> None:
    before = photograph(scene.target), read_bytes_kept(scene.source)
    ended = run(argv)
    assert ended.code == code, ended.err + ended.out
    for word in words:
        assert word in ended.err, ended.err
    assert len([line for line in ended.err.splitlines() if line.startswith("error: ")]) == 1
    assert "Traceback" not in ended.err
    assert (photograph(scene.target), read_bytes_kept(scene.source)) == before


def test_finalize_removes_nothing_behind_a_linked_folder(shop: Scene, tmp_path: Path) -> None:
    shutil.move(shop.source / "deep", tmp_path / "out")
    (shop.source / "deep").symlink_to(tmp_path / "out")
    publish(shop)
    copied = copy_tree(shop)
    refuse(copied, copied.argv("finalize", *NOW), 6, "leads to", "not in --source")
    assert (tmp_path / "out" / "second.db").is_file()


@pytest.mark.parametrize("name", ["backup", ".strongroom"])
def test_nothing_of_ours_may_lie_behind_a_link_out_of_the_target(shop: Scene, tmp_path: Path, name: str) -> None:
    (tmp_path / "disk").mkdir()
    shop.target.mkdir()
    (shop.target / name).symlink_to(tmp_path / "disk")
    for task in ("run", "preview"):
        refuse(shop, shop.argv(task), 6, "leads out of the target")
    assert list((tmp_path / "disk").rglob("*.db")) == []


@pytest.mark.parametrize("task", ["run", "rollback", "finalize", "clean"])
def test_a_copy_whose_backup_leads_to_the_original_is_refused(shop: Scene, task: str) -> None:
    publish(shop)
    copied = copy_tree(shop)
    shutil.rmtree(copied.target / "backup")
    (copied.target / "backup").symlink_to(shop.target / "backup")
    before = photograph(shop.target / "backup")
    refuse(copied, copied.argv(task), 6, "backup: leads out of the target")
    assert photograph(shop.target / "backup") == before


def test_a_target_in_a_linked_folder_is_refused(tmp_path: Path) -> None:
    scene = build_copying(tmp_path / "first", ROWS)
    plan = scene.system / "plan.yaml"
    plan.write_text(plan.read_text().replace("new.db", "data/new.db"))
    (tmp_path / "out").mkdir()
    scene.target.mkdir()
    (scene.target / "data").symlink_to(tmp_path / "out")
    refuse(scene, scene.argv("run"), 6, "leads out of the target")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("what", ["run.json", "folder"])
@pytest.mark.parametrize("task", ["run", "rollback", "finalize", "clean"])
def test_a_run_that_lost_its_documents_loses_no_backup(shop: Scene, what: str, task: str) -> None:
    publish(shop)
    assert run(shop.argv("finalize", *NOW)).code == 0
    shop = build_shop_again(shop)
    publish(shop, "--replace")
    lost = shop.home / "runs" / shop.runs()[0]
    shutil.rmtree(lost) if what == "folder" else (lost / "run.json").unlink()
    backups = photograph(shop.target / "backup")
    ended = run(shop.argv(task, *(NOW if task in ("finalize", "clean") else ())))
    assert ended.code in (6, 7), ended.err
    assert photograph(shop.target / "backup") == backups
    ended = run(shop.argv("status", "--json"))
    assert (ended.code, ended.json["runs"][0]["is_open"]) == (7, True)


def build_shop_again(shop: Scene) -> Scene:
    shutil.rmtree(shop.source)
    again = build_shop(shop.source.parent)
    change_sources(again)
    return again


def test_rollback_after_finalize_takes_no_other_file_for_the_legacy_one(shop: Scene, tmp_path: Path) -> None:
    publish(shop)
    assert run(shop.argv("finalize", *NOW)).code == 0
    wrong = replace(shop, source=tmp_path / "wrong")
    for name in ("first.db", "deep/second.db", "notes.json"):
        file = wrong.source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("of somebody else")
        file.chmod(0o600)
    refuse(wrong, wrong.argv("rollback"), 6, "is another file than the one that was consolidated")
    assert stat.S_IMODE((wrong.source / "first.db").stat().st_mode) == 0o600
    assert run(shop.argv("rollback")).code == 0
    assert len(read_bytes_kept(shop.source)) == 3


def test_rollback_changes_the_permissions_of_no_other_file(shop: Scene, tmp_path: Path) -> None:
    publish(shop)
    wrong = replace(shop, source=tmp_path / "wrong")
    (wrong.source / "deep").mkdir(parents=True)
    (wrong.source / "first.db").write_text("of somebody else")
    (wrong.source / "first.db").chmod(0o600)
    assert run(wrong.argv("rollback")).code == 0
    assert stat.S_IMODE((wrong.source / "first.db").stat().st_mode) == 0o600


def test_finalize_leaves_what_lies_beside_a_document(shop: Scene) -> None:
    publish(shop)
    (shop.source / "notes.json-journal").write_text("diary")
    assert run(shop.argv("finalize", *NOW)).code == 0
    assert (shop.source / "notes.json-journal").read_text() == "diary"
    assert not (shop.source / "notes.json").exists()


def test_links_come_back_as_links(tmp_path: Path) -> None:
    scene = build_copying(tmp_path / "first", ROWS)
    (scene.source / "sub").mkdir()
    (scene.source / "old.db").rename(scene.source / "sub" / "real.db")
    (scene.source / "old.db").symlink_to("sub/real.db")
    publish(scene)
    assert run(scene.argv("finalize", *NOW)).code == 0
    assert list(scene.source.rglob("*.db")) == []
    assert run(scene.argv("rollback")).code == 0
    assert (scene.source / "old.db").readlink() == Path("sub/real.db")
    assert read_rows(scene.source / "sub" / "real.db", "SELECT v FROM t") == [(("text", b"one"),)]
    assert (scene.source / "sub" / "real.db").stat().st_mode & 0o200


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_no_database_is_put_back_beside_a_stale_journal(shop: Scene, suffix: str) -> None:
    publish(shop)
    assert run(shop.argv("finalize", *NOW)).code == 0
    (shop.source / f"first.db{suffix}").write_bytes(bytes(1000))
    refuse(shop, shop.argv("rollback"), 6, f"first.db{suffix}", "lies beside")


def test_a_run_that_was_not_published_is_not_live_whatever_is_said(tmp_path: Path) -> None:
    scene = build_copying(
        tmp_path / "first",
        "CREATE TABLE t (id INTEGER, v TEXT); INSERT INTO t VALUES (1, 'one'), (2, 'one')",
        schema="-- One.\nCREATE TABLE t (id INTEGER, v TEXT UNIQUE);\n",
    )
    assert run(scene.argv("run")).code == 4
    Home(target=scene.target).set_current(scene.runs()[0])
    for task in ("finalize", "rollback", "run"):
        refuse(scene, scene.argv(task, *(NOW if task == "finalize" else ())), 6, "that run is staged")


@pytest.mark.parametrize("moment", ["publish.intent", "publish.alpha.db"])
def test_what_is_half_published_is_not_proven(shop: Scene, driver: Driver, moment: str) -> None:
    assert driver.run(shop.argv("run"), checkpoint=moment).code == -9
    ended = run(shop.argv("verify"))
    assert (ended.code, "was interrupted" in ended.error) == (7, True)
    refuse(shop, shop.argv("finalize", *NOW), 6, "was interrupted")
    refuse(shop, shop.argv("finalize", *NOW, "--dry-run"), 6, "was interrupted")
    ended = run(shop.argv("rollback", "--dry-run"))
    assert (ended.code, "would roll back run" in ended.out) == (0, True)
    assert run(shop.argv("rollback")).code == 0


def test_a_dry_rollback_of_a_begun_run_says_that_it_would_be_cleared(shop: Scene, driver: Driver) -> None:
    assert driver.run(shop.argv("run"), checkpoint="verify").code == -9
    ended = run(shop.argv("rollback", "--dry-run"))
    assert (ended.code, "would clear run" in ended.out) == (0, True)


def lose_backup(scene: Scene) -> None:
    shutil.rmtree(scene.target / "backup")


def lose_ledger(scene: Scene) -> None:
    shutil.rmtree(next(scene.home.rglob("ledger")))


def lose_old_name(scene: Scene) -> None:
    (scene.target / "old_alpha.db").unlink()


@pytest.mark.parametrize("lose", [lose_backup, lose_ledger, lose_old_name])
def test_there_is_something_to_do_where_a_part_is_lost(shop: Scene, lose: Callable[[Scene], None]) -> None:
    publish(shop)
    lose(shop)
    ended = run(shop.argv("run"))
    assert (ended.code, "nothing to do" in ended.out) == (6, False)
    publish(shop, "--replace")
    assert run(shop.argv("run")).code == 0
    assert run(shop.argv("verify")).code == 0


def test_a_lost_ledger_is_named(shop: Scene) -> None:
    publish(shop)
    lose_ledger(shop)
    refuse(shop, shop.argv("verify"), 5, "ledger: is not there")


def test_hooks_that_failed_after_publish_run_with_the_same_command(shop: Scene, tmp_path: Path) -> None:
    system = shop.system / "system.yaml"
    flag = tmp_path / "flag"
    system.write_text(system.read_text() + f"hooks: {{after_publish: [[/bin/rm, {flag}]]}}\n")
    assert run(shop.argv("run")).code == 6
    assert (shop.target / "alpha.db").is_file()
    flag.touch()
    ended = run(shop.argv("run"))
    assert (ended.code, "nothing to do" in ended.out) == (0, True)
    assert not flag.exists()


def test_a_folder_of_another_program_named_backup_is_not_ours(shop: Scene) -> None:
    stray = shop.source / "backup" / "2024"
    stray.mkdir(parents=True)
    write(stray / "old.db", "CREATE TABLE t (v)")
    (stray / "manifest.json").write_text("{}")
    refuse(shop, shop.argv("run"), 2, "the plan does not name this file")


@pytest.mark.parametrize("days", ["-5", "99999999", "999999999999"])
def test_an_unusual_number_of_days_is_refused(shop: Scene, days: str) -> None:
    publish(shop)
    for task in ("finalize", "clean"):
        refuse(shop, shop.argv(task, f"--retention-days={days}"), 2, "--retention-days")
    refuse(shop, shop.argv("run", "--quarantine-budget=-1"), 2, "--quarantine-budget")


def test_links_in_a_circle_are_named(shop: Scene) -> None:
    publish(shop)
    (shop.source / "first.db").unlink()
    (shop.source / "first.db").symlink_to("first.db")
    for task in ("finalize", "rollback"):
        ended = run(shop.argv(task, *(NOW if task == "finalize" else ())))
        assert (ended.code, "circle of symbolic links" in ended.error) == (5, True)


def test_a_pipe_in_a_file_s_place_is_no_wait(shop: Scene) -> None:
    publish(shop)
    for name in ("first.db", "notes.json"):
        kept = shop.source / f"{name}.kept"
        (shop.source / name).rename(kept)
        os.mkfifo(shop.source / name)
        ended = run(shop.argv("finalize", *NOW))
        assert (ended.code, "is no file any more" in ended.error) == (6, True)
        (shop.source / name).unlink()
        kept.rename(shop.source / name)


def test_a_document_and_a_database_that_would_share_a_snapshot_are_refused(shop: Scene) -> None:
    plan = shop.system / "plan.yaml"
    plan.write_text(plan.read_text().replace("targets:", "  more: {path: notes.json.db}\ntargets:", 1))
    write(shop.source / "notes.json.db", "CREATE TABLE t (v)")
    refuse(shop, shop.argv("run"), 2, "notes.json.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop its capabilities")
def test_finalize_removes_nothing_where_it_cannot_remove_all(shop: Scene, repository: Path) -> None:
    publish(shop)
    (shop.source / "deep").chmod(0o555)
    command = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", sys.executable, "-P", "-m", "strongroom"]
    ended = subprocess.run(
        [*command, *shop.argv("finalize", *NOW)[1:], "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    (shop.source / "deep").chmod(0o755)
    assert (ended.returncode, "does not let us remove" in ended.stderr) == (5, True), ended.stderr
    assert len(read_bytes_kept(shop.source)) == 3


def test_the_status_of_what_was_finalized_says_so(shop: Scene) -> None:
    publish(shop)
    assert run(shop.argv("finalize", *NOW)).code == 0
    (state,) = run(shop.argv("status", "--json")).json["runs"]
    assert state["state"] == "published, finalized"
