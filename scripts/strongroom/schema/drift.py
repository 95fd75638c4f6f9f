"""Compare the live schemas with what their files made, as the server described it when they were applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.errors import GuardError
from strongroom.postgres.connection import Access, Connection, open_postgres
from strongroom.schema.files import FileSet, find_pending
from strongroom.schema.objects import list_differences, read_objects
from strongroom.schema.records import find_home, read_expected, read_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How one database's schema differs from its files."""

    database: str
    applied: int
    """Files that are applied."""
    pending: tuple[str, ...]
    """Files that are not."""
    edited: str | None
    """What a file has become since it was applied, in one sentence."""
    differences: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether the schema is what the files say."""
        return not self.pending and self.edited is None and not self.differences


def compare_schemas(access: Access, system: str, sets: Sequence[FileSet]) -> tuple[Drift, ...]:
    """Compare each database's schema with its files, in one transaction that only reads.

    A member of the system's reader may. Raises UnreachableError; GuardError for records that are not ours, or that
    may not be read.
    """
    with open_postgres(access, is_read_only=True) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        is_kept = find_home(connection, system)
        return tuple(_compare(connection, system, files, is_kept=is_kept) for files in sets)


def _compare(connection: Connection, system: str, files: FileSet, *, is_kept: bool) -> Drift:
    recorded = read_files(connection, system, files.database) if is_kept else {}
    edited = None
    try:
        find_pending(files, recorded)
    except GuardError as error:
        edited = f"{error.subject} {error.fact}"
    expected = read_expected(connection, system, files.database) if recorded else {}
    held = read_objects(connection, files.database) if recorded else {}
    return Drift(
        database=files.database,
        applied=len([file for file in files.files if file.name in recorded]),
        pending=tuple(file.name for file in files.files if file.name not in recorded),
        edited=edited,
        differences=tuple(list_differences(expected, held)),
    )
