"""keys.rotate puts a whole target directory under a new version; keys.retire gives up what nothing needs."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.config import read_settings
from strongroom.keys import AuditLog, ProvidedKeys
from strongroom.rotate.keys import Wish, rotate_key
from strongroom.rotate.request import Surroundings
from strongroom.runs.home import Home
from tests.e2e.kept_keys import UNWRITTEN, Run, build_kept, consolidate, encrypted_files, keys_of, runs_on
from tests.e2e.vault import EXPECTED, KEYS, can_open, open_vault, read_vault
from tests.faults.scene import Scene
from tests.processes import read_line

READER = """
import sys
from sqlcipher3 import dbapi2
connection = dbapi2.connect(sys.argv[1])
connection.execute(f"PRAGMA key = \\"x'{sys.argv[2]}'\\"")
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM users").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return build_kept(tmp_path, monkeypatch)


@pytest.fixture
def run(scene: Scene, capsys: pytest.CaptureFixture[str]) -> Run:
    return runs_on(scene, capsys)


def check_all_is_well(run: Run, scene: Scene, version: str) -> None:
    key, target = keys_of(scene).read()["keys"][version], ["--target", str(scene.target)]
    for query, rows in EXPECTED.items():
        assert read_vault(scene.target / "main.db", key, query) == rows
    for file in encrypted_files(scene):
        opening = [name for name, text in keys_of(scene).read()["keys"].items() if can_open(file, text)]
        assert opening == (["1"] if "backup" in file.parts else [version]), file
    assert not can_open(scene.target / "main.db", None)
    code, out, err = run("consolidate.verify", *target, "--json")
    assert (code, json.loads(out.splitlines()[-1])["verdict"]) == (0, "PROVEN_WITH_QUARANTINE"), err
    assert run("consolidate.explain", *target)[0] == 0
    assert not Home(target=scene.target).key_rotation.exists()
    assert not list(scene.target.rglob("*.rekeyed"))


@pytest.mark.parametrize("words", [(), ("--no-backup",)])
def test_a_target_directory_goes_under_a_new_version_and_stays_what_it_is(
    scene: Scene, run: Run, words: tuple[str, ...]
) -> None:
    consolidate(run, scene, *words)
    target = ["--key", "vault", "--target", str(scene.target)]
    before = {path: path.read_bytes() for path in scene.target.rglob("*") if path.is_file()}
    code, out, err = run("keys.rotate", *target, UNWRITTEN, "--dry-run")
    assert (code, "would go from vault@1 to vault@new" in out) == (0, True), err
    assert {path: path.read_bytes() for path in scene.target.rglob("*") if path.is_file()} == before
    code, out, err = run("keys.rotate", *target, UNWRITTEN)
    assert (code, "went from vault@1 to vault@2" in out) == (0, True), err
    check_all_is_well(run, scene, "2")
    code, out, _ = run("keys.show", "--key", "vault", "--target", str(scene.target), "--json")
    uses = json.loads(out.splitlines()[-1])["uses"]
    assert uses["vault@2"]["live"] == 1
    assert ("vault@1" in uses) == (not words)
    assert run("consolidate.rollback", "--target", str(scene.target), "--source", str(scene.source))[0] == 0
    assert not (scene.target / "main.db").exists()


def test_twice_and_a_run_in_between(scene: Scene, run: Run) -> None:
    consolidate(run, scene)
    target = ["--key", "vault", "--target", str(scene.target)]
    assert run("keys.rotate", *target, UNWRITTEN)[0] == 0
    consolidate(run, scene, "--replace")  # nothing to do
    assert run("keys.rotate", *target, UNWRITTEN)[0] == 0
    check_all_is_well(run, scene, "3")
    consolidate(run, scene, "--replace", "--fingerprints")


