"""Whether what a load left still stands: what it goes on from, and what it proved."""

from __future__ import annotations

from strongroom.load.documents import LoadDocument, LoadState, MadeDocument
from strongroom.load.judging import compare_structure
from strongroom.load.opening import Load
from strongroom.load.outcome import Outcome
from strongroom.load.request import Schemas
from strongroom.load.rows.book import Marks
from strongroom.load.rows.ledger import count_waiting
from strongroom.load.switch.cutovers import read_kept
from strongroom.load.switch.owning import act_as, name_schema
from strongroom.load.switch.since import mark_tables
from strongroom.postgres.connection import Connection, open_postgres


def has_tables(connection: Connection, load: LoadDocument, made: MadeDocument, schemas: Schemas) -> bool:
    """Tell whether staged schemas have all columns that they were made with. Read-only."""
    return all(
        {name for name in made.targets[target].objects if " column " in name}
        <= schemas.read_objects(connection, record.staged).keys()
        for target, record in load.targets.items()
    )


def stands(this: Load, outcome: Outcome) -> bool:
    """Tell whether what a load ended with is still so: its rows and structure, and the ledger of what waits. Read-only.

    What is live already is its applications' to change; it counts as long as it bears the live names.
    """
    ledgers = [this.folder.find_ledger(name, record.key) for name, record in this.about.targets.items()]
    if sum(map(count_waiting, ledgers)) < outcome.quarantined:
        return False
    with open_postgres(this.request.access, is_read_only=True) as connection, connection.transaction():
        act_as(connection, this.book.owner)
        if not this.book.is_open(connection):
            return False
        if this.about.state is LoadState.LIVE:
            return this.about.way != "staged" or _is_live(connection, this)
        return not this.book.find_written(connection, this.about) and not _lacks_structure(this, outcome)


def _is_live(connection: Connection, this: Load) -> bool:
    kept = read_kept(connection, this.request.system, this.book.owner, this.folder.owner)
    return kept.keys() >= this.about.targets.keys() and all(
        one.is_live and name_schema(connection, one.number) == one.live for one in kept.values()
    )


def _lacks_structure(this: Load, outcome: Outcome) -> bool:
    """Tell whether something is gone; people may add what their live schemas have."""
    made = this.folder.read_as(MadeDocument)
    if made is None:
        return True
    lines = compare_structure(outcome.schemas, made, this.request.access, this.around.schemas)
    return any(": missing: " in line for line in lines)


def mark_staged(this: Load) -> Marks:
    """Return what it takes to tell whether somebody writes to staged tables from now on. Read-only."""
    with open_postgres(this.request.access, is_read_only=True) as connection, connection.transaction():
        act_as(connection, this.book.owner)
        return {target: mark_tables(connection, record.staged) for target, record in this.about.targets.items()}
