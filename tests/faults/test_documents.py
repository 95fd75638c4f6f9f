"""What a run wrote about itself is read with care: what is wrong with it is one line, and nothing is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.tasks import consolidate
from tests.faults.refusals import write
from tests.faults.scene import Ended, Scene, build_copying, photograph, read_bytes_kept, run
from tests.faults.shop import build_shop, change_sources

TASKS = ("run", "verify", "explain", "quarantine", "rollback", "finalize", "status", "clean")
DOCUMENTS = {
    "current.json": {"run", "verify", "explain", "quarantine", "rollback", "finalize", "status", "clean"},
    "run.json": {"run", "verify", "explain", "quarantine", "rollback", "finalize", "status", "clean"},
    "publish.json": {"run", "explain", "quarantine", "rollback", "finalize", "status"},
    "plan.json": {"run", "verify", "finalize"},
    "snapshots.json": {"run", "verify", "finalize"},
    "report.json": {"run", "verify", "finalize", "status"},
    "manifest.json": {"run", "finalize"},
}
"""Each document, and the tasks that read it: these refuse it, the others need it not."""


@pytest.fixture
def shop(tmp_path: Path) -> Scene:
    scene = build_shop(tmp_path / "tree")
    ended = run(scene.argv("run"))
    assert ended.code == 0, ended.err
    return scene


def argv(scene: Scene, task: str) -> list[str]:
    flags = ("--retention-days", "0") if task in ("finalize", "clean") else ()
    return scene.argv(task, *flags)


def find(scene: Scene, name: str) -> Path:
    (found,) = scene.target.rglob(name)
    return found


def edit(file: Path) -> None:
    content = json.loads(file.read_text())
    key = next(key for key in content if key not in ("document", "version", "owner", "sha256"))
    content[key] = {"edited": True}
    file.write_text(json.dumps(content))


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    place = content.rindex(b'"sha256"') - 20
    content[place] = ord("7") if content[place] != ord("7") else ord("8")
    file.write_bytes(content)


def list_instead(file: Path) -> None:
    file.write_text("[]")


def newer(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": 999}))


def unversioned(file: Path) -> None:
    content = json.loads(file.read_text())
    del content["version"]
    file.write_text(json.dumps(content))


WRONG: dict[Callable[[Path], None], int] = {
    edit: 6,
    cut: 6,
    empty: 6,
    flip: 6,
    list_instead: 6,
    newer: 13,
    unversioned: 13,
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("wrong", list(WRONG), ids=lambda wrong: wrong.__name__)
@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_a_document_that_is_not_as_it_was_written_is_named(
    shop: Scene, name: str, wrong: Callable[[Path], None]
) -> None:
    file = find(shop, name)
    wrong(file)
    for task in TASKS:
        if task not in DOCUMENTS[name]:
            continue
        before = photograph(shop.target.parent)
        ended = run(argv(shop, task))
        assert ended.code == WRONG[wrong], (task, ended.err)
        assert name in ended.error, (task, ended.error)
        assert " hint: " in ended.err
        assert photograph(shop.target.parent) == before, task


@pytest.mark.parametrize("task", TASKS)
def test_a_document_of_another_target_is_refused(shop: Scene, tmp_path: Path, task: str) -> None:
    other = build_shop(tmp_path / "other")
    assert run(other.argv("run")).code == 0
    (mine,), (theirs,) = shop.runs(), other.runs()
    shutil.rmtree(shop.home / "runs" / mine)
    shutil.copytree(other.home / "runs" / theirs, shop.home / "runs" / mine)
    before = photograph(shop.target), read_bytes_kept(shop.source)
    ended = run(argv(shop, task))
    assert (ended.code, "belongs to another target directory" in ended.error) == (6, True)
    assert (photograph(shop.target), read_bytes_kept(shop.source)) == before


@pytest.mark.parametrize("name", ["run.json", "publish.json", "snapshots.json", "report.json"])
def test_a_document_of_another_run_is_refused(shop: Scene, name: str) -> None:
    change_sources(shop)
    assert run(shop.argv("run", "--replace")).code == 0
    first, second = shop.runs()
    shutil.copy(shop.home / "runs" / first / name, shop.home / "runs" / second / name)
    before = photograph(shop.target), read_bytes_kept(shop.source)
    for task in ("run", "rollback", "finalize", "status"):
        if task in DOCUMENTS[name]:
            ended = run(argv(shop, task))
            assert (ended.code, name in ended.error, "another run" in ended.error) == (6, True, True), ended.err
    assert (photograph(shop.target), read_bytes_kept(shop.source)) == before


@pytest.mark.parametrize("task", ["run", "verify", "explain", "rollback", "finalize"])
def test_a_run_folder_that_is_gone_is_named(shop: Scene, task: str) -> None:
    shutil.rmtree(shop.home / "runs" / shop.runs()[0])
    before = photograph(shop.target), read_bytes_kept(shop.source)
    ended = run(argv(shop, task))
    assert (ended.code, "its folder is not there" in ended.error) == (6, True), ended.err
    assert (photograph(shop.target), read_bytes_kept(shop.source)) == before


def test_a_plan_lock_of_an_older_tool_is_named(tmp_path: Path) -> None:
    scene = build_shop(tmp_path / "tree")
    assert run(scene.argv("preview")).code == 0
    unversioned(scene.home / "plan.lock.json")
    ended = run(scene.argv("run"))
    assert (ended.code, "plan.lock.json" in ended.error) == (13, True)
    assert run(scene.argv("preview")).code == 0
    assert run(scene.argv("run")).code == 0


def test_a_kept_plan_or_schema_that_was_edited_is_refused(shop: Scene) -> None:
    for name in ("plan.yaml", "alpha.sql"):
        file = next(path for path in shop.home.rglob(name) if "plan" in path.parts)
        text = file.read_text()
        file.write_text(f"{text}\n-- more\n" if name.endswith("sql") else f"# more\n{text}")
        ended = run(shop.argv("verify"))
        assert (ended.code, "edited since the run" in ended.error) == (6, True)
        file.write_text(text)
        assert run(shop.argv("verify")).code == 0


def test_a_target_reached_by_two_paths_is_one(shop: Scene, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(shop.target.parent)
    linked = replace(shop, source=tmp_path / "link" / "source", target=tmp_path / "link" / "target")
    crooked = replace(shop, target=shop.target.parent / "source" / ".." / "target")
    for scene in (linked, crooked):
        ended = run(scene.argv("run"))
        assert (ended.code, "nothing to do" in ended.out) == (0, True), ended.err
        for task in ("verify", "explain", "status"):
            assert run(scene.argv(task)).code == 0
    assert run(linked.argv("rollback")).code == 0
    assert photograph(shop.target) == {}
    assert all(os.access(path, os.W_OK) for path in shop.source.rglob("*.db"))


@pytest.mark.parametrize(("hours", "code", "words"), [(-1, 6, "in the future"), (24 * 365, 0, "removed")])
def test_finalize_by_a_clock_that_jumped(
    shop: Scene, monkeypatch: pytest.MonkeyPatch, hours: int, code: int, words: str
) -> None:
    moment = datetime.now(UTC) + timedelta(hours=hours)
    monkeypatch.setattr(consolidate, "read_clock", lambda: moment)
    ended = run(shop.argv("finalize"))
    assert (ended.code, words in ended.out + ended.err) == (code, True)
    assert (shop.source / "first.db").exists() == (code != 0)


def test_a_run_dated_in_the_future_can_be_replaced_and_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = build_shop(tmp_path / "tree")
    with monkeypatch.context() as patched:
        patched.setattr(consolidate, "read_clock", lambda: datetime(2031, 1, 1, tzinfo=UTC))
        assert run(scene.argv("run")).code == 0
    first = photograph(scene.target)
    change_sources(scene)
    assert run(scene.argv("run", "--replace")).code == 0
    assert run(scene.argv("rollback")).code == 0
    assert photograph(scene.target) == first
    assert run(scene.argv("verify")).code == 0


def test_a_tree_whose_name_is_no_utf8(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    scene = build_shop(root)
    for task, words in (("run", "published 2"), ("run", "nothing to do"), ("verify", "proven again"), ("status", "")):
        ended = run(scene.argv(task))
        assert (ended.code, words in ended.out) == (0, True), (task, ended.err)
    assert run(scene.argv("finalize", "--retention-days", "0")).code == 0
    assert run(scene.argv("rollback")).code == 0


@pytest.mark.parametrize("policy", ["error", "carry"])
def test_a_database_whose_name_is_no_utf8_is_named(tmp_path: Path, policy: str) -> None:
    scene = build_copying(tmp_path, "CREATE TABLE t (v); INSERT INTO t VALUES (1)")
    plan = scene.system / "plan.yaml"
    plan.write_text(plan.read_text().replace("version: 1", f"version: 1\ndefaults: {{unmapped_file: {policy}}}"))
    write(scene.source / "other.db", "CREATE TABLE u (v)")
    (scene.source / "other.db").rename(scene.source / os.fsdecode(b"\xff.db"))
    ended = run(scene.argv("run"))
    assert (ended.code, r"\xff.db: has a name that is no UTF-8" in ended.error) == (2, True)
    assert not scene.target.exists()


@pytest.mark.parametrize("language", ["C", "POSIX", "C.UTF-8"])
def test_any_language_will_do(tmp_path: Path, language: str, repository: Path) -> None:
    scene = build_copying(tmp_path / "größe", "CREATE TABLE t (v); INSERT INTO t VALUES ('ß')")
    environment = {**os.environ, "LANG": language, "LC_ALL": language}
    for task, words in (
        ("run", "published"),
        ("verify", "proven again"),
        ("status", "live"),
        ("rollback", "rolled"),
    ):
        command = [sys.executable, "-P", "-m", "strongroom", *scene.argv(task)[1:]]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        told = Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)
        assert (told.code, words in told.out) == (0, True), told.err
