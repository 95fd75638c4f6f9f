"""Find the sources, snapshot them, and make sure that they are what a preview saw."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from strongroom import __version__
from strongroom.core.engines import Engine
from strongroom.core.errors import NoSpaceError, PlanError, SourceChangedError, UnreachableError
from strongroom.core.files import explain_os_error, find_databases, read_json, sync_file, sync_folder, write_json
from strongroom.core.plan import Conflict, Input, Plan, Source, TableRule, Target
from strongroom.core.quoting import fold
from strongroom.core.results import Snapshot
from strongroom.core.workers import Workers
from strongroom.runs.folder import Request, RunFolder
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import read_schema
from strongroom.sqlite.snapshot import copy_of, take_snapshot

_ROOM = 2.5
"""Snapshots, targets and ledgers together take at most this many times the sources' size."""


def locate_sources(plan: Plan, directory: Path) -> dict[str, Path]:
    """Return the sources that are there.

    Raises UnreachableError for a missing directory or source that is not optional, PlanError for a
    database file that the plan does not name.
    """
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --source DIRECTORY")
    found: dict[str, Path] = {}
    for name, source in plan.sources.items():
        path = directory / source.path
        if path.is_file():
            found[name] = path
        elif not source.optional:
            raise UnreachableError(path, "there is no such file", f"put it there, or say optional: true for {name}")
    if not found:
        raise UnreachableError(directory, "holds none of the plan's sources", "say --source DIRECTORY")
    _refuse_unmapped_files(plan, directory, found)
    return found


def carry_files(plan: Plan, directory: Path) -> Plan:
    """Give every file that the plan does not name a target of its own, where it says ``unmapped_file: carry``."""
    if plan.defaults.unmapped_file != "carry" or not directory.is_dir():
        return plan
    named = [source.path for source in plan.sources.values()] + [target.path for target in plan.targets.values()]
    known = {(directory / path).resolve() for path in named}
    unnamed = [path for path in find_databases(directory) if path.resolve() not in known]
    return carry_paths(plan, [path.relative_to(directory).as_posix() for path in unnamed])


def carry_paths(plan: Plan, paths: Iterable[str]) -> Plan:
    """Give these files, relative to the source directory, targets of their own.

    The same paths get the same names, in whatever order they come.
    """
    sources, targets, rules = dict(plan.sources), dict(plan.targets), list(plan.tables)
    taken = {fold(name) for name in (*sources, *targets)}
    for path in sorted(paths):
        name = _name_carried(path, taken)
        sources[name] = Source(name=name, path=path, trust=50, optional=False, format="sqlite", rows={})
        targets[name] = Target(name=name, path=path, schema=None, aliases=())
        rules.append(
            TableRule(
                target=name,
                table="*",
                inputs=(Input(source=name, table="*", columns={}),),
                key=None,
                identity=None,
                conflict=Conflict(rule=plan.defaults.on_conflict),
                defaults={},
                transform={},
                where=None,
                origin=f"{plan.path} (unmapped_file: carry)",
            )
        )
    return replace(plan, sources=sources, targets=targets, tables=tuple(rules))


def _name_carried(path: str, taken: set[str]) -> str:
    """Return a name that no other has: two paths may differ in what no name can hold."""
    base = name = "carried_" + re.sub(r"\W", "_", path)
    number = 1
    while fold(name) in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(fold(name))
    return name


def _refuse_unmapped_files(plan: Plan, directory: Path, found: Mapping[str, Path]) -> None:
    known = {path.resolve() for path in found.values()}
    known |= {(directory / target.path).resolve() for target in plan.targets.values()}
    for path in find_databases(directory):
        if path.resolve() not in known and plan.defaults.unmapped_file == "error":
            raise PlanError(
                path,
                "the plan does not name this file",
                "add it under sources:, or move it out of the source directory",
            )


def find_in_place(target_folder: Path, plan: Plan, found: Mapping[str, Path]) -> dict[str, str]:
    """Return the targets that are sources too, as target name to source name."""
    sources = {path.resolve(): name for name, path in found.items()}
    pairs = {target.name: sources.get((target_folder / target.path).resolve()) for target in plan.targets.values()}
    return {target: source for target, source in pairs.items() if source is not None}


def refuse_overlap(request: Request, plan: Plan, found: Mapping[str, Path]) -> None:
    """Refuse a source that would be overwritten by a target into which it does not go.

    Raises PlanError.
    """
    feeds = {(rule.target, entry.source) for rule in plan.tables for entry in rule.inputs}
    for target_name, name in find_in_place(request.target, plan, found).items():
        target = plan.targets[target_name]
        if (target_name, name) not in feeds:
            raise PlanError(
                f"target {target.name}",
                f"is the same file as source {name} ({target.path})",
                "say another --target directory",
            )


