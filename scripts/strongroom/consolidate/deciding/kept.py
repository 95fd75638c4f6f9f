"""Where decisions are kept: in the target directory for the runs to come, in a run as it used them."""

from __future__ import annotations

from strongroom.consolidate.request import Request
from strongroom.core.errors import GuardError, UnreachableError
from strongroom.core.files import make_private_folder, sync_file
from strongroom.core.plan.decisions import Decisions, read_decisions
from strongroom.runs.folder import Home, RunFolder
from strongroom.runs.records import PlanDocument


def find_decisions(request: Request) -> Decisions | None:
    """Read the decisions that a request names, else those of its target directory; None where nothing is decided.

    Raises UnreachableError for a file that was named and is not there, PlanError.
    """
    named = request.decisions
    if named is not None and not named.is_file():
        raise UnreachableError(named, "there is no such file", "consolidate.decide --draft writes one")
    path = named or Home(target=request.target, engine=request.engine).decisions
    decisions = read_decisions(path) if path.is_file() else None
    return decisions if decisions is not None and decisions.decided else None


def keep_decisions(request: Request, decisions: Decisions | None, folder: RunFolder) -> None:
    """Copy the decisions into the run. Raises GuardError when they were edited since they were read."""
    if decisions is None:
        return
    path = request.decisions or Home(target=request.target, engine=request.engine).decisions
    make_private_folder(folder.decisions.parent)
    folder.decisions.write_bytes(path.read_bytes())
    folder.decisions.chmod(0o600)
    sync_file(folder.decisions)
    if read_decisions(folder.decisions).sha256 != decisions.sha256:
        raise GuardError(path, "was edited while it was read", "run the same command again")


def read_kept_decisions(folder: RunFolder) -> Decisions | None:
    """Read the decisions of a run. Raises GuardError when they are not those that it used."""
    known = folder.read(PlanDocument)
    digest = None if known is None else known.sha256_of_decisions
    decisions = read_decisions(folder.decisions) if folder.decisions.is_file() else None
    if digest != (None if decisions is None else decisions.sha256):
        raise GuardError(folder.decisions, "is not what the run used", "put it back as it was")
    return decisions
