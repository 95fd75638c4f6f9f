"""What the documents of a run say: which runs there are, how each began and ended, what it read and made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from strongroom.core.engines import Engine
from strongroom.core.results import FileStates
from strongroom.runs.documents import Document
from strongroom.sqlite.database import under_key
from strongroom.sqlite.snapshot import Snapshot


class RunState(StrEnum):
    """How far a run is, as its document says; one that runs and whose process is gone was interrupted."""

    RUNNING = "running"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """And cleared away since."""
    STAGED = "staged"
    """Built and proven, not published: rows wait for a person."""
    DIFFERENT = "different"
    """Built, and refused by verification."""
    GIVEN_UP = "given up"
    """Staged or different, and cleared away by a later run."""
    PUBLISHED = "published"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentDocument(Document):
    """``current.json``: which run is live, and all runs in the order in which they began."""

    kind: ClassVar[str] = "current"

    run: str | None
    """The one that is live."""
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotationDocument(Document):
    """``key-rotation.json``: a key of a target directory that is being rotated; it is there until all names it anew."""

    kind: ClassVar[str] = "key rotation"

    key: str
    before: str
    """The version under which files were, as ``NAME@VERSION``."""
    after: str
    untouched: tuple[str, ...]
    """Live files to which nobody wrote between publish and the rotation, relative to the target directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument(Document):
    """``run.json``: what was asked for, and how it ended."""

    kind: ClassVar[str] = "run"

    run: str
    state: RunState
    tool: str
    """The version of the tool."""
    system: str
    source: str
    """The directory of legacy files, for people."""
    plan: str
    """The plan's file, for people; its text is in the run."""
    began: datetime
    ended: datetime | None = None
    """When it failed, was staged or published."""
    retention_days: int
    has_backup: bool
    """Whether its snapshots are a backup, beside the run."""
    before: str | None
    """The run that was live before it."""
    error: str | None = None
    finalized: datetime | None = None
    """When the removal of its legacy files began."""
    settles: str | None = None
    """The run whose live targets it changed by what people decided; that one knows the legacy files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDocument(Document):
    """``plan.json``: what the run was to do. The texts of plan and schemas are in ``plan/``."""

    kind: ClassVar[str] = "plan"

    sha256_of_texts: str
    carried: tuple[str, ...]
    """Files that the plan does not name, relative to the sources' directory."""
    absent: tuple[str, ...]
    """Optional sources that were not there."""
    tables: Mapping[str, tuple[str, ...]]
    """Target table to the source tables that went in."""
    sha256_of_decisions: str | None = None
    """Of what people decided (``Decisions.sha256``); None where they decided nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """One snapshot, as ``snapshots.json`` keeps it."""

    path: str
    """Of the source, relative to the sources' directory."""
    file: str
    """Of the copy, relative to the run's snapshots."""
    original: str
    """The source, for people."""
    sha256: str
    source_sha256: str
    size: int
    schema_sha256: str
    state: FileStates
    key: str | None = None
    """The name of the copy's key; only the bundled library opens it then."""
    source_key: str | None = None
    """The name of the source's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotsDocument(Document):
    """``snapshots.json``: what the sources were."""

    kind: ClassVar[str] = "snapshots"

    sources: Mapping[str, SnapshotRecord]

    def place_in(self, folder: Path, engine: Engine) -> dict[str, Snapshot]:
        """Return the snapshots as they lie in a run's folder of snapshots, by source."""
        return {
            name: Snapshot(
                source=name,
                path=record.path,
                copy=under_key(folder / record.file, record.key, engine),
                original=record.original,
                sha256=record.sha256,
                source_sha256=record.source_sha256,
                size=record.size,
                schema_sha256=record.schema_sha256,
                state=record.state,
                source_key=record.source_key,
            )
            for name, record in self.sources.items()
        }


def record_snapshots(snapshots: Mapping[str, Snapshot], folder: Path) -> SnapshotsDocument:
    """Return the document of snapshots that lie in ``folder``."""
    return SnapshotsDocument(
        sources={
            name: SnapshotRecord(
                path=snapshot.path,
                file=snapshot.copy.path.relative_to(folder).as_posix(),
                original=snapshot.original,
                sha256=snapshot.sha256,
                source_sha256=snapshot.source_sha256,
                size=snapshot.size,
                schema_sha256=snapshot.schema_sha256,
                state=snapshot.state,
                key=snapshot.copy.key,
                source_key=snapshot.source_key,
            )
            for name, snapshot in snapshots.items()
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFile:
    """One file of a backup."""

    sha256: str
    size: int
    file: str
    """Relative to the backup's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDocument(Document):
    """``manifest.json``: what a backup of sources holds; it counts as one once this is written."""

    kind: ClassVar[str] = "manifest"

    run: str
    tool: str
    files: Mapping[str, BackupFile]
    """By the source's path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLockDocument(Document):
    """``plan.lock.json``: what a preview saw, and the next run must find."""

    kind: ClassVar[str] = "plan lock"

    plan: str
    tool: str
    sources: Mapping[str, tuple[str, str]]
    """Source to the hashes of its schema and of its state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRecord:
    """What a source declares of one table."""

    columns: Mapping[str, str]
    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """What a source declares."""

    path: str
    size: int
    tables: Mapping[str, TableRecord]
    views: tuple[str, ...]
    triggers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryDocument(Document):
    """``inventory.json``: what every source declares."""

    kind: ClassVar[str] = "inventory"

    sources: Mapping[str, SourceRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDocument(Document):
    """``export.json``: how many rows of each table were written as JSON lines."""

    kind: ClassVar[str] = "export"

    sources: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """One target that was built."""

    rows: int
    mark: str
    carried: tuple[str, ...]
    reported: tuple[str, ...]
    key: str | None = None
    """The name of its key, and of its ledger's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeDocument(Document):
    """``merge.json``: which targets were built."""

    kind: ClassVar[str] = "merge"

    targets: Mapping[str, BuildRecord]
