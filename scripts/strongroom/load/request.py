"""What a person asks of a load, and what is passed in beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.engines import Engine
from strongroom.core.plan import Source
from strongroom.core.progress import Progress
from strongroom.core.secret import Secret
from strongroom.load.documents import Way
from strongroom.postgres.connection import Access, Connection
from strongroom.runs import Checkpoint
from strongroom.sqlite.prover import Prover

Objects = Mapping[str, str]
"""What stands in a schema, by name, as the server writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schemas:
    """What makes schemas as ``postgres.apply`` does: functions on an open connection, within its transaction."""

    owner: str
    """The role that owns what is made."""
    provide: Callable[[Connection], None]
    """Make the system's roles where they are missing, and let the owner make schemas."""
    make: Callable[[Connection, str, str], bool]
    """Run the files of one live schema into another one; without files that one is made empty, and the answer no."""
    grant: Callable[[Connection, str], None]
    """Give the system's roles their rights on a schema's tables."""
    read_objects: Callable[[Connection, str], Objects]
    """Return what stands in a schema."""
    list_differences: Callable[[Objects, Objects], Sequence[str]]
    files_sha256: str = ""
    """Of all schema files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One load, as asked for."""

    system: str
    """The system's name."""
    plan: Path
    target: Path
    """The directory of the consolidated databases."""
    access: Access
    way: Way = "staged"
    replace: bool = False
    quarantine_budget: int | None = None
    dry_run: bool = False
    origin: Literal["consolidated", "legacy"] = "consolidated"
    """Whether the databases were consolidated by the same command."""
    jobs: int = 1
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Clock, progress, keys, and what other subjects do for a load."""

    now: Callable[[], datetime]
    """The time, with its zone."""
    progress: Progress
    schemas: Schemas
    prover: Prover | None = None
    """What proves that a snapshot is its source."""
    checkpoint: Checkpoint = lambda _: None
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    registered: tuple[ColumnEntry, ...] = ()
    """The encrypted columns of the system, which are loaded where they open or not at all."""


def source_of(name: str, path: str, key: str | None) -> Source:
    """Return a consolidated database as what a snapshot is taken of."""
    return Source(name=name, path=path, trust=50, optional=False, format="sqlite", rows={}, key=key)
