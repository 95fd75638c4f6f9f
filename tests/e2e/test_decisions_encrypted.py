"""Decisions about encrypted sources, before publish and after it: proven, and no value of theirs in plain anywhere."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vault import KEYS, PLANTED, build_vault, find_planted, give_keys, read_vault, use_temporary, write_vault
from tests.faults.scene import Scene, run

SECRET = PLANTED["quarantined"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_temporary(monkeypatch, tmp_path / "temporary")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path) -> Iterator[Scene]:
    give_keys(monkeypatch)
    built = build_vault(tmp_path)
    yield built
    assert find_planted(built.target, temporary, values=[SECRET]) == []
    for key in KEYS.values():
        assert all(key not in value for value in os.environ.values())


def write_decisions(scene: Scene) -> Path:
    """Decide that the theme is that of two.db, in a file with cells in it, as a draft has them for people."""
    rows = []
    for source, value in (("one", "dark"), ("two", SECRET)):
        said = f"{source}.settings\nname=T{b'theme'.hex()}\nvalue=T{value.encode().hex()}\n"
        rows.append(
            {
                "source": f"{source}.settings",
                "sha256": hashlib.sha256(said.encode()).hexdigest(),
                "values": {"value": value},
            }
        )
    decisions = [{"table": "main.settings", "key": {"name": SECRET}, "rows": rows, "take": 2}]
    file = scene.system / "decisions.yaml"
    file.write_text(json.dumps({"version": 1, "by": "ops", "decisions": decisions}))
    return file


def read(scene: Scene, query: str) -> list[tuple[Any, ...]]:
    return read_vault(scene.target / "main.db", KEYS["vault"], query)


THEME = "SELECT value FROM settings WHERE name = 'theme'"


@pytest.mark.parametrize("library", ["system", "bundled"])
def test_a_decision_is_followed_before_publish(scene: Scene, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setenv("STRONGROOM_SQLITE", library)
    ended = run(scene.argv("run", "--decisions", str(write_decisions(scene))))
    assert ended.code == 0, ended.out + ended.err
    assert read(scene, THEME) == [(SECRET,)]
    assert run(scene.argv("verify", "--json")).json["verdict"] == "PROVEN"


@pytest.mark.parametrize("is_written", [True, False])
def test_a_decision_is_followed_after_publish(scene: Scene, is_written: bool) -> None:
    assert run(scene.argv("run")).code == 0
    assert read(scene, THEME) == [("dark",)]
    if is_written:
        write_vault(scene.target / "main.db", "INSERT INTO tags VALUES ('by an application', 3)", KEYS["vault"])
    ended = run(scene.argv("decide", "--decisions", str(write_decisions(scene)), "--apply"))
    assert ended.code == 0, ended.out + ended.err
    assert read(scene, THEME) == [(SECRET,)]
