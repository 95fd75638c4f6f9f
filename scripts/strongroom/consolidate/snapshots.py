"""Take the snapshots of a run, say what they are, and see that they are what a preview saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from strongroom import __version__
from strongroom.consolidate.opening import Opening, size_of
from strongroom.consolidate.verify.copies import begin_look, prove_copy, prove_document
from strongroom.core.errors import SourceChangedError
from strongroom.core.files import explain_os_error, sync_file, sync_folder
from strongroom.core.plan import Plan
from strongroom.core.workers import Workers
from strongroom.runs.documents import read_document
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.records import (
    BackupFile,
    InventoryDocument,
    ManifestDocument,
    PlanLockDocument,
    SourceRecord,
    TableRecord,
)
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.prover import Prover
from strongroom.sqlite.schema import read_schema
from strongroom.sqlite.snapshot import Snapshot, hash_source, take_snapshot

PROVER = Prover(begin=begin_look, prove=prove_copy, prove_document=prove_document)


def take_snapshots(opening: Opening, folder: RunFolder, workers: Workers) -> dict[str, Snapshot]:
    """Take every snapshot, largest source first.

    Raises what ``take_snapshot`` raises.
    """
    try:
        folder.snapshots.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise explain_os_error(folder.snapshots, error) from error
    sources, found = opening.plan.sources, opening.found
    copies = {
        name: replace(
            database,
            path=folder.snapshots / sources[name].path,
            key=opening.plan.choose_snapshot_key(name),
        )
        for name, database in found.items()
    }
    futures = {
        name: workers.submit(take_snapshot, sources[name], found[name], copies[name], PROVER)
        for name in sorted(found, key=lambda name: -size_of(found[name]))
    }
    for name in workers.finished(futures):
        workers.in_background(sync_file, futures[name].result().copy.path)
    taken = {name: future.result() for name, future in futures.items()}
    return {name: taken[name] for name in sources if name in taken}


def write_manifest(folder: RunFolder, snapshots: Mapping[str, Snapshot]) -> None:
    """Write what the backup holds, once every file of it is on disk; from then on it counts as one."""
    for directory in {snapshot.copy.path.parent for snapshot in snapshots.values()} | {folder.snapshots}:
        sync_folder(directory)
    files = {
        snapshot.path: BackupFile(
            sha256=snapshot.sha256,
            size=snapshot.size,
            file=snapshot.copy.path.relative_to(folder.snapshots).as_posix(),
        )
        for snapshot in snapshots.values()
    }
    folder.write_manifest(ManifestDocument(run=folder.name, tool=__version__, files=files))


def describe_lock(plan: Plan, snapshots: Mapping[str, Snapshot]) -> PlanLockDocument:
    """Return what a preview locks: plan, tool, and per source its schema and content."""
    sources = {name: (snapshot.schema_sha256, hash_source(snapshot)) for name, snapshot in snapshots.items()}
    return PlanLockDocument(plan=plan.sha256, tool=__version__, sources=sources)


def refuse_other_than_previewed(home: Home, plan: Plan, snapshots: Mapping[str, Snapshot]) -> None:
    """Refuse when plan, tool or sources are not what the preview saw; without a preview all is well.

    Raises SourceChangedError naming what differs.
    """
    locked = read_document(home.plan_lock, PlanLockDocument, home.id)
    if locked is None:
        return
    now = describe_lock(plan, snapshots)
    for what, before, after in (("plan", locked.plan, now.plan), ("version", locked.tool, now.tool)):
        if before != after:
            raise SourceChangedError(what, "is not what the preview saw", "preview again, then run")
    for name in sorted(locked.sources.keys() | now.sources.keys()):
        if locked.sources.get(name) != now.sources.get(name):
            path = plan.sources[name].path if name in plan.sources else name
            raise SourceChangedError(path, "changed since the preview", "preview again, then run")


def describe_structure(snapshots: Mapping[str, Snapshot]) -> InventoryDocument:
    """Return what every source declares: its tables with their columns, indexes, views and triggers."""
    described = {}
    for name, snapshot in snapshots.items():
        with open_snapshot(snapshot.copy) as connection:
            schema = read_schema(connection)
        described[name] = SourceRecord(
            path=snapshot.path,
            size=snapshot.size,
            tables={
                table.name: TableRecord(
                    columns={column.name: column.declared for column in table.columns},
                    indexes=tuple(index.name for index in table.indexes),
                )
                for table in schema.tables.values()
            },
            views=tuple(sorted(schema.views)),
            triggers=tuple(sorted(schema.triggers)),
        )
    return InventoryDocument(sources=described)
