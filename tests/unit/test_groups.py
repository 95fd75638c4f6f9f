"""The tests of one file run in one process, and so do all those that share the Docker engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
import importlib.util
spec = importlib.util.spec_from_file_location("ours", {ours!r})
ours = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ours)
pytest_xdist_make_scheduler = ours.pytest_xdist_make_scheduler
"""
TEST = """
import os, pathlib, pytest, time
@pytest.mark.parametrize("number", range(3))
def test_it(number):
    time.sleep(0.02)
    with pathlib.Path({seen!r}).open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


@pytest.mark.parametrize(
    ("files", "are_together"),
    [
        (["tests/e2e/test_stack.py", "tests/integration/containers/test_one.py", "tests/e2e/test_ops_image.py"], True),
        (["tests/integration/keys/test_one.py", "tests/integration/keys/test_two.py"], True),
        (["tests/faults/test_kill.py"], False),
    ],
)
def test_what_belongs_together_runs_in_one_process(
    repository: Path, tmp_path: Path, files: list[str], are_together: bool
) -> None:
    seen = tmp_path / "seen"
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TEST.format(seen=str(seen)))
    (tmp_path / "conftest.py").write_text(CONFTEST.format(ours=str(repository / "tests" / "conftest.py")))
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist=loadscope", "--import-mode=importlib", *files]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    workers = seen.read_text().split()
    assert len(workers) == 3 * len(files)
    assert (len(set(workers)) == 1) == are_together
