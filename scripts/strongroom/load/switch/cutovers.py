"""What is kept of each cutover in the server, in the transaction that makes it: so the server says what is live."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.core.errors import LockedError
from strongroom.core.quoting import dotted
from strongroom.load.switch.owning import act_as, refuse_foreign
from strongroom.load.switch.since import Mark
from strongroom.postgres.connection import BUSY, Connection

_NAME = "cutovers"
_COLUMNS = (
    "load text, target text, live text, staged text, previous text, number bigint, before bigint, marks jsonb, "
    "records text, is_live boolean, at timestamptz, PRIMARY KEY (load, target)"
)
_LOCK = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%s, 0))"
_PATIENCE = "90s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a cutover did for one target."""

    target: str
    live: str
    staged: str
    previous: str
    number: int
    """Of the schema that was loaded; a rename leaves it."""
    before: int | None
    """Of the schema that was live before; None where there was none."""
    marks: Mapping[str, Mark]
    """Of the loaded tables, as they went live."""
    records: str | None
    """What stood in the records of applied files before; None where the target has no files."""
    is_live: bool
    """False once it was rolled back."""


def home_of(system: str) -> str:
    """Return the schema that holds what is kept of loads."""
    return f"strongroom_{system}_load"


def wait_for_others(connection: Connection, system: str) -> None:
    """Let one cutover or rollback of a system in this database follow another, until the transaction ends.

    Raises LockedError.
    """
    connection.execute("SELECT pg_catalog.set_config('lock_timeout', %s, true)", (_PATIENCE,))
    try:
        connection.execute(_LOCK, (home_of(system),))
    except BUSY as error:
        raise LockedError(f"system {system}", "another cutover is at work", "run the same command again") from error


def read_kept(connection: Connection, system: str, owner: str, load: str) -> dict[str, Kept]:
    """Return what is kept of a load's cutover, by target; nothing where it was never cut over. Read-only.

    Raises GuardError for a book that is not the owner's.
    """
    refuse_foreign(connection, owner, home_of(system))
    there = connection.execute("SELECT pg_catalog.to_regclass(%s) IS NOT NULL", (dotted(home_of(system), _NAME),))
    if there.fetchone() != (True,):
        return {}
    text = f"""
        SELECT target, live, staged, previous, number, before, marks::text, records, is_live
        FROM {dotted(home_of(system), _NAME)} WHERE load = %s"""
    return {row[0]: _understand(*row) for row in connection.execute(text.encode(), (load,)).fetchall()}


def _understand(*row: Any) -> Kept:
    target, live, staged, previous, number, before, marks, records, is_live = row
    return Kept(
        target=target,
        live=live,
        staged=staged,
        previous=previous,
        number=number,
        before=before,
        marks=json.loads(marks),
        records=records,
        is_live=is_live,
    )


def write_kept(connection: Connection, system: str, owner: str, load: str, kept: Kept) -> None:
    """Keep what a cutover did, in the place of what was kept of an earlier one of the load."""
    act_as(connection, owner)
    table = dotted(home_of(system), _NAME)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({_COLUMNS})".encode())
    connection.execute(f"DELETE FROM {table} WHERE (load, target) = (%s, %s)".encode(), (load, kept.target))
    text = f"INSERT INTO {table} VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, pg_catalog.now())"
    values = (kept.live, kept.staged, kept.previous, kept.number, kept.before, json.dumps(kept.marks), kept.records)
    connection.execute(text.encode(), (load, kept.target, *values, kept.is_live))


def forget_live(connection: Connection, system: str, owner: str, load: str) -> None:
    """Say that a load is not live any more; the caller's transaction takes it back."""
    act_as(connection, owner)
    text = f"UPDATE {dotted(home_of(system), _NAME)} SET is_live = false, at = pg_catalog.now() WHERE load = %s"
    connection.execute(text.encode(), (load,))
