"""One table of a database that was backed up, in a file of its own: under the same key, or as plain as it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from strongroom.backup.documents import Kind, MemberRecord
from strongroom.core.engines import Engine
from strongroom.core.errors import DifferencesError, UsageError
from strongroom.core.quoting import fold
from strongroom.core.secret import Secret
from strongroom.sqlite.connection import Connection, attached, open_snapshot, open_stage
from strongroom.sqlite.content import Stored, list_stored
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.fingerprint import Fingerprint, fingerprint_table
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.messages import translated
from strongroom.sqlite.transfer import copy_table

_SOURCE = "src"


def extract_table(copy: Path, member: MemberRecord, table: str, file: Path, keys: Mapping[str, Secret]) -> int:
    """Write one table of a member's ``copy`` to a new file, compare it there, and return its rows.

    Raises UsageError where the member has no such table, KeyMissingError where its key is not at hand,
    DifferencesError for a table that is not what the copy holds, NoSpaceError.
    """
    refuse_other_kind(member)
    with hold_needed(keys, (member.key,)):
        source, target = (under_key(path, member.key, Engine.SYSTEM) for path in (copy, file))
        file.touch(mode=0o600)
        with open_snapshot(source) as connection:
            (encoding,) = connection.execute("PRAGMA encoding").fetchone()
        with open_stage(target) as connection, translated(source):
            connection.execute(f"PRAGMA encoding = '{encoding}'")
            connection.execute("PRAGMA ignore_check_constraints = ON")
            with attached(connection, source, _SOURCE):
                stored = _find_table(connection, member, table)
                connection.execute("BEGIN")
                copy_table(connection, stored)
                connection.execute("COMMIT")
                wanted = fingerprint_table(connection, stored.name, _SOURCE)
        found = _look(target, stored.name)
    if found != wanted or found.rows != member.tables[stored.name].rows:
        fact = f"table {stored.name} has {found.rows} rows, or others than the {wanted.rows} that were backed up"
        raise DifferencesError(file, fact, "see to the disk and the memory of this machine, then run it again")
    return found.rows


def is_extracted(file: Path, other: Path, member: MemberRecord, table: str, keys: Mapping[str, Secret]) -> bool:
    """Tell whether a file holds the same table as another one that was made of this member. Read-only."""
    with hold_needed(keys, (member.key,)):
        first, second = (under_key(path, member.key, Engine.SYSTEM) for path in (file, other))
        name = _list_names(second, table)
        return name is not None and _list_names(first, table) == name and _look(first, name) == _look(second, name)


def refuse_other_kind(member: MemberRecord) -> None:
    """Make sure that a member is a database in a file. Raises UsageError."""
    if member.kind not in (Kind.SQLITE, Kind.SQLCIPHER):
        raise UsageError("--table", f"{member.name} is no database in a file", "restore the whole member")


def _find_table(connection: Connection, member: MemberRecord, table: str) -> Stored:
    found = next((one for one in list_stored(connection, _SOURCE) if fold(one.name) == fold(table)), None)
    if found is None:
        way = f"it has {', '.join(sorted(member.tables)[:8]) or 'no tables'}; what is virtual comes with the member"
        raise UsageError("--table", f"{member.name} holds no table {table}", way)
    return found


def _list_names(database: Database, table: str) -> str | None:
    with open_snapshot(database) as connection:
        return next((one.name for one in list_stored(connection) if fold(one.name) == fold(table)), None)


def _look(database: Database, table: str) -> Fingerprint:
    """Open a file afresh, as an application will, and return what a table of it holds."""
    with open_snapshot(database) as connection:
        return fingerprint_table(connection, table)
