"""A system with encrypted columns for a test: its keys in the environment, its tasks run as they are typed."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.config import read_settings
from strongroom.core.system import System, read_system
from strongroom.keys import ProvidedKeys
from strongroom.keys.columns import ColumnCipher, Context, Value
from strongroom.tasks._keys import provide_keys
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task


@dataclass(kw_only=True)
class ColumnSystem:
    """A folder with ``system.yaml``, which is written anew whenever it is described."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    columns: Sequence[Mapping[str, Any]] = ()
    secrets: list[bytes] = field(default_factory=lambda: [secrets.token_bytes(32)], repr=False)
    """The values of the key ``encryption``, the active one last."""
    more_keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> None:
        names = [f"COLUMN_KEY_{place}" for place in range(len(self.secrets))]
        for name, secret in zip(names, self.secrets, strict=True):
            self.monkeypatch.setenv(name, base64.b64encode(secret).decode())
        self.monkeypatch.setenv("XDG_STATE_HOME", str(self.folder / "state"))
        key: dict[str, Any] = {"provider": "environment", "variable": names[-1], "encoding": "base64"}
        if names[:-1]:
            key["previous"] = names[:-1]
        said = {
            "version": 1,
            "name": "shop",
            "title": "Shop",
            "data_dir": {"default": str(self.folder)},
            "keys": {"encryption": key, **self.more_keys},
            "columns": list(self.columns),
            **self.about,
        }
        (self.folder / "system.yaml").write_text(json.dumps(said))  # which YAML is, too

    def add_version(self) -> None:
        """Make a new version of the key, and make that the active one."""
        self.secrets.append(secrets.token_bytes(32))
        self.describe()

    def run(self, task: str, *flags: str) -> tuple[int, Any, str]:
        """Run a task; return its exit code, what it says as JSON (None for an error), and stderr."""
        self.describe()
        self.capsys.readouterr()
        argv = ["inv", task, "--system", str(self.folder), "--json", *flags]
        code = OpsProgram(every_task).main(argv)
        said = self.capsys.readouterr()
        return code, json.loads(said.out.splitlines()[-1]) if said.out.strip() else None, said.err

    def say(self, task: str, *flags: str) -> tuple[int, str]:
        """Run a task; return its exit code and what people read."""
        self.describe()
        self.capsys.readouterr()
        code = OpsProgram(every_task).main(["inv", task, "--system", str(self.folder), *flags])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    @property
    def system(self) -> System:
        self.describe()
        return read_system(self.folder)

    @property
    def keys(self) -> ProvidedKeys:
        return provide_keys(self.system, read_settings())[0]

    @property
    def active(self) -> str:
        """The id of the key's active version."""
        return self.keys.fetch("encryption").id

    def cipher(self, place: int = 0) -> ColumnCipher:
        return ColumnCipher(self.keys, self.entry(place))

    def entry(self, place: int = 0) -> ColumnEntry:
        return self.system.columns[place]

    def open(self, key: Any, stored: Any, place: int = 0) -> Value | None:
        """Open what stands in a row, as an application would; None stays None."""
        entry = self.entry(place)
        context = Context(entry.table, entry.column, key if isinstance(key, tuple) else (key,))
        return None if stored is None else self.cipher(place).open(context, stored)

    def open_all(self, rows: Mapping[Any, Any], place: int = 0) -> dict[Any, Value | None]:
        """Open what stands in many rows, by their keys."""
        entry, cipher = self.entry(place), self.cipher(place)
        return {
            key: None if stored is None
            else cipher.open(Context(entry.table, entry.column, key if isinstance(key, tuple) else (key,)), stored)
            for key, stored in rows.items()
        }  # fmt: skip

    def seal(self, key: Any, value: Value, place: int = 0, *, as_bytes: bool = False) -> str | bytes:
        """Encrypt a value for a row, as an application would."""
        entry = self.entry(place)
        context = Context(entry.table, entry.column, key if isinstance(key, tuple) else (key,))
        return self.cipher(place).seal(context, value, as_bytes=as_bytes)