def test_what_was_written_since_publish_is_still_noticed(scene: Scene, run: Run) -> None:
    consolidate(run, scene)
    with open_vault(scene.target / "main.db", KEYS["vault"]) as connection:
        connection.execute("INSERT INTO users (name) VALUES ('late')")
    assert run("keys.rotate", "--key", "vault", "--target", str(scene.target), UNWRITTEN)[0] == 0
    code, _, err = run("consolidate.rollback", "--target", str(scene.target), "--source", str(scene.source))
    assert (code, "was written to" in err) == (6, True), err


def test_a_version_is_retired_once_nothing_names_it(scene: Scene, run: Run) -> None:
    consolidate(run, scene)
    target = ["--key", "vault", "--target", str(scene.target)]
    assert run("keys.rotate", *target, UNWRITTEN)[0] == 0
    code, _, err = run("keys.retire", *target, "--version", "1")
    assert (code, "(backup)" in err) == (6, True), err
    for version, said in (("2", "is the active version"), ("7", "is none of its versions")):
        code, _, err = run("keys.retire", *target, "--version", version)
        assert (code in (2, 6), said in err) == (True, True), err
    code, _, err = run("keys.rotate", "--key", "vault", UNWRITTEN)
    assert (code, "must name what lies under the key" in err) == (2, True), err
    assert keys_of(scene).read()["states"] == {"1": "previous", "2": "active"}
    other = scene.target.with_name("other")
    places = ["--source", str(scene.source), "--target", str(other)]
    assert run("consolidate.run", *places, "--no-backup")[0] == 0
    alone = ["--key", "vault", "--target", str(other)]
    assert run("keys.retire", *alone, "--version", "1", "--dry-run")[0] == 0
    assert keys_of(scene).read()["states"]["1"] == "previous"
    code, out, err = run("keys.retire", *alone, "--version", "1")
    assert (code, "opens nothing any more" in out) == (0, True), err
    assert list(keys_of(scene).read()["keys"]) == ["2"]


def test_who_has_a_target_open_keeps_it_as_it_is(scene: Scene, run: Run) -> None:
    consolidate(run, scene)
    words = [sys.executable, "-c", READER, str(scene.target / "main.db"), KEYS["vault"]]
    reader = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert reader.stdout is not None
        assert read_line(reader.stdout, 20) == "reading"
        code, _, err = run("keys.rotate", "--key", "vault", "--target", str(scene.target), UNWRITTEN)
    finally:
        reader.kill()
        reader.communicate(timeout=20)
    assert (code, "main.db" in err) == (6, True), err
    assert keys_of(scene).read()["states"] == {"1": "active"}
    assert can_open(scene.target / "main.db", KEYS["vault"])


def test_a_legacy_file_is_rotated_when_it_is_named(scene: Scene, run: Run) -> None:
    words = ["--key", "first", "--database", str(scene.source / "one.db"), UNWRITTEN]
    assert run("keys.rotate", *words)[0] == 0
    assert can_open(scene.source / "one.db", keys_of(scene, "first").read()["keys"]["2"])
    assert not can_open(scene.source / "one.db", KEYS["first"])
    consolidate(run, scene)
    check_all_is_well(run, scene, "1")


def provided(scene: Scene, name: str = "vault") -> ProvidedKeys:
    audit = AuditLog(file=scene.system.parent / "log" / "k.jsonl", system="vault", task="a test", now=read_clock)
    return ProvidedKeys({name: lambda: keys_of(scene, name)}, now=read_clock, audit=audit)


def read_clock() -> datetime:
    return datetime.now(UTC)


def begin_rotation(scene: Scene, steps: int = 0) -> int:
    """Rotate in a process of its own, which is killed at a step; return its id."""
    reached = scene.system.parent / "steps"
    reached.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        count = 0

        def cut(step: str) -> None:
            nonlocal count
            with reached.open("a") as file:
                file.write(f"{step}\n")
            count += 1
            if count == steps:
                os.kill(os.getpid(), signal.SIGKILL)

        keys = provided(scene)
        around = Surroundings(now=read_clock, keys=keys, checkpoint=cut)
        wish = Wish(key="vault", targets=(Home(target=scene.target, engine=read_settings().sqlite),))
        try:
            rotate_key(keys, wish, around, lambda _: None)
        finally:
            os._exit(0)
    return child


