"""The plan as a run keeps it: its text and its schemas, so that the run can be proven wherever it is moved."""

from __future__ import annotations

from pathlib import Path

from strongroom.consolidate.carry import carry_paths
from strongroom.core.errors import GuardError, PlanError, UnreachableError
from strongroom.core.files import make_private_folder, sync_file
from strongroom.core.plan import Plan, read_plan
from strongroom.runs.folder import RunFolder
from strongroom.runs.records import PlanDocument


def keep_plan(plan: Plan, folder: RunFolder) -> None:
    """Copy the texts of a plan and its schemas into the run.

    Raises PlanError when they were edited since the plan was read.
    """
    names = [target.schema for target in plan.targets.values() if target.schema is not None]
    for name in dict.fromkeys(names):
        _copy(plan.path.parent / name, folder.plan.parent / name)
    _copy(plan.path, folder.plan)
    if read_plan(folder.plan).sha256 != plan.sha256:
        raise PlanError(plan.path, "was edited while it was read", "run the same command again")


def read_kept_plan(folder: RunFolder) -> Plan:
    """Read the plan of a run, with the files that it carried.

    Raises UnreachableError where the run ended before it had one, GuardError when its texts were edited since.
    """
    known = folder.read(PlanDocument)
    if known is None or not folder.plan.is_file():
        raise UnreachableError(folder.root, "is not a finished run", "name another --run")
    plan = read_plan(folder.plan)
    if plan.sha256 != known.sha256_of_texts:
        raise GuardError(folder.plan, "or a schema beside it was edited since the run", "put it back as it was")
    return carry_paths(plan, known.carried)


def _copy(text: Path, to: Path) -> None:
    make_private_folder(to.parent)
    to.write_bytes(text.read_bytes())
    to.chmod(0o600)
    sync_file(to)
