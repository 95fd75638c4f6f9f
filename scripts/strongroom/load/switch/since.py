"""Whether somebody wrote to tables since: told by which transaction each row is from.

What is kept of a table is how many rows each transaction left in it. A row that was written since is of another one; a
row that was changed or deleted is missing from its own. It takes one pass over the table, no trigger and no clock, and
neither vacuum nor a rename changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from strongroom.core.quoting import dotted
from strongroom.postgres.connection import Connection

_TABLES = """
    SELECT c.relname, (SELECT string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod), ', '
                                         ORDER BY a.attnum)
                       FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
           CASE WHEN NOT pg_catalog.pg_has_role(c.relowner, 'MEMBER') THEN pg_catalog.pg_get_userbyid(c.relowner) END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind = 'r' ORDER BY 1"""
"""Partitions are tables; the partitioned one above them holds no rows of its own."""


class Mark(TypedDict):
    """What is kept of a table; JSON."""

    columns: str
    """Their numbers, names and types."""
    writers: Mapping[str, int]
    """Transaction to the rows that it left there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a table's rows since."""

    table: str
    written: int = 0
    """Rows that are new, or changed."""
    gone: int = 0
    """Rows that are not there any more as they were."""
    fact: str = ""
    """What became of the table itself."""

    def __str__(self) -> str:
        """Say so."""
        return f"{self.table}: " + (self.fact or f"{self.written} rows new or changed, {self.gone} gone or changed")


def mark_tables(connection: Connection, schema: str) -> dict[str, Mark]:
    """Return what to keep of each table, while nobody writes to them. Read-only."""
    marks = dict[str, Mark]()
    for table, columns, _ in connection.execute(_TABLES, (schema,)).fetchall():
        asked = f"SELECT xmin::text, count(*) FROM ONLY {dotted(schema, table)} GROUP BY xmin"
        marks[table] = Mark(columns=columns or "", writers=dict(connection.execute(asked.encode()).fetchall()))
    return marks


def count_rows(mark: Mark) -> int:
    """Return how many rows a table had."""
    return sum(mark["writers"].values())


def find_written(connection: Connection, schema: str, marks: Mapping[str, Mark]) -> tuple[Written, ...]:
    """Say what was written to the tables of a schema since they were marked. Read-only."""
    found, gone = list[Written | None](), set(marks)
    for table, columns, stranger in connection.execute(_TABLES, (schema,)).fetchall():
        gone.discard(table)
        if stranger is None:
            found.append(_compare(connection, schema, table, columns or "", marks.get(table)))
        else:
            found.append(Written(table=table, fact=f"is a table of {stranger}, which we may not read"))
    found += [Written(table=table, fact="is gone") for table in gone]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.table))


def _compare(connection: Connection, schema: str, table: str, columns: str, mark: Mark | None) -> Written | None:
    kept = {} if mark is None else mark["writers"]
    asked = f"""
        SELECT coalesce(sum(greatest(coalesce(now.rows, 0) - coalesce(kept.rows, 0), 0)), 0)::bigint,
               coalesce(sum(greatest(coalesce(kept.rows, 0) - coalesce(now.rows, 0), 0)), 0)::bigint
        FROM (SELECT xmin AS writer, count(*) AS rows FROM ONLY {dotted(schema, table).replace("%", "%%")}
              GROUP BY xmin) now
        FULL JOIN unnest(%s::text[]::xid[], %s::bigint[]) AS kept (writer, rows) ON kept.writer = now.writer"""
    written, gone = connection.execute(asked.encode(), (list(kept), list(kept.values()))).fetchone() or (0, 0)
    if mark is None:
        return Written(table=table, written=written, fact=f"was made since, with {written} rows") if written else None
    if written or gone:
        return Written(table=table, written=written, gone=gone)
    return None if columns == mark["columns"] else Written(table=table, fact="has other columns than it had")
