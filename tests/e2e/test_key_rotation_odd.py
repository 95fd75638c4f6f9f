"""keys.rotate on directories that nobody designed it for: staged runs, decisions, WAL, copies, keys in files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.kept_keys import UNWRITTEN, Run, build_kept, consolidate, encrypted_files, keys_of, runs_on
from tests.e2e.vault import KEYS, PLAN, can_open, open_vault, read_vault
from tests.faults.scene import Scene


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return build_kept(tmp_path, monkeypatch)


@pytest.fixture
def run(scene: Scene, capsys: pytest.CaptureFixture[str]) -> Run:
    return runs_on(scene, capsys)


def target_of(scene: Scene) -> list[str]:
    return ["--target", str(scene.target)]


def test_a_staged_run_is_published_after_a_rotation(scene: Scene, run: Run) -> None:
    places = ["--source", str(scene.source), *target_of(scene)]
    code, _, err = run("consolidate.run", *places, "--quarantine-budget", "0")
    assert code == 4, err
    code, _, err = run("keys.rotate", "--key", "vault", *target_of(scene), UNWRITTEN)
    assert code == 0, err
    second = keys_of(scene).read()["keys"]["2"]
    staged = [path for path in encrypted_files(scene) if "stage" in path.parts]
    assert [can_open(path, second) for path in staged] == [True] * len(staged)
    assert staged
    assert run("consolidate.quarantine", *target_of(scene))[0] == 0
    consolidate(run, scene)
    assert can_open(scene.target / "main.db", second)


def test_a_target_in_wal_mode_stays_in_it(scene: Scene, run: Run) -> None:
    consolidate(run, scene)
    with open_vault(scene.target / "main.db", KEYS["vault"]) as connection:
        assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    connection.close()
    assert run("keys.rotate", "--key", "vault", *target_of(scene), UNWRITTEN)[0] == 0
    second = keys_of(scene).read()["keys"]["2"]
    assert read_vault(scene.target / "main.db", second, "PRAGMA journal_mode") == [("wal",)]


def test_a_copied_directory_is_rotated_by_itself_and_its_original_later(scene: Scene, run: Run) -> None:
    consolidate(run, scene)
    copy = scene.target.with_name("copy")
    shutil.copytree(scene.target, copy, symlinks=True)
    assert run("keys.rotate", "--key", "vault", "--target", str(copy), UNWRITTEN)[0] == 0
    assert can_open(scene.target / "main.db", KEYS["vault"])
    code, _, err = run("consolidate.verify", *target_of(scene))
    assert (code, "is not opened by key vault" in err) == (12, True), err
    assert run("keys.rotate", "--key", "vault", *target_of(scene), UNWRITTEN)[0] == 0
    for directory, version in ((copy, "2"), (scene.target, "3")):
        assert can_open(directory / "main.db", keys_of(scene).read()["keys"][version])
        code, _, err = run("consolidate.verify", "--target", str(directory))
        assert code == 0, err


def test_two_directories_go_together_or_not_at_all(scene: Scene, run: Run) -> None:
    other = scene.target.with_name("other")
    for place in (scene.target, other):
        assert run("consolidate.run", "--source", str(scene.source), "--target", str(place))[0] == 0
    (other / "main.db").chmod(0o444)
    words = ["--key", "vault", *target_of(scene), "--target", str(other), UNWRITTEN]
    code, _, err = run("keys.rotate", *words)
    assert (code, "is read-only" in err) == (6, True), err
    assert can_open(scene.target / "main.db", KEYS["vault"])
    (other / "main.db").chmod(0o644)
    assert run("keys.rotate", *words)[0] == 0
    states = keys_of(scene).read()["states"]
    assert list(states.values()).count("active") == 1
    assert "pending" not in states.values()
    active = next(version for version, state in states.items() if state == "active")
    for place in (scene.target, other):
        assert can_open(place / "main.db", keys_of(scene).read()["keys"][active])


def test_a_key_in_a_file_is_rotated_once_both_are_there(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    consolidate(run, scene)
    monkeypatch.undo()
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)
    monkeypatch.setenv("STRONGROOM_SYSTEM", str(scene.system))
    new = "ca" * 32
    for name, key in {**KEYS, "vault": new, "before": KEYS["vault"]}.items():
        (tmp_path / "held").mkdir(exist_ok=True, mode=0o700)
        (tmp_path / "held" / name).touch(mode=0o600)
        (tmp_path / "held" / name).write_text(key)
    text = (scene.system / "system.yaml").read_text()
    head = text[: text.index("keys:\n")]
    entries = "".join(f"  {name}: {{provider: file, path: {tmp_path}/held/{name}, encoding: hex}}\n" for name in
                      ("first", "second"))  # fmt: skip
    entries += (
        f"  vault: {{provider: file, path: {tmp_path}/held/vault, previous: [{tmp_path}/held/before], encoding: hex}}\n"
    )
    (scene.system / "system.yaml").write_text(f"{head}keys:\n{entries}")
    code, _, err = run("consolidate.verify", *target_of(scene))
    assert (code, "is not opened by key vault" in err) == (12, True), err
    code, out, err = run("keys.rotate", "--key", "vault", *target_of(scene), UNWRITTEN)
    assert code == 0, err
    assert can_open(scene.target / "main.db", new)
    assert run("consolidate.verify", *target_of(scene))[0] == 0
    code, out, err = run("keys.show", "--key", "vault", *target_of(scene))
    assert (code, "backup" in out) == (0, True), err
    assert new not in out + err


def test_no_run_nothing_under_the_key_and_a_key_that_nobody_knows(scene: Scene, run: Run) -> None:
    code, _, err = run("keys.rotate", "--key", "vault", *target_of(scene), UNWRITTEN)
    assert (code, "holds no run of ours" in err) == (5, True), err
    assert keys_of(scene).read()["states"] == {"1": "active"}
    plan = PLAN.replace(", encrypt: vault", ", encrypt: first")
    (scene.system / "plan.yaml").write_text(plan)
    consolidate(run, scene)
    code, out, err = run("keys.rotate", "--key", "vault", *target_of(scene), UNWRITTEN)
    assert (code, "nothing lay under another version" in out) == (0, True), err
    code, _, err = run("keys.rotate", "--key", "none", *target_of(scene), UNWRITTEN)
    assert (code, "none is no key of this system" in err) == (2, True), err


def leave_behind(scene: Scene, run: Run) -> Path:
    """Rotate a copy of a target directory, so that the directory itself has the version before."""
    consolidate(run, scene)
    copy = scene.target.with_name("copy")
    shutil.copytree(scene.target, copy, symlinks=True)
    assert run("keys.rotate", "--key", "vault", "--target", str(copy), UNWRITTEN)[0] == 0
    return copy


def test_what_a_rotation_left_behind_keeps_its_version_from_being_retired(scene: Scene, run: Run) -> None:
    leave_behind(scene, run)
    code, _, err = run("keys.retire", "--key", "vault", "--version", "1", *target_of(scene))
    assert (code, "(run)" in err or "(live)" in err) == (6, True), err
    assert can_open(scene.target / "main.db", keys_of(scene).read()["keys"]["1"])


def test_directories_and_files_of_different_versions_go_together(scene: Scene, run: Run) -> None:
    copy = leave_behind(scene, run)
    words = ["--key", "vault", "--target", str(copy), *target_of(scene), UNWRITTEN]
    code, _, err = run("keys.rotate", *words)
    assert code == 0, err
    third = keys_of(scene).read()["keys"]["3"]
    for directory in (copy, scene.target):
        assert can_open(directory / "main.db", third)
        assert run("consolidate.verify", "--target", str(directory))[0] == 0