def end_rotation(scene: Scene, child: int) -> tuple[int | None, list[str]]:
    """Return the signal that ended a rotation, and the steps that it reached."""
    reached = scene.system.parent / "steps"
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (-ended if ended < 0 else None), reached.read_text().splitlines() if reached.exists() else []


def rotate_until(scene: Scene, steps: int) -> tuple[int | None, list[str]]:
    """Rotate until a step, and be killed there; return the signal, and the steps that were reached."""
    return end_rotation(scene, begin_rotation(scene, steps))


STEPS = {"pending", "marked", "file rotated", "files rotated", "named anew", "all rotated", "promoted", "rekeyed"}


def test_killed_at_every_step_the_same_command_ends_with_one_key(scene: Scene, run: Run, is_nightly: bool) -> None:
    consolidate(run, scene)
    aside = scene.target.with_name("aside")
    scene.target.rename(aside)
    first = keys_of(scene).read()
    seen: set[str] = set()
    number, step = 1, 1 if is_nightly else 2
    while True:
        shutil.rmtree(scene.target, ignore_errors=True)
        shutil.copytree(aside, scene.target, symlinks=True)
        keys_of(scene).write(first)
        killed, reached = rotate_until(scene, number)
        seen |= set(reached)
        if killed is None:
            break
        if "marked" in reached and "promoted" not in reached:
            code, _, err = run("consolidate.verify", "--target", str(scene.target))
            assert (code, "keys.rotate" in err) == (7, True), (number, err)
        code, _, err = run("keys.rotate", "--key", "vault", "--target", str(scene.target), UNWRITTEN)
        assert code == 0, (number, reached[-1], err)
        assert keys_of(scene).read()["states"] == {"1": "previous", "2": "active"}, (number, reached[-1])
        check_all_is_well(run, scene, "2")
        number += step
    assert seen >= STEPS, STEPS - seen
    assert number > 10


SEED = 20261127


def test_killed_at_random_moments_the_same_command_ends_with_one_key(scene: Scene, run: Run, is_nightly: bool) -> None:
    consolidate(run, scene)
    aside = scene.target.with_name("aside")
    scene.target.rename(aside)
    first, chance, hit = keys_of(scene).read(), random.Random(SEED), 0
    wanted = 200 if is_nightly else 6
    seconds = measure_rotation(scene, aside)
    for _ in range(4 * wanted):
        if hit == wanted:
            break
        put_back(scene, aside, first)
        delay = chance.uniform(0, seconds)
        child = begin_rotation(scene)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        killed, reached = end_rotation(scene, child)
        hit += killed is not None
        code, _, err = run("keys.rotate", "--key", "vault", "--target", str(scene.target), UNWRITTEN)
        assert code == 0, (delay, reached[-1:], err)
        active = keys_of(scene).read()["states"]
        version = next(name for name, state in active.items() if state == "active")
        was_done = reached[-1:] == ["promoted"]  # then the same command asks for one more version
        assert version in (("2", "3") if was_done else ("2",)), (delay, reached[-1:])
        check_all_is_well(run, scene, version)
    assert hit == wanted


def measure_rotation(scene: Scene, aside: Path) -> float:
    put_back(scene, aside, keys_of(scene).read())
    began = time.monotonic()
    end_rotation(scene, begin_rotation(scene))
    return time.monotonic() - began


def put_back(scene: Scene, aside: Path, keys: Any) -> None:
    shutil.rmtree(scene.target, ignore_errors=True)
    shutil.copytree(aside, scene.target, symlinks=True)
    keys_of(scene).write(keys)
