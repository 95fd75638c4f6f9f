"""Full and read-only disks: tmpfs mounts in a namespace of their own, as root or where a user may have one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.refusals import ROWS
from tests.faults.scene import (
    Ended,
    Scene,
    build_copying,
)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build_copying(tmp_path, ROWS)


REPOSITORY = Path(__file__).resolve().parents[2]
MOUNTED = Path(__file__).with_name("mounted.py")
AS_NOBODY = """
import os, sys
from invoke.collection import Collection
from strongroom.tasks import consolidate
from strongroom.tasks._program import OpsProgram
program = OpsProgram(Collection(consolidate.namespace))
assert program.main([*sys.argv[1:], "--dry-run"]) == 0  # imports everything: that user need not see our Python
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
program.run(sys.argv[1:])
"""


def ask_mounted(scenario: str, folder: Path) -> dict[str, Any]:
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    mount = [*unshare, "mount", "-t", "tmpfs", "none", str(folder)]  # gone with the namespace
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False, timeout=30).returncode:
        pytest.skip("no mounts here: neither as root nor in a user namespace")
    command = [*unshare, sys.executable, str(MOUNTED), scenario, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_a_disk_without_room_for_the_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    found = ask_mounted("run_on_a_small_disk", tmp_path)
    assert found["small"]["code"] == 14
    assert len(found["small"]["errors"]) == 1
    assert "MB" in found["small"]["errors"][0]
    assert found["small"]["live"] == {}
    assert found["left"] == []
    assert found["large"]["code"] == 0


def test_a_disk_that_fills_up_at_any_checkpoint_stops_the_run_and_the_same_command_resumes(tmp_path: Path) -> None:
    found = ask_mounted("fill_the_disk_at_every_checkpoint", tmp_path)
    assert {"snapshot", "merge", "verify", "publish", "publish.intent", "published"} <= found.keys()
    for checkpoint, ended in found.items():
        assert ended["full"]["code"] == 14, (checkpoint, ended)
        assert len(ended["full"]["errors"]) == 1, (checkpoint, ended)
        assert not ended["full"]["traceback"], (checkpoint, ended)
        assert ended["unpublished"] == (checkpoint in ("snapshot", "merge", "verify", "publish")), checkpoint
        assert ended["again"]["code"] == 0, (checkpoint, ended)
        assert ended["equal"], checkpoint
        assert ended["leftovers"] == [], (checkpoint, ended)
        assert (ended["back"], ended["restored"]) == (0, True), (checkpoint, ended)


def test_a_disk_that_fills_up_in_any_step_of_a_rotation_costs_nothing(tmp_path: Path) -> None:
    found = ask_mounted("fill_the_disk_in_every_step_of_a_rotation", tmp_path)
    assert {name.partition(" ")[0] for name in found} == {"encrypt", "rekey", "decrypt"}
    for step, ended in found.items():
        assert ended["full"] in (0, 14), (step, ended)
        assert len(ended["errors"]) == (ended["full"] != 0), (step, ended)
        assert not ended["traceback"], (step, ended)
        assert ended["whole"], (step, ended)
        assert (ended["again"], ended["equal"], ended["left"]) == (0, True, []), (step, ended)
    for step in ("encrypt begun", "decrypt begun", "rekey begun", "rekey intended"):
        assert found[step]["full"] == 14, (step, found[step])


def test_a_read_only_target_cannot_be_reached(tmp_path: Path) -> None:
    found = ask_mounted("write_to_a_read_only_disk", tmp_path)
    assert found.keys() == {"empty", "previewed", "published"}
    refused = dict.fromkeys(("run", "run again", "preview", "rollback", "finalize", "clean"), 5)
    expected = {
        "empty": {**refused, "status": 5, "verify": 5, "explain": 5, "dry run": 0},
        "previewed": {**refused, "status": 0, "verify": 5, "explain": 5, "dry run": 0},
        "published": {**refused, "status": 0, "verify": 0, "explain": 0, "dry run": 0},
    }
    for state, tasks in expected.items():
        for task, code in tasks.items():
            ended = found[state][task]
            assert (ended["code"], ended["traceback"]) == (code, False), (state, task, ended)
            assert len(ended["errors"]) == (code != 0), (state, task, ended)
        assert found[state]["unchanged"], state


def test_read_only_sources_are_all_that_a_run_needs(tmp_path: Path) -> None:
    found = ask_mounted("read_from_a_read_only_disk", tmp_path)
    assert {task: ended["code"] for task, ended in found.items()} == {"run": 0, "verify": 0, "rollback": 0}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_target_that_another_user_owns_cannot_be_reached(scene: Scene, tmp_path: Path) -> None:
    scene.target.mkdir(mode=0o755)
    for folder in [tmp_path, *(one for one in tmp_path.parents if one.name.startswith(("pytest-", "popen-")))]:
        folder.chmod(0o755)
    command = [sys.executable, "-c", AS_NOBODY, *scene.argv()]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    told = Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)
    assert told.code == 2
    assert "target: is not ours to write to: it belongs to user 0" in told.error
    assert f"chown 65534:65534 {scene.target}" in ended.stderr
    assert list(scene.target.iterdir()) == []
