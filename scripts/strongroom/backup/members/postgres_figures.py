"""What a PostgreSQL database holds: per table its rows and a digest of their content, computed by the server.

The digest is the sum, modulo 2^64, of each half of the MD5 of every row as ``record_out`` writes it in a settled
session: the same in whatever order rows lie, and in every cluster of the same major version. It guards against loss and
damage, not against somebody who may write to the database. What a dump leaves out is left out here too: materialised
views, foreign tables, tables of extensions but for the rows that these declare their user's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strongroom.backup.documents import TableRecord
from strongroom.core.quoting import dotted, quote
from strongroom.postgres.connection import Connection

SEQUENCE = "sequence "
"""Before the name of a sequence, whose digest is where it stands."""
LARGE_OBJECTS = "large objects"
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_RELATIONS = """
SELECT n.nspname, c.relname, coalesce(x.condition, '')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'
LEFT JOIN LATERAL (
    SELECT e.extcondition[array_position(e.extconfig, c.oid)] AS condition
    FROM pg_extension e WHERE e.oid = d.refobjid AND c.oid = ANY (e.extconfig)
) x ON true
WHERE c.relkind = %s AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND (d.objid IS NULL OR x.condition IS NOT NULL)
ORDER BY 1, 2
"""
_HALVES = """
SELECT count(*), coalesce(sum(h::bit(64)::bigint), 0), coalesce(sum((h << 64)::bit(64)::bigint), 0)
"""
_WHOLE = 1 << 64


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """A table or a sequence."""

    schema: str
    name: str
    condition: str = ""
    """Which rows of an extension's table are its user's, as SQL."""

    @property
    def title(self) -> str:
        """Its name with its schema, quoted where that is needed, alike for every version of the server."""
        return ".".join(part if _PLAIN.fullmatch(part) else quote(part) for part in (self.schema, self.name))


def list_tables(connection: Connection) -> tuple[Relation, ...]:
    """Return the tables whose rows a dump holds, sorted."""
    return _list(connection, "r")


def list_sequences(connection: Connection) -> tuple[Relation, ...]:
    """Return the sequences whose values a dump holds, sorted."""
    return _list(connection, "S")


def _list(connection: Connection, kind: str) -> tuple[Relation, ...]:
    return tuple(Relation(*row) for row in connection.execute(_RELATIONS, (kind,)))


def lock_tables(connection: Connection, tables: Sequence[Relation]) -> None:
    """Keep everybody from emptying, changing or dropping tables until the transaction ends; rows are written on."""
    if tables:
        names = ", ".join(dotted(table.schema, table.name) for table in tables)
        connection.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE".encode())


def digest_tables(connection: Connection, tables: Sequence[Relation]) -> dict[str, TableRecord]:
    """Count tables and sum up their content; large objects as if they were one more."""
    connection.execute("SELECT set_config('row_security', 'off', false)")  # rather refused than filtered
    found = {table.title: _digest_table(connection, table) for table in tables}
    large = _digest(connection, "m.oid::text || ':' || md5(lo_get(m.oid))", "pg_largeobject_metadata AS m")
    return found | ({LARGE_OBJECTS: large} if large.rows else {})


def read_sequences(connection: Connection) -> dict[str, TableRecord]:
    """Return where each sequence stands."""
    return dict(_read_sequences(connection))


def read_figures(connection: Connection) -> dict[str, TableRecord]:
    """Return all figures of a database that nobody writes to."""
    return digest_tables(connection, list_tables(connection)) | read_sequences(connection)


def record_sequence(sequence: Relation, last: int, *, is_called: bool) -> tuple[str, TableRecord]:
    """Return what is noted of a sequence."""
    return f"{SEQUENCE}{sequence.title}", TableRecord(rows=0, digest=f"{last}{'' if is_called else ' next'}")


def _read_sequences(connection: Connection) -> Iterator[tuple[str, TableRecord]]:
    for sequence in list_sequences(connection):
        asked = f"SELECT last_value, is_called FROM {dotted(sequence.schema, sequence.name)}"
        row = connection.execute(asked.encode()).fetchone()
        if row is not None:
            yield record_sequence(sequence, row[0], is_called=row[1])


def _digest_table(connection: Connection, table: Relation) -> TableRecord:
    origin = f"ONLY {dotted(table.schema, table.name)} AS t {table.condition}"
    return _digest(connection, "textin(record_out(t.*))", origin)


def _digest(connection: Connection, text: str, origin: str) -> TableRecord:
    """Count rows and sum up a text of each; ``OFFSET 0`` lets the server hash it once for both halves."""
    rows = f"SELECT ('x' || md5({text}))::bit(128) AS h FROM {origin} OFFSET 0"
    row = connection.execute(f"{_HALVES} FROM ({rows}) x".encode()).fetchone()
    count, *halves = row or (0, 0, 0)
    return TableRecord(rows=count, digest="".join(f"{int(half) % _WHOLE:016x}" for half in halves))
