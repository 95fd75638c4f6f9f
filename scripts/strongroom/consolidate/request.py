"""What a person asked for, and what the presentation passes in beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from strongroom.core.engines import Engine
from strongroom.core.progress import Progress
from strongroom.core.secret import Secret
from strongroom.runs import Checkpoint

NO_KEYS: Mapping[str, Secret] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One consolidation, as asked for."""

    system: Path
    """The system's folder."""
    plan: Path
    source: Path
    target: Path
    quarantine_budget: int | None = None
    replace: bool = False
    backup: bool = True
    dry_run: bool = False
    fingerprints: bool = False
    export_json: bool = False
    discard_changes: bool = False
    """Replace targets although they hold rows that no run put there."""
    allow_open_sources: bool = False
    """Take the risk that a process which holds a source open writes to it after the last look."""
    decisions: Path | None = None
    """What people decided; None: what was decided in the target directory, if anything."""
    jobs: int = 1
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Clock, progress, and the places where tests cut the power."""

    now: Callable[[], datetime]
    """The time, with its zone."""
    progress: Progress
    checkpoint: Checkpoint = lambda _: None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What hooks see."""
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    """By the names that plans and documents know them by."""
