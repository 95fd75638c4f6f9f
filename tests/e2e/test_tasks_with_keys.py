"""Data tasks fetch the keys that they need from the system's providers, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.core.secret import Secret
from strongroom.keys import providing
from strongroom.keys.model import Key
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.e2e.vault import EXPECTED, KEYS, OTHER, build_vault, can_open, read_vault
from tests.faults.scene import Scene

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _open_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Build a system with three keys: one in a variable, two in files."""
    scene = build_vault(tmp_path)
    for name in ("first", "vault"):
        write_key(scene, name, KEYS[name])
    monkeypatch.setenv("SECOND_KEY", KEYS["second"])
    text = (scene.system / "system.yaml").read_text()
    text += f"audit_log: {tmp_path}/log/keys.jsonl\nkeys:\n"
    text += "".join(f"  {name}: {{provider: file, path: {tmp_path}/keys/{name}, encoding: hex}}\n" for name in
                    ("first", "vault"))  # fmt: skip
    text += "  second: {provider: environment, variable: SECOND_KEY, encoding: hex}\n"
    (scene.system / "system.yaml").write_text(text)
    monkeypatch.setenv("STRONGROOM_SYSTEM", str(scene.system))
    return scene


def write_key(scene: Scene, name: str, key: str) -> None:
    place = scene.system.parent / "keys"
    place.mkdir(exist_ok=True, mode=0o700)
    (place / name).touch(mode=0o600)
    (place / name).write_text(f"{key}\n")


@pytest.fixture
def run(scene: Scene, capsys: pytest.CaptureFixture[str]) -> Run:
    def act(task: str, *words: str, sources: bool = False) -> tuple[int, str, str]:
        places = ["--target", str(scene.target), *(["--source", str(scene.source)] if sources else [])]
        code = OpsProgram(every_task).main(["inv", task, *places, *words])
        said = capsys.readouterr()
        assert not [key for key in (*KEYS.values(), OTHER) if key in said.out + said.err]
        return code, said.out, said.err

    return act


def read_uses(scene: Scene) -> list[tuple[str, str, str, str]]:
    file = scene.system.parent / "log" / "keys.jsonl"
    lines = file.read_text().splitlines() if file.is_file() else []
    assert not [key for key in KEYS.values() if any(key in line for line in lines)]
    return [(one["task"], one["action"], one["key"], one["outcome"]) for one in map(json.loads, lines)]


def test_every_task_fetches_what_it_needs_and_it_is_noted(scene: Scene, run: Run) -> None:
    assert run("consolidate.check", sources=True)[0] == 0
    assert run("consolidate.run", sources=True)[0] == 0
    for query, rows in EXPECTED.items():
        assert read_vault(scene.target / "main.db", KEYS["vault"], query) == rows
    assert {use[2] for use in read_uses(scene)} == {"first", "second", "vault"}
    for task, sources in (
        ("consolidate.verify", False),
        ("consolidate.status", True),
        ("consolidate.explain", False),
        ("consolidate.quarantine", False),
    ):
        before = len(read_uses(scene))
        code, _, err = run(task, sources=sources)
        assert code == 0, (task, err)
        assert [use for use in read_uses(scene)[before:] if use[0] == task and use[1] == "get"], task
    assert run("consolidate.rollback", sources=True)[0] == 0
    assert not (scene.target / "main.db").exists()


def test_without_a_system_the_target_s_own_is_looked_for(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("consolidate.run", sources=True)[0] == 0
    monkeypatch.delenv("STRONGROOM_SYSTEM")
    code, _, err = run("consolidate.verify")  # no folder of this name is under sql/
    assert (code, "key vault: is not at hand" in err or "key first: is not at hand" in err) == (12, True)


@pytest.mark.parametrize("name", ["first", "vault"])
def test_a_key_that_is_lost_ends_with_twelve_before_anything_is_written(scene: Scene, run: Run, name: str) -> None:
    (scene.system.parent / "keys" / name).unlink()
    code, _, err = run("consolidate.run", sources=True)
    assert (code, f"key {name}" in err) == (12, True), err
    assert not (scene.target / "main.db").exists()
    assert (("consolidate.run", "get", name, "KeyNotFoundError")) in read_uses(scene)


def test_a_key_that_others_may_read_is_not_used(scene: Scene, run: Run) -> None:
    (scene.system.parent / "keys" / "vault").chmod(0o644)
    code, _, err = run("consolidate.run", sources=True)
    assert (code, "chmod" in err) == (12, True), err
    assert not (scene.target / "main.db").exists()


class Turning:
    """A provider whose key becomes another one after it was fetched once."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.asked = list(keys), 0

    def get(self, version: str | None = None) -> Key:
        del version
        text = self.keys[min(self.asked, len(self.keys) - 1)]
        self.asked += 1
        return Key(
            name="first", secret=Secret(text), version=str(self.asked), encoding="hex", created=datetime.now(UTC)
        )


@pytest.mark.parametrize(("keys", "code", "asked"), [((OTHER, KEYS["first"]), 0, 3), ((OTHER, OTHER), 12, 2)])
def test_a_key_that_opens_nothing_is_fetched_anew_once(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, str], code: int, asked: int
) -> None:
    turning, plain = Turning(*keys), providing.open_provider
    monkeypatch.setattr(
        providing, "open_provider", lambda name, *rest: turning if name == "first" else plain(name, *rest)
    )
    got, _, err = run("consolidate.run", sources=True)
    assert (got, turning.asked) == (code, asked), err  # the third time by the task that begins anew
    assert can_open(scene.source / "one.db", KEYS["first"])
    assert (scene.target / "main.db").exists() == (code == 0)
