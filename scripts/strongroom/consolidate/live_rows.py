"""The rows of a target as people read them, looked up for what the ledger says of others. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom.core.instants import Stored
from strongroom.core.quoting import quote
from strongroom.sqlite.connection import Connection, RawText
from strongroom.sqlite.database import Database
from strongroom.sqlite.messages import translated

_CUT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRows:
    """An open target; tables are named as ``target.table``."""

    database: Database
    connection: Connection

    def find(self, into: str, value: str) -> Sequence[int]:
        """Return the rowids of the rows that hold a value."""
        table = quote(into.partition(".")[2])
        with translated(self.database):
            names = [bytes(row[1]).decode() for row in self.connection.execute(f"PRAGMA main.table_info({table})")]
            held = " OR ".join(f"CAST({quote(name)} AS TEXT) = ?" for name in names)
            query = f"SELECT rowid FROM main.{table} WHERE {held}"
            try:
                return [row[0] for row in self.connection.execute(query, [value] * len(names))]
            except self.connection.Error:  # a table without rowids
                return []

    def read(self, into: str, rowid: Stored) -> dict[str, Stored] | None:
        """Return a row, column to value as it is stored; None where there is no such row."""
        if rowid is None:
            return None
        with translated(self.database):
            cursor = self.connection.execute(
                f"SELECT * FROM main.{quote(into.partition('.')[2])} WHERE rowid = ?", (rowid,)
            )
            row = cursor.fetchone()
        names = [column[0] for column in cursor.description]
        return dict(zip(names, row, strict=True)) if row else None


def holds(row: Mapping[str, Stored], name: str, value: Stored) -> bool:
    """Tell whether a row holds a value under a name, in the same storage class."""
    return name in row and type(row[name]) is type(value) and row[name] == value


def write_row(row: Mapping[str, Stored]) -> dict[str, str]:
    """Write every value of a row."""
    return {name: write_value(value) for name, value in row.items()}


def write_value(value: Stored) -> str:
    """Write a stored value as SQL would, cut where it is long; bytes that are no UTF-8 stay visible."""
    if value is None:
        return "NULL"
    if isinstance(value, RawText):
        text = bytes(value).decode(errors="backslashreplace").replace("\x00", "\\x00")
        return "'" + (text if len(text) <= _CUT else f"{text[:_CUT]}… ({len(value)} bytes)") + "'"
    if isinstance(value, bytes):
        return f"x'{value[:32].hex()}{'…' if len(value) > 32 else ''}'"  # noqa: PLR2004  enough to recognise it
    return repr(value)
