"""The highest id that other tables hold of a table."""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.binding import BoundInput, Rewrite, TableJob
from strongroom.consolidate.merge.follow import held_values
from strongroom.consolidate.merge.raw import open_raw
from strongroom.sqlite.connection import Connection

_PLENTY = 2**62
"""Above it nothing is taken for an id that others should keep clear of: there would be none left."""


def find_highest_held(connection: Connection, jobs: Iterable[TableJob], parent: TableJob) -> int:
    """Return the highest number that other tables hold as an id of a table: a new id above it is nobody's orphan's."""
    highest = 0
    for job in jobs:
        for rewrite in job.rewrites:
            if (rewrite.parent, rewrite.parent_columns) == (parent.table.name, (parent.identity,)):
                held = [
                    _find_highest(connection, rewrite, one) for one in job.inputs if rewrite in job.references_of(one)
                ]
                highest = max([highest, *held])
    return highest


def _find_highest(connection: Connection, rewrite: Rewrite, entry: BoundInput) -> int:
    value = held_values(rewrite, entry)[0]
    number = f"CAST({value} AS INTEGER)"
    is_number = f"typeof({value}) = 'integer' OR typeof({value}) = 'text' AND {value} = CAST({number} AS TEXT)"
    with open_raw(connection, entry) as raw:
        query = f"SELECT max({number}) FROM {raw.table} AS s WHERE ({is_number}) AND {number} <= {_PLENTY}"
        return int(connection.execute(query).fetchone()[0] or 0)
