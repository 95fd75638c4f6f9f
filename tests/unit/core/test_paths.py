"""Where each database lives: modes, aliases of the data directory, overrides, and three ways to say it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from invoke.config import Config
from invoke.context import Context

from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.core.paths import DatabasePath, SystemPaths, resolve_paths
from strongroom.core.system import System, find_system, read_system
from strongroom.tasks import paths as tasks

SHOP = System.model_validate(
    {
        "version": 1,
        "name": "shop",
        "title": "A shop",
        "data_dir": {"variables": ["SHOP_DATA", "SHOP_DIR"], "default": ".shop"},
        "mode": {"variable": "SHOP_MODE", "default": "legacy", "values": ["legacy", "consolidated"]},
        "databases": {
            "ORDERS": {"legacy": "orders.db", "consolidated": "core.db", "variable": "SHOP_DB_ORDERS"},
            "STOCK": {"legacy": "stock.db", "consolidated": "core.db"},
        },
    }
)


def resolve(mode: str | None = None, **variables: str) -> SystemPaths:
    return resolve_paths(SHOP, read_settings(variables), mode)


def orders(paths: SystemPaths) -> DatabasePath:
    return paths.databases[0]


def test_unset_mode_means_legacy(tmp_path: Path) -> None:
    found = resolve(SHOP_DATA=str(tmp_path))
    assert found.mode == "legacy"
    assert [row.path for row in found.databases] == [tmp_path / "orders.db", tmp_path / "stock.db"]
    assert {row.origin for row in found.databases} == {"default"}


def test_the_variable_chooses_the_mode_and_the_flag_overrides_it(tmp_path: Path) -> None:
    variables = {"SHOP_DATA": str(tmp_path), "SHOP_MODE": "consolidated"}
    assert {row.path.name for row in resolve(**variables).databases} == {"core.db"}
    assert resolve("legacy", **variables).mode == "legacy"
    assert resolve(SHOP_MODE="").mode == "legacy"


@pytest.mark.parametrize(
    ("mode", "variables", "subject"),
    [
        ("both", {}, "--mode"),
        (None, {"SHOP_MODE": "Consolidate"}, "SHOP_MODE"),
    ],
)
def test_an_unknown_mode_names_the_accepted_ones(mode: str | None, variables: dict[str, str], subject: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{subject}: must be one of legacy, consolidated") as caught:
        resolve(mode, **variables)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("said", ["CONSOLIDATED", "Consolidated", " consolidated\n"])
def test_a_mode_may_be_said_in_any_case(said: str) -> None:
    assert resolve(SHOP_MODE=said).mode == resolve(said).mode == "consolidated"


def test_the_fallback_is_for_a_default_directory_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert SHOP.data_dir is not None
    shop = SHOP.model_copy(update={"data_dir": SHOP.data_dir.model_copy(update={"fallback": "data"})})
    assert resolve_paths(shop, read_settings({})).data_dir == tmp_path / "data"
    (tmp_path / ".shop").touch()  # no directory
    assert resolve_paths(shop, read_settings({})).data_dir == tmp_path / "data"
    assert resolve_paths(shop, read_settings({"SHOP_DATA": "mine"})).data_dir == tmp_path / "mine"
    (tmp_path / ".shop").unlink()
    (tmp_path / ".shop").mkdir()
    assert resolve_paths(shop, read_settings({})).data_dir == tmp_path / ".shop"


def test_the_first_data_directory_that_is_set_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve(SHOP_DATA="/a", SHOP_DIR="/b").data_dir == Path("/a")
    assert resolve(SHOP_DIR="/b").data_dir == Path("/b")
    assert resolve(SHOP_DATA="", SHOP_DIR="/b").data_dir == Path("/b")
    assert resolve(SHOP_DATA="sub").data_dir == tmp_path / "sub"
    assert resolve().data_dir == tmp_path / ".shop"


def test_an_override_is_absolute_or_relative_to_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "mine.db").touch()
    relative = orders(resolve("consolidated", SHOP_DATA=str(tmp_path), SHOP_DB_ORDERS="deep/mine.db"))
    assert (relative.path, relative.origin, relative.exists) == (tmp_path / "deep/mine.db", "override", True)
    absolute = orders(resolve(SHOP_DATA=str(tmp_path), SHOP_DB_ORDERS="/elsewhere/mine.db"))
    assert (absolute.path, absolute.exists) == (Path("/elsewhere/mine.db"), False)
    assert orders(resolve(SHOP_DATA=str(tmp_path), SHOP_DB_ORDERS="")).origin == "default"


def test_exports_lead_to_the_same_files_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = resolve("consolidated", SHOP_DIR="data", SHOP_DB_ORDERS="mine.db")
    monkeypatch.chdir("/")
    again = resolve(**found.exports)
    assert (again.mode, again.data_dir) == (found.mode, found.data_dir)
    assert [row.path for row in again.databases] == [row.path for row in found.databases]


def test_a_system_without_modes_and_directories_lives_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    databases = {"A": {"legacy": "a.db", "consolidated": "b.db"}}
    bare = System.model_validate({"version": 1, "name": "bare", "title": "x", "databases": databases})
    found = resolve_paths(bare, read_settings({}), "consolidated")
    assert (found.databases[0].path, found.exports) == (tmp_path / "b.db", {})
    with pytest.raises(ConfigurationError):
        resolve_paths(bare, read_settings({}), "both")


ARAGORA_TYPES = (
    "DEBATES",
    "TRACES",
    "TOURNAMENTS",
    "EMBEDDINGS",
    "POSITIONS",
    "CONTINUUM_MEMORY",
    "CONSENSUS_MEMORY",
    "ELO",
    "CALIBRATION",
    "INSIGHTS",
    "PERSONAS",
    "GENESIS",
)


def aragora(settings: Settings, mode: str) -> dict[str, DatabasePath]:
    system = read_system(find_system("aragora", settings.root))
    return {row.type: row for row in resolve_paths(system, settings, mode).databases}


def test_every_database_type_of_aragora_is_resolved_in_both_modes(tmp_path: Path) -> None:
    settings = read_settings({"NOMIC_DIR": str(tmp_path), "ARAGORA_DB_ELO": "my elo.db"})
    legacy, consolidated = aragora(settings, "legacy"), aragora(settings, "consolidated")
    assert set(ARAGORA_TYPES) <= legacy.keys()
    assert legacy.keys() == consolidated.keys()
    assert legacy["CONTINUUM_MEMORY"].path == tmp_path / "continuum.db"
    assert legacy["ELO"].path == consolidated["ELO"].path == tmp_path / "my elo.db"
    names = {row.path.name for row in consolidated.values() if row.origin == "default"}
    assert names == {"core.db", "memory.db", "analytics.db", "agents.db"}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data directory with an awkward name that the environment of this process names."""
    found = tmp_path / 'it\'s "here" $HOME `x`\n2'
    found.mkdir()
    for name in [name for name in os.environ if name.startswith(("ARAGORA_", "NOMIC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ARAGORA_DATA_DIR", str(found))
    return found


def context(*, as_json: bool = False) -> Context:
    return Context(Config(overrides={"strongroom": {"json": as_json}}))


def test_shell_exports_survive_any_name(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks.show(context(), system="aragora", mode="consolidated", format="shell")
    printed = capsys.readouterr().out
    assert all(shlex.split(printed)[at] == "export" for at in range(0, len(shlex.split(printed)), 2))
    script = f'{printed}printf "%s\\n%s" "$ARAGORA_DB_MODE" "$ARAGORA_DB_ELO"'
    words = ["/bin/sh", "-c", script]
    result = subprocess.run(words, env={}, capture_output=True, text=True, check=True, timeout=10)
    assert result.stdout == f"consolidated\n{directory}/analytics.db"


def test_json_says_everything(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "analytics.db").touch()
    tasks.show(context(), system="aragora", format="json")
    by_format = capsys.readouterr().out
    tasks.show(context(as_json=True), system="aragora")
    assert capsys.readouterr().out == by_format
    found = json.loads(by_format)
    assert (found["system"], found["mode"], found["data_dir"]) == ("aragora", "consolidated", str(directory))
    assert next(row for row in found["databases"] if row["type"] == "ELO") == {
        "type": "ELO",
        "mode": "consolidated",
        "path": f"{directory}/analytics.db",
        "exists": True,
        "origin": "default",
        "variable": "ARAGORA_DB_ELO",
    }


def test_text_is_one_aligned_line_for_each_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARAGORA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ARAGORA_DB_DEBATES", "mine.db")
    monkeypatch.delenv("ARAGORA_DB_MODE", raising=False)
    (tmp_path / "mine.db").touch()
    tasks.show(context(), system="aragora")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"aragora, consolidated mode, in {tmp_path}"
    assert lines[1].split() == ["DEBATES", f"{tmp_path}/mine.db", "there", "(by", "ARAGORA_DB_DEBATES)"]
    assert len({line.index(str(tmp_path)) for line in lines[1:]}) == 1


def test_an_unknown_format_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        tasks.show(context(), system="aragora", format="xml")
    assert stopped.value.code == UsageError.exit_code
    assert "--format: must be one of text, json, shell (got 'xml')" in capsys.readouterr().err
