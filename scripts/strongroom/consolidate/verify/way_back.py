"""Prove that a run which went live can be taken back: that its documents say what was really there before."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strongroom.consolidate.verify.looking import Look
from strongroom.consolidate.verify.names import BACKUPS, MANIFEST
from strongroom.consolidate.verify.seeing import Kind

JOURNAL, CURRENT, RUN = "publish.json", "current.json", "run.json"


def prove_way_back(look: Look, folder: Path, home: Path) -> list[str]:
    """Say in sentences what rollback could not know from a run's folder, and from our own directory. Read-only."""
    journal, current = _read(folder / JOURNAL), _read(home / CURRENT)
    found = (
        []
        if journal.get("state") == "closed"
        else [f"{JOURNAL}: does not say that the targets are live, and no rollback would find them"]
    )
    if current.get("run") != folder.name or folder.name not in current.get("runs", ()):
        found.append(f"{CURRENT}: does not say that run {folder.name} is live, and no rollback would find it")
    found += _find_lost_backup(folder, home)
    return [*found, *_compare_swaps(look, journal), *_compare_legacy(look, journal)]


def _find_lost_backup(folder: Path, home: Path) -> Iterator[str]:
    """See that the backup says what it holds: without that nobody may ever remove what it holds."""
    name = f"{BACKUPS}/{folder.name}/{MANIFEST}"
    if _read(folder / RUN).get("has_backup") and _read(home.parent / name).get("run") != folder.name:
        yield f"{name}: does not say that it is the backup of this run"


def _read(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _compare_swaps(look: Look, journal: dict[str, Any]) -> Iterator[str]:
    noted = {swap["live"]: swap for swap in journal.get("swaps", ())}
    for path in sorted(look.targets.keys() ^ noted.keys()):
        yield f"{JOURNAL}: {path} is {'not named' if path in look.targets else 'no target'}"
    for path in look.targets.keys() & noted.keys():
        staged = look.targets[path]
        if noted[path]["had"] != (staged.live.kind is Kind.FILE):
            yield f"{JOURNAL}: {path} {'was' if staged.live.kind is Kind.FILE else 'was not'} there before"
        made = {alias for alias, before in staged.aliases.items() if before.kind is Kind.NOTHING}
        if {os.path.normpath(alias) for alias in noted[path]["aliases"]} != made:
            yield f"{JOURNAL}: does not name the links that were made to {path}"
    folders = {os.path.normpath(folder) for swap in noted.values() for folder in swap.get("folders", ())}
    for folder in sorted(folders ^ set(look.folders)):
        yield f"{JOURNAL}: folder {folder} {'was' if folder in folders else 'was not'} there before"


def _compare_legacy(look: Look, journal: dict[str, Any]) -> Iterator[str]:
    noted = {legacy["path"]: legacy for legacy in journal.get("legacy", ())}
    for path in sorted(look.legacy.keys() ^ noted.keys()):
        yield f"{JOURNAL}: {path} is {'not named' if path in look.legacy else 'no legacy file'}"
    for path in sorted(look.legacy.keys() & noted.keys()):
        legacy, goal = look.legacy[path], noted[path].get("gives_way_to")
        if noted[path]["mode"] != legacy.file.mode:
            yield f"{JOURNAL}: {path} had other permissions ({legacy.file.mode:o})"
        if goal is not None and legacy.gives_way_to is None:
            yield f"{JOURNAL}: {path} stays where it is, and gives way to no link"
        elif goal is None and legacy.gives_way_to is not None:
            yield f"{JOURNAL}: does not say that {path} gave way to a link to {legacy.gives_way_to}"
        elif goal != legacy.gives_way_to:
            yield f"{JOURNAL}: {path} gave way to a link to {legacy.gives_way_to}, not to {goal}"
