"""Apply schema files in one transaction, and remember what was applied, and what it made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_random

from strongroom.core.errors import DifferencesError, LockedError
from strongroom.postgres.connection import BUSY, Access, Connection, compose, identifier, open_postgres
from strongroom.schema.describe import describe_files
from strongroom.schema.extensions import list_extensions, provide_extensions
from strongroom.schema.files import FileSet, SchemaFile, find_pending
from strongroom.schema.guards import list_outside, refuse_others, refuse_strays
from strongroom.schema.objects import Objects, list_differences, read_objects
from strongroom.schema.records import (
    find_home,
    hold_home,
    make_home,
    read_expected,
    read_files,
    write_expected,
    write_files,
)
from strongroom.schema.roles import let_owner_create, owner_of, provide_roles
from strongroom.schema.running import run_files

LOCK = 0x5712_0265_0042_0017
"""Our advisory lock: of two appliers one waits."""
_QUEUES = "300ms"
"""For so long at most a statement stands in front of others who want the same table; then all is begun again."""
PATIENCE = 60.0
"""Seconds until an apply that finds another one, or a table in use, gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done for one database, or would be."""

    database: str
    applied: tuple[str, ...]
    """Files that were run."""
    there: tuple[str, ...]
    """Files that had been run before."""
    statements: int
    dry_run: bool


class _OtherAppliesError(Exception):
    """Another apply holds the lock."""


def apply_schemas(
    access: Access, system: str, sets: Sequence[FileSet], *, dry_run: bool, say: Callable[[str, str], None]
) -> tuple[Applied, ...]:
    """Bring each database's schema up to its files; run again, nothing is left to do.

    One transaction holds all of it: the server has every new file, or none. Raises GuardError for a file that was
    edited or removed since it was applied, for a new one before an applied one, and for what belongs to others;
    ConfigurationError, with file, line and column, for a statement that the server refuses; LockedError where
    another apply, or a table in use, is waited for in vain; DifferencesError where what was made is not what the
    files make of an empty schema.
    """
    with open_postgres(access) as connection:
        retrying = Retrying(
            retry=retry_if_exception_type((_OtherAppliesError, *BUSY)),
            stop=stop_after_delay(PATIENCE),
            wait=wait_random(0.2, 1.5),
            before_sleep=_tell(access, say),
        )
        try:
            return retrying(_apply, connection, system, sets, dry_run=dry_run)
        except RetryError as error:
            raise _give_up(access, error.last_attempt.exception()) from error


def _tell(access: Access, say: Callable[[str, str], None]) -> Callable[[RetryCallState], None]:
    """Return what says once why it is waited."""

    def tell(state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            say(
                f"PostgreSQL at {access.place}",
                f"waits, {PATIENCE:.0f} s at most: {_explain(state.outcome.exception())}",
            )

    return tell


def _explain(error: BaseException | None) -> str:
    return "another apply is at work" if isinstance(error, _OtherAppliesError) else "a table is in use"


def _give_up(access: Access, error: BaseException | None) -> LockedError:
    fact = f"{_explain(error)}, for {PATIENCE:.0f} s; nothing was applied"
    return LockedError(f"PostgreSQL at {access.place}", fact, "run the same command again when it has ended")


def _apply(connection: Connection, system: str, sets: Sequence[FileSet], *, dry_run: bool) -> tuple[Applied, ...]:
    with connection.transaction(force_rollback=dry_run):
        connection.execute("SELECT pg_catalog.set_config('lock_timeout', %s, true)", (_QUEUES,))
        if connection.execute("SELECT pg_catalog.pg_try_advisory_xact_lock(%s)", (LOCK,)).fetchone() != (True,):
            raise _OtherAppliesError
        is_kept = find_home(connection, system) if dry_run else hold_home(connection, system)
        if not dry_run:
            provide_roles(connection, system)
            let_owner_create(connection, system)
        if not dry_run and not is_kept:
            make_home(connection, system)
        done = [_apply_set(connection, system, files, is_kept=is_kept, dry_run=dry_run) for files in sets]
        if not dry_run:
            _describe(connection, system, sets, {one.database: (one, drift) for one, drift in done})
        return tuple(one for one, _ in done)


def _apply_set(
    connection: Connection, system: str, files: FileSet, *, is_kept: bool, dry_run: bool
) -> tuple[Applied, list[str]]:
    """Run what is pending of one database; return that, and what differed before."""
    recorded = read_files(connection, system, files.database) if is_kept else {}
    pending = find_pending(files, recorded)
    refuse_others(connection, system, files.database, is_recorded=bool(recorded))
    extensions, drift = list_extensions(files), list[str]()
    if not dry_run:
        if recorded:
            expected = read_expected(connection, system, files.database)
            drift = list_differences(expected, read_objects(connection, files.database))
        _run(connection, system, files.database, pending, extensions)
    done = Applied(
        database=files.database,
        applied=tuple(file.name for file in pending),
        there=tuple(recorded),
        statements=sum(len(file.statements) for file in pending),
        dry_run=dry_run,
    )
    return done, drift


def _run(
    connection: Connection, system: str, database: str, pending: Sequence[SchemaFile], extensions: Sequence[str]
) -> None:
    beside = provide_extensions(connection, extensions)
    before = list_outside(connection, database)
    run_files(connection, system, database, pending, beside=beside)
    refuse_strays(connection, database, before)
    connection.execute(compose("SET LOCAL ROLE {owner}", owner=identifier(owner_of(system))))
    write_files(connection, system, database, pending)
    connection.execute("RESET ROLE")


def _describe(
    connection: Connection, system: str, sets: Sequence[FileSet], done: Mapping[str, tuple[Applied, list[str]]]
) -> None:
    """Keep what the files make, and compare with it what they made. Raises DifferencesError."""
    due: list[FileSet] = []
    held: dict[str, Objects] = {}
    for files in sets:
        expected = read_expected(connection, system, files.database)
        held[files.database] = read_objects(connection, files.database)
        is_described = bool(expected) and expected["server"] == held[files.database].get("server")
        if done[files.database][0].applied or (files.files and not is_described):
            due.append(files)
    described = describe_files(connection, system, due) if due else {}
    for files in due:
        applied, drift = done[files.database]
        made = list_differences(described[files.database], held[files.database])
        strange = [line for line in made if line not in drift]
        if strange and applied.applied:
            fact = f"its files made something else here than in an empty schema: {strange[0]}"
            hint = (
                "nothing was applied; remove what changes it (an event trigger?), or write the file for what is there"
            )
            raise DifferencesError(f"schema {files.database}", fact, hint)
    connection.execute(compose("SET LOCAL ROLE {owner}", owner=identifier(owner_of(system))))
    write_expected(connection, system, described)
    connection.execute("RESET ROLE")
