"""Try again the rows of which the ledger says that a constraint refused them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strongroom.consolidate.verify.claims import refused
from strongroom.consolidate.verify.rows import Side
from strongroom.core.instants import Stored
from strongroom.core.quoting import dotted, quote_all
from strongroom.sqlite.connection import Connection, RawText, attach_stage, open_stage
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import SCRATCH
from strongroom.sqlite.libraries import library_of


def count_refused(connection: Connection, side: Side) -> int:
    """Count the entries whose row the target really refuses, beside all the rows that it holds."""
    values = ", ".join(side.expected(column) for column in side.job.columns)
    factory, connection.text_factory = connection.text_factory, RawText
    try:
        rows = connection.execute(f"SELECT {values} {refused(side)}").fetchall()
    finally:
        connection.text_factory = factory
    if not rows:
        return 0
    with _open_twin(connection, side) as twin:
        return sum(not _is_taken_in(connection, side, twin, row) for row in rows)


@contextmanager
def _open_twin(connection: Connection, side: Side) -> Iterator[str]:
    """Copy the target's table, with everything that is unique in it, to where rows may be tried."""
    table = side.job.table
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        key = SCRATCH if side.job.is_secret else None
        place = Database(Path(scratch) / "twin.db", library_of(connection), key)
        with open_stage(place) as maker:
            maker.execute(table.sql)
            for index in table.indexes:
                if index.unique and index.sql:
                    maker.execute(index.sql)
        attach_stage(connection, place, "twin")
        connection.execute("PRAGMA twin.journal_mode = MEMORY")
        try:
            twin, names = dotted("twin", table.name), quote_all(column.name for column in side.job.columns)
            connection.execute(f"INSERT INTO {twin} ({names}) SELECT {names} FROM {side.target}")
            yield twin
        finally:
            connection.execute("DETACH twin")


def _is_taken_in(connection: Connection, side: Side, twin: str, row: tuple[Stored, ...]) -> bool:
    """Tell whether the twin takes a row; it is as before afterwards."""
    holes = ", ".join("CAST(? AS TEXT)" if isinstance(value, RawText) else "?" for value in row)
    names = quote_all(column.name for column in side.job.columns)
    connection.execute("BEGIN")
    try:
        connection.execute(f"INSERT INTO {twin} ({names}) VALUES ({holes})", row)
    except connection.Error:
        return False
    else:
        return True
    finally:
        connection.execute("ROLLBACK")
