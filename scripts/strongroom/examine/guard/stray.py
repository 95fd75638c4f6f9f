"""Find databases, and names of databases, that a system does not know. Read-only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from strongroom.core.errors import UnreachableError
from strongroom.core.files import DATABASE_SUFFIXES, OWN_FOLDER, find_databases
from strongroom.core.plan import Plan
from strongroom.core.programs import require_success, run_program
from strongroom.core.system import System
from strongroom.examine.guard.references import Reference
from strongroom.runs.home import Home

_GIT_SECONDS = 60.0


def find_stray(directory: Path, plan: Plan, system: System) -> tuple[str, ...]:
    """Return the databases under a directory, relative to it, that nobody planned.

    Known are targets and sources of the plan, in the system's data directory below it or in the directory itself;
    once targets are published there, the sources that a run left. Empty databases count: an application makes one
    where an old name leads nowhere. Our own runs and backups are left out. Read-only. Raises UnreachableError without
    such a directory; VersionError, GuardError.
    """
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --source DIRECTORY")
    known = {path for place in _list_places(directory, system) for path in _list_known(directory, place, plan)}
    found = {path.relative_to(directory).as_posix() for path in find_databases(directory, with_empty=True)}
    return tuple(sorted(found - known))


def find_staged(directory: Path, plan: Plan, system: System, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the databases that git is about to commit and that nobody planned, relative to the directory.

    Raises UnreachableError where that is no git repository.
    """
    git = shutil.which("git", path=environment.get("PATH"))
    if git is None:
        raise UnreachableError("git", "is not installed", "install it, or leave --staged out")
    listed = run_program(
        [git, "diff", "--cached", "--name-only", "--relative", "--diff-filter=ACMRT", "-z"],
        environment=environment,
        directory=directory,
        timeout=_GIT_SECONDS,
    )
    require_success(listed, UnreachableError, "run it in a git repository, or leave --staged out")
    names = listed.stdout.decode(errors="surrogateescape").split("\0")
    known = {path for place in _list_places(directory, system) for path in _list_planned(directory, place, plan)}
    return tuple(sorted(name for name in names if name.endswith(DATABASE_SUFFIXES) and name not in known))


def _list_places(directory: Path, system: System) -> Iterator[Path]:
    """Return where the system's databases may lie: in its data directory below, else here."""
    data = system.data_dir
    below = [directory / name for name in (data.default, data.fallback) if name] if data is not None else []
    yield from [place for place in below if place.is_dir()] or [directory]


def _list_planned(directory: Path, place: Path, plan: Plan) -> Iterator[str]:
    inside = place.relative_to(directory).as_posix() if place.is_relative_to(directory) else "."
    paths = [target.path for target in plan.targets.values()] + [source.path for source in plan.sources.values()]
    yield from ((PurePosixPath(inside) / path).as_posix() for path in paths)


def _list_known(directory: Path, place: Path, plan: Plan) -> Iterator[str]:
    """Return the databases that are known in one place: once targets are live there, no file that was made since."""
    current = Home(target=place).open_current() if (place / OWN_FOLDER).is_dir() else None
    if current is None:
        yield from _list_planned(directory, place, plan)
        return
    journal = current[0].place(place).read_journal()
    paths = [target.path for target in plan.targets.values()]
    paths += [one.inside for one in (journal.legacy if journal is not None else ()) if one.inside is not None]
    yield from ((place / path).relative_to(directory).as_posix() for path in paths)


def find_forbidden(references: Sequence[Reference], plan: Plan) -> tuple[Reference, ...]:
    """Return the references that are not allowed.

    A path to a database may stand in code or configuration only as the value or the default of an environment
    variable, and only if the plan has a target of that name.
    """
    targets = {PurePosixPath(target.path).name for target in plan.targets.values()}
    return tuple(one for one in references if one.setting is None or one.database not in targets)