def refuse_full_disk(found: Mapping[str, Path], folder: Path) -> None:
    """Make sure, before anything is written, that there is room for the run.

    Raises NoSpaceError with both figures.
    """
    needed = int(_ROOM * sum(_size(path) for path in found.values()))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoSpaceError(
            folder,
            f"{free >> 20} MB are free and a run needs up to {(needed >> 20) + 1} MB",
            "free some space, or choose another --target",
        )


def _size(path: Path) -> int:
    wal = path.with_name(path.name + "-wal")
    return path.stat().st_size + (wal.stat().st_size if wal.is_file() else 0)


def total_size(found: Mapping[str, Path]) -> int:
    """Return the bytes of all sources, write-ahead logs included."""
    return sum(_size(path) for path in found.values())


def take_snapshots(plan: Plan, found: Mapping[str, Path], folder: RunFolder, workers: Workers) -> dict[str, Snapshot]:
    """Take every snapshot, largest source first.

    Raises what ``take_snapshot`` raises.
    """
    try:
        folder.snapshots.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise explain_os_error(folder.snapshots, error) from error
    ordered = sorted(found, key=lambda name: -_size(found[name]))
    futures = {
        name: workers.submit(
            take_snapshot,
            plan.sources[name],
            Database(found[name], folder.engine),
            Database(folder.snapshots / plan.sources[name].path, folder.engine),
        )
        for name in ordered
    }
    for name in workers.finished(futures):
        workers.in_background(sync_file, Path(futures[name].result().file))
    taken = {name: future.result() for name, future in futures.items()}
    return {name: taken[name] for name in plan.sources if name in taken}


def write_manifest(folder: RunFolder, snapshots: Mapping[str, Snapshot]) -> None:
    """Write what the backup holds, once every file of it is on disk; from then on it counts as one."""
    for directory in {Path(snapshot.file).parent for snapshot in snapshots.values()} | {folder.snapshots}:
        sync_folder(directory)
    write_json(
        folder.snapshots / "manifest.json",
        {
            "run": folder.name,
            "version": __version__,
            "files": {
                snapshot.path: {
                    "sha256": snapshot.sha256,
                    "size": snapshot.size,
                    "file": str(Path(snapshot.file).relative_to(folder.snapshots)),
                }
                for snapshot in snapshots.values()
            },
        },
    )


def describe_lock(plan: Plan, snapshots: Mapping[str, Snapshot]) -> dict[str, object]:
    """Return what a preview locks: plan, tool, and per source its schema and content."""
    return {
        "plan": plan.sha256,
        "version": __version__,
        "sources": {
            name: {"schema": snapshot.schema_sha256, "sha256": snapshot.sha256} for name, snapshot in snapshots.items()
        },
    }


def refuse_other_than_previewed(lock_file: Path, plan: Plan, snapshots: Mapping[str, Snapshot]) -> None:
    """Refuse when plan, tool or sources are not what the preview saw; without a preview all is well.

    Raises SourceChangedError naming what differs.
    """
    locked = read_json(lock_file)
    if locked is None:
        return
    now = describe_lock(plan, snapshots)
    before, after = locked.get("sources"), now["sources"]
    if not isinstance(before, dict) or not isinstance(after, dict):
        raise SourceChangedError(lock_file, "is no plan lock", "preview again")
    for what in ("plan", "version"):
        if locked.get(what) != now[what]:
            raise SourceChangedError(what, "is not what the preview saw", "preview again, then run")
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            path = plan.sources[name].path if name in plan.sources else name
            raise SourceChangedError(path, "changed since the preview", "preview again, then run")


def describe_structure(snapshots: Mapping[str, Snapshot], engine: Engine) -> dict[str, object]:
    """Return what every source declares: its tables with their columns, indexes, views and triggers."""
    described: dict[str, object] = {}
    for name, snapshot in snapshots.items():
        with open_snapshot(copy_of(snapshot, engine)) as connection:
            schema = read_schema(connection)
        described[name] = {
            "path": snapshot.path,
            "size": snapshot.size,
            "tables": {
                table.name: {
                    "columns": {column.name: column.declared for column in table.columns},
                    "indexes": [index.name for index in table.indexes],
                }
                for table in schema.tables.values()
            },
            "views": sorted(schema.views),
            "triggers": sorted(schema.triggers),
        }
    return described


def as_json(snapshots: Mapping[str, Snapshot]) -> dict[str, object]:
    """Return snapshots as JSON."""
    return {name: asdict(snapshot) for name, snapshot in snapshots.items()}
