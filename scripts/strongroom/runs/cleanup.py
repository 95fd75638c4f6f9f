"""The one clean-up for every way in which a run can end: what stays depends on its state alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from strongroom.runs.folder import RunFolder
from strongroom.runs.journal import LEGACY
from strongroom.runs.records import RunDocument, RunState

_RECORD = frozenset({"ledger", "archive.db", "snapshots", "export"})
_KEPT: dict[RunState, frozenset[str]] = {
    RunState.FAILED: frozenset(),
    RunState.INTERRUPTED: frozenset(),
    RunState.GIVEN_UP: frozenset(),
    RunState.STAGED: _RECORD | {"stage"},
    RunState.DIFFERENT: _RECORD | {"stage"},
    RunState.PUBLISHED: _RECORD | {"previous"},
    RunState.ROLLED_BACK: _RECORD,
}
"""Besides the documents, which tell for good what the run was."""


def end_run(folder: RunFolder, about: RunDocument, state: RunState, now: datetime, error: str | None = None) -> None:
    """Remove what a run in this state needs no more, then write that it is in this state."""
    _clear(folder, _KEPT[state])
    folder.write(replace(about, state=state, ended=about.ended or now, error=error or about.error))


def clear_run(folder: RunFolder) -> None:
    """Remove all that a run built and copied; its documents stay."""
    _clear(folder, frozenset())


def sweep(directory: Path) -> None:
    """Remove what a kill left of a file that was being written."""
    for part in directory.glob("*.part"):
        part.unlink(missing_ok=True)


def measure_run(folder: RunFolder) -> int:
    """Return how many bytes a run and its backup take. Read-only."""
    return sum(file.lstat().st_size for file in _walk(folder))


def _walk(folder: RunFolder) -> Iterator[Path]:
    for place in {folder.root, folder.snapshots}:
        for file in place.rglob("*"):
            if place == folder.root and folder.snapshots in file.parents:
                continue
            if file.is_file() and not file.is_symlink():
                yield file


def _clear(folder: RunFolder, kept: frozenset[str]) -> None:
    for path in folder.root.iterdir() if folder.root.is_dir() else ():
        is_document = path.suffix in (".json", ".md") or path == folder.plan.parent
        if not is_document and path.name not in kept and path.name != LEGACY:
            _remove(path)
    _remove_empty(folder.legacy)
    if "snapshots" not in kept:
        _remove(folder.snapshots)


def _remove_empty(folder: Path) -> None:
    """Remove a folder of legacy files that all came back: as long as one is there it is the only copy."""
    if folder.is_dir() and not any(path.is_file() for path in folder.rglob("*")):
        shutil.rmtree(folder, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
