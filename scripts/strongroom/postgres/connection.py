"""PostgreSQL: connected to with the server's name verified, and its complaints in our words."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import psycopg
from psycopg import conninfo, sql

from strongroom.core.errors import (
    GuardError,
    KeyMissingError,
    NoSpaceError,
    StrongroomError,
    UnreachableError,
    VersionError,
)

Connection: TypeAlias = psycopg.Connection[Any]
Identifier: TypeAlias = sql.Identifier
Error = psycopg.Error
BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
"""What the server says where somebody else holds what a statement needs."""
CUT_OFF = psycopg.errors.QueryCanceled
"""What it says where a statement took longer than it may."""
GONE = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)
"""What it says of a table that somebody dropped."""
DENIED = psycopg.errors.InsufficientPrivilege
"""What it says of what a role may not do."""
_CONNECT_SECONDS = 10
_SESSION = {
    "client_encoding": "UTF8",
    "search_path": "",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
}
"""What texts are sent in and names are looked up in (nothing), and what the server's spelling depends on."""


class _Cursor(psycopg.Cursor[Any]):
    """A cursor for which a percent sign in a quoted part of a statement never stands for a parameter."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Do as psycopg; see https://www.psycopg.org/psycopg3/docs/basic/params.html."""
        if params is not None and isinstance(query, sql.Composed):
            query = keep_percent(query)
        return super().execute(query, params, **options)


def keep_percent(query: sql.Composed) -> sql.Composed:
    """Double the percent signs of a statement's quoted parts, as it must be where it goes with parameters."""
    return sql.Composed(list(_double_percent(query)))


def _double_percent(query: sql.Composed) -> Iterator[sql.Composable]:
    for part in query:
        if isinstance(part, sql.Composed):
            yield from _double_percent(part)
        else:
            is_text = isinstance(part, sql.SQL | sql.Placeholder)
            yield part if is_text else sql.SQL(part.as_string().replace("%", "%%"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to connect; ``parameters`` are libpq's, and may hold a password."""

    parameters: Mapping[str, str] = field(repr=False)
    origin: str
    """What named the server: a variable, or the local stack."""
    oldest: int = 0
    """The first major version of the server that will do."""

    @property
    def place(self) -> str:
        """Return the server and database without user and password."""
        named = self.parameters
        return f"{named.get('host', 'local socket')}:{named.get('port', '5432')}/{named.get('dbname', '')}"


@contextmanager
def open_postgres(access: Access, *, is_read_only: bool = False) -> Iterator[Connection]:
    """Connect; every statement stands alone unless a transaction is begun, and no name is looked up in a schema.

    Raises UnreachableError, KeyMissingError for a wrong password, VersionError for a server that is too old, and what
    ``explain_postgres`` makes of the rest.
    """
    try:
        connection = psycopg.connect(
            conninfo.make_conninfo("", **_name_authorities(access.parameters), connect_timeout=_CONNECT_SECONDS),
            autocommit=True,
            application_name="strongroom",
            cursor_factory=_Cursor,
        )
    except psycopg.OperationalError as error:
        raise _explain_refusal(access, str(error)) from error
    try:
        _refuse_older(access, connection)
        settle_session(connection)
        if is_read_only:
            connection.execute("SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false)")
        yield connection
    except psycopg.Error as error:
        raise explain_postgres(access, error) from error
    finally:
        connection.close()


def _name_authorities(parameters: Mapping[str, str]) -> dict[str, str]:
    """Say in which file the system's authorities are: the driver's own OpenSSL looks for them where there are none."""
    named = dict(parameters)
    if named.get("sslrootcert") == "system":
        named["sslrootcert"] = ssl.get_default_verify_paths().cafile or "system"
    return named


def _refuse_older(access: Access, connection: Connection) -> None:
    major = connection.info.server_version // 10_000
    if major < access.oldest:
        fact = f"is version {major}, and {access.oldest} is the oldest that will do"
        hint = f"upgrade it, or name another one in {access.origin}"
        raise VersionError(f"PostgreSQL at {access.place}", fact, hint)


def settle_session(connection: Connection) -> None:
    """Let names be looked up nowhere, and the server write what it writes to everybody; whatever was set."""
    for name, value in _SESSION.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


def _explain_refusal(access: Access, text: str) -> StrongroomError:
    line = text.strip().splitlines()[0].removeprefix("connection failed: ")
    said = line.rsplit("failed: ", 1)[-1].removeprefix("FATAL:  ")
    if "no password supplied" in said or "password authentication failed" in said:
        hint = "set PGPASSWORD or PGPASSFILE, or POSTGRES_PASSWORD_FILE"
        return KeyMissingError(f"PostgreSQL at {access.place}", said, hint)
    return UnreachableError(f"PostgreSQL at {access.place}", said, f"it was named by {access.origin}")


def explain_postgres(access: Access, error: psycopg.Error) -> StrongroomError:
    """Say in our words what the server said; only its first line, which holds no row's values."""
    said = (error.diag.message_primary or str(error)).strip().splitlines()[0]
    subject = f"PostgreSQL at {access.place}"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return GuardError(subject, said, "connect as a role that may, or have its owner grant it")
    if isinstance(error, psycopg.errors.DiskFull):
        return NoSpaceError(subject, said, "free space on the server's disk, then run the same command again")
    if isinstance(error, psycopg.errors.ProgramLimitExceeded):
        return GuardError(subject, said, "the server has no room for it, however often it is asked")
    if isinstance(error, psycopg.OperationalError):
        return UnreachableError(subject, said, "run the same command again")
    return StrongroomError(subject, said)


def identifier(*names: str) -> sql.Identifier:
    """Quote a name, or a dotted one, as PostgreSQL does."""
    return sql.Identifier(*names)


def compose(text: str, **parts: sql.Composable) -> sql.Composed:
    """Put quoted parts into a statement of our own."""
    return sql.SQL(text).format(**parts)


def literal(value: object) -> sql.Literal:
    """Quote a value."""
    return sql.Literal(value)


def make_verifier(connection: Connection, role: str, password: str) -> str:
    """Return what the server keeps of a password, by which it cannot be known."""
    return connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


def run_statement(connection: Connection, statement: str) -> None:
    """Run one statement of a file as it stands there. Raises psycopg.Error."""
    connection.execute(statement.encode())


def position_of(error: psycopg.Error) -> int | None:
    """Return the place in its statement (characters from 0) at which an error was found, if the server says."""
    position = error.diag.statement_position
    return int(position) - 1 if position else None
