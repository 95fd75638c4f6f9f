"""Every task that connects refuses a way that verifies too little; ``--development`` lets it pass, and says so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from strongroom.core.config import in_development, read_settings
from strongroom.core.errors import ConfigurationError
from strongroom.core.transit import LOGGER
from strongroom.memory_migrator import main as migrate
from strongroom.report.log import speaking
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task

WEAK = "postgresql://u:canary-31f0@127.0.0.1:1/x?sslmode=require"
FACT = "sslmode=require to 127.0.0.1 encrypts, and lets anybody answer"
SYSTEM = """version: 1
name: shop
title: Shop
data_dir: {{default: {data}}}
postgres: {{variables: [SHOP_URL]}}
backup:
  store: {{kind: folder, path: {store}}}
  postgres: {{databases: [x]}}
  redis: {{variables: [SHOP_REDIS]}}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a system whose every server is named by a variable."""
    folder = tmp_path / "system"
    folder.mkdir()
    (tmp_path / "data").mkdir()
    (folder / "system.yaml").write_text(SYSTEM.format(data=tmp_path / "data", store=tmp_path / "store"))
    (folder / "postgres" / "x").mkdir(parents=True)
    (folder / "postgres" / "x" / "001_a.sql").write_text("-- One table.\nCREATE TABLE a (n int);\n")
    monkeypatch.setenv("SHOP_URL", WEAK)
    monkeypatch.setenv("SHOP_REDIS", "unix:///nowhere.sock")
    return folder


def run(*words: str | Path) -> int:
    return OpsProgram(every_task).main(["inv", *map(str, words)])


@pytest.mark.parametrize("task", ["postgres.apply", "postgres.status", "backup.create"])
def test_a_weak_connection_string_is_refused_in_one_line(
    task: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(task, "--system", shop) == 2
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert lines == [f"error: SHOP_URL: {FACT}"]
    assert " hint: write sslmode=verify-full, and sslrootcert=FILE" in said
    assert "canary" not in said


@pytest.mark.parametrize("task", ["postgres.apply", "postgres.status"])
def test_for_development_it_passes_and_one_line_says_so(
    task: str, shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in ((task, "--system", shop, "--development"), ("--development", task, "--system", shop)):
        assert run(*words) == 5  # nobody is there
        assert capsys.readouterr().err.count(f"warning: SHOP_URL: {FACT} (let pass for development)\n") == 1
    assert run(task, "--system", shop) == 2  # the switch does not stay for the next line
    monkeypatch.setenv("STRONGROOM_DEVELOPMENT", "1")
    assert run(task, "--system", shop) == 5
    monkeypatch.setenv("STRONGROOM_DEVELOPMENT", "perhaps")
    assert run(task, "--system", shop) == 2
    assert "STRONGROOM_DEVELOPMENT: must be 1 or 0 (got 'perhaps')" in capsys.readouterr().err


def test_a_weak_address_of_redis_is_refused_too(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", "host=/nowhere")
    monkeypatch.setenv("SHOP_REDIS", "rediss://:canary-31f0@cache.example?ssl_cert_reqs=none")
    assert run("backup.create", "--system", shop) == 2
    said = capsys.readouterr().err
    assert "error: SHOP_REDIS: lets any certificate pass (ssl_cert_reqs)" in said
    assert "canary" not in said


def test_machines_are_told_as_an_object(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("postgres.status", "--system", shop, "--development", "--log", "json") == 5
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (warned,) = [event for event in events if event["level"] == "warning"]
    assert warned["subject"] == "SHOP_URL"
    assert warned["fact"] == f"{FACT} (let pass for development)"


def test_the_memory_stores_old_door_refuses_it_and_obeys_the_variable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memory.db"
    file.touch()
    (tmp_path / "dsn").write_text(WEAK)
    words = ["--sqlite-path", str(file), "--postgres-dsn-file", str(tmp_path / "dsn")]
    assert migrate(words) == 2
    assert FACT in capsys.readouterr().err
    monkeypatch.setenv("STRONGROOM_DEVELOPMENT", "1")
    assert migrate(words) != 2
    assert f"{FACT} (let pass for development)" in capsys.readouterr().err


def test_a_way_is_said_once_a_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with speaking("text"):
            LOGGER.warning("%s: %s", "A", "is weak")
            LOGGER.warning("%s: %s", "A", "is weak")
            LOGGER.warning("%s: %s", "B", "is weak")
    assert capsys.readouterr().err == "warning: A: is weak\nwarning: B: is weak\n" * 2


def test_the_switch_is_the_variable_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_DEVELOPMENT", "0")
    with in_development(is_said=True):
        assert read_settings().environment["STRONGROOM_DEVELOPMENT"] == "1"
    assert os.environ["STRONGROOM_DEVELOPMENT"] == "0"
    monkeypatch.delenv("STRONGROOM_DEVELOPMENT")
    with in_development(is_said=True):
        assert os.environ["STRONGROOM_DEVELOPMENT"] == "1"
    assert "STRONGROOM_DEVELOPMENT" not in os.environ
    with pytest.raises(ConfigurationError, match="must be 1 or 0"):
        read_settings({"STRONGROOM_DEVELOPMENT": "y"})


def test_nothing_that_we_ship_lets_weak_ways_pass(repository: Path) -> None:
    shipped = [
        path for folder in ("k8s", "docker", "sql") for path in (repository / folder).rglob("*") if path.is_file()
    ]
    assert len(shipped) > 100
    said = [path for path in [repository / "compose.yaml", repository / "inv", *shipped] if names(path)]
    assert said == []


def names(path: Path) -> bool:
    content = path.read_bytes()
    return b"STRONGROOM_DEVELOPMENT" in content or b"--development" in content
