"""The bundle in its image: the same result as outside, without root, network, or a place to write but the data."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from strongroom.containers.images import build_images
from strongroom.demo import build_legacy_tree
from strongroom.engine import connect
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.servers import TAG

HARDENED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none"]
WRITABLE = ["--tmpfs", "/tmp", "--user", "10001:10001"]


@pytest.fixture(scope="module")
def image(repository: Path) -> str:
    return next(
        built.image
        for built in build_images(repository, ["ops"], os.environ, tag=TAG, fresh=False, say=print)
        if built.name == "ops"
    )


def run(image: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", "run", "--rm", *HARDENED, *WRITABLE, "--volume", f"{folder}:/work", image, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def open_to_all(folder: Path) -> Path:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    return folder


def read_result(text: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(text.splitlines()[-1])
    return result


def test_it_lists_its_tasks_with_nothing_to_write_to(image: str) -> None:
    words = ["docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", "--user", "10001", image, "--list"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "consolidate.run" in ended.stdout) == (0, True)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (["psql", "--version"], "17."),
        (["pg_dump", "--version"], "17."),
        (["restic", "version"], "0.18"),
        (["redis-cli", "--version"], "8."),
        (["sqlcipher", "--version"], "3."),
        (["python", "-c", "import sqlcipher3; print('there')"], "there"),
    ],
)
def test_it_has_every_client(image: str, program: list[str], said: str) -> None:
    command = ["docker", "run", "--rm", *HARDENED, *WRITABLE, "--entrypoint", program[0], image, *program[1:]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert said in ended.stdout


def test_the_same_tree_gives_the_same_targets_inside_and_outside(
    image: str, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_legacy_tree(repository / "sql" / "aragora", tmp_path / "in" / "legacy", rows=60, seed=11)
    shutil.copytree(tmp_path / "in", tmp_path / "out", symlinks=True)
    flags = ["--system", "aragora", "--fingerprints", "--quarantine-budget", "1000", "--json"]
    inside = open_to_all(tmp_path / "in")
    ended = run(image, inside, "consolidate.run", "--source", "legacy", "--target", "new", *flags)
    assert ended.returncode == 0, ended.stderr
    places = ["--source", str(tmp_path / "out" / "legacy"), "--target", str(tmp_path / "out" / "new")]
    assert OpsProgram(every_task).main(["inv", "consolidate.run", *places, *flags]) == 0
    outside = read_result(capsys.readouterr().out)
    result = read_result(ended.stdout)
    assert (result["unexplained"], result["rows_read"]) == (0, outside["rows_read"])
    assert result["tables"] == outside["tables"]
    assert result["targets"] == outside["targets"]
    assert all("sha256" in json.dumps(target) or "fingerprint" in json.dumps(target) for target in [result["targets"]])


def make_large_source(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)")
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) "
            "INSERT INTO t SELECT i, hex(i * 7919), printf('%064d', i) FROM n"
        )


def wait_until_it_says(container: Container, word: str) -> None:
    """Wait until the program runs: before, the signal ends Python without a word."""
    latest = time.monotonic() + 60
    while word not in container.logs(stdout=False).decode():
        assert time.monotonic() < latest, f"it never said {word}"
        time.sleep(0.05)


def test_a_container_that_is_told_to_stop_ends_with_143_and_goes_on_later(image: str, tmp_path: Path) -> None:
    system = tmp_path / "system"
    (system / "sqlite").mkdir(parents=True)
    (system / "system.yaml").write_text("version: 1\nname: large\ntitle: Large\n")
    (system / "plan.yaml").write_text(
        "version: 1\nsources: {old: {path: old.db}}\ntargets: {new: {path: new.db}}\ncopy: {new: ['old.*']}\n"
    )
    (tmp_path / "legacy").mkdir()
    make_large_source(tmp_path / "legacy" / "old.db")
    open_to_all(tmp_path)
    words = ["consolidate.run", "--system", "./system", "--source", "legacy", "--target", "new", "--json"]
    stopped = 0
    with connect(os.environ) as client:
        for seconds in (0.0, 0.3, 0.7):
            container = client.containers.run(
                image, words, detach=True, read_only=True, cap_drop=["ALL"], network_mode="none", user="10001:10001",
                tmpfs={"/tmp": ""}, volumes={str(tmp_path): {"bind": "/work", "mode": "rw"}},
            )  # fmt: skip
            wait_until_it_says(container, "snapshot")
            time.sleep(seconds)
            container.kill("SIGTERM")
            code = container.wait(timeout=60)["StatusCode"]
            said = container.logs(stdout=False).decode()
            container.remove()
            assert code in (0, 143), said
            stopped += code == 143
            assert code == 0 or "interrupted (SIGTERM)" in said
    assert stopped, "the run was over before it could be stopped: make the source larger"
    ended = run(image, tmp_path, *words)
    assert ended.returncode == 0, ended.stderr
    assert read_result(ended.stdout)["verdict"] == "PROVEN"
    assert sorted(path.name for path in (tmp_path / "new").iterdir() if not path.name.startswith(".")) == [
        "backup",
        "new.db",
        "old.db",  # leads to it
    ]


def test_without_a_place_for_temporary_files_it_says_so(image: str) -> None:
    words = ["docker", "run", "--rm", *HARDENED, "--user", "10002:10002", image, "demo"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "temporary directory: there is none to write to" in ended.stderr) == (5, True)
