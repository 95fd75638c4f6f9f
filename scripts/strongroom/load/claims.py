"""What a load claims: all that its proof takes from it."""

from __future__ import annotations

from strongroom.load.documents import LoadDocument, LoadState, MadeDocument
from strongroom.load.place import LoadFolder
from strongroom.load.verify import Claim


def make_claims(folder: LoadFolder, about: LoadDocument, made: MadeDocument) -> list[Claim]:
    """Return a claim for each target, about the schema in which its rows stand now."""
    is_live = about.state is LoadState.LIVE
    return [
        Claim(
            target=name,
            snapshot=folder.find_snapshot(record),
            ledger=folder.find_ledger(name, record.key),
            schema=record.schema if is_live else record.staged,
            plan=folder.plan,
            shares=is_live and about.way != "staged",
            reported=(*made.targets[name].skipped, *made.targets[name].reported),
        )
        for name, record in about.targets.items()
    ]
