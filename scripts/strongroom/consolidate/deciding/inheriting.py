"""Let a run that changes another one stand on its own: with that one's plan, snapshots and ledgers."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from strongroom.consolidate.deciding.book import name_model
from strongroom.consolidate.deciding.kept import read_models, write_decisions
from strongroom.consolidate.finalize import UNDECIDED
from strongroom.consolidate.kept_plan import read_kept_plan
from strongroom.core.errors import UnreachableError
from strongroom.core.files import MANIFEST, make_private_folder, sync_file
from strongroom.core.plan.decisions import read_decisions
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.records import InventoryDocument, MergeDocument, PlanDocument, SnapshotsDocument


def take_over(before: RunFolder, folder: RunFolder, home: Home) -> None:
    """Give a run what another one was made of: its plan, its snapshots, its ledgers, and what people decided.

    Snapshots get a second name, so that either run may be cleared away. Raises UnreachableError, VersionError,
    GuardError, PlanError.
    """
    shutil.copytree(before.plan.parent, folder.plan.parent)
    folder.plan.parent.chmod(0o700)
    is_secret = read_kept_plan(before).is_encrypted
    _join_decisions(before.decisions, home.decisions, folder.decisions, is_secret=is_secret)
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


def _join_decisions(before: Path, since: Path, joined: Path, *, is_secret: bool) -> None:
    """Write what a run was decided with, in its order, by whose numbers its ledgers know it; then what came since."""
    known, wanted = read_models(before), read_models(since)
    names = {name_model(one) for one in known if one.take is not None}
    new = [one for one in wanted if name_model(one) not in names]
    write_decisions(joined, [*known, *new], is_secret=is_secret)


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
