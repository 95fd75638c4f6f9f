"""Where a run keeps its things: a folder of its own, in our own directory under the target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.files import MANIFEST
from strongroom.core.plan.decisions import DECISIONS
from strongroom.runs.documents import Document, Kind, read_document, write_document
from strongroom.runs.journal import LEGACY, Place
from strongroom.runs.records import (
    ExportDocument,
    InventoryDocument,
    ManifestDocument,
    MergeDocument,
    PlanDocument,
    RunDocument,
    SnapshotsDocument,
)
from strongroom.sqlite.snapshot import Snapshot

PREVIOUS = "previous"
"""Where a run keeps what its targets replaced, by their paths."""
RUN_DOCUMENT = "run.json"
_FILES: dict[type[Document], str] = {
    RunDocument: RUN_DOCUMENT,
    PlanDocument: "plan.json",
    SnapshotsDocument: "snapshots.json",
    InventoryDocument: "inventory.json",
    ExportDocument: "export.json",
    MergeDocument: "merge.json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """The directory of one run; everything in it is the owner's only."""

    root: Path
    snapshots: Path
    home: str
    """The id of the target directory."""
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""

    @property
    def name(self) -> str:
        """Return the run's id."""
        return self.root.name

    @property
    def owner(self) -> str:
        """Return what marks the documents of this run of this target directory."""
        return mark_run(self.home, self.name)

    @property
    def stage(self) -> Path:
        """Where targets are built."""
        return self.root / "stage"

    @property
    def ledger(self) -> Path:
        """Where ledgers are kept, one per target."""
        return self.root / "ledger"

    @property
    def templates(self) -> Path:
        """Where the targets' structures are kept."""
        return self.root / "templates"

    @property
    def archive(self) -> Path:
        """Where dropped tables are kept."""
        return self.root / "archive.db"

    @property
    def legacy(self) -> Path:
        """Where legacy files are that gave way to links."""
        return self.root / LEGACY

    @property
    def plan(self) -> Path:
        """The text of the plan; its schemas lie beside it as they did where it came from."""
        return self.root / "plan" / "plan.yaml"

    @property
    def decisions(self) -> Path:
        """What people decided, as the run used it; it is not there where nobody did."""
        return self.plan.with_name(DECISIONS)

    @property
    def export(self) -> Path:
        """Where tables are written as JSON lines, on request."""
        return self.root / "export"

    @property
    def scratch(self) -> Path:
        """What is gone when the run is over."""
        return self.root / "scratch"

    def place(self, target: Path, source: Path | None = None) -> Place:
        """Return where the run publishes to, and the directory of legacy files that was typed, if any."""
        return Place(target=target, source=source, folder=self.root, owner=self.owner, engine=self.engine)

    def write(self, document: Document, name: str | None = None) -> None:
        """Write one of the run's documents, under another name than its usual one on request."""
        write_document(self.root / (name or _FILES[type(document)]), document, self.owner)

    def read(self, kind: type[Kind], name: str | None = None) -> Kind | None:
        """Read one of the run's documents; None when it is not there. Raises VersionError, GuardError."""
        return read_document(self.root / (name or _FILES[kind]), kind, self.owner)

    def read_snapshots(self) -> dict[str, Snapshot] | None:
        """Return the run's snapshots, by source; None where it does not say. Raises VersionError, GuardError."""
        known = self.read(SnapshotsDocument)
        return None if known is None else known.place_in(self.snapshots, self.engine)

    def read_target_keys(self) -> dict[str, str | None]:
        """Return the name of each target's key, which is its ledger's too. Raises VersionError, GuardError."""
        known = self.read(MergeDocument)
        return {} if known is None else {name: record.key for name, record in known.targets.items()}

    def name_keys(self) -> set[str | None]:
        """Return the names of the keys with which all that a run keeps is opened. Raises VersionError, GuardError."""
        known = self.read(SnapshotsDocument)
        records = () if known is None else known.sources.values()
        return {*self.read_target_keys().values(), *(record.key for record in records)}

    def name_source_keys(self) -> set[str | None]:
        """Return the names of the legacy files' own keys. Raises VersionError, GuardError."""
        known = self.read(SnapshotsDocument)
        return set() if known is None else {record.source_key for record in known.sources.values()}

    def write_manifest(self, manifest: ManifestDocument) -> None:
        """Say that the snapshots are a backup."""
        write_document(self.snapshots / MANIFEST, manifest, self.owner)

    def read_manifest(self) -> ManifestDocument | None:
        """Read what the backup holds. Raises VersionError, GuardError."""
        return read_document(self.snapshots / MANIFEST, ManifestDocument, self.owner)


def mark_run(home: str, run: str) -> str:
    """Return what marks the documents of a run of a target directory."""
    return f"{home}/{run}"
