"""Find databases, and names of databases, that a system does not know. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from strongroom.core.errors import UnreachableError
from strongroom.core.files import find_databases
from strongroom.core.plan import Plan
from strongroom.examine.guard.references import Reference


def find_stray(directory: Path, plan: Plan) -> tuple[str, ...]:
    """Return the databases under a directory, relative to it, that are neither targets nor sources of the plan.

    Our own runs and backups are left out. Read-only. Raises UnreachableError without such a directory.
    """
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --source DIRECTORY")
    known = {target.path for target in plan.targets.values()} | {source.path for source in plan.sources.values()}
    found = (path.relative_to(directory).as_posix() for path in find_databases(directory))
    return tuple(path for path in found if path not in known)


def find_forbidden(references: Sequence[Reference], plan: Plan) -> tuple[Reference, ...]:
    """Return the references that are not allowed.

    A path to a database may stand in code or configuration only as the value or the default of an environment
    variable, and only if the plan has a target of that name.
    """
    targets = {PurePosixPath(target.path).name for target in plan.targets.values()}
    return tuple(one for one in references if one.setting is None or one.database not in targets)
