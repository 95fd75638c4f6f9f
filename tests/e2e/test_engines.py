"""The library that was asked for is the one that works, from the first look to the way back."""

from __future__ import annotations

import json
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.config import SQLITE_VARIABLE
from strongroom.core.engines import Engine
from strongroom.demo import build_legacy_tree
from strongroom.sqlite.libraries import read_library_version
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task

SYSTEM = Path(__file__).resolve().parents[2] / "sql" / "aragora"
COMMANDS = (
    "inventory.show --source {source}",
    "inventory.draft --source {source} --dry-run",
    "doctor.run --source {source}",
    "consolidate.check --system aragora --source {source}",
    "consolidate.preview --system aragora --source {source} --target {target} --quarantine-budget 9999",
    (
        "consolidate.run --system aragora --source {source} --target {target} --quarantine-budget 9999"
        " --export-json --fingerprints"
    ),
    "consolidate.run --system aragora --source {source} --target {target} --quarantine-budget 9999",
    "consolidate.verify --target {target}",
    "consolidate.explain --target {target} --key 1",
    "consolidate.quarantine --target {target}",
    "consolidate.finalize --source {source} --target {target} --retention-days 0 --keep-undecided --dry-run",
    "consolidate.rollback --target {target} --dry-run",
    "consolidate.rollback --target {target}",
)
FILLED = COMMANDS[:6]


@pytest.fixture
def words(tmp_path: Path) -> dict[str, Path]:
    build_legacy_tree(SYSTEM, tmp_path / "source", rows=6, seed=2)
    return {"source": tmp_path / "source", "target": tmp_path / "target"}


def run_inv(command: str, words: dict[str, Path]) -> int:
    return OpsProgram(every_task).main(["inv", *command.format(**words).split()])


def read_version(file: Path) -> str:
    """Return the version of the library that wrote a database last (https://sqlite.org/fileformat2.html, 1.3)."""
    number = int(struct.unpack(">I", file.read_bytes()[96:100])[0])
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


@pytest.mark.parametrize("engine", list(Engine))
def test_targets_and_ledgers_say_which_library_wrote_them(
    words: dict[str, Path], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SQLITE_VARIABLE, engine)
    monkeypatch.setenv("STRONGROOM_JOBS", "2")
    for command in FILLED:
        assert run_inv(command, words) == 0
    home = words["target"] / ".strongroom" / "runs"
    written = [*words["target"].glob("*.db"), *home.rglob("ledger/*.db")]
    assert len([file for file in written if not file.is_symlink()]) == 8
    assert {read_version(file) for file in written} == {read_library_version(engine)}


def test_under_the_bundled_library_python_s_own_opens_nothing(
    words: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def refuse(database: Any, *rest: Any, **options: Any) -> sqlite3.Connection:
        if ".strongroom-doctor-" in str(database):  # a probe of the file system, whatever the library
            return connect(database, *rest, **options)
        raise AssertionError(f"Python's own library is to open {database}")

    monkeypatch.setenv(SQLITE_VARIABLE, Engine.BUNDLED)
    monkeypatch.setenv("STRONGROOM_JOBS", "1")
    monkeypatch.setattr(sqlite3, "connect", refuse)
    assert [run_inv(command, words) for command in COMMANDS] == [0] * len(COMMANDS)


def test_without_being_asked_for_the_bundled_library_is_not_even_loaded(words: dict[str, Path]) -> None:
    program = (
        "import json, sys\n"
        "from strongroom.tasks._program import OpsProgram\n"
        "from strongroom.tasks.namespace import namespace\n"
        "ended = [OpsProgram(namespace).main(['inv', *line.split()]) for line in json.loads(sys.argv[1])]\n"
        "print(json.dumps([ended, 'sqlcipher3' in sys.modules]))\n"
    )
    lines = json.dumps([command.format(**words) for command in COMMANDS])
    ended = subprocess.run(
        [sys.executable, "-c", program, lines], check=True, capture_output=True, text=True, timeout=60
    )
    assert json.loads(ended.stdout.splitlines()[-1]) == [[0] * len(COMMANDS), False]


@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[5], COMMANDS[7]])
def test_a_library_that_is_none_is_wrong_usage(
    words: dict[str, Path], command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(SQLITE_VARIABLE, "sqlite4")
    assert run_inv(command, words) == 2
    assert "STRONGROOM_SQLITE: must be system or bundled (got 'sqlite4')" in capsys.readouterr().err
    assert not words["target"].exists()
