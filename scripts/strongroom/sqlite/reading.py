"""Let a plan's own SQL read what it asks about, and do nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from strongroom.core.errors import PlanError
from strongroom.sqlite.connection import Connection, attached, open_memory, open_snapshot
from strongroom.sqlite.database import Database, choose_engine

_READING = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})


def _allow_reading(action: int, first: str | None, second: str | None, *_rest: str | None) -> int:
    is_loading = action == sqlite3.SQLITE_FUNCTION and (second or first or "").lower() == "load_extension"
    return sqlite3.SQLITE_OK if action in _READING and not is_loading else sqlite3.SQLITE_DENY


@contextmanager
def open_reading(databases: Mapping[str, Database]) -> Iterator[Connection]:
    """Attach immutable files by name to a connection that can do nothing but read them."""
    engine, main = choose_engine(databases.values()), databases.get("main")
    with ExitStack() as stack:
        opening = open_memory(engine) if main is None else open_snapshot(replace(main, engine=engine))
        connection = stack.enter_context(opening)
        for name, database in databases.items():
            if name != "main":
                stack.enter_context(attached(connection, database, name))
        connection.set_authorizer(_allow_reading)
        try:
            yield connection
        finally:
            connection.set_authorizer(None)


def ask(connection: Connection, sql: str) -> str | int | float | bytes | None:
    """Return the first value of the first row that a plan's own SQL gives.

    Raises PlanError when it is wrong, or would do more than read.
    """
    try:
        row = connection.execute(sql).fetchone()
    except connection.Error as error:
        raise PlanError(sql, str(error), "correct the statement in the plan; it may only read") from error
    value: str | int | float | bytes | None = row[0] if row else None
    return value
