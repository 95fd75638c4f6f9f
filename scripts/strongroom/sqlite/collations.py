"""Collations that only an application knows: SQLite cannot read an index that is sorted by one."""

from __future__ import annotations

from strongroom.core.errors import GuardError
from strongroom.sqlite.connection import Connection

_UNKNOWN = """
SELECT t.name, i.name, p.name, p.coll
FROM sqlite_master AS t, pragma_index_list(t.name) AS i, pragma_index_xinfo(i.name) AS p
WHERE t.type = 'table' AND p.key AND upper(p.coll) NOT IN ('BINARY', 'NOCASE', 'RTRIM')
ORDER BY 1, 2
"""


def refuse_unknown_collations(connection: Connection, source: str) -> None:
    """See that SQLite can read every index of a database, which the plan calls ``source``. Read-only.

    Raises GuardError naming the table and the column, or the index where that sorts by an expression.
    """
    for table, index, column, collation in connection.execute(_UNKNOWN):
        raise GuardError(
            f"{source}.{table}.{index if column is None else column}",
            f"compares by {collation}, which is no collation of SQLite",
            "give the source a copy of the file whose tables do without it",
        )
