"""Let sequences go on after the highest id that is or was there, and try it."""

from __future__ import annotations

from strongroom.core.errors import DifferencesError
from strongroom.load.jobs import TableJob
from strongroom.postgres.connection import Connection, compose, identifier
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.schema import read_sequence

_LAST = 2**63 - 1


def advance_sequence(connection: Connection, job: TableJob, column: str) -> None:
    """Let the sequence of a column go on after its highest value and SQLite's AUTOINCREMENT mark.

    The next value is taken in a transaction that is rolled back. Raises DifferencesError where it is another one.
    """
    table = identifier(job.schema, job.into)
    asked = compose("SELECT max({column})::bigint FROM {table}", column=identifier(column), table=table)
    (highest,) = connection.execute(asked).fetchone() or (None,)
    with open_snapshot(job.snapshot) as source:
        mark = read_sequence(source, job.table)
    last = max(highest or 0, mark)
    (sequence,) = connection.execute(
        "SELECT pg_catalog.pg_get_serial_sequence(%s, %s)", (table.as_string(), column)
    ).fetchone() or (None,)
    if sequence is None or last < 1 or last >= _LAST:
        return
    with connection.transaction(force_rollback=True):
        connection.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {last + 1}".encode())
        following = connection.execute("SELECT pg_catalog.nextval(%s)", (sequence,)).fetchone()
    if following != (last + 1,):
        fact = f"gives {following} after {last}"
        raise DifferencesError(f"{job.schema}.{job.into}.{column}", fact, "see what its sequence is made of")
    connection.execute("SELECT pg_catalog.setval(%s, %s, true)", (sequence, last))
