"""Where decisions are kept: in the target directory for the runs to come, in a run as it used them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strongroom.consolidate.deciding.wording import write_decision
from strongroom.consolidate.request import Request
from strongroom.core.errors import GuardError, PlanError, UnreachableError
from strongroom.core.files import make_private_folder, write_text
from strongroom.core.plan.decisions import DecisionModel, Decisions, DecisionsModel, read_decisions
from strongroom.core.yaml_text.plain import read_plain_model
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
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


def keep_decisions(request: Request, decisions: Decisions | None, folder: RunFolder, *, is_secret: bool) -> None:
    """Write the decisions into the run, without the cells that a draft shows to people.

    Raises GuardError when they were edited since they were read.
    """
    if decisions is None:
        return
    path = request.decisions or Home(target=request.target, engine=request.engine).decisions
    make_private_folder(folder.decisions.parent)
    write_decisions(folder.decisions, read_models(path), is_secret=is_secret)
    if read_decisions(folder.decisions).sha256 != decisions.sha256:
        raise GuardError(path, "was edited while it was read", "run the same command again")


def read_models(path: Path) -> list[DecisionModel]:
    """Return the decisions of a file, open ones too; each says who made it and why. Nothing where no file is.

    Raises PlanError.
    """
    if not path.is_file():
        return []
    model = read_plain_model(path, DecisionsModel, PlanError)
    said = {"by": model.by, "why": model.why}
    return [one.model_copy(update={name: getattr(one, name) or said[name] for name in said}) for one in model.decisions]


def write_decisions(path: Path, models: Sequence[DecisionModel], *, is_secret: bool) -> None:
    """Write decisions durably, in their order, without the rows' values, or keys that are secret."""
    bare = (_leave_cells_out(one, is_secret=is_secret) for one in models)
    write_text(path, "\n".join(["version: 1", "decisions:", *map(write_decision, bare)]))


def _leave_cells_out(model: DecisionModel, *, is_secret: bool) -> DecisionModel:
    rows = [row.model_copy(update={"values": {}}) for row in model.rows]
    return model.model_copy(update={"rows": rows, "key": {} if is_secret else model.key})


def read_kept_decisions(folder: RunFolder) -> Decisions | None:
    """Read the decisions of a run. Raises GuardError when they are not those that it used."""
    known = folder.read(PlanDocument)
    digest = None if known is None else known.sha256_of_decisions
    decisions = read_decisions(folder.decisions) if folder.decisions.is_file() else None
    if digest != (None if decisions is None else decisions.sha256):
        raise GuardError(folder.decisions, "is not what the run used", "put it back as it was")
    return decisions
