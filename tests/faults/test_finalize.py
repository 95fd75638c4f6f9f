"""Legacy sources are removed only when they are old enough, unchanged, and in a sound backup."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.refusals import ROWS
from tests.faults.scene import Scene, build_copying, read_bytes_kept, run, write_database


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build_copying(tmp_path, ROWS)


def publish(scene: Scene, *flags: str) -> None:
    assert run(scene.argv("run", *flags)).code == 0


def test_nothing_is_removed_before_the_time(scene: Scene) -> None:
    publish(scene)
    before = read_bytes_kept(scene.source)
    ended = run(scene.argv("finalize"))
    assert (ended.code, "30 days" in ended.error) == (6, True)
    assert read_bytes_kept(scene.source) == before


def test_unchanged_sources_with_a_backup_go_and_the_targets_stay(scene: Scene) -> None:
    publish(scene)
    target = (scene.target / "new.db").read_bytes()
    argv = [*scene.argv("finalize"), "--retention-days", "0"]
    before = read_bytes_kept(scene.source)
    ours = set((scene.target / ".strongroom").rglob("*"))
    assert run([*argv, "--dry-run"]).code == 0
    assert read_bytes_kept(scene.source) == before
    assert set((scene.target / ".strongroom").rglob("*")) == ours
    assert run(argv).code == 0
    assert not list(scene.source.glob("*.db*"))
    assert (scene.target / "new.db").read_bytes() == target
    assert run(argv).code == 0  # nothing left to do
    assert run(scene.argv("verify")).code == 0


def test_a_source_that_was_written_to_keeps_all_of_them(scene: Scene) -> None:
    publish(scene)
    source = next(scene.source.glob("*.db"))
    source.chmod(0o600)
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("CREATE TABLE later (v)")
    ended = run([*scene.argv("finalize"), "--retention-days", "0"])
    assert (ended.code, source.name in ended.error) == (6, True)
    assert source.exists()


@pytest.mark.parametrize("what", ["no backup", "damaged", "missing"])
def test_without_a_sound_backup_nothing_goes(scene: Scene, what: str) -> None:
    publish(scene, *(["--no-backup"] if what == "no backup" else []))
    for backup in (scene.target / "backup").rglob("*.db"):
        if what == "damaged":
            content = bytearray(backup.read_bytes())
            content[-1] ^= 1
            backup.chmod(0o600)
            backup.write_bytes(content)
    if what == "missing":
        shutil.rmtree(scene.target / "backup")
    before = read_bytes_kept(scene.source)
    assert run([*scene.argv("finalize"), "--retention-days", "0"]).code in (5, 6)
    assert read_bytes_kept(scene.source) == before


def test_without_a_published_run_there_is_nothing_to_finalize(scene: Scene) -> None:
    assert run([*scene.argv("finalize"), "--retention-days", "0"]).code == 5


def test_without_its_target_nothing_goes(scene: Scene) -> None:
    publish(scene)
    before = read_bytes_kept(scene.source)
    (scene.target / "new.db").unlink()
    ended = run([*scene.argv("finalize"), "--retention-days", "0"])
    assert (ended.code, "new.db" in ended.error) == (6, True)
    assert read_bytes_kept(scene.source) == before


def test_the_time_is_the_systems_own(scene: Scene) -> None:
    file = scene.system / "system.yaml"
    file.write_text(file.read_text() + "retention_days: 3\n")
    publish(scene)
    ended = run(scene.argv("finalize"))
    assert (ended.code, "3 days" in ended.error) == (6, True)


def test_killed_at_any_file_it_is_carried_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    write_database(scene.source / "more.db", "CREATE TABLE other (v); INSERT INTO other VALUES (1)")
    plan = scene.system / "plan.yaml"
    text = plan.read_text().replace("old.db}", "old.db}, more: {path: more.db}").replace("'old.*'", "'old.*', 'more.*'")
    plan.write_text(text)
    publish(scene)
    legacy = list(scene.source.glob("*.db"))
    assert len(legacy) == 2
    removed: list[Path] = []

    def die(folder: Path) -> None:
        removed.append(folder)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("strongroom.consolidate.finalize.sync_folder", die)
        assert run([*scene.argv("finalize"), "--retention-days", "0"]).code == 130
    assert len(removed) == 1
    assert len(list(scene.source.glob("*.db"))) == len(legacy) - 1
    assert run([*scene.argv("finalize"), "--retention-days", "0"]).code == 0
    assert not list(scene.source.glob("*.db"))
    assert run(scene.argv("verify")).code == 0
