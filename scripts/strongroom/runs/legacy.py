"""Legacy files that stand where their old names have to lead: they move into the run, and come back from it.

At every moment the name leads to one of the two, the file itself or the link to its target.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from strongroom.core.errors import GuardError
from strongroom.core.files import COMPANIONS, follow, sync_folder
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.journal import LegacyFile, Place


def give_way(place: Place, legacy: LegacyFile, live: Path) -> None:
    """Move a legacy file with its logs into the run and put a link to the target in its place, however far that came.

    Both lie on one file system.
    """
    original, kept = place.original(legacy), place.kept(legacy)
    if not original.is_symlink():
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for suffix in (*legacy.logs, ""):
            _give_name(_beside(original, suffix), _beside(kept, suffix))
        sync_folder(kept.parent)
        link = original.with_name(f"{original.name}.part")
        link.unlink(missing_ok=True)
        link.symlink_to(lead(original, live))
        link.replace(original)
    for suffix in COMPANIONS:
        _beside(original, suffix).unlink(missing_ok=True)
    sync_folder(original.parent)


def lead(name: Path, live: Path) -> str:
    """Return what a link with this name has to say to lead to a target, whatever links are on the way to both."""
    return os.path.relpath(follow(live.parent) / live.name, follow(name.parent))


def _give_name(file: Path, name: Path) -> None:
    """Give a file a second name, unless it has it."""
    if file.exists():
        name.unlink(missing_ok=True)
        os.link(file, name)


def refuse_other(place: Place, legacy: LegacyFile) -> None:
    """Make sure that what stands in a legacy file's place is that file, where it has moved before. Raises GuardError.

    Moving another one would put it over the only copy.
    """
    original, kept = place.original(legacy), place.kept(legacy)
    if original.exists() and not original.is_symlink() and kept.exists() and not kept.samefile(original):
        fact = f"stands where an old name leads to {legacy.gives_way_to}, and the legacy file lies in {kept.parent}"
        raise GuardError(original, fact, "find out what wrote it; move it away, then run the same command again")


def come_back(place: Place, legacy: LegacyFile) -> None:
    """Put a legacy file back in the place of the link, its logs first, however far that came."""
    original, kept = place.original(legacy), place.kept(legacy)
    if not kept.exists():
        return
    for suffix in legacy.logs:
        if _beside(kept, suffix).exists():
            _beside(kept, suffix).replace(_beside(original, suffix))
    kept.replace(original)
    sync_folder(original.parent)
    sync_folder(kept.parent)


def find_moved(home: Home, source: Path) -> dict[str, Path]:
    """Return where runs keep the legacy files of a directory that gave way to links, by their old paths.

    Also of a run that was interrupted. Raises VersionError, GuardError. Read-only.
    """
    if follow(source) != follow(home.target):
        return {}
    return {path: kept for name in home.all_runs() for path, kept in _find_kept(home, home.open_run(name))}


def _find_kept(home: Home, folder: RunFolder) -> Iterator[tuple[str, Path]]:
    place = folder.place(home.target)
    journal = place.read_journal() if folder.legacy.is_dir() else None
    for legacy in journal.legacy if journal is not None else ():
        if legacy.gives_way_to is not None and place.original(legacy).is_symlink() and place.kept(legacy).exists():
            yield legacy.path, place.kept(legacy)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
