"""The places below the target directory where old names will lead: what stands there, and what has to give way."""

from __future__ import annotations

from pathlib import Path

from strongroom.consolidate.opening import Opening
from strongroom.core.errors import GuardError, TargetExistsError
from strongroom.core.files import OWN_FOLDER, follow
from strongroom.core.plan import Target
from strongroom.runs.journal import lies_under


def find_ways(opening: Opening) -> dict[str, str]:
    """Return the legacy files that stand where their own links belong: path to the path of their target. Read-only."""
    target = opening.request.target
    originals = {database.path for database in opening.found.values()}
    return {
        alias: one.path
        for one in opening.plan.targets.values()
        for alias in one.aliases
        if alias in opening.legacy and follow(target / alias) in originals
    }


def refuse_taken_names(opening: Opening) -> None:
    """Make sure that every old name is free, or taken by what may give way. Read-only.

    A link to the target itself may stay, and a legacy file moves. Raises TargetExistsError for all else, GuardError for
    a legacy file that is a link or lies on another file system than our own directory.
    """
    ways = find_ways(opening)
    for one in opening.plan.targets.values():
        for alias in one.aliases:
            place = opening.request.target / alias
            if lies_under(opening.request.target, place.parent) is None:
                fact = f"leads out of the target, and an old name in it has to lead to {one.path}"
                raise GuardError(place.parent, fact, "put the folder itself there, or choose another --target")
            if alias in ways:
                _refuse_unmovable(place, opening.home.root)
            elif place.is_symlink() or place.exists():
                _refuse_other(place, opening.request.target / one.path, one)


def _refuse_unmovable(place: Path, home: Path) -> None:
    if place.is_symlink():
        fact = f"is a link to {place.readlink()}, and its name has to lead to the target after publish"
        raise GuardError(place, fact, "put the file itself there, or choose another --target")
    there = next(folder for folder in (home, *home.parents) if folder.is_dir())
    if place.stat().st_dev != there.stat().st_dev:
        fact = f"lies on another file system than {OWN_FOLDER}, into which it has to move"
        raise GuardError(place, fact, "choose another --target")


def _refuse_other(place: Path, live: Path, target: Target) -> None:
    """Let a link to the target pass, whether that is there already or not."""
    if place.is_symlink() and follow(place) == follow(live):
        return
    what = f"a link to {place.readlink()}" if place.is_symlink() else "a directory" if place.is_dir() else "a file"
    fact = f"is {what}, and stands where an old name has to lead to {target.path}"
    raise TargetExistsError(place, fact, "find out whose it is; move it away, then run again")
