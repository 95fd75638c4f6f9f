"""Rehearse members that are files here: open what was restored, count it again, ask it the system's questions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from strongroom.backup.documents import Kind, MemberRecord
from strongroom.backup.members.local import count_rows, found_key
from strongroom.backup.members.model import CHECK
from strongroom.backup.request import Surroundings
from strongroom.core.backup_entry import BackupCheck
from strongroom.core.engines import Engine
from strongroom.core.errors import ConfigurationError, KeyMissingError, StrongroomError, UnreachableError
from strongroom.sqlite.connection import Connection, check_integrity, open_snapshot
from strongroom.sqlite.libraries import library_errors
from strongroom.sqlite.snapshot import schema_digest

_CHECK_SECONDS = 300.0
"""For a question of ``system.yaml``; whoever asks to be stopped is heard meanwhile."""
_CHECK_STEPS = 100_000


def rehearse_local(
    member: MemberRecord, folder: Path, scratch: Path, checks: Sequence[BackupCheck], around: Surroundings
) -> tuple[str, ...]:
    """Return what is other about a restored database than when it was backed up. A file is its bytes, which were read.

    ``folder`` is where the set's files lie, each already known to be what the manifest lists. Raises KeyMissingError
    and the errors of providers where its key cannot be had: that says nothing against the set.
    """
    del scratch
    path = folder / member.files[0].path
    if member.kind is Kind.FILE:
        return ()
    try:
        with found_key(path, Engine.SYSTEM, around.keys, member.key) as database, open_snapshot(database) as connection:
            return tuple(f"{member.name}: {fact}" for fact in _compare(connection, member, checks))
    except (KeyMissingError, UnreachableError, ConfigurationError):
        raise
    except StrongroomError as error:
        return (f"{member.name}: {error.fact}",)


def _compare(connection: Connection, member: MemberRecord, checks: Sequence[BackupCheck]) -> Iterator[str]:
    yield from check_integrity(connection)[:3]
    found = count_rows(connection)
    for name, table in member.tables.items():
        if name not in found:
            yield f"table {name} is gone"
        elif found[name].rows != table.rows:
            yield f"table {name} has {found[name].rows} rows, and had {table.rows}"
    yield from (f"table {name} was not there" for name in found if name not in member.tables)
    if schema_digest(connection) != member.schema_sha256:
        yield "what it declares is other than it was"
    for check in checks:
        yield from _ask(connection, check)


def _ask(connection: Connection, check: BackupCheck) -> Iterator[str]:
    deadline = time.monotonic() + _CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _CHECK_STEPS)
    try:
        row = connection.execute(check.sql).fetchone()
    except library_errors() as error:
        why = f"takes longer than {_CHECK_SECONDS:g} s" if time.monotonic() > deadline else str(error)
        yield f"{CHECK}{check.sql!r} cannot be asked ({why})"
        return
    finally:
        connection.set_progress_handler(None, 0)
    answer = None if row is None else row[0]
    if answer != check.expect:
        yield f"{CHECK}{check.sql!r} is not answered as it should be"
