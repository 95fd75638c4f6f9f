"""Programs that are killed, locks that are left, disks that are full, and what restic gets to see."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from strongroom.backup.stores.lease import held
from strongroom.core.errors import LockedError
from tests.processes import find_children, is_running, open_child, wait_until
from tests.restic import leave_lock, run_restic
from tests.unit.backup.stores.conftest import FILES, NOW, PASSWORD, Made, open_at, stage, surroundings
from tests.unit.backup.stores.test_lease import ELSEWHERE, SELDOM
from tests.unit.backup.stores.test_restic import read_tree

WORK = """
import sys
from pathlib import Path
from strongroom.backup.stores.lease import held
from tests.unit.backup.stores.conftest import NOW, open_at, stage
store = open_at(Path(sys.argv[1]), Path(sys.argv[2]))
with held(store.objects, NOW, task=f"backup.{sys.argv[3]}"):
    print("held", flush=True)
    sys.stdin.readline()
    if sys.argv[3] == "create":
        staged = store.stage("20261127_130000")
        with (staged / "large.db").open("wb") as large:
            large.write(Path("/dev/urandom").open("rb").read(40_000_000))
        store.put("20261127_130000", staged)
    else:
        store.sweep()
"""
FULL = """
import os, subprocess, sys
from pathlib import Path
from strongroom.backup.stores.lease import held
from strongroom.core.errors import NoSpaceError
from tests.unit.backup.stores.conftest import FILES, NOW, open_at, stage
root, stage_at = Path(sys.argv[1]), Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(root)], check=True)
subprocess.run(["cp", "-r", f"{root}.before/.", str(root)], check=True)
store = open_at(root, stage_at)
with held(store.objects, NOW, task="backup.create"):
    try:
        store.put("20261127_130000", stage(store, "x", {"large.db": os.urandom(3_000_000)}))
        print("nothing")
    except NoSpaceError as error:
        print(error)
    subprocess.run(["mount", "-o", "remount,size=20m", str(root)], check=True)
    locator = store.put("20261127_140000", stage(store, "x", FILES))
