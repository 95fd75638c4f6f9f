"""Entries of ``system.yaml`` as tests write them, a clock that stands still, and keys that stand nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from strongroom.core.config import read_settings
from strongroom.core.key_entries import KeyEntry
from strongroom.keys import AuditLog, ProvidedKeys, provide

CANARY = "c0ffee1e5ca1ab1e0ddba115deadbeeffeedfacecafef00d0123456789abcdef"
OTHER = "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2
ENTRY: TypeAdapter[KeyEntry] = TypeAdapter(KeyEntry)


@dataclass(slots=True)
class Clock:
    """Says the time that a test sets."""

    time: datetime = datetime(2026, 11, 27, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(slots=True, kw_only=True)
class Site:
    """The keys of a system, and what they leave behind."""

    folder: Path
    entries: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    @property
    def log(self) -> Path:
        return self.folder / "audit" / "keys.jsonl"

    def open(self) -> ProvidedKeys:
        entries = {name: ENTRY.validate_python(dict(entry)) for name, entry in self.entries.items()}
        audit = AuditLog(file=self.log, system="shop", task="keys.check", now=self.clock)
        return provide(entries, read_settings(self.environment), self.clock, audit=audit)

    def read_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]
