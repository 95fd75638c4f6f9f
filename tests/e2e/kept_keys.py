"""A system whose keys are kept by a provider that can be written to: all versions in a file, as a server has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.core.secret import Secret
from strongroom.keys import Description, Key, KeyVersion, State, providing
from strongroom.keys.errors import KeyConflictError, KeyNotFoundError
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.e2e.vault import KEYS, build_vault
from tests.faults.scene import Scene

Run = Callable[..., tuple[int, str, str]]
UNWRITTEN = "--without-escrow=a test"

CREATED = datetime(2026, 1, 2, tzinfo=UTC)


class KeptKeys:
    """One key whose versions are numbered."""

    def __init__(self, file: Path, name: str, first: str | None = None) -> None:
        self.file, self.name = file, name
        if first is not None:
            self.write({"keys": {"1": first}, "states": {"1": "active"}})

    def read(self) -> dict[str, dict[str, str]]:
        held: dict[str, dict[str, str]] = json.loads(self.file.read_text())
        return held

    def write(self, held: dict[str, dict[str, str]]) -> None:
        aside = self.file.with_suffix(".new")
        aside.write_text(json.dumps(held))
        aside.replace(self.file)

    def find(self, state: State) -> str | None:
        return next((version for version, held in self.read()["states"].items() if held == state), None)

    def get(self, version: str | None = None) -> Key:
        version = version or self.find(State.ACTIVE)
        text = self.read()["keys"].get(str(version))
        if text is None:
            raise KeyNotFoundError(f"key {self.name}@{version}", "is not there", "make one")
        return Key(name=self.name, secret=Secret(text), version=str(version), encoding="hex", created=CREATED)

    def list_versions(self) -> tuple[KeyVersion, ...]:
        states = self.read()["states"].items()
        return tuple(KeyVersion(version=version, state=State(state), created=CREATED) for version, state in states)

    def describe(self) -> Description:
        return Description(provider="kept", place="a file of the test")

    def check_health(self) -> str:
        return "well"

    def create(self, secret: Secret) -> str:
        raise KeyConflictError(f"key {self.name}", "is there already", secret.__class__.__name__)

    def put_pending(self, secret: Secret) -> str:
        held = self.read()
        if State.PENDING in held["states"].values():
            raise KeyConflictError(f"key {self.name}", "has a pending version", "promote it")
        version = str(len(held["states"]) + 1)
        held["keys"][version], held["states"][version] = secret.reveal(), State.PENDING
        self.write(held)
        return version

    def promote(self, version: str) -> None:
        held = self.read()
        for other, state in held["states"].items():
            if state == State.ACTIVE:
                held["states"][other] = State.PREVIOUS
        held["states"][version] = State.ACTIVE
        self.write(held)

    def retire(self, version: str) -> None:
        held = self.read()
        if held["states"][version] == State.ACTIVE:
            raise KeyConflictError(f"key {self.name}@{version}", "is the active one", "promote another")
        del held["keys"][version]
        held["states"][version] = State.GONE
        self.write(held)

    def label(self, version: str) -> None:
        del version


def build_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Build a system whose keys are kept by a provider that can be written to."""
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)
    scene = build_vault(tmp_path)
    entries = "".join(f"  {name}: {{provider: environment, variable: NONE, encoding: hex}}\n" for name in KEYS)
    text = (scene.system / "system.yaml").read_text()
    (scene.system / "system.yaml").write_text(f"{text}audit_log: {tmp_path}/log/keys.jsonl\nkeys:\n{entries}")
    for name, key in KEYS.items():
        KeptKeys(tmp_path / f"{name}.json", name, key)
    monkeypatch.setattr(providing, "open_provider", lambda name, *_: KeptKeys(tmp_path / f"{name}.json", name))
    monkeypatch.setenv("STRONGROOM_SYSTEM", str(scene.system))
    return scene


def keys_of(scene: Scene, name: str = "vault") -> KeptKeys:
    return KeptKeys(scene.system.parent / f"{name}.json", name)


def runs_on(scene: Scene, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a task, and sees that it shows no key."""

    def act(task: str, *words: str) -> tuple[int, str, str]:
        code = OpsProgram(every_task).main(["inv", task, *words])
        said = capsys.readouterr()
        held = [key for name in KEYS for key in keys_of(scene, name).read()["keys"].values()]
        assert not [key for key in held if key in said.out + said.err]
        return code, said.out, said.err

    return act


def consolidate(run: Run, scene: Scene, *words: str) -> None:
    places = ["--source", str(scene.source), "--target", str(scene.target)]
    code, _, err = run("consolidate.run", *places, *words)
    assert code == 0, err


def encrypted_files(scene: Scene) -> list[Path]:
    """Return every file below the target that is no document, once."""
    found = [path for path in scene.target.rglob("*.db") if not path.is_symlink()]
    return sorted(path for path in found if path.stat().st_size)
