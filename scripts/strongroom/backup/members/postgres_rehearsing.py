"""Rehearse the restore of a PostgreSQL database: into a scratch engine, compared, and asked the system's questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from strongroom.backup.documents import MemberRecord
from strongroom.backup.members.postgres import name_database
from strongroom.backup.members.postgres_restoring import (
    compare_database,
    load_database,
    make_database,
    open_kept,
    read_major,
)
from strongroom.backup.members.postgres_roles import bring_roles
from strongroom.backup.members.scratch import open_scratch_postgres
from strongroom.backup.request import Surroundings
from strongroom.core.backup_entry import BackupCheck
from strongroom.core.errors import NoSpaceError, StrongroomError, VersionError
from strongroom.postgres.clients import find_clients
from strongroom.postgres.connection import Connection, Error, open_postgres

_NAME = "rehearsed"


def rehearse_postgres(
    member: MemberRecord, folder: Path, scratch: Path, checks: Sequence[BackupCheck], around: Surroundings
) -> tuple[str, ...]:
    """Return what is other about a restored database than when it was backed up, and which checks it fails.

    ``folder`` holds the set's files; the engine lives in ``scratch`` meanwhile. Raises VersionError where there is no
    server of the same major version, NoSpaceError, UnreachableError for an engine that does not start.
    """
    major = read_major(member)
    clients = find_clients(around.environment, major)
    with open_scratch_postgres(scratch, major, around) as access, open_postgres(access) as connection:
        around.reach("rehearse.started")
        kept = open_kept(member, folder, clients)
        try:
            bring_roles(connection, kept.globals.read_text(encoding="utf-8"))
            make_database(kept, connection, _NAME, plain=True)
            load_database(kept, connection, _NAME, plain=True)
            around.reach("rehearse.loaded")
            with open_postgres(name_database(access, _NAME)) as inside:
                facts = [*compare_database(kept, inside), *run_checks(inside, checks)]
        except (NoSpaceError, VersionError):
            raise
        except StrongroomError as error:
            facts = [f"cannot be restored: {error.fact}"]
    return tuple(f"{member.name}: {fact}" for fact in facts)


def run_checks(connection: Connection, checks: Sequence[BackupCheck]) -> Iterator[str]:
    """Ask a restored database questions, each on its own, and yield a line for each wrong answer; no answer is told."""
    connection.execute("SELECT set_config('default_transaction_read_only', 'on', false)")
    connection.execute("SELECT set_config('statement_timeout', '300s', false)")
    for check in checks:
        try:
            row = connection.execute(check.sql.encode()).fetchone()
        except Error as error:
            said = (error.diag.message_primary or str(error)).splitlines()[0]
            yield f"check {check.sql!r} cannot be asked ({said})"
            continue
        if (None if row is None else row[0]) != check.expect:
            yield f"check {check.sql!r} is not answered as it should be"
