"""Let a run that changes another one stand on its own: with that one's plan, snapshots and ledgers."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from strongroom.consolidate.deciding.book import name_model
from strongroom.consolidate.deciding.wording import write_decision
from strongroom.consolidate.finalize import UNDECIDED
from strongroom.core.errors import PlanError, UnreachableError
from strongroom.core.files import MANIFEST, make_private_folder, sync_file, write_text
from strongroom.core.plan.decisions import DecisionModel, DecisionsModel, read_decisions
from strongroom.core.yaml_text.plain import read_plain_model
from strongroom.runs.folder import Home, RunFolder
from strongroom.runs.records import InventoryDocument, MergeDocument, PlanDocument, SnapshotsDocument


def take_over(before: RunFolder, folder: RunFolder, home: Home) -> None:
    """Give a run what another one was made of: its plan, its snapshots, its ledgers, and what people decided.

    Snapshots get a second name, so that either run may be cleared away. Raises UnreachableError, VersionError,
    GuardError, PlanError.
    """
    shutil.copytree(before.plan.parent, folder.plan.parent)
    folder.plan.parent.chmod(0o700)
    _join_decisions(before.decisions, home.decisions, folder.decisions)
    plan = before.read(PlanDocument)
    if plan is None:
        raise UnreachableError(before.root, "is not a finished run", "name another --run")
    folder.write(replace(plan, sha256_of_decisions=read_decisions(folder.decisions).sha256))
    for kind in (SnapshotsDocument, InventoryDocument, MergeDocument):
        document = before.read(kind)
        if document is not None:
            folder.write(document)
    _link_all(before.snapshots, folder.snapshots)
    manifest = before.read_manifest()
    if manifest is not None:
        folder.write_manifest(replace(manifest, run=folder.name))
    make_private_folder(folder.ledger)
    for ledger in sorted(before.ledger.glob("*.db")):
        shutil.copyfile(ledger, folder.ledger / ledger.name)
        (folder.ledger / ledger.name).chmod(0o600)
    if before.archive.is_file():
        _link(before.archive, folder.archive)


def _join_decisions(before: Path, since: Path, joined: Path) -> None:
    """Write what a run was decided with, in its order, by whose numbers its ledgers know it; then what came since."""
    known, wanted = _read_decisions(before), _read_decisions(since)
    names = {name_model(one) for one in known if one.take is not None}
    new = [one for one in wanted if one.take is not None and name_model(one) not in names]
    write_text(joined, "\n".join(["version: 1", "decisions:", *map(write_decision, [*known, *new])]))


def _read_decisions(path: Path) -> list[DecisionModel]:
    """Return the decisions of a file, open ones too; each says who made it and why. Nothing where none is."""
    if not path.is_file():
        return []
    model = read_plain_model(path, DecisionsModel, PlanError)
    said = {"by": model.by, "why": model.why}
    return [one.model_copy(update={name: getattr(one, name) or said[name] for name in said}) for one in model.decisions]


def _link_all(before: Path, after: Path) -> None:
    """Give every file of a backup a second name; nobody writes to them."""
    make_private_folder(after)
    for file in sorted(before.rglob("*")):
        path = file.relative_to(before)
        if file.is_dir() or path.parts[0] in (MANIFEST, UNDECIDED):
            continue
        make_private_folder((after / path).parent)
        _link(file, after / path)


def _link(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)
        sync_file(name)
