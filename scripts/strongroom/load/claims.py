"""What a load claims: all that its proof takes from it."""

from __future__ import annotations

from strongroom.load.documents import LoadDocument, LoadState, MadeDocument, MadeSchema
from strongroom.load.place import LoadFolder
from strongroom.load.verify import Claim
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import read_schema


def _list_excused(snapshot: Database, made: MadeSchema) -> tuple[str, ...]:
    """Return what the source has and the schema need not: what was reported, and by files all but columns and rows.

    How a schema stands that was made by files is compared with what they made.
    """
    named = (*made.skipped, *made.reported)
    if not made.has_files:
        return named
    with open_snapshot(snapshot) as connection:
        tables = read_schema(connection).tables.values()
    parts = [
        f"{table.name}.{part}"
        for table in tables
        for part in (
            "primary key",
            *(column.name for column in table.columns),
            *(index.name for index in table.indexes),
        )
    ]
    return (*named, *parts)


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
            reported=_list_excused(folder.find_snapshot(record), made.targets[name]),
        )
        for name, record in about.targets.items()
    ]
