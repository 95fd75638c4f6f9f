"""The wheel, installed where nothing else is: the same tasks as ./inv, and the systems with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 300


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(words, cwd=cwd, env=kept, capture_output=True, text=True, check=False, timeout=SECONDS)


@pytest.fixture(scope="module")
def strongroom(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a wheel built from this tree, in an environment of its own, with the locked libraries."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", place, repository, cwd=place)
    assert built.returncode == 0, built.stderr
    assert run(sys.executable, "-m", "venv", "--without-pip", "empty", cwd=place).returncode == 0
    into = [*pip, "--python", place / "empty" / "bin" / "python", "install", "--only-binary=:all:"]
    locked = run(*into, "--require-hashes", "--requirement", repository / "requirements.txt", cwd=place)
    assert locked.returncode == 0, locked.stderr
    installed = run(*into, "--no-deps", *place.glob("*.whl"), cwd=place)
    assert installed.returncode == 0, installed.stderr
    checked = run(*pip, "--python", place / "empty" / "bin" / "python", "check", cwd=place)
    assert checked.returncode == 0, checked.stdout
    return place / "empty" / "bin" / "strongroom"


def test_an_installed_wheel_runs_the_demo(strongroom: Path, tmp_path: Path) -> None:
    ended = run(strongroom, "demo", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout.splitlines()[-1])
    assert (result["verdict"], result["unexplained"]) == ("PROVEN_WITH_QUARANTINE", 0)
    assert result["rows_read"] > 10_000
    assert list(tmp_path.iterdir()) == []


def test_an_installed_wheel_has_every_task_and_both_systems(strongroom: Path, repository: Path, tmp_path: Path) -> None:
    listed = run(strongroom, "--list", cwd=tmp_path)
    assert listed.stdout == (repository / "tests" / "golden" / "list.txt").read_text(encoding="utf-8")
    for system in ("aragora", "zoe"):
        assert run(strongroom, "consolidate.check", "--system", system, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("task", ["check.lint", "test", "bench.consolidate", "image.versions", "stack.status"])
def test_what_needs_a_clone_says_so(strongroom: Path, tmp_path: Path, task: str) -> None:
    ended = run(strongroom, task, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == "error: this task: needs a clone of the repository\n hint: run ./inv in one\n"
