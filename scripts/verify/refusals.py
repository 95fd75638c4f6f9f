"""Try again the rows of which the ledger says that a constraint refused them."""

from __future__ import annotations

from scripts.databases.sqlite import Connection, Error, RawText, open_memory
from scripts.instants import Stored
from scripts.quoting import quote, quote_all
from scripts.verify.claims import refused
from scripts.verify.rows import Side


def count_refused(connection: Connection, side: Side) -> int:
    """Count the entries whose row the target's constraints really refuse."""
    uniques = " OR ".join(_clashes(side)) or "0"
    values = ", ".join(side.expected(column) for column in side.job.columns)
    factory, connection.text_factory = connection.text_factory, RawText
    try:
        rows = connection.execute(f"SELECT {uniques}, {values} {refused(side)}").fetchall()
    finally:
        connection.text_factory = factory
    return sum(bool(row[0]) or not _fits_alone(side, row[1:]) for row in rows)


def _clashes(side: Side) -> list[str]:
    """Return, per unique index, the condition that another row of the target holds the same values."""
    table = side.job.table
    keys = [index.columns for index in table.indexes if index.unique and not index.partial and index.columns]
    if table.integer_key is not None:
        keys.append((table.integer_key,))
    clashes = []
    for key in keys:
        same = " AND ".join(
            f"u.{quote(column.name)} = {side.expected(column)}" for column in table.columns if column.name in key
        )
        clashes.append(f"EXISTS (SELECT 1 FROM {side.target} u WHERE {same})")
    return clashes


def _fits_alone(side: Side, row: tuple[Stored, ...]) -> bool:
    """Tell whether an empty table of the same definition takes the row."""
    holes = ", ".join("CAST(? AS TEXT)" if isinstance(value, RawText) else "?" for value in row)
    names = quote_all(column.name for column in side.job.columns)
    with open_memory() as connection:
        try:
            connection.execute(side.job.table.sql)
            connection.execute(f"INSERT INTO {quote(side.job.table.name)} ({names}) VALUES ({holes})", row)
        except Error:
            return False
    return True
