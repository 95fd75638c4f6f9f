"""A provider of keys that keeps all versions in a file, as a server does: what a killed process wrote is there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from strongroom.core.secret import Secret
from strongroom.keys import Description, Key, KeyVersion, State
from strongroom.keys.errors import KeyConflictError, KeyNotFoundError

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
