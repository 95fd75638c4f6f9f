"""Let sequences go on after the highest id that is or was there, and try it."""

from __future__ import annotations

from strongroom.core.errors import DifferencesError
from strongroom.load.rows.jobs import TableJob
from strongroom.postgres.connection import Connection, compose, identifier
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.schema import read_sequence

_FIND = """
    SELECT q.name, s.seqmax FROM pg_catalog.pg_get_serial_sequence(%s, %s) AS q(name)
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = pg_catalog.to_regclass(q.name)"""


def advance_sequence(connection: Connection, job: TableJob, column: str) -> None:
    """Let the sequence of a column go on after its highest value and SQLite's AUTOINCREMENT mark.

    The next value is taken in a transaction that is rolled back; after the highest that there can be there is none.
    Raises DifferencesError where it is another one.
    """
    table = identifier(job.schema, job.into)
    asked = compose("SELECT max({column})::bigint FROM {table}", column=identifier(column), table=table)
    (highest,) = connection.execute(asked).fetchone() or (None,)
    with open_snapshot(job.snapshot) as source:
        mark = read_sequence(source, job.table)
    found = connection.execute(_FIND, (table.as_string(), column)).fetchone()
    last = max(highest or 0, mark)
    if found is None or last < 1:
        return
    sequence, most = found
    if last < most:
        _try(connection, job, column, sequence, last)
    connection.execute("SELECT pg_catalog.setval(%s, %s, true)", (sequence, min(last, most)))


def _try(connection: Connection, job: TableJob, column: str, sequence: str, last: int) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {last + 1}".encode())
        following = connection.execute("SELECT pg_catalog.nextval(%s)", (sequence,)).fetchone()
    if following != (last + 1,):
        fact = f"gives {following} after {last}"
        raise DifferencesError(f"{job.schema}.{job.into}.{column}", fact, "see what its sequence is made of")
