"""Scenes on file systems of their own: run in a mount namespace that is gone with the process.

``unshare --mount python mounted.py SCENARIO DIRECTORY`` prints what happened as JSON; the tests judge it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from strongroom.core.secret import Secret
from strongroom.tasks import sqlcipher
from tests.e2e.vault import KEYS
from tests.faults.rotations import build, find_left, without_mode
from tests.faults.scene import Scene, find_leftovers, inject, photograph, read_targets, run
from tests.faults.shop import build_shop, place_strangers
from tests.unit.rotate.vaults import read

Answer = dict[str, Any]
SECONDS = 30


def mount(folder: Path, options: str) -> Path:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True, timeout=SECONDS)
    return folder


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True, timeout=SECONDS)


def act(scene: Scene, *task: str) -> Answer:
    """Run a command line and say how it ended and what is live."""
    ended = run(scene.argv(*task))
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    return {
        "code": ended.code,
        "errors": errors,
        "traceback": "Traceback" in ended.err,
        "live": photograph(scene.target),
    }


def fill(folder: Path) -> Path:
    """Take every byte that is left."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))
    return filler


def run_on_a_small_disk(root: Path) -> Answer:
    """Sources that the disk has no room for, and then has."""
    disk = mount(root / "disk", "size=1m")
    scene = replace(build_shop(root, orders=400), target=disk / "target")
    small = act(scene)
    left = [path.name for path in disk.rglob("*") if path.is_file() and path.stat().st_size > 4096]
    remount(disk, "size=50m")
    return {"small": small, "left": left, "large": act(scene)}


def fill_the_disk_at_every_checkpoint(root: Path) -> Answer:
    """The disk is full from one checkpoint on; then it is not, and the same command comes again."""
    disk = mount(root / "disk", "size=16m")
    scene = replace(build_shop(root, orders=400), target=disk / "undisturbed")
    names: list[str] = []
    current: list[Callable[[str], None]] = [names.append]
    inject(setattr, lambda name: current[0](name))  # noqa: PLW0108  current[0] changes
    place_strangers(scene)
    assert act(scene, "run", "--replace", "--discard-changes")["code"] == 0
    undisturbed = read_targets(scene)
    answers: Answer = {}
    for checkpoint in names:
        scene = replace(scene, target=disk / checkpoint)
        place_strangers(scene)
        before = photograph(scene.target)
        current[0] = lambda name, wanted=checkpoint: fill(disk) if name == wanted else None  # type: ignore[misc]
        full = act(scene, "run", "--replace", "--discard-changes")
        read_targets(scene)  # each file is the old one or the new one, and sound
        (disk / "filler").unlink()
        current[0] = lambda _: None
        again = act(scene, "run", "--replace", "--discard-changes")
        answers[checkpoint] = {
            "full": full,
            "again": again,
            "unpublished": full.pop("live") == before,
            "equal": read_targets(scene) == undisturbed,
            "leftovers": find_leftovers(scene),
            "back": act(scene, "rollback")["code"],
            "restored": photograph(scene.target) == before,
        }
        again.pop("live")
        subprocess.run(["rm", "-r", str(scene.target)], check=True, timeout=SECONDS)
    return answers


def write_to_a_read_only_disk(root: Path) -> Answer:
    """A target that cannot be written to: empty, previewed before, published before."""
    answers: Answer = {}
    for state, tasks in {"empty": [], "previewed": ["preview"], "published": ["run"]}.items():
        disk = mount(root / state, "size=16m")
        scene = replace(build_shop(root / f"{state} shop"), target=disk / "target")
        scene.target.mkdir()
        assert [act(scene, task)["code"] for task in tasks] == [0] * len(tasks)
        before = photograph(disk)
        remount(disk, "ro")
        answers[state] = {
            name: act(scene, *task)
            for name, task in {
                "run": ["run", "--replace", "--discard-changes"],
                "run again": ["run"],
                "preview": ["preview"],
                "rollback": ["rollback"],
                "status": ["status"],
                "verify": ["verify"],
                "explain": ["explain"],
                "finalize": ["finalize", "--retention-days", "0"],
                "clean": ["clean", "--retention-days", "0"],
                "dry run": ["run", "--replace", "--discard-changes", "--dry-run"],
            }.items()
        }
        answers[state]["unchanged"] = photograph(disk) == before
    return answers


def read_from_a_read_only_disk(root: Path) -> Answer:
    """Sources that cannot be written to: nothing in them needs to be."""
    scene = build_shop(root)
    disk = mount(root / "disk", "size=16m")
    scene.source.rename(root / "elsewhere")
    words = ["cp", "-r", str(root / "elsewhere"), str(disk / "source")]
    subprocess.run(words, check=True, timeout=SECONDS)
    remount(disk, "ro")
    scene = replace(scene, source=disk / "source")
    return {"run": act(scene), "verify": act(scene, "verify"), "rollback": act(scene, "rollback")}


def fill_the_disk_in_every_step_of_a_rotation(root: Path) -> Answer:
    """The disk is full from one step of a rotation on; then it is not, and the same command comes again."""
    sqlcipher.find_keys = lambda *_, **__: {name: Secret(key) for name, key in KEYS.items()}
    names: list[str] = []
    current: list[Callable[[str], None]] = [names.append]
    inject(setattr, lambda name: current[0](name))  # noqa: PLW0108  current[0] changes
    answers: Answer = {}
    for work in ("encrypt", "rekey", "decrypt"):
        rotation = build(root / work, work, wal=True, rows=4000)
        disk = mount(root / work / "data", "size=16m")
        copy = ["cp", str(root / work / "first" / "app.db"), str(disk)]
        subprocess.run(copy, check=True, timeout=SECONDS)
        content = read(rotation.database, rotation.before)
        current[0] = names.append
        names.clear()
        assert run(rotation.argv).code == 0
        for step in names.copy():
            subprocess.run(["rm", "-r", str(disk / ".strongroom")], check=True, timeout=SECONDS)
            subprocess.run(copy, check=True, timeout=SECONDS)
            current[0] = lambda name, wanted=step, disk=disk: fill(disk) if name == wanted else None  # type: ignore[misc]
            full = run(rotation.argv)
            openers = rotation.find_openers()
            is_whole = len(openers) == 1 and without_mode(rotation.read_again(openers[0])) == without_mode(content)
            (disk / "filler").unlink()
            current[0] = lambda _: None
            again = run(rotation.argv)
            answers[f"{work} {step}"] = {
                "full": full.code,
                "errors": [line for line in full.err.splitlines() if line.startswith("error: ")],
                "traceback": "Traceback" in full.err,
                "whole": is_whole,
                "again": again.code,
                "equal": read(rotation.database, rotation.after) == content,
                "left": find_left(rotation),
            }
    return answers


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        run_on_a_small_disk,
        fill_the_disk_at_every_checkpoint,
        write_to_a_read_only_disk,
        read_from_a_read_only_disk,
        fill_the_disk_in_every_step_of_a_rotation,
    )
}

if __name__ == "__main__":
    os.environ["STRONGROOM_JOBS"] = "1"
    print(json.dumps(SCENARIOS[sys.argv[1]](Path(sys.argv[2]))))
