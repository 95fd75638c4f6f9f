"""Find database files that a system does not name. Read-only."""

from __future__ import annotations

from pathlib import Path

from scripts.errors import UnreachableError
from scripts.files import find_databases
from scripts.plan import Plan


def find_stray(directory: Path, plan: Plan) -> tuple[str, ...]:
    """Return the databases under a directory, relative to it, that are neither targets nor sources of the plan.

    Our own runs and backups are left out. Read-only. Raises UnreachableError without such a directory.
    """
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --source DIRECTORY")
    known = {target.path for target in plan.targets.values()} | {source.path for source in plan.sources.values()}
    found = (path.relative_to(directory).as_posix() for path in find_databases(directory))
    return tuple(path for path in found if path not in known)