assert store.examine([locator]) == ()
print([one.set for one in store.list_content()])
"""


@pytest.mark.parametrize("task", ["create", "prune"])
def test_restic_ends_with_us_and_the_next_task_goes_on(made: Made, tmp_path: Path, task: str) -> None:
    first = made.keep("20261127_120000")
    if task == "prune":
        gone = made.keep("20261127_110000", {"gone.db": Random(1).randbytes(3_000_000)})
        with made.leased():
            made.store.remove([gone])
    words = [sys.executable, "-c", WORK, str(made.root), str(tmp_path / "stage"), task]
    with open_child(words) as child:
        assert child.read_line() == "held"
        child.tell("go")
        wait_until(lambda: any(made.repository.glob("locks/*")), 60)
        started = find_children(child.pid)
        assert started
        child.kill()
        wait_until(lambda: not any(map(is_running, started)))
    following = made.keep("20261127_140000")
    with made.leased():
        made.store.sweep()
    assert [one.locator for one in made.store.list_content()] == [first, following]
    assert made.store.examine([first, following]) == ()


def test_a_restic_that_was_killed_leaves_a_lock_that_nobody_has_to_remove(made: Made, tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "large.db").write_bytes(Random(2).randbytes(25_000_000))
    words = ["restic", "--repo", made.repository, "--no-cache", "--password-file", "/dev/stdin", "backup", "large"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, cwd=tmp_path, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(PASSWORD.encode())
    process.stdin.close()
    wait_until(lambda: any(made.repository.glob("data/*/*-tmp-*")), 60)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    assert made.find("locks")
    assert any("-tmp-" in path.name for path in made.find("data")), "restic alone leaves it for ever"
    locator = made.keep("20261127_140000")
    with made.leased():
        made.store.sweep()
    assert made.find("locks") == []
    assert not list(made.repository.rglob("*-tmp-*"))
    assert made.store.examine([locator]) == ()


def test_the_lock_of_a_restic_that_died_elsewhere_goes_where_the_lease_is_ours(made: Made, tmp_path: Path) -> None:
    first = made.keep("20261127_120000")
    leave_lock(made.repository, PASSWORD, "another-pod")
    assert run_restic(made.repository, PASSWORD, "unlock").returncode == 0
    assert len(made.find("locks")) == 1, "restic alone waits half an hour"
    assert run_restic(made.repository, PASSWORD, "forget", first).returncode == 11
    made.store.fetch(first, tmp_path / "out")
    assert made.store.examine([first]) == ()
    assert [one.locator for one in made.store.list_content()] == [first]
    made.keep("20261127_140000")
    assert made.find("locks") == []


def test_what_another_task_holds_is_not_changed_and_damage_is_not_told_of_it(made: Made, tmp_path: Path) -> None:
    first = made.keep("20261127_120000")
    with held(made.store.objects, NOW, task="backup.prune", here=ELSEWHERE, pace=SELDOM):
        made.store.fetch(first, tmp_path / "out")
        for change in (lambda: made.store.remove([first]), made.store.sweep, made.store.mend):
            with pytest.raises(LockedError, match=r"backup\.prune \(process 7 on other"):
                change()
        with pytest.raises(LockedError, match="holds it"):
            made.store.put("20261127_130000", stage(made.store, "20261127_130000", FILES))
        made.find("data")[0].unlink()
        with pytest.raises(LockedError, match="changes it while it is read"):
            made.store.fetch(first, tmp_path / "again")


def test_what_only_reads_needs_to_write_nothing(made: Made, tmp_path: Path) -> None:
    locator = made.keep("20261127_120000")
    before = {path: path.stat().st_mtime_ns for path in made.root.rglob("*")}
    made.store.fetch(locator, tmp_path / "out")
    made.store.read_file(locator, "manifest.json")
    made.store.list_content()
    made.store.examine([locator], (1, 7))
    assert {path: path.stat().st_mtime_ns for path in made.root.rglob("*")} == before


def test_a_full_disk_is_named_and_the_next_set_is_whole(made: Made, tmp_path: Path) -> None:
    made.root.rename(f"{made.root}.before")
    made.root.mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL, check=False, timeout=60).returncode:
        pytest.skip("no mounts here: neither as root nor in a user namespace")
    words = [*unshare, sys.executable, "-c", FULL, str(made.root), str(tmp_path / "stage")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    full, sets = ended.stdout.splitlines()
    assert "no space left on device" in full
    assert sets == "['20261127_140000']"


def test_restic_sees_no_secret_and_nothing_of_our_environment(made: Made, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "restic"
    program.parent.mkdir()
    log = tmp_path / "seen"
    show = f"{{ printf '%s\\0' \"$@\"; cat /proc/self/environ; echo; ls -l /proc/self/fd; }} >> {log}"
    program.write_text(f'#!/bin/sh\n{show}\nexec {shutil.which("restic")} "$@"\n')
    program.chmod(0o755)
    other = {"RESTIC_PASSWORD": "other", "RESTIC_REPOSITORY": "/other", "RESTIC_HOST": "other", "AWS_PROFILE": "other"}
    around = surroundings(**other, PATH=f"{program.parent}:{os.environ['PATH']}")
    store = open_at(made.root, tmp_path / "stage", around=around)
    with made.leased():
        locator = store.put("20261127_120000", stage(store, "20261127_120000", FILES))
    store.fetch(locator, tmp_path / "out")
    assert read_tree(tmp_path / "out") == FILES
    seen = log.read_bytes()
    assert b"backup" in seen
    assert PASSWORD.encode() not in seen
    assert b"other" not in seen
    assert json.loads(made.run("snapshots", "--json"))[0]["hostname"] == "shop"
